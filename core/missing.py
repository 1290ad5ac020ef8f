"""What a destination can lack although all rows are there: an index or a foreign key, and the reason as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PartKind(StrEnum):
    """What is missing."""

    INDEX = "index"
    FOREIGN_KEY = "foreign_key"


class Reason(StrEnum):
    """Why it is missing; ``explain`` has the words."""

    NOT_OWNER = "not_owner"
    """Only the owner of the table can add it, and the role is not."""

    TABLES_IN_USE = "tables_in_use"
    """Another session held locks on the tables for too long."""

    VALUE_TOO_LARGE = "value_too_large"
    OUT_OF_MEMORY = "out_of_memory"

    ROWS_IN_THE_WAY = "rows_in_the_way"
    """Rows at the destination refer to rows that were deleted there: ``dangling_reference`` counts them."""

    REMOVED = "removed"
    """Another session dropped the index while the copy ran."""

    ABSENT = "absent"
    """The table was there before and has no such foreign key."""

    NOT_VALID = "not_valid"
    NOT_ENFORCED = "not_enforced"
    """The foreign key is there as NOT VALID or NOT ENFORCED, and not by a copy."""

    SWITCHED_OFF = "switched_off"
    """The triggers that check it are disabled, as DISABLE TRIGGER ALL leaves them."""

    REFUSED_BY_SERVER = "refused_by_server"
    """The server refused it for another reason, such as an event trigger: ``Cause.sqlstate`` is its code."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a run could not add a part; ``sqlstate`` is the server's code where that is all it says."""

    reason: Reason
    sqlstate: str | None = None


@dataclass(frozen=True, slots=True)
class MissingPart:
    """An index or a foreign key that is not at the destination, or not valid there."""

    kind: PartKind
    name: str
    table: str
    reason: Reason
    sqlstate: str | None = None
