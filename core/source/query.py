"""The SQL with which a table of a source is read: which values, and in which order."""

from __future__ import annotations

import sqlite3

from vestige_tui.core.source.describe import quoted
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.tables import PgType

_LONG_TYPES = frozenset({PgType.TEXT, PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY, PgType.VECTOR})
"""What can be of any length."""

ARROW = "→"
"""Stands between the parts of a key in a row's label."""


def select(
    source: ResolvedSource, connection: sqlite3.Connection, *, restricted: bool = False, ordered: bool = True
) -> str:
    """The query of a table: rows sorted by their keys alone, then fetched whole, so that sorting stays small.

    The table itself is scanned, never an index: a damaged index could leave rows out without a word.
    """
    table = quoted(source.source.table)
    order = ", ".join(map(quoted, source.source.order))
    columns = ", ".join(_values(source))
    where = f" WHERE {label(source)} IN (SELECT value FROM json_each(:only))" if restricted else ""
    if not order or not ordered:
        return f"SELECT {columns} FROM {table} n NOT INDEXED{where}"
    rowid = rowid_name(connection, source.source.table)
    if rowid is None:
        return f"SELECT {columns} FROM {table} n{where} ORDER BY {order}"
    # LIMIT -1 keeps SQLite from dropping the inner ORDER BY; CROSS JOIN keeps it outermost.
    return (
        f"SELECT {columns} FROM (SELECT {rowid} AS r FROM {table} n NOT INDEXED{where} ORDER BY {order} LIMIT -1) k"
        f" CROSS JOIN {table} n ON n.{rowid} = k.r"
    )


def long_values(source: ResolvedSource) -> list[int]:
    """Where in a row that ``select`` gives the values stand that can be of any length."""
    width = len(source.table.columns)
    long = [place for place, column in enumerate(source.table.columns) if column.type in _LONG_TYPES]
    return [*long, *range(width, width + len(source.rest))]


def largest_row(source: ResolvedSource, connection: sqlite3.Connection, model: str | None) -> int:
    """How large the long values of the largest row are together, at least 1: bytes of BLOBs, letters of text."""
    values = _values(source)
    lengths = " + ".join(f"coalesce(length({values[place]}), 0)" for place in long_values(source)) or "0"
    query = f"SELECT max({lengths}) FROM {quoted(source.source.table)} n NOT INDEXED"
    (largest,) = connection.execute(query, {"model": model}).fetchone()
    return max(1, largest or 0)


def _values(source: ResolvedSource) -> list[str]:
    """The expressions of a row: one a column of the destination, and then the loose ones."""
    return [expression or "NULL" for expression in source.expressions] + [f"n.{quoted(name)}" for name in source.rest]


def label(source: ResolvedSource) -> str:
    """SQL for what ``row_label`` makes of a row's key."""
    parts = [source.expressions[source.table.position(name)] or "NULL" for name in source.table.key]
    return f" || '{ARROW}' || ".join(f"coalesce({part}, '')" for part in parts)


def rowid_name(connection: sqlite3.Connection, table: str) -> str | None:
    """One of SQLite's names for a row's number that no column of the table has; None where its rows have none."""
    (without,) = connection.execute(
        "SELECT wr FROM pragma_table_list WHERE name = ? AND schema = 'main'", (table,)
    ).fetchone()
    columns = {name.lower() for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
    return None if without else next((name for name in ("rowid", "_rowid_", "oid") if name not in columns), None)
