"""What an operator reads about a comparison, from data."""

from __future__ import annotations

from vestige_tui.core.text import count
from vestige_tui.core.verify.result import Comparison, Difference, DifferenceKind, Expected

EXPECTED = {
    Expected.BOOTSTRAP_USER: "The source has no default owner of memories. The user local at the destination was made "
    "by a copy, at a date of its own; that is no difference.",
}
"""Differences that have a reason."""


def what_differs(difference: Difference) -> str:
    """What is wrong with a row, after its name."""
    if difference.kind is DifferenceKind.MISSING:
        return "is not at the destination"
    return f"{difference.field} has another value at the destination"


def what_differs_in_short(difference: Difference) -> str:
    """The same in a list that names the field in a column of its own."""
    if difference.kind is DifferenceKind.MISSING:
        return "not at the destination"
    return "other value, there before" if difference.was_there else "other value"


def in_short(comparison: Comparison) -> str:
    """How many rows are equal, different and missing."""
    tables = comparison.tables.values()
    different, missing = (sum(getattr(table, name) for table in tables) for name in ("different", "missing"))
    parts = []
    if different:
        parts.append(f"{count(different, 'row')} {'has' if different == 1 else 'have'} other values")
    if missing:
        parts.append(f"{count(missing, 'row')} {'is' if missing == 1 else 'are'} missing")
    equal = sum(table.equal for table in tables)
    return ", ".join(parts) or f"every value of {count(equal, 'row')} is equal"
