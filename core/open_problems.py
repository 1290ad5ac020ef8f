"""Which problems of earlier runs are still open after a later one: a problem goes only when its row is proven right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from vestige_tui.core.explain import why_not_mended
from vestige_tui.core.mending import MendedField
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.repairs.labels import Labels
from vestige_tui.core.rows.problems import Kind, RowError

if TYPE_CHECKING:
    from vestige_tui.core.report import MigrationReport
    from vestige_tui.core.verify.result import Difference

Row = tuple[str, str]
"""A row by its table and its name in a report."""


def still_open(
    earlier: Sequence[RowError],
    later: MigrationReport,
    *,
    only: Mapping[str, Collection[str]] | None = None,
    repairs: Repairs = NO_REPAIRS,
) -> list[RowError]:
    """The problems that are open after a later copy: in the order of the earlier ones, then those that are new.

    A problem is gone where the copy was responsible for its row (``only``, as the copy was given it), compared every
    value to the end and found nothing wrong with the row, or where an operator has left the row out. Where the copy
    found something, that is the row's problem now. All others stay as they were. ``repairs`` are those that the copy
    was given: by them rows have other names.
    """
    labels = Labels(repairs)
    left_out = {(repair.table, repair.row) for repair in repairs.entries if repair.leave_out is not None}
    found = _by_row(later.errors)
    differing = _by_row(map(problem_of, later.differences))
    merged: list[RowError] = []
    told: set[Row] = set()
    for error in earlier:
        row = error.table, labels.after(error.table, error.row)
        now = found.get(row) or differing.get(row) or ()
        if row not in told:
            merged += now
            told.add(row)
        unseen = not later.verified and all(error.field != each.field for each in now)
        if unseen if now else not (_row(error) in left_out or _is_settled(error, row, later, only)):
            merged.append(error)
    merged += (error for row, errors in found.items() if row not in told for error in errors)
    return merged


def _is_settled(error: RowError, row: Row, later: MigrationReport, only: Mapping[str, Collection[str]] | None) -> bool:
    """Whether a row of which a copy has found nothing is proven right."""
    own = only is None or not {row[1], error.row}.isdisjoint(only.get(row[0], ()))
    listed = not (later.differences_omitted and error.copied)  # differences of older rows are not all listed
    return own and later.verified and listed


def without_mended(problems: Sequence[RowError], mended: Iterable[MendedField]) -> list[RowError]:
    """The problems that are open after a mending of single fields: without those that were found equal afterwards, and
    of the others with the reason why they were not.
    """
    became = {(each.table, each.row, each.field): each for each in mended}
    found: list[RowError] = []
    for error in problems:
        field = became.get((error.table, error.row, error.field or ""))
        if field is None:
            found.append(error)
        elif not field.is_right:
            message = f"{field.field} has another value at the destination: {why_not_mended(field)}"
            kind = Kind.DIFFERS_AT_DESTINATION
            found.append(RowError(error.table, error.row, error.field, kind, message, copied=error.copied))
    return found


def _row(error: RowError) -> Row:
    return error.table, error.row


def _by_row(errors: Iterable[RowError]) -> dict[Row, list[RowError]]:
    found: dict[Row, list[RowError]] = {}
    for error in errors:
        found.setdefault(_row(error), []).append(error)
    return found


def problem_of(difference: Difference) -> RowError:
    """A difference that a comparison found, as a problem of its row."""
    if difference.field is None:
        kind, message = Kind.GONE_AT_DESTINATION, "the row is not at the destination after the copy"
    else:
        kind, message = Kind.DIFFERS_AT_DESTINATION, f"{difference.field} has another value at the destination"
    copied = difference.field is not None
    return RowError(difference.table, difference.row, difference.field, kind, message, copied=copied)
