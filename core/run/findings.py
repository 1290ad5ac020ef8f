"""What a comparison found after a copy, sorted by whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vestige_tui.core.mending import MendedField, places
from vestige_tui.core.open_problems import problem_of
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, USERS
from vestige_tui.core.verify.result import MOST_DIFFERENCES, Difference, DifferenceKind


@dataclass(slots=True)
class Findings:
    """What a comparison found after a copy, by whose it is.

    ``failed`` are the rows that the run has reported as not copied, by table and label: that they are missing is no
    finding. ``only`` restricts what is the run's own, as it restricted the run; of other rows only those that were
    there before are findings.

    ``mending`` is what became of fields that repairs alter in rows that were there before. What was not mended of such
    a row is older than the run. In a preview a field that will be mended is no finding, and ``settled`` counts the rows
    without another one.

    ``problems`` are the differences of rows that the run wrote; by table, ``differing`` counts the rows among them that
    have other values, and ``gone`` those that are not at the destination any more. ``already_different`` counts rows
    that were there before, with other values. ``differences`` are the first of all of these, and ``omitted`` counts the
    others.
    """

    failed: Collection[tuple[str, str]] = ()
    only: Mapping[str, Collection[str]] | None = None
    mending: Sequence[MendedField] = ()
    problems: list[RowError] = field(default_factory=list)
    differing: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    already_different: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    omitted: int = 0
    _last: tuple[str, tuple[str, ...]] | None = None
    _mended: frozenset[tuple[str, str, str]] = frozenset()
    _altered: frozenset[tuple[str, str]] = frozenset()
    _settled: set[tuple[str, str]] = field(default_factory=set)
    _unsettled: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._mended = frozenset(places(self.mending))
        self._altered = frozenset((each.table, each.row) for each in self.mending)

    def take(self, differences: Sequence[Difference], *, was_there: bool = False) -> None:
        """Sort differences, which come in the order of their rows. ``was_there``: all rows were there before."""
        for found in differences:
            difference = replace(found, was_there=True) if was_there or self._is_older(found) else found
            if was_there and self._will_be_mended(difference):
                continue
            own = self.only is None or difference.row in self.only.get(difference.table, ())
            if self._is_reported(difference) or not (own or difference.was_there):
                continue
            if len(self.differences) < MOST_DIFFERENCES:
                self.differences.append(difference)
            else:
                self.omitted += 1
            if own:
                self._sort(difference)

    def settled(self, table: str) -> int:
        """How many rows of a table differ only in fields that will be mended."""
        return sum(name == table for name, _ in self._settled - self._unsettled)

    def _is_older(self, difference: Difference) -> bool:
        """Whether the row was there before, and the run has not set this field of it."""
        place = difference.table, difference.row
        return place in self._altered and (*place, difference.field) not in self._mended

    def _will_be_mended(self, difference: Difference) -> bool:
        place = difference.table, difference.row
        if place in self._altered:
            mended = (*place, difference.field) in self._mended
            (self._settled if mended else self._unsettled).add(place)
            return mended
        return False

    def _is_reported(self, difference: Difference) -> bool:
        """Whether the run has reported the row as not copied. In place of the default owner it has made one itself."""
        if (difference.table, difference.row) not in self.failed:
            return False
        made = difference.table == USERS.name and difference.key == (BOOTSTRAP_USER_ID,)
        return made or difference.kind is DifferenceKind.MISSING

    def _sort(self, difference: Difference) -> None:
        table = difference.table
        row = table, difference.key
        new = row != self._last
        self._last = row
        if difference.was_there:
            self.already_different[table] += new
            return
        counter = self.gone if difference.kind is DifferenceKind.MISSING else self.differing
        counter[table] += new
        self.problems.append(problem_of(difference))
