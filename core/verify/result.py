"""What a verification finds: counts by table, and the rows and fields that differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MOST_DIFFERENCES = 1_000
"""So many differences are listed; the others are counted."""


class VerificationOutcome(StrEnum):
    """How a verification ended."""

    EQUAL = "equal"
    DIFFERENT = "different"
    CANCELLED = "cancelled"
    FAILED = "failed"


class DifferenceKind(StrEnum):
    """What is wrong with a row."""

    DIFFERENT = "different"
    """The row is at the destination, but a field has another value."""

    MISSING = "missing"
    """The row is not at the destination."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs, or one row that is missing (``field`` is None).

    ``row`` names the row as a report does. ``key`` is its key at the destination, as text: it finds the row again, and
    goes into no report. ``was_there``: the row was at the destination before the run that is verified.
    """

    table: str
    row: str
    field: str | None
    kind: DifferenceKind
    key: tuple[str, ...]
    was_there: bool = False


@dataclass(frozen=True, slots=True)
class TableComparison:
    """Counts of one table's rows: ``source == left_out + compared + missing``, ``compared == equal + different``.

    ``left_out`` are rows that cannot be at any destination, by the source alone. ``extra`` are rows that only the
    destination has.
    """

    source: int = 0
    left_out: int = 0
    compared: int = 0
    equal: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0

    def plus(self, other: TableComparison) -> TableComparison:
        """The counts of both: of two parts of a table."""
        return TableComparison(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))


class Expected(StrEnum):
    """A difference that has a reason, so it counts as none."""

    BOOTSTRAP_USER = "bootstrap_user"
    """The source has no default owner of memories; the copy made one, with a date of its own."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result: ``differences`` are at most ``MOST_DIFFERENCES``, in the order of tables and keys.

    ``complete``: every row of every table was compared. ``expected`` names differences that have a reason.
    """

    tables: dict[str, TableComparison] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    differences_omitted: int = 0
    complete: bool = False
    expected: tuple[Expected, ...] = ()

    def followed_by(self, other: Comparison) -> Comparison:
        """The result of both: ``other`` is of the tables and keys that follow."""
        found = (*self.differences, *other.differences)
        return Comparison(
            self.tables
            | {name: self.tables.get(name, TableComparison()).plus(more) for name, more in other.tables.items()},
            found[:MOST_DIFFERENCES],
            self.differences_omitted + other.differences_omitted + max(0, len(found) - MOST_DIFFERENCES),
            self.complete and other.complete,
            self.expected + other.expected,
        )

    @property
    def different(self) -> bool:
        """Whether any row differs or is missing."""
        return any(table.different or table.missing for table in self.tables.values())
