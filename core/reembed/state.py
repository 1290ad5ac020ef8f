"""What is left in a store of a re-embedding that is not finished: derived from the catalogs and its state row."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

from psycopg import Cursor

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.store import (
    GUARD,
    HNSW_SHADOW,
    MEMORIES,
    SHADOW,
    STATE,
    TRIGGER,
    UNFILLED,
    VECTORS,
    Store,
)


class Stage(StrEnum):
    """How far a re-embedding came."""

    NONE = "none"
    UNFINISHED = "unfinished"
    """The store has its old vectors; the next run goes on, or ``abandon`` removes what was made."""

    SWAPPED = "swapped"
    """The store has its new vectors, and the old ones beside them: until ``finish``, or ``rollback``."""

    LEFTOVERS = "leftovers"
    """Parts without their state row: ``abandon`` removes them."""


@dataclass(frozen=True, slots=True)
class ReembedState:
    """What there is. ``schema`` is None where there are no memories.

    ``target`` is the model of the new vectors and ``previous`` that of the old ones (None: none was registered).
    ``probe`` is the vector by which the embedder of the run is known again.
    ``staged`` counts the vectors that are kept by memory. ``shadow``: memories have the second column, ``guard``: and
    its trigger. ``index`` says whether the index of the second column is valid, None where there is none; ``unfilled``
    the same of the small one by which a swap finds what is missing. ``disk`` is what all of it holds, in bytes.
    """

    schema: str | None = None
    target: ModelSignature | None = None
    previous: ModelSignature | None = None
    swapped: bool = False
    started_at: datetime | None = field(default=None, compare=False)
    probe: bytes | None = field(default=None, compare=False, repr=False)
    vectors: bool = False
    staged: int = 0
    shadow: bool = False
    guard: bool = False
    function: bool = False
    index: bool | None = None
    unfilled: bool | None = None
    disk: int = 0

    @property
    def stage(self) -> Stage:
        """How far it came."""
        if self.target is not None:
            return Stage.SWAPPED if self.swapped else Stage.UNFINISHED
        return Stage.LEFTOVERS if self.vectors or self.shadow or self.guard or self.function else Stage.NONE


_PARTS: LiteralString = """
    SELECT n.nspname::text,
           to_regclass(format('%%I.%%I', n.nspname, %(state)s::text)) IS NOT NULL,
           to_regclass(format('%%I.%%I', n.nspname, %(vectors)s::text)) IS NOT NULL,
           EXISTS (SELECT FROM pg_attribute WHERE attrelid = k.oid AND attname = %(shadow)s AND NOT attisdropped),
           EXISTS (SELECT FROM pg_trigger WHERE tgrelid = k.oid AND tgname = %(trigger)s),
           EXISTS (SELECT FROM pg_proc WHERE pronamespace = n.oid AND proname = %(guard)s),
           (SELECT x.indisvalid FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
            WHERE x.indrelid = k.oid AND i.relname = %(index)s),
           (SELECT x.indisvalid FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
            WHERE x.indrelid = k.oid AND i.relname = %(unfilled)s)
    FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE k.oid = to_regclass(%(memories)s)"""
_NAMES = {
    "memories": MEMORIES,
    "state": STATE,
    "vectors": VECTORS,
    "shadow": SHADOW,
    "trigger": TRIGGER,
    "guard": GUARD,
    "index": HNSW_SHADOW,
    "unfilled": UNFILLED,
}

_INDEX_SIZES: LiteralString = """
    SELECT coalesce(sum(pg_relation_size(x.indexrelid)), 0)::bigint
    FROM pg_attribute a JOIN pg_index x ON x.indrelid = a.attrelid
    WHERE a.attrelid = to_regclass(%(memories)s) AND a.attname = %(shadow)s AND NOT a.attisdropped
      AND EXISTS (SELECT FROM pg_depend d
                  WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
                    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum)"""
"""The indexes of the shadow column, whatever their names are."""


_STAGED: LiteralString = "SELECT count(*) FROM {vectors} WHERE embedding IS NOT NULL"


def look(connection: Connection) -> ReembedState:
    """Look at the store that this connection finds. It only reads. Raises ``psycopg.Error``."""
    row = connection.execute(_PARTS, _NAMES).fetchone()
    if row is None:
        return ReembedState()
    schema, has_state, has_vectors, shadow, guard, function, index, unfilled = row
    store = Store(schema, "")
    state = ReembedState(
        schema,
        vectors=has_vectors,
        staged=_number(connection.execute(store.sql(_STAGED))) if has_vectors else 0,
        shadow=shadow,
        guard=guard,
        function=function,
        index=index,
        unfilled=unfilled,
        disk=_disk(connection, store, vectors=has_vectors, shadow=shadow),
    )
    return _with_row(connection, store, state) if has_state else state


def _with_row(connection: Connection, store: Store, state: ReembedState) -> ReembedState:
    """The same with what the state row says. It is written with the table, in one transaction."""
    query = store.sql(
        "SELECT name, dimension, hash, old_name, old_dimension, old_hash, swapped, started_at, probe FROM {state}"
        " WHERE id = 1"
    )
    row = connection.execute(query).fetchone()
    if row is None:
        return state
    target, old, (swapped, started_at, probe) = row[:3], row[3:6], row[6:]
    return replace(
        state,
        target=ModelSignature(*target),
        previous=ModelSignature(*old) if old[0] is not None else None,
        swapped=swapped,
        started_at=started_at,
        probe=probe,
    )


def _disk(connection: Connection, store: Store, *, vectors: bool, shadow: bool) -> int:
    """Bytes on the server's disk: the table of vectors, the shadow column and its indexes."""
    total = 0
    if vectors:
        total += _number(connection.execute("SELECT pg_total_relation_size(%s::regclass)", (store.name(VECTORS),)))
    if shadow:
        size = store.sql("SELECT coalesce(sum(pg_column_size(k.{shadow})), 0)::bigint FROM {memories} k")
        total += _number(connection.execute(size)) + _number(connection.execute(_INDEX_SIZES, _NAMES))
    return total


def _number(cursor: Cursor[tuple[Any, ...]]) -> int:
    """The one number of a query."""
    row = cursor.fetchone()
    return int(row[0]) if row else 0
