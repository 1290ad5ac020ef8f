"""The SQL that reads a table of a source: which values, and in which order."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.records import ARROW
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.shape import TableKind, folded, quoted

_LONG_TYPES = frozenset({PgType.TEXT, PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY, PgType.VECTOR})
"""Types without a limit to their length."""

SHORT = 4_000
"""Bytes of a visibility column's value; a longer one is left to the reading of whole rows."""

_CANONICAL_LENGTH = 36
"""Characters of a UUID with its hyphens."""


def select(source: ResolvedSource, connection: sqlite3.Connection, restricted_by: str | None = None) -> str:
    """The query for a table's rows: it sorts rowids alone and then fetches whole rows, which keeps the sort small.

    ``restricted_by`` is SQL for a value of a row, such as its ``label``; the parameter ``only`` lists those to read.
    SQLite scans the table and uses no index: a damaged index could leave rows out silently.
    """
    table = quoted(source.source.table)
    order = ", ".join(map(quoted, source.source.order))
    columns = ", ".join(_values(source))
    where = _restriction(source, restricted_by)
    if not order:
        return f"SELECT {columns} FROM {table} n NOT INDEXED{where}"
    rowid = rowid_name(connection, source.source.table)
    if rowid is None:
        return f"SELECT {columns} FROM {table} n NOT INDEXED{where} ORDER BY {order}"
    # LIMIT -1 keeps SQLite from dropping the inner ORDER BY; CROSS JOIN keeps it outermost.
    return (
        f"SELECT {columns} FROM (SELECT {rowid} AS r FROM {table} n NOT INDEXED{where} ORDER BY {order} LIMIT -1) k"
        f" CROSS JOIN {table} n ON n.{rowid} = k.r"
    )


def select_keys(source: ResolvedSource, rowid: str, key: Sequence[str], others: Sequence[str]) -> str:
    """The query for the next ``count`` rows in the order of storage, from the rowid ``first`` on: rowid, key, and the
    values of ``others``. A BLOB that no column takes replaces a value of more than ``SHORT`` bytes.
    """
    keys = [source.expressions[source.table.position(name)] or "NULL" for name in key]
    rest = [source.expressions[source.table.position(name)] for name in others]
    short = [f"CASE WHEN length(CAST({value} AS BLOB)) > {SHORT} THEN x'ff' ELSE {value} END" for value in rest]
    values = ", ".join(f'{value} AS "{place}"' for place, value in enumerate([f"n.{rowid}", *keys, *short]))
    return (
        f"SELECT {values} FROM {quoted(source.source.table)} n NOT INDEXED WHERE n.{rowid} >= :first"
        f" AND {source.condition} ORDER BY n.{rowid} LIMIT :count"
    )


def joined_keys(rows: str, keys: int, others: int) -> str:
    """The query that joins the rows of a ``select_keys`` into one: their number, the last rowid, the rowids and each of
    the ``keys`` key columns as lists with commas, and the distinct values of each other column as JSON.
    """
    lists = [f'group_concat("{place}")' for place in range(1 + keys)]
    distinct = [f'json_group_array(DISTINCT "{1 + keys + place}")' for place in range(others)]
    return f'SELECT count(*), max("0"), {", ".join([*lists, *distinct])} FROM ({rows})'


def long_values(source: ResolvedSource) -> list[int]:
    """The positions, in a row of ``select``, of values without a limit to their length."""
    width = len(source.table.columns)
    long = [place for place, column in enumerate(source.table.columns) if column.type in _LONG_TYPES]
    return [*long, *range(width, width + len(source.rest))]


def largest_row(
    source: ResolvedSource,
    connection: sqlite3.Connection,
    parameters: Mapping[str, str | None],
    restricted_by: str | None = None,
) -> int:
    """The size of the long values of the largest row that ``select`` gives with these ``parameters``, at least 1: bytes
    of BLOBs, characters of text.
    """
    values = _values(source)
    lengths = " + ".join(f"coalesce(length({values[place]}), 0)" for place in long_values(source)) or "0"
    query = (
        f"SELECT max({lengths}) FROM {quoted(source.source.table)} n NOT INDEXED{_restriction(source, restricted_by)}"
    )
    (largest,) = connection.execute(query, parameters).fetchone()
    return max(1, largest or 0)


def _restriction(source: ResolvedSource, restricted_by: str | None) -> str:
    wanted = f" AND {restricted_by} IN (SELECT value FROM json_each(:only))" if restricted_by else ""
    return f" WHERE {source.condition}{wanted}"


def _values(source: ResolvedSource) -> list[str]:
    """The expressions of a row: one for each column of the destination, then the extra columns."""
    return [expression or "NULL" for expression in source.expressions] + [f"n.{quoted(name)}" for name in source.rest]


def label(source: ResolvedSource) -> str:
    """SQL for the label that ``row_label`` gives a row."""
    parts = [source.expressions[source.table.position(name)] or "NULL" for name in source.table.key]
    return f" || '{ARROW}' || ".join(f"coalesce({part}, '')" for part in parts)


def row_number(connection: sqlite3.Connection, source: ResolvedSource) -> str:
    """SQL for what finds a row again while the source does not change: its rowid, or else its key."""
    rowid = rowid_name(connection, source.source.table)
    if rowid is not None:
        return f"n.{rowid}"
    keys = [source.expressions[source.table.position(name)] or "NULL" for name in source.table.key]
    return " || ',' || ".join(f"quote({key})" for key in keys)


def spelled_otherwise(identifier: str) -> str:
    """SQL for whether an id is not spelled canonically: in lower case, and as long as only the form with hyphens is of
    the forms that ``Uuid`` takes.
    """
    canonical = f"length({identifier}) = {_CANONICAL_LENGTH} AND {identifier} = lower({identifier}) COLLATE BINARY"
    return f"({canonical}) IS NOT TRUE"


def rowid_name(connection: sqlite3.Connection, table: str) -> str | None:
    """A name for the rowid that no column of the table has; None where its rows have no rowid."""
    kind, without = connection.execute(
        "SELECT type, wr FROM pragma_table_list(?) WHERE schema = 'main'", (table,)
    ).fetchone()
    columns = {folded(name) for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
    if without or kind == TableKind.VIEW:
        return None
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in columns), None)
