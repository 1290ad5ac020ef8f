"""The tables of a file and their columns, found as SQLite finds them: the case of ASCII letters makes no difference.

A view can stand in for a table, and a generated column for a stored one: both are read in the same way. Hidden columns
of a virtual table are left out, since they belong to a query and not to a row.
"""

from __future__ import annotations

import sqlite3
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


class TableKind(StrEnum):
    """What a name of the schema can be. ``SHADOW`` is the storage of a virtual table; an index only takes the name."""

    TABLE = "table"
    VIEW = "view"
    VIRTUAL = "virtual"
    SHADOW = "shadow"
    INDEX = "index"


_VIRTUAL_COLUMN = 2
"""``hidden`` in ``table_xinfo``: a generated column that is computed whenever it is read."""

_OPENED = (TableKind.VIEW, TableKind.VIRTUAL)
"""What SQLite has to open to tell its columns."""


@dataclass(frozen=True, slots=True)
class FileTable:
    """A table of a file. ``name`` and ``columns`` are spelled as in the file.

    It has no columns where SQLite cannot list them: a view of a table that is gone, or a virtual table that is damaged
    or whose module is missing. ``failing`` are generated columns left out of ``columns``: computing them fails for some
    row, which would end the reading of all rows. ``empty``: the table has no rows.
    """

    name: str
    kind: TableKind
    columns: tuple[str, ...]
    failing: tuple[str, ...] = ()
    empty: bool = False


class Shape:
    """The tables of a file. ``readable``: every name is text."""

    def __init__(self, tables: Iterable[FileTable], *, readable: bool = True) -> None:
        self._tables = {folded(table.name): table for table in tables}
        self._columns = {name: {*map(folded, table.columns)} for name, table in self._tables.items()}
        self.readable = readable

    @property
    def tables(self) -> Iterable[FileTable]:
        """All tables, sorted by name."""
        return sorted(self._tables.values(), key=lambda table: table.name)

    def find(self, name: str) -> FileTable | None:
        """The table with this name, in any case."""
        return self._tables.get(folded(name))

    def columns(self, table: str) -> tuple[str, ...]:
        """The columns of a table as the file spells them; none where there is no such table."""
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
        """Whether there is such a column, even one that fails."""
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


def read_shape(connection: sqlite3.Connection, *, opening: bool = True, computing: bool = True) -> Shape:
    """Every table of a file but SQLite's own. Names that are not text are left out, and make the shape unreadable.

    Without ``opening``, views and virtual tables have no columns: SQLite must open a virtual table to list its columns,
    and after it has met a damaged one it changes no table over that connection.
    Without ``computing``, no column counts as failing: finding those takes a scan of each table that computes columns.
    """
    found = connection.execute(
        "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " UNION ALL SELECT name, 'index' FROM sqlite_schema WHERE type = 'index' AND name NOT LIKE 'sqlite\\_%'"
        " ESCAPE '\\'"
    ).fetchall()
    listed = {name: _columns(connection, name, kind) if opening or kind not in _OPENED else [] for name, kind in found}
    readable = all(isinstance(name, str) for table, columns in listed.items() for name in (table, *dict(columns)))
    tables = []
    for name, kind in found:
        if isinstance(name, str):
            columns = {column: hidden for column, hidden in listed[name] if isinstance(column, str)}
            failing = _failing(connection, name, columns) if computing else ()
            sound = tuple(column for column in columns if column not in failing)
            empty = kind == TableKind.TABLE and _is_empty(connection, name)
            tables.append(FileTable(name, TableKind(kind), sound, failing, empty))
    return Shape(tables, readable=readable)


def _columns(connection: sqlite3.Connection, table: str, kind: str) -> list[tuple[str, int]]:
    """The columns of a table, each with ``hidden`` of ``table_xinfo``: whether it is hidden or generated."""
    try:
        found = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?) WHERE hidden <> 1", (table,))
        return found.fetchall()
    except sqlite3.DatabaseError:
        if kind not in _OPENED:
            raise
        return []


def _is_empty(connection: sqlite3.Connection, table: str) -> bool:
    (found,) = connection.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(table)} NOT INDEXED)").fetchone()
    return not found


def _failing(connection: sqlite3.Connection, table: str, columns: Mapping[str, int]) -> tuple[str, ...]:
    """The generated columns that fail for some row; one scan shows that none does, which is the usual case."""
    computed = [column for column, hidden in columns.items() if hidden == _VIRTUAL_COLUMN]
    if not computed or not _fails(connection, table, computed):
        return ()
    return tuple(column for column in computed if _fails(connection, table, [column]))


def _fails(connection: sqlite3.Connection, table: str, columns: Iterable[str]) -> bool:
    """Whether computing one of these columns fails for some row."""
    counts = ", ".join(f"count({quoted(column)})" for column in columns)
    try:
        connection.execute(f"SELECT {counts} FROM {quoted(table)} NOT INDEXED").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname != "SQLITE_ERROR":
            raise
        return True
    return False
