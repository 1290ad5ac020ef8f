"""The recorder of a run: whatever happens is kept in the report, logged and announced, from any thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from vestige_tui.core import events
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.events import Event, Watcher
from vestige_tui.core.missing import MissingPart
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Estimate, MigrationReport, SourceReport, TableReport
from vestige_tui.core.rows.batches import FinishedBatch
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.tables import BY_NAME, TABLES, Table
from vestige_tui.core.rows.vectors import VectorGroup
from vestige_tui.core.source.describe import SourceDescription

log = logging.getLogger(__name__)


LOG_EVERY = 1_000
"""Memories between two lines of the log."""


@dataclass(slots=True)
class Recorder:
    """Writes a run's report, and calls the watcher with one event at a time. Nothing is read back from it.

    A watcher that raises is dropped; the run goes on.
    """

    _report: MigrationReport
    _watcher: Watcher
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _started: dict[str, float] = field(default_factory=dict)
    _expected: dict[str, int] = field(default_factory=dict)
    _places: list[tuple[int, int]] = field(default_factory=list)

    def emit(self, event: Event) -> None:
        """Announce something."""
        with self._lock:
            try:
                self._watcher(event)
            except Exception:
                log.exception("the watcher of this run failed and is dropped")
                self._watcher = events.ignore

    def source_described(self, source: SourceDescription) -> None:
        """What the source is."""
        report = self._report
        report.source = SourceReport(str(source.path), source.layout.value, source.version, source.model, source.stale)
        report.left_behind = source.left_behind
        report.vectors = source.vectors
        report.tables = {table.name: TableReport(source.rows.get(table.name, 0)) for table in TABLES}

    def destination_inspected(self, destination: Destination) -> None:
        """What the destination is."""
        self._report.destination.server_version = destination.server.version
        self._report.destination.pgvector_version = destination.pgvector_version or None

    def model_agreed(self, model: ModelSignature | None, vectors: tuple[VectorGroup, ...]) -> None:
        """The model that the destination is to carry, and what becomes of the source's vectors."""
        self._report.destination.model = model
        self._report.vectors = vectors

    def estimated(self, estimate: Estimate) -> None:
        """What a copy would take."""
        self._report.estimate = estimate

    def problem(self, error: RowError, batch: int = -1) -> None:
        """What is wrong with a row of a batch, or with the source as a whole."""
        with self._lock:
            self._report.errors.append(error)
            self._places.append(([*BY_NAME].index(error.table), batch))
            log.warning("migrate: %s %s: %s (%s)", error.table, error.row, error.message, error.kind)
            self.emit(events.RowProblem(error))

    def notice(self, text: str) -> None:
        """A sentence that the operator should read."""
        with self._lock:
            self._report.notices.append(text)
            log.info("migrate: %s", text)
            self.emit(events.Notice(text))

    def incomplete(self, parts: tuple[MissingPart, ...]) -> None:
        """The indexes and foreign keys that are missing at the end."""
        with self._lock:
            self._report.incomplete = parts
            for part in parts:
                log.warning("migrate: %s: %s %s is missing (%s)", part.table, part.kind, part.name, part.reason)

    def tables_planned(self, totals: Mapping[str, int]) -> None:
        """So many rows of each table are to be read."""
        for name, total in totals.items():
            self._report.tables[name].source = total
        self.emit(events.TablesPlanned({**totals}))

    def table_started(self, table: Table) -> None:
        """A table is about to be read."""
        self._started[table.name] = time.monotonic()

    def batch_done(self, batch: FinishedBatch) -> None:
        """A batch was committed."""
        name, number, result = batch
        with self._lock:
            counts = self._report.tables[name]
            logged = counts.copied // LOG_EVERY
            counts.read += result.read
            counts.inserted += result.inserted
            counts.repaired += result.repaired
            counts.failed += result.failed
            counts.already_present += result.already_present
            for error in result.problems:
                self.problem(error, number)
            if name == "knowledge_nodes" and counts.copied // LOG_EVERY > logged:
                log.info("migrate: knowledge_nodes batch committed memories_copied=%d", counts.copied)
            counts.seconds = time.monotonic() - self._started[name]
            self.emit(events.TableProgress(name, counts.read, counts.inserted, counts.already_present, counts.failed))
            self._finish_when_complete(name)

    def table_read(self, table: Table, rows: int) -> None:
        """The last row of a table was read; it is finished once that many rows are counted."""
        with self._lock:
            self._report.tables[table.name].source = rows  # fewer than planned where rows to retry are gone
            self._expected[table.name] = rows
            self._finish_when_complete(table.name)

    def settle(self) -> None:
        """Put the errors into the order of the source: writers finish their batches in any order."""
        with self._lock:
            order = sorted(range(len(self._places)), key=self._places.__getitem__)
            self._report.errors[:] = [self._report.errors[place] for place in order]
            self._places.sort()

    def _finish_when_complete(self, name: str) -> None:
        counts = self._report.tables[name]
        if counts.read == self._expected.get(name):
            del self._expected[name]
            self.emit(events.TableFinished(name, counts.seconds))
