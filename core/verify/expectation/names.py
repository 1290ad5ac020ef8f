"""Names as SQLite itself takes them: it is asked for every table and column, and nothing is compared here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

from vestige_tui.core.verify.expectation.values import decoded, letters

Row = dict[str, Any]

_STORED = 0
"""``hidden`` in ``pragma_table_xinfo``: a column that is no generated one, and can always be read."""


_ROWIDS = ("rowid", "_rowid_", "oid")

_numbers = count(1)


class File:
    """An open source, inside a read transaction: its tables and columns are looked up once.

    The connection's own ``text_factory`` is in force again after each call.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._readable: dict[tuple[str, str], bool] = {}
        self._spelled: dict[tuple[str, str], str | None] = {}
        self._columns: dict[str, list[str]] = {}
        self._with_rowid: dict[str, tuple[str, str]] = {}

    def ask(self, query: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query, TEXT as ``str``, or as ``Text`` where it is not UTF-8."""
        with decoding(self.connection, decoded):
            return self.connection.execute(query, parameters).fetchall()

    @contextmanager
    def writable(self) -> Iterator[None]:
        """Let SQLite write to its temporary database; the file itself is open read-only."""
        (before,) = self.connection.execute("PRAGMA query_only").fetchone()
        self.connection.execute("PRAGMA query_only = 0")
        try:
            yield
        finally:
            self.connection.execute(f"PRAGMA query_only = {before}")

    def spelled(self, table: str, column: str) -> str | None:
        """How the file spells a column that SQLite finds under this name and can read; None where there is none."""
        if (table, column) not in self._spelled:
            self._spelled[(table, column)] = self._find(table, column)
        return self._spelled[(table, column)]

    def _find(self, table: str, column: str) -> str | None:
        try:  # with the alias, an unknown name is an error and not a text
            cursor = self.connection.execute(f"SELECT n.{quoted(column)} FROM main.{quoted(table)} n LIMIT 0")
        except sqlite3.OperationalError:
            return None
        name = str(cursor.description[0][0])
        return name if name in self.columns(table) else None

    def has(self, table: str, *columns: str) -> bool:
        """Whether SQLite finds all of these columns."""
        return all(self.spelled(table, column) is not None for column in columns)

    def columns(self, table: str) -> list[str]:
        """The columns of a table or view in their order, as the file spells them; generated ones too."""
        if table not in self._columns:
            self._columns[table] = [name for name in self._described(table) if self._can_read(table, name)]
        return self._columns[table]

    def failing(self, table: str) -> list[str]:
        """The columns that SQLite cannot compute for some row."""
        return [name for name in self._described(table) if not self._can_read(table, name)]

    def _described(self, table: str) -> list[str]:
        cursor = self.connection.execute(f"SELECT * FROM main.{quoted(table)} LIMIT 0")
        return [name for name, *_ in cursor.description]

    def _can_read(self, table: str, column: str) -> bool:
        """Whether SQLite can read a column in every row. A column that is stored in a table is not tried."""
        if (table, column) not in self._readable:
            stored = self.kind(table) == "table" and self.ask(
                "SELECT 1 FROM pragma_table_xinfo(?) WHERE name = ? AND hidden = ?", (table, column, _STORED)
            )
            try:
                if not stored:
                    self.count(table, column)
                self._readable[(table, column)] = True
            except sqlite3.OperationalError:
                self._readable[(table, column)] = False
        return self._readable[(table, column)]

    def tables(self) -> dict[str, str]:
        """Every table, view and virtual table with its kind (table, view, virtual or shadow), SQLite's own aside."""
        found = self.ask("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
        return {
            letters(name) or "": kind for name, kind in found if not (letters(name) or "").lower().startswith("sqlite_")
        }

    def called(self, table: str) -> str | None:
        """How the file spells a table that SQLite finds under this name."""
        return next((row[0] for row in self._listed(table, "name")), None)

    def kind(self, table: str) -> str | None:
        """Whether a name is a table, view, virtual or shadow."""
        return next((row[0] for row in self._listed(table, "type")), None)

    def with_rowid(self, table: str) -> tuple[str, str]:
        """SQL for the rows of a table, view or virtual table that have a rowid in the order of storage, and the name of
        that rowid. Rows without one are copied into a temporary table.
        """
        if table not in self._with_rowid:
            rowid, name = self._rowid(table), f"main.{quoted(table)}"
            if rowid is None:
                columns = self.columns(table)
                rowid = next(word for word in _ROWIDS if word not in map(str.lower, columns))
                chosen = ", ".join(f"n.{quoted(column)}" for column in columns)
                copy = f"temp.{temporary_name('rows')}"
                with self.writable():
                    self.connection.execute(f"CREATE TABLE {copy} AS SELECT {chosen} FROM {name} n NOT INDEXED")
                name = copy
            self._with_rowid[table] = name, rowid
        return self._with_rowid[table]

    def made(self, name: str) -> None:
        """A temporary table can be read by this name as if the file had it."""
        self._with_rowid[name] = f"temp.{name}", "rowid"

    def _rowid(self, table: str) -> str | None:
        """A name for the rowid that no column of the table has; None where its rows have no rowid."""
        if not any(kind == "table" and not without for kind, without in self._listed(table, "type, wr")):
            return None
        taken = {
            (letters(name) or "").lower() for (name,) in self.ask("SELECT name FROM pragma_table_xinfo(?)", (table,))
        }
        return next((name for name in _ROWIDS if name not in taken), None)

    def _listed(self, table: str, what: str) -> list[tuple[Any, ...]]:
        return self.ask(f"SELECT {what} FROM pragma_table_list(?) WHERE schema = 'main'", (table,))

    def can_insert(self, table: str, *columns: str) -> bool:
        """Whether a row with values for these columns could be put in: not into a view or a generated column."""
        named = ", ".join(map(quoted, columns))
        try:
            self.connection.execute(
                f"EXPLAIN INSERT INTO main.{quoted(table)} ({named}) SELECT {named} FROM main.{quoted(table)}"
            )
        except sqlite3.OperationalError:
            return False
        return True

    def has_rows(self, table: str) -> bool:
        """Whether a table has any row."""
        return bool(self.ask(f"SELECT 1 FROM main.{quoted(table)} n NOT INDEXED LIMIT 1"))

    def count(self, table: str, column: str | None = None) -> int:
        """Rows of a table, or values of a column that are not NULL."""
        counted = "*" if column is None else f"n.{quoted(column)}"
        (number,) = self.connection.execute(
            f"SELECT count({counted}) FROM main.{quoted(table)} n NOT INDEXED"
        ).fetchone()
        return int(number)


@contextmanager
def decoding(connection: sqlite3.Connection, factory: Callable[[bytes], Any]) -> Iterator[None]:
    """Have TEXT decoded by ``factory`` for a while."""
    before = connection.text_factory
    connection.text_factory = factory
    try:
        yield
    finally:
        connection.text_factory = before


def temporary_name(what: str) -> str:
    """A name for a temporary table: several expectations may use one connection."""
    return f"vestige_expected_{what}_{next(_numbers)}"


def quoted(name: str) -> str:
    """An identifier for SQLite's SQL."""
    return '"' + name.replace('"', '""') + '"'
