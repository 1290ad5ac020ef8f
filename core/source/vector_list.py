"""A list of all vectors of a file, which finds those of one memory however its id is spelled.

It is made in SQLite's temporary database, on disk: time is linear in the number of vectors, and memory flat. It uses no
index of the file.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from uuid import UUID

from vestige_tui.core.rows.converters import STALE_VECTOR
from vestige_tui.core.rows.values import SqliteValue, shortened
from vestige_tui.core.rows.vectors import Fate, VectorGroup, most_used
from vestige_tui.core.source.query import rowid_name
from vestige_tui.core.source.shape import quoted
from vestige_tui.core.source.temporary import temporary_tables
from vestige_tui.core.source.vector_tables import VectorTable, literal, readable, size_of

NAMED = 10
"""How many missing memories are named for each group of vectors."""

_TABLES = (
    *(f"DROP TABLE IF EXISTS temp.vestige_{name}" for name in ("memory", "vector", "chosen")),
    "CREATE TABLE temp.vestige_memory (id PRIMARY KEY, stale) WITHOUT ROWID",
    "CREATE TABLE temp.vestige_vector (number INTEGER PRIMARY KEY, origin, row, kept, memory, model, size)",
    "CREATE TABLE temp.vestige_chosen (memory PRIMARY KEY, number) WITHOUT ROWID",
)
"""Memories; vectors in the order in which they count, ``kept`` where their row has no number; those that count."""

_HAS_MEMORY = "EXISTS (SELECT 1 FROM temp.vestige_memory m WHERE m.id = v.memory)"

_HEX = "[0-9a-f]"
_SPELLINGS = [
    urn + pattern
    for urn in ("", "urn:uuid:")
    for bare in ("-".join(_HEX * length for length in (8, 4, 4, 4, 12)), _HEX * 32)
    for pattern in (bare, f"{{{bare}}}")
]
"""Every spelling of a UUID in lower case that ``Uuid`` takes, the usual one first, as patterns of SQLite."""


def create(
    connection: sqlite3.Connection, tables: Sequence[VectorTable], name: str | None, stale: str
) -> tuple[list[VectorGroup], str | None]:
    """The groups of all vectors in ``tables``, and SQL over the memory ``n`` for the one that counts.

    The vectors that count are those of the model ``name`` (None: of the model of most vectors). ``stale`` is SQL for
    whether a memory's vector is stale. The SQL gives ``STALE_VECTOR`` instead of a stale vector, and text instead of a
    value that is no BLOB. It works on this connection only.
    """
    rowids = [None if table.own else rowid_name(connection, table.name) for table in tables]
    with temporary_tables(connection):
        for statement in _TABLES:
            connection.execute(statement)
        _fill(connection, tables, rowids, stale)
        _choose(connection, name or _most_used(connection, tables))
    return [*_groups(connection, tables)], _expression(tables, rowids, stale)


def _fill(
    connection: sqlite3.Connection, tables: Sequence[VectorTable], rowids: Sequence[str | None], stale: str
) -> None:
    connection.execute(
        f"INSERT OR IGNORE INTO temp.vestige_memory SELECT {_canonical('n.id')}, {stale}"
        " FROM knowledge_nodes n NOT INDEXED WHERE n.id IS NOT NULL"
    )
    for number, (table, rowid) in enumerate(zip(tables, rowids, strict=True)):
        row, kept = (f"e.{rowid}", "NULL") if rowid else ("NULL", "NULL" if table.own else "e.embedding")
        connection.execute(
            "INSERT INTO temp.vestige_vector (origin, row, kept, memory, model, size)"
            f" SELECT {number}, {row}, {kept}, {_canonical(f'e.{table.memory}')}, {table.model},"
            f" {size_of('e.embedding')} {table.rows}"
        )


def _most_used(connection: sqlite3.Connection, tables: Sequence[VectorTable]) -> str | None:
    """The model of most vectors that have a memory, None where none is named."""
    found = connection.execute(
        f"SELECT origin, model, size, count(*) FROM temp.vestige_vector v WHERE {_HAS_MEMORY} GROUP BY 1, 2, 3"
    )
    most = most_used(tables[number].group(model, size, count) for number, model, size, count in found)
    return most.name if most else None


def _choose(connection: sqlite3.Connection, name: str | None) -> None:
    """Choose each memory's first vector of the model, an empty one only where there is no other."""
    for which in ("size <> 0", "size = 0"):
        connection.execute(
            "INSERT OR IGNORE INTO temp.vestige_chosen SELECT memory, number FROM temp.vestige_vector v"
            f" WHERE {_HAS_MEMORY} AND (:name IS NULL OR model IS NULL OR model = :name) AND {which} ORDER BY number",
            {"name": name},
        )


def _groups(connection: sqlite3.Connection, tables: Sequence[VectorTable]) -> Iterator[VectorGroup]:
    """All vectors of the list, in groups."""
    found = connection.execute(
        "SELECT v.origin, v.model, v.size, CASE"
        f" WHEN m.id IS NULL THEN '{Fate.NO_MEMORY}' WHEN c.number IS NULL THEN '{Fate.OTHER_MODEL}'"
        f" WHEN c.number <> v.number THEN '{Fate.SUPERSEDED}' WHEN m.stale THEN '{Fate.STALE}'"
        f" ELSE '{Fate.COPIED}' END AS fate, count(*), min(v.number) FROM temp.vestige_vector v"
        " LEFT JOIN temp.vestige_memory m ON m.id = v.memory LEFT JOIN temp.vestige_chosen c ON c.memory = v.memory"
        " GROUP BY 1, 2, 3, 4 ORDER BY 1, 5 DESC, 2, 3, 4"
    ).fetchall()
    for number, model, size, fate, count, first in found:
        named = _without_memory(connection, first) if fate == Fate.NO_MEMORY else ()
        yield tables[number].group(model, size, count, Fate(fate), named)


def _without_memory(connection: sqlite3.Connection, first: int) -> tuple[str, ...]:
    """The missing memories of the first vectors of a group; ``first`` is the number of its very first vector."""
    found = connection.execute(
        "SELECT v.memory FROM temp.vestige_vector f JOIN temp.vestige_vector v"
        " ON v.number >= f.number AND (v.origin, v.model, v.size) IS (f.origin, f.model, f.size)"
        f" WHERE f.number = ? AND NOT {_HAS_MEMORY} ORDER BY v.number LIMIT {NAMED}",
        (first,),
    )
    return tuple(_id(memory) for (memory,) in found)


def _id(memory: SqliteValue) -> str:
    """An id of the list in its usual spelling."""
    text = readable(memory) or "NULL"
    return str(UUID(text)) if re.fullmatch("[0-9a-f]{32}", text) else shortened(text)


def _expression(tables: Sequence[VectorTable], rowids: Sequence[str | None], stale: str) -> str | None:
    if not tables:
        return None
    values = " ".join(
        f"WHEN {number} THEN {_value(table, rowid)}"
        for number, (table, rowid) in enumerate(zip(tables, rowids, strict=True))
    )
    return (
        f"(SELECT CASE WHEN {stale} THEN {STALE_VECTOR} ELSE CASE v.origin {values} END END"
        " FROM temp.vestige_chosen c CROSS JOIN temp.vestige_vector v ON v.number = c.number"
        f" WHERE c.memory = {_canonical('n.id')})"
    )


def _value(table: VectorTable, rowid: str | None) -> str:
    """SQL for the vector behind the line ``v`` of the list. Of several rows with one id, each has its own."""
    if table.own:
        return "iif(typeof(n.embedding) IN ('blob', 'null'), n.embedding, '')"
    value = f"(SELECT e.embedding FROM {quoted(table.name)} e WHERE e.{rowid} = v.row)" if rowid else "v.kept"
    return f"iif(v.size < 0, '', {value})"


def _canonical(value: str) -> str:
    """SQL for an id as ``Uuid`` understands it: 32 digits in lower case; any other value as it is."""
    lower = bare = f"lower({value})"
    for part in ("urn:uuid:", "{", "}", "-"):
        bare = f"replace({bare}, {literal(part)}, '')"
    spelled = " OR ".join(f"{lower} GLOB {literal(pattern)}" for pattern in _SPELLINGS)
    sound = f"typeof({value}) = 'text' AND instr({value}, char(0)) = 0"
    return f"CASE WHEN {sound} AND ({spelled}) THEN {bare} ELSE {value} END"
