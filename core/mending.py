"""What became of a single field that was to be set in a row at the destination, as data; ``explain`` has the words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class MendState(StrEnum):
    """What became of one field."""

    MENDED = "mended"
    """It held the expected value, and has the wanted one now. Of a dry run: a copy would set it."""

    RIGHT = "right"
    """It had the wanted value already."""

    CHANGED = "changed"
    """It holds another value than the one that was expected, and was left as it is."""

    MISSING = "missing"
    """The row is not at the destination."""

    REFUSED = "refused"
    """It could not be set, and is as it was: ``MendRefusal`` says why."""


class MendRefusal(StrEnum):
    """Why a field could not be set."""

    MISSING_REFERENCE = "missing_reference"
    ALREADY_TAKEN = "already_taken"
    VALUE_NOT_ALLOWED = "value_not_allowed"
    MISSING_VALUE = "missing_value"
    REFUSED_BY_SERVER = "refused_by_server"
    """For another reason, such as an error that a trigger raises: ``MendedField.sqlstate`` is its code."""

    REWRITTEN = "rewritten"
    """A trigger or a rule at the destination gives the field another value."""

    IGNORED = "ignored"
    """The server accepted the change and did not make it, as a trigger, a rule or a policy can."""

    DATE = "date"
    """A trigger would change ``updated_at``, and this role cannot keep it from that."""

    PRIVILEGE = "privilege"
    """The role may not change the column."""

    IN_USE = "in_use"
    """Other sessions kept the row or the table locked."""

    KEY = "key"
    """The field is a part of the key, which is never changed."""

    NOT_IN_SOURCE = "not_in_source"
    """The source has no such row, or none that can be at a destination."""

    STILL_DIFFERENT = "still_different"
    """It was set, and compared again it still has another value than the source says."""


@dataclass(frozen=True, slots=True)
class MendedField:
    """One field of one row, as the report names it, and what became of it. It holds no value."""

    table: str
    row: str
    field: str
    state: MendState
    refusal: MendRefusal | None = None
    sqlstate: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether the destination holds the wanted value."""
        return self.state in (MendState.MENDED, MendState.RIGHT)


def places(fields: Iterable[MendedField]) -> set[tuple[str, str, str]]:
    """Table, row and field of those that were mended."""
    return {(each.table, each.row, each.field) for each in fields if each.state is MendState.MENDED}


def mended_rows(fields: Iterable[MendedField]) -> dict[str, int]:
    """By table: how many rows have a field that was mended."""
    rows = {(table, row) for table, row, _ in places(fields)}
    return dict(Counter(table for table, _ in sorted(rows)))
