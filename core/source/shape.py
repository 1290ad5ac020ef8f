"""The tables of a file and their columns, found as SQLite finds them: the case of ASCII letters makes no difference.

A view can stand in for a table, and a generated column for a stored one: both are read in the same way. The hidden
columns of a virtual table are left out: they belong to a query, not to a row.
"""

from __future__ import annotations

import sqlite3
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class TableKind(StrEnum):
    """What goes by the name of a table. ``SHADOW`` is the storage of a virtual one; an index only takes the name."""

    TABLE = "table"
    VIEW = "view"
    VIRTUAL = "virtual"
    SHADOW = "shadow"
    INDEX = "index"


_COMPUTED = 2
"""What SQLite calls a generated column that is not stored."""

_TO_OPEN = (TableKind.VIEW, TableKind.VIRTUAL)


@dataclass(frozen=True, slots=True)
class FileTable:
    """A table of a file. ``name`` and ``columns`` are spelled as in the file.

    There are no columns where SQLite cannot tell them: a view of a table that is gone, a virtual table that is damaged,
    or whose module this SQLite does not have. ``failing`` are generated columns left out of ``columns``: computing them
    fails for some row, which would end the reading of all. ``empty``: it is a table without rows.
    """

    name: str
    kind: TableKind
    columns: tuple[str, ...]
    failing: tuple[str, ...] = ()
    empty: bool = False


class Shape:
    """The tables of a file. ``readable``: every name in it is text."""

    def __init__(self, tables: Iterable[FileTable], *, readable: bool = True) -> None:
        self._tables = {folded(table.name): table for table in tables}
        self._columns = {name: {*map(folded, table.columns)} for name, table in self._tables.items()}
        self.readable = readable

    @property
    def tables(self) -> Iterable[FileTable]:
        """All of them, in the order of their names."""
        return sorted(self._tables.values(), key=lambda table: table.name)

    def find(self, name: str) -> FileTable | None:
        """What has this name, in any case."""
        return self._tables.get(folded(name))

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table as the file spells them, none where there is no such table."""
        found = self.find(table)
        return found.columns if found else ()

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with these columns, in any case."""
        return table in self and {*map(folded, columns)} <= self._columns[folded(table)]

    def is_empty(self, table: str) -> bool:
        """Whether this is a table without rows."""
        found = self.find(table)
        return found is not None and found.empty

    def exists(self, table: str, column: str) -> bool:
        """Whether there is such a column, be it one that fails."""
        found = self.find(table)
        return found is not None and folded(column) in map(folded, (*found.columns, *found.failing))

    def __contains__(self, table: str) -> bool:
        return folded(table) in self._tables


def folded(name: str) -> str:
    """A name as SQLite compares it."""
    return name.translate(_LOWER)


def quoted(name: str) -> str:
    """An identifier for SQLite's SQL."""
    return '"' + name.replace('"', '""') + '"'


def read_shape(connection: sqlite3.Connection, *, opening: bool = True) -> Shape:
    """Every table of a file but SQLite's own. Names that are no text are left out, and make it unreadable.

    Without ``opening``, the columns of views and virtual tables are left out: to tell them SQLite has to open the
    virtual ones, and a connection that met a damaged one changes no table any more.
    """
    found = connection.execute(
        "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " UNION ALL SELECT name, 'index' FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%'"
        " ESCAPE '\\'"
    ).fetchall()
    listed = {name: _columns(connection, name, kind) if opening or kind not in _TO_OPEN else [] for name, kind in found}
    readable = all(isinstance(name, str) for table, columns in listed.items() for name in (table, *dict(columns)))
    tables = [
        _file_table(
            connection, name, TableKind(kind), [column for column in listed[name] if isinstance(column[0], str)]
        )
        for name, kind in found
        if isinstance(name, str)
    ]
    return Shape(tables, readable=readable)


def _columns(connection: sqlite3.Connection, table: str, kind: str) -> list[tuple[str, int]]:
    """The columns of a table, and whether each is hidden or generated, as SQLite numbers that."""
    try:
        found = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1", (table,))
        return found.fetchall()
    except sqlite3.DatabaseError:
        if kind not in _TO_OPEN:
            raise
        return []


def _file_table(
    connection: sqlite3.Connection, name: str, kind: TableKind, listed: Sequence[tuple[str, int]]
) -> FileTable:
    failing = [column for column, hidden in listed if hidden == _COMPUTED and _fails(connection, name, column)]
    columns = tuple(column for column, _ in listed if column not in failing)
    return FileTable(name, kind, columns, tuple(failing), kind is TableKind.TABLE and _is_empty(connection, name))


def _is_empty(connection: sqlite3.Connection, table: str) -> bool:
    (found,) = connection.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(table)} NOT INDEXED)").fetchone()
    return not found


def _fails(connection: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether computing a column fails for some row."""
    try:
        connection.execute(f"SELECT count({quoted(column)}) FROM {quoted(table)} NOT INDEXED").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_ERROR":
            raise
        return True
    return False
