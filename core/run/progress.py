"""How far a run has come: by this its steps decide, and never by the report."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vestige_tui.core import events
from vestige_tui.core.errors import Cancelled
from vestige_tui.core.events import Phase
from vestige_tui.core.mending import MendedField
from vestige_tui.core.rows.batches import FinishedBatch
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.run.recorder import Recorder


@dataclass(slots=True)
class Progress:
    """The state of one run, which several threads change; whatever changes goes to the recorder as well.

    ``cancel`` is set to end the run. ``backup`` is that of a source which was upgraded in place. ``planned`` has the
    rows of each table that are to be read; ``read``, ``inserted`` and ``present`` count rows of committed batches by
    table, ``present`` those that were at the destination already. ``failed`` are the rows that were not copied, by
    table and label; a row that only repeats a key is none of them, since the label is that of the first one, too.
    ``mended`` are fields of rows that were at the destination before, which repairs alter there.
    """

    recorder: Recorder
    cancel: threading.Event
    phase: Phase = Phase.SOURCE
    backup: Path | None = None
    planned: dict[str, int] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    inserted: Counter[str] = field(default_factory=Counter)
    present: Counter[str] = field(default_factory=Counter)
    failed: set[tuple[str, str]] = field(default_factory=set)
    mended: list[MendedField] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def stop_if_cancelled(self) -> None:
        """End the run here when the operator asked for it: raises ``Cancelled``."""
        if self.cancel.is_set():
            raise Cancelled

    def begin(self, phase: Phase) -> None:
        """Enter a phase, unless the run was cancelled."""
        self.stop_if_cancelled()
        self.phase = phase
        self.recorder.emit(events.PhaseStarted(phase))

    def plan(self, totals: Mapping[str, int]) -> None:
        """So many rows of each table are to be read."""
        self.planned = {**totals}
        self.recorder.tables_planned(totals)

    def table_read(self, table: Table, rows: int) -> None:
        """The last row of a table was read: so many there are."""
        self.planned[table.name] = rows
        self.recorder.table_read(table, rows)

    def batch_done(self, batch: FinishedBatch) -> None:
        """A batch was committed, or found to be at the destination."""
        name, _, result = batch
        with self._lock:
            self.read[name] += result.read
            self.inserted[name] += result.inserted
            self.present[name] += result.already_present
            self.failed.update((name, error.row) for error in result.problems if _names_lost_row(error))
        self.recorder.batch_done(batch)

    def fields_mended(self, fields: Sequence[MendedField]) -> None:
        """What became of fields that repairs alter at the destination."""
        self.mended += fields
        self.recorder.fields_mended(fields)

    def arrived(self, name: str) -> int:
        """How many rows of a table are at the destination."""
        return self.inserted[name] + self.present[name]


def _names_lost_row(error: RowError) -> bool:
    return not error.copied and error.kind is not Kind.DUPLICATE_ID
