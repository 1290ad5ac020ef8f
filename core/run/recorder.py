"""The recorder of a run: whatever happens is kept in the report, logged and announced, from any thread."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from vestige_tui.core import events
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.events import Watcher
from vestige_tui.core.explain import why_not_mended
from vestige_tui.core.facts import IndexEstimate, NotVerified
from vestige_tui.core.mending import MendedField, MendState
from vestige_tui.core.missing import MissingPart
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Estimate, MigrationReport, SourceReport, TableReport
from vestige_tui.core.rows.batches import FinishedBatch
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, TABLES, Table
from vestige_tui.core.rows.vectors import VectorGroup
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.findings import Findings
from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.verify.result import Comparison, TableComparison

log = logging.getLogger(__name__)


LOG_EVERY = 1_000
"""Memories between two lines of the log."""

_AFTER_ALL_BATCHES = sys.maxsize
"""Where in the order of problems those come that a comparison finds."""


class Recorder(Announcer):
    """Writes a copy's report, and announces what happens. Nothing is read back from it."""

    def __init__(self, report: MigrationReport, watcher: Watcher) -> None:
        super().__init__(report.notices, watcher)
        self._report = report
        self._started: dict[str, float] = {}
        self._expected: dict[str, int] = {}
        self._places: list[tuple[int, int]] = []

    def source_described(self, source: SourceDescription) -> None:
        """What the source is."""
        report = self._report
        report.source = source_report(source)
        report.left_behind = source.left_behind
        report.vectors = source.vectors
        report.tables = {table.name: TableReport(source.rows.get(table.name, 0)) for table in TABLES}

    def repairs_laid(self, source: SourceDescription) -> None:
        """The operator's repairs fit, and so many rows are repaired or left out by them."""
        self._report.repaired_by_operator, self._report.left_out_by_operator = source.repaired, source.left_out

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

    def index_foretold(self, estimate: IndexEstimate) -> None:
        """How long the vector index is going to take."""
        self._report.index_estimate = estimate
        log.info("migrate: vector index: %.0f to %.0f s expected", estimate.least, estimate.most)
        self.emit(events.IndexForetold(estimate))

    def problem(self, error: RowError, batch: int = -1) -> None:
        """What is wrong with a row of a batch, or with the source as a whole."""
        with self._lock:
            self._report.errors.append(error)
            self._places.append(([*BY_NAME].index(error.table), batch))
            log.warning("migrate: %s %s: %s (%s)", error.table, error.row, error.message, error.kind)
            self.emit(events.RowProblem(error))

    def fields_mended(self, fields: Sequence[MendedField]) -> None:
        """What became of fields that repairs alter at the destination. One that was refused is a problem of its row."""
        with self._lock:
            self._report.mending += fields
            for each in fields:
                log.info("migrate: %s %s: %s %s (%s)", each.table, each.row, each.field, each.state, each.refusal)
                if each.state is MendState.REFUSED:
                    self.problem(_refused(each), _AFTER_ALL_BATCHES)

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

    def verified(self, findings: Findings, comparison: Comparison) -> None:
        """Every value was compared. A row that is not at the destination any more counts as not copied."""
        with self._lock:
            self._report.expected = comparison.expected
            for name, counts in self._report.tables.items():
                _count_as_failed(counts, findings.gone[name])
            written = {  # a trigger may have changed older rows, too
                name: max(counts.inserted - findings.differing[name], 0) for name, counts in self._report.tables.items()
            }
            self.compared_before(findings, comparison, written)
            self._report.verified = True
            for error in findings.problems:
                self.problem(error, _AFTER_ALL_BATCHES)

    def compared_before(
        self, findings: Findings, comparison: Comparison, written: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        """The rows that were at the destination before were compared; ``written`` counts the equal ones of this run.

        Only a row that was found to be equal counts as that. Another one has a row of the same key in the source, with
        other values, or with such that no row can have.
        """
        with self._lock:
            report = self._report
            report.differences, report.differences_omitted = (*findings.differences,), findings.omitted
            for name, counts in report.tables.items():
                equal = counts.already_present - findings.already_different[name]
                if findings.only is None:
                    compared = comparison.tables.get(name, TableComparison())
                    equal = min(equal, compared.equal + findings.settled(name) - written.get(name, 0))
                counts.already_equal = max(equal, 0)
                counts.already_different = counts.already_present - counts.already_equal

    def not_verified(self, reason: NotVerified, findings: Findings | None = None, failure: str | None = None) -> None:
        """The values were not compared, or not all of them; what was found until then is listed all the same."""
        with self._lock:
            report = self._report
            report.not_verified, report.verification_failure = reason, failure
            log.info("migrate: not verified (%s)", reason)
            if findings is not None:
                report.differences, report.differences_omitted = (*findings.differences,), findings.omitted

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


def source_report(source: SourceDescription) -> SourceReport:
    """What a report says of a source."""
    return SourceReport(str(source.path), source.layout.value, source.version, source.model, source.stale)


def _refused(mended: MendedField) -> RowError:
    message = f"{mended.field} has another value at the destination: {why_not_mended(mended)}"
    return RowError(mended.table, mended.row, mended.field, Kind.DIFFERS_AT_DESTINATION, message, copied=True)


def _count_as_failed(counts: TableReport, rows: int) -> None:
    """Count so many rows as not copied: of those that this run inserted, else of those that were there before."""
    inserted = min(rows, counts.inserted)
    counts.inserted -= inserted
    counts.repaired = min(counts.repaired, counts.inserted)
    counts.already_present -= rows - inserted
    counts.failed += rows
