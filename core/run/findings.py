"""What a comparison found after a copy, sorted by whose it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, USERS
from vestige_tui.core.verify.result import MOST_DIFFERENCES, Difference, DifferenceKind


@dataclass(slots=True)
class Findings:
    """What a comparison found after a copy, by whose it is.

    ``failed`` are the rows that the run has reported as not copied, by table and label: that they are missing is no
    finding. ``only`` restricts what is the run's own, as it restricted the run; of other rows only those that were
    there before are findings.

    ``problems`` are the differences of rows that the run wrote; by table, ``differing`` counts the rows among them that
    have other values, and ``gone`` those that are not at the destination any more. ``already_different`` counts rows
    that were there before, with other values. ``differences`` are the first of all of these, and ``omitted`` counts the
    others.
    """

    failed: Collection[tuple[str, str]] = ()
    only: Mapping[str, Collection[str]] | None = None
    problems: list[RowError] = field(default_factory=list)
    differing: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)
    already_different: Counter[str] = field(default_factory=Counter)
    differences: list[Difference] = field(default_factory=list)
    omitted: int = 0
    _last: tuple[str, tuple[str, ...]] | None = None

    def take(self, differences: Sequence[Difference], *, was_there: bool = False) -> None:
        """Sort differences, which come in the order of their rows. ``was_there``: all rows were there before."""
        for found in differences:
            difference = replace(found, was_there=True) if was_there else found
            own = self.only is None or difference.row in self.only.get(difference.table, ())
            if self._is_reported(difference) or not (own or difference.was_there):
                continue
            if len(self.differences) < MOST_DIFFERENCES:
                self.differences.append(difference)
            else:
                self.omitted += 1
            if own:
                self._sort(difference)

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
        self.problems.append(_problem(difference))


def _problem(difference: Difference) -> RowError:
    if difference.kind is DifferenceKind.MISSING:
        kind, message = Kind.GONE_AT_DESTINATION, "the row is not at the destination after the copy"
    else:
        kind, message = Kind.DIFFERS_AT_DESTINATION, f"{difference.field} has another value at the destination"
    copied = kind is Kind.DIFFERS_AT_DESTINATION
    return RowError(difference.table, difference.row, difference.field, kind, message, copied=copied)
