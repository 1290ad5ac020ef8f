"""A list of all vectors of a file: which of them belong to the same memory, however its id is spelled.

It is made in SQLite's temporary database, which is on disk: time stays linear in the number of vectors, and memory
flat. No index of the file is used.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

from vestige_tui.core.rows.convert import STALE_VECTOR, SqliteValue, shortened
from vestige_tui.core.rows.vectors import Fate, VectorGroup, most_used
from vestige_tui.core.source.query import rowid_name
from vestige_tui.core.source.shape import quoted
from vestige_tui.core.source.vector_places import Place, literal, readable, size_of

NAMED = 10
"""So many memories that do not exist are named for each group of vectors."""

_TABLES = (
    *(f"DROP TABLE IF EXISTS temp.vestige_{name}" for name in ("memory", "vector", "chosen")),
    "CREATE TABLE temp.vestige_memory (id PRIMARY KEY, stale) WITHOUT ROWID",
    "CREATE TABLE temp.vestige_vector (number INTEGER PRIMARY KEY, place, row, kept, memory, model, size)",
    "CREATE TABLE temp.vestige_chosen (memory PRIMARY KEY, number) WITHOUT ROWID",
)
"""Memories; vectors in the order in which they count, ``kept`` where a row has no number; and those that count."""

_HAS_MEMORY = "EXISTS (SELECT 1 FROM temp.vestige_memory m WHERE m.id = v.memory)"

_HEX = "[0-9a-f]"
_SPELLINGS = [
    urn + pattern
    for urn in ("", "urn:uuid:")
    for bare in ("-".join(_HEX * length for length in (8, 4, 4, 4, 12)), _HEX * 32)
    for pattern in (bare, f"{{{bare}}}")
]
"""Every spelling of a UUID in lower case that ``convert.uuid`` takes, the usual one first, as patterns of SQLite."""


def make(
    connection: sqlite3.Connection, places: Sequence[Place], name: str | None, stale: str
) -> tuple[list[VectorGroup], str | None]:
    """The groups of all vectors in ``places``, and SQL over the memory ``n`` for the one that counts.

    The vectors that count are those of the model ``name``; None: of the model of most of them. ``stale`` is SQL for
    whether a memory's vector is stale. The SQL gives ``STALE_VECTOR`` in place of a stale vector, text in place of a
    value that is no BLOB, and is meant for this connection alone.
    """
    rowids = [None if place.own else rowid_name(connection, place.table) for place in places]
    with _writable(connection):
        for statement in _TABLES:
            connection.execute(statement)
        _fill(connection, places, rowids, stale)
        _choose(connection, name or _most_used(connection, places))
    return [*_groups(connection, places)], _expression(places, rowids, stale)


@contextmanager
def _writable(connection: sqlite3.Connection) -> Iterator[None]:
    """Let SQLite write to its temporary database: the file itself is open for reading only."""
    (before,) = connection.execute("PRAGMA query_only").fetchone()
    connection.execute("PRAGMA query_only = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA query_only = {before}")


def _fill(connection: sqlite3.Connection, places: Sequence[Place], rowids: Sequence[str | None], stale: str) -> None:
    connection.execute(
        f"INSERT OR IGNORE INTO temp.vestige_memory SELECT {_canonical('n.id')}, {stale}"
        " FROM knowledge_nodes n NOT INDEXED WHERE n.id IS NOT NULL"
    )
    for number, (place, rowid) in enumerate(zip(places, rowids, strict=True)):
        row, kept = (f"e.{rowid}", "NULL") if rowid else ("NULL", "NULL" if place.own else "e.embedding")
        connection.execute(
            "INSERT INTO temp.vestige_vector (place, row, kept, memory, model, size)"
            f" SELECT {number}, {row}, {kept}, {_canonical(f'e.{place.memory}')}, {place.model},"
            f" {size_of('e.embedding')} {place.rows}"
        )


def _most_used(connection: sqlite3.Connection, places: Sequence[Place]) -> str | None:
    """The model of most vectors that have a memory, None where none is named."""
    found = connection.execute(
        f"SELECT place, model, size, count(*) FROM temp.vestige_vector v WHERE {_HAS_MEMORY} GROUP BY 1, 2, 3"
    )
    most = most_used(places[number].group(model, size, count) for number, model, size, count in found)
    return most.name if most else None


def _choose(connection: sqlite3.Connection, name: str | None) -> None:
    """The first vector of each memory that is of the model; an empty one counts where there is nothing else."""
    for which in ("size <> 0", "size = 0"):
        connection.execute(
            "INSERT OR IGNORE INTO temp.vestige_chosen SELECT memory, number FROM temp.vestige_vector v"
            f" WHERE {_HAS_MEMORY} AND (:name IS NULL OR model IS NULL OR model = :name) AND {which} ORDER BY number",
            {"name": name},
        )


def _groups(connection: sqlite3.Connection, places: Sequence[Place]) -> Iterator[VectorGroup]:
    """Every vector of the list, in groups."""
    found = connection.execute(
        "SELECT v.place, v.model, v.size, CASE"
        f" WHEN m.id IS NULL THEN '{Fate.NO_MEMORY}' WHEN c.number IS NULL THEN '{Fate.OTHER_MODEL}'"
        f" WHEN c.number <> v.number THEN '{Fate.SUPERSEDED}' WHEN m.stale THEN '{Fate.STALE}'"
        f" ELSE '{Fate.COPIED}' END AS fate, count(*), min(v.number) FROM temp.vestige_vector v"
        " LEFT JOIN temp.vestige_memory m ON m.id = v.memory LEFT JOIN temp.vestige_chosen c ON c.memory = v.memory"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 5 DESC, 2, 3, 4"
    ).fetchall()
    for number, model, size, fate, count, first in found:
        named = _without_memory(connection, first) if fate == Fate.NO_MEMORY else ()
        yield places[number].group(model, size, count, Fate(fate), named)


def _without_memory(connection: sqlite3.Connection, first: int) -> tuple[str, ...]:
    """Memories that do not exist: those of the first vectors of one group, by the number of its very first."""
    found = connection.execute(
        "SELECT v.memory FROM temp.vestige_vector f JOIN temp.vestige_vector v"
        " ON v.number >= f.number AND (v.place, v.model, v.size) IS (f.place, f.model, f.size)"
        f" WHERE f.number = ? AND NOT {_HAS_MEMORY} ORDER BY v.number LIMIT {NAMED}",
        (first,),
    )
    return tuple(_id(memory) for (memory,) in found)


def _id(memory: SqliteValue) -> str:
    """An id of the list as it is usually spelled."""
    text = readable(memory) or "NULL"
    return str(UUID(text)) if re.fullmatch("[0-9a-f]{32}", text) else shortened(text)


def _expression(places: Sequence[Place], rowids: Sequence[str | None], stale: str) -> str | None:
    if not places:
        return None
    values = " ".join(
        f"WHEN {number} THEN {_value(place, rowid)}"
        for number, (place, rowid) in enumerate(zip(places, rowids, strict=True))
    )
    return (
        f"(SELECT CASE WHEN {stale} THEN {STALE_VECTOR} ELSE CASE v.place {values} END END"
        " FROM temp.vestige_chosen c CROSS JOIN temp.vestige_vector v ON v.number = c.number"
        f" WHERE c.memory = {_canonical('n.id')})"
    )


def _value(place: Place, rowid: str | None) -> str:
    """SQL for the vector that the line ``v`` of the list stands for. Of rows with one id, each has its own."""
    if place.own:
        return "iif(typeof(n.embedding) IN ('blob', 'null'), n.embedding, '')"
    value = f"(SELECT e.embedding FROM {quoted(place.table)} e WHERE e.{rowid} = v.row)" if rowid else "v.kept"
    return f"iif(v.size < 0, '', {value})"


def _canonical(value: str) -> str:
    """SQL for an id as ``convert.uuid`` understands it: 32 digits in lower case; any other value as it is."""
    lower = bare = f"lower({value})"
    for part in ("urn:uuid:", "{", "}", "-"):
        bare = f"replace({bare}, {literal(part)}, '')"
    spelled = " OR ".join(f"{lower} GLOB {literal(pattern)}" for pattern in _SPELLINGS)
    sound = f"typeof({value}) = 'text' AND instr({value}, char(0)) = 0"
    return f"CASE WHEN {sound} AND ({spelled}) THEN {bare} ELSE {value} END"
