"""What could be done about a row with a problem, as data: the operator chooses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import uuid4

from vestige_tui.core.repairs.broken_json import NOTHING, JsonError, completed, json_error, reread
from vestige_tui.core.repairs.values import Unfit, source_value
from vestige_tui.core.rows.converters import uuid
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import EMBEDDING_KINDS, OF_MANY, Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, USERS, Column, Table
from vestige_tui.core.rows.values import ValueProblem

_JSON_KINDS = frozenset({Kind.MALFORMED_JSON, Kind.MISSHAPEN_JSON, Kind.UNSTORABLE_JSON, Kind.DUPLICATE_JSON_KEY})
_ABOUT_THE_DESTINATION = OF_MANY | {Kind.DIFFERS_AT_DESTINATION, Kind.GONE_AT_DESTINATION}
_LISTS = frozenset({PgType.TEXT_ARRAY, PgType.UUID_ARRAY})
KEPT_AS = "text"
"""The name under which metadata keep a text that is no JSON."""


class ProposalKind(StrEnum):
    """What a proposal is."""

    NEW_ID = "new_id"
    """A UUID that no other row has; it goes into every row that refers to the old one."""

    CLOSE = "close"
    """JSON, closed where it was cut off."""

    READ_AS = "read_as"
    """The JSON that was probably meant."""

    KEEP_AS_TEXT = "keep_as_text"
    """The text as it is, inside of JSON."""

    EMPTY = "empty"
    """An empty list or object, or no vector."""

    CHOOSE = "choose"
    """One of ``choices``."""

    TYPE = "type"
    """A value to type."""

    LEAVE_OUT = "leave_out"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One thing to do: set ``field`` to ``value``, or to one of the ``choices``, or to what the operator types.

    ``error`` is where the present text is wrong as JSON.
    """

    kind: ProposalKind
    field: str | None = None
    value: Any = None
    choices: tuple[str, ...] = ()
    error: JsonError | None = None


def new_id() -> str:
    """A new UUID, as the destination spells it. It is random: the file of repairs keeps it."""
    return str(uuid4())


def proposals(
    error: RowError, text: str | None = None, users: Sequence[str] = (), groups: Mapping[str, str] | None = None
) -> Iterator[Proposal]:
    """What could be done about a problem, the best first; each is made when it is asked for.

    ``text`` is the field's value in the source, where it is text, ``users`` are ids of possible owners, and ``groups``
    the ids of groups by their names. Each value is one that the destination takes.
    """
    if error.kind in _ABOUT_THE_DESTINATION:
        return
    table = BY_NAME[error.table]
    if error.field is not None:
        column = table.columns[table.position(error.field)]
        found = _of_field(error.kind, table, column, text, users, groups=groups or {})
        yield from (one for one in found if _fits(column, one))
    yield Proposal(ProposalKind.LEAVE_OUT)


def _of_field(
    kind: Kind, table: Table, column: Column, text: str | None, users: Sequence[str], *, groups: Mapping[str, str]
) -> Iterator[Proposal]:
    name = column.name
    if kind in EMBEDDING_KINDS or column.type is PgType.VECTOR:
        yield Proposal(ProposalKind.EMPTY, name)
    elif kind in _JSON_KINDS or column.type in _LISTS:
        yield from _of_json(column, text, groups)
    elif table.key == (name,) and column.type is PgType.UUID and not _refers(table, name):
        yield Proposal(ProposalKind.NEW_ID, name, new_id())
    elif _refers(table, name) == USERS.name:
        yield Proposal(ProposalKind.CHOOSE, name, choices=tuple(users))
    elif column.allowed:
        yield Proposal(ProposalKind.CHOOSE, name, choices=column.allowed)
    elif not _refers(table, name):
        yield Proposal(ProposalKind.TYPE, name)


def _of_json(column: Column, text: str | None, groups: Mapping[str, str]) -> Iterator[Proposal]:
    error = json_error(text) if text is not None else None
    if text is not None:
        for proposed, read in ((ProposalKind.CLOSE, completed), (ProposalKind.READ_AS, reread)):
            if (value := read(text)) is not NOTHING:
                cleaned = _cleaned(column, value, groups)
                if cleaned or not value:  # a list of which nothing is left is not what was meant
                    yield Proposal(proposed, column.name, cleaned, error=error)
        if error is not None and column.type in (PgType.JSONB, PgType.TEXT_ARRAY) and text.strip():
            kept: Any = {KEPT_AS: text} if column.type is PgType.JSONB else [text]
            yield Proposal(ProposalKind.KEEP_AS_TEXT, column.name, kept, error=error)
    yield Proposal(ProposalKind.TYPE, column.name, error=error)
    yield Proposal(ProposalKind.EMPTY, column.name, [] if column.type in _LISTS else {})


def _cleaned(column: Column, value: Any, groups: Mapping[str, str]) -> Any:
    """A list of ids, with those of groups that it calls by their names, and without what is no id."""
    if column.type is PgType.UUID_ARRAY and isinstance(value, list):
        ids = [groups.get(item, item) if isinstance(item, str) else item for item in value]
        return [*dict.fromkeys(item for item in ids if _is_id(item))]
    return value


def _is_id(value: Any) -> bool:
    try:
        uuid(value)
    except ValueProblem:
        return False
    return True


def _refers(table: Table, name: str) -> str | None:
    """The table that a column refers to."""
    return next((key.table for key in table.foreign_keys if name in key.columns), None)


def _fits(column: Column, proposal: Proposal) -> bool:
    """Whether a proposal's value is taken, and there is something to choose."""
    if proposal.kind is ProposalKind.CHOOSE:
        return bool(proposal.choices)
    if proposal.kind is ProposalKind.TYPE:
        return True
    try:
        source_value(column, proposal.value)
    except Unfit:
        return False
    return True
