"""What a comparison has found so far, and the events that say so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from vestige_tui.core import events
from vestige_tui.core.events import Event
from vestige_tui.core.verify.result import MOST_DIFFERENCES, Comparison, Difference, TableComparison


class Tally:
    """Counts by table, and the first differences, while a comparison runs; ``emit`` announces them."""

    def __init__(self, totals: Mapping[str, int], emit: Callable[[Event], None]) -> None:
        self._totals = totals
        self._emit = emit
        self._tables: dict[str, TableComparison] = {}
        self._started: dict[str, float] = {}
        self._listed: list[Difference] = []
        self._omitted = 0
        self._last = time.monotonic()
        emit(events.VerificationPlanned({**totals}))

    def found(self, differences: Sequence[Difference]) -> None:
        """Some differences more."""
        room = MOST_DIFFERENCES - len(self._listed)
        self._listed.extend(differences[:room])
        self._omitted += len(differences[room:])

    def progress(self, table: str, counts: TableComparison) -> None:
        """Some rows more of a table: its counts so far."""
        self._started.setdefault(table, self._last)
        self._last = now = time.monotonic()
        self._tables[table] = counts
        settled = counts.left_out + counts.compared + counts.missing
        self._emit(events.VerificationProgress(table, settled, counts.equal, counts.different, counts.missing))
        if settled == self._totals.get(table):
            self._emit(events.TableVerified(table, now - self._started[table]))

    def so_far(self) -> Comparison:
        """The result of a comparison that did not reach its end."""
        return Comparison({**self._tables}, (*self._listed,), self._omitted)
