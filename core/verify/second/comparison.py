"""A comparison that a second process shares, where that pays."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.source.opening import Reading
from vestige_tui.core.system import processors
from vestige_tui.core.verify.compare import compare
from vestige_tui.core.verify.cuts import Cut, middle
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.result import Comparison, Difference, TableComparison
from vestige_tui.core.verify.second.messages import Task
from vestige_tui.core.verify.second.process import SecondProcess
from vestige_tui.core.verify.snapshot import Snapshot

log = logging.getLogger(__name__)

LEAST_ROWS = 50_000
"""Rows that are worth a second process. To start one takes as long as to compare about 15,000."""

_NOTHING = TableComparison()


@dataclass(frozen=True, slots=True)
class Watchers:
    """``found``, ``progress`` and ``stop`` as ``compare`` has them."""

    found: Callable[[Sequence[Difference]], None]
    progress: Callable[[str, TableComparison], None]
    stop: Callable[[], None]


def place_to_share(
    expectation: Expectation, snapshot: Snapshot, destination: Destination, tables: Collection[str]
) -> Cut | None:
    """From where on a second process may compare; None where one process is to do it all.

    A transaction behind a pooler has a session of its own, but no other session reaches the same server for sure.
    """
    if snapshot.name is None or destination.pooled or processors() < 2 or not sys.executable:
        return None
    if sum(expectation.count(name) for name in tables) < LEAST_ROWS:
        return None
    return middle(expectation, tables)


def compare_in_two(
    expectation: Expectation,
    snapshot: Snapshot,
    destination: Destination,
    *,
    reading: Reading,
    task: Task,
    watchers: Watchers,
) -> Comparison:
    """Compare every value, what comes after ``task.start`` in a second process.

    The result is that of ``compare`` alone, and so are the errors; one of the second process is a ``MigrationError``,
    and so is its sudden end. Where it cannot begin, or sees another moment of the source, this process does it all.
    ``reading`` is what ``expectation`` reads.
    """
    mine = partial(
        compare,
        expectation,
        snapshot,
        destination,
        since=task.since,
        tables=task.tables,
        judge_missing=task.judge_missing,
        found=watchers.found,
    )
    try:
        second = SecondProcess(task, reading.is_newest)
    except OSError as error:
        log.warning("verify: no second process: %s", error)
        return mine(progress=watchers.progress, stop=watchers.stop)
    with second:
        sums = _Sums(second, watchers)
        first = mine(end=task.start, progress=sums.progress, stop=sums.stop)
        if second.is_useful(sums.stop):
            rest = second.result(watchers.found, sums.stop)
            sums.show_theirs()
            return first.followed_by(rest)
    rest = mine(start=task.start, progress=partial(_after, first, watchers.progress), stop=watchers.stop)
    return first.followed_by(rest)


def _after(
    first: Comparison, progress: Callable[[str, TableComparison], None], table: str, counts: TableComparison
) -> None:
    """Progress of a table of which this process has compared the first part before."""
    progress(table, first.tables.get(table, _NOTHING).plus(counts))


class _Sums:
    """Adds up what both processes have compared so far."""

    def __init__(self, second: SecondProcess, watchers: Watchers) -> None:
        self._second = second
        self._watchers = watchers
        self._mine: dict[str, TableComparison] = {}
        self._theirs: dict[str, TableComparison] = {}

    def progress(self, table: str, counts: TableComparison) -> None:
        """This process has compared more."""
        self._mine[table] = counts
        self._show(table)

    def stop(self) -> None:
        """Look after the second process, and whether to stop."""
        self._watchers.stop()
        if self._second.look():
            self.show_theirs()

    def show_theirs(self) -> None:
        """The second process has compared more."""
        for table, counts in {**self._second.counts}.items():
            if self._theirs.get(table) != counts:
                self._theirs[table] = counts
                self._show(table)

    def _show(self, table: str) -> None:
        self._watchers.progress(table, self._mine.get(table, _NOTHING).plus(self._theirs.get(table, _NOTHING)))
