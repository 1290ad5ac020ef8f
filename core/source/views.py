"""Views that stand in for tables, and tables that arrive with their rows: those of which a view shows every value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from vestige_tui.core.source.shape import FileTable, Shape, TableKind, folded, quoted


def shown_whole(connection: sqlite3.Connection, shape: Shape, view: FileTable) -> Iterator[str]:
    """The tables, by their folded names, of which the view has every value of every row, under the same names.

    A view that leaves rows or columns out, or renames or computes them, does not count: it may hide values.
    """
    for name in _read_by(connection, view.name):
        table = shape.find(name)
        if table is None or table.kind is not TableKind.TABLE or table.failing or not table.columns:
            continue
        if shape.has(view.name, *table.columns) and _has_all_rows(connection, view, table):
            yield folded(table.name)


def _read_by(connection: sqlite3.Connection, view: str) -> set[str]:
    """The tables and views that SQLite reads for a view, folded; it names them as it prepares the query."""
    found: set[str] = set()

    def note(action: int, table: str | None, *_: str | None) -> int:
        if action == sqlite3.SQLITE_READ and table:
            found.add(folded(table))
        return sqlite3.SQLITE_OK

    connection.set_authorizer(note)
    try:
        connection.execute(f"SELECT * FROM {quoted(view)} LIMIT 0").close()
    finally:
        connection.set_authorizer(None)
    return found - {folded(view)}


def _has_all_rows(connection: sqlite3.Connection, view: FileTable, table: FileTable) -> bool:
    columns = ", ".join(f"{quoted(name)} COLLATE BINARY" for name in table.columns)
    of_table, of_view = f"FROM {quoted(table.name)} NOT INDEXED", f"FROM {quoted(view.name)}"
    try:
        (same,) = connection.execute(
            f"SELECT (SELECT count(*) {of_table}) = (SELECT count(*) {of_view})"
            f" AND NOT EXISTS (SELECT {columns} {of_table} EXCEPT SELECT {columns} {of_view})"
        ).fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_ERROR":
            raise
        return False  # the view cannot compute some value
    return bool(same)
