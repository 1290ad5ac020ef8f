"""Reads memories that are shown: what they say, and what Vestige has noted about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.search.answers import State
from vestige_tui.core.search.shape import MEMORIES, Shape

READ = 20_000
"""Characters of a content from which a snippet is made."""

_NOTES = ("superseded_by", "suppression_count", "suppressed_at", "valid_until", "archived")
"""What published Vestige keeps in columns of its own; a copy puts them into the metadata."""

_ROWS: LiteralString = """
    SELECT k.id::text, k.node_type, to_json(k.created_at) #>> '{{}}', left(k.content, {read}), {tags}, {notes}
    FROM {memories} k WHERE k.id = ANY (%s::uuid[])"""
_NEWEST: LiteralString = "SELECT k.id::text FROM {memories} k ORDER BY k.created_at DESC, k.id LIMIT %s"
_NOTED: LiteralString = """
    CASE jsonb_typeof(k.metadata) WHEN 'object' THEN
        ARRAY(SELECT left(k.metadata ->> name, 100)
              FROM unnest({names}::text[]) WITH ORDINALITY noted(name, place) ORDER BY place)
    END"""


@dataclass(frozen=True, slots=True)
class Row:
    """A memory that is shown."""

    id: str
    kind: str
    created: str
    content: str
    tags: tuple[str, ...]
    states: tuple[State, ...]


def read(connection: Connection, shape: Shape, ids: Iterable[str]) -> Mapping[str, Row]:
    """Those of the memories that this role may read. Raises ``psycopg.Error``."""
    statement = shape.sql(_ROWS, read=sql.Literal(READ), tags=shape.column("tags"), notes=notes(shape))
    rows = connection.execute(statement, ([*ids],))
    return {
        id_: Row(id_, kind, created, content, texts(tags), states(found))
        for id_, kind, created, content, tags, found in rows
    }


def newest(connection: Connection, shape: Shape, limit: int) -> list[str]:
    """The ids of the newest memories. Raises ``psycopg.Error``."""
    return [id_ for (id_,) in connection.execute(shape.sql(_NEWEST), (limit,))]


def notes(shape: Shape) -> sql.Composable:
    """The expression of what Vestige has noted, for ``states``."""
    return shape.sql(_NOTED, names=sql.Literal([*_NOTES])) if shape.may_read(MEMORIES, "metadata") else sql.SQL("NULL")


def states(found: Sequence[str | None] | None, now: datetime | None = None) -> tuple[State, ...]:
    """What the notes mean."""
    if found is None:
        return ()
    superseded, count, suppressed, until, archived = found
    by_state = {
        State.SUPERSEDED: bool(superseded),
        State.SUPPRESSED: _is_set(count) or bool(suppressed),
        State.EXPIRED: _is_over(until, now or datetime.now(UTC)),
        State.ARCHIVED: _is_set(archived),
    }
    return tuple(state for state, holds in by_state.items() if holds)


def texts(values: Iterable[object] | None) -> tuple[str, ...]:
    """A list of the server's as texts."""
    return tuple(str(value) for value in values or () if value is not None)


def _is_set(value: str | None) -> bool:
    return value not in (None, "", "0", "false")


def _is_over(until: str | None, now: datetime) -> bool:
    try:
        moment = datetime.fromisoformat(until or "")
    except ValueError:
        return False
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) < now
