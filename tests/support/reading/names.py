"""Names as SQLite itself takes them: it is asked for every table and column, and nothing is compared here."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


class File:
    """An open source. TEXT comes as the connection's ``text_factory`` makes it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._known: dict[tuple[str, str], bool] = {}

    def spelled(self, table: str, column: str) -> str | None:
        """How the file spells a column that SQLite finds under this name and can read; None where there is none."""
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
        return [name for name in self._described(table) if self._readable(table, name)]

    def failing(self, table: str) -> list[str]:
        """The columns that SQLite cannot compute for some row."""
        return [name for name in self._described(table) if not self._readable(table, name)]

    def _described(self, table: str) -> list[str]:
        cursor = self.connection.execute(f"SELECT * FROM main.{quoted(table)} LIMIT 0")
        return [name for name, *_ in cursor.description]

    def _readable(self, table: str, column: str) -> bool:
        if (table, column) not in self._known:
            try:
                self.count(table, column)
                self._known[(table, column)] = True
            except sqlite3.OperationalError:
                self._known[(table, column)] = False
        return self._known[(table, column)]

    def rows(self, table: str, order: Sequence[str] = ()) -> list[Row]:
        """All rows by the file's own spelling of the columns, in the order of storage or of these columns."""
        names = self.columns(table)
        chosen = ", ".join(f"n.{quoted(name)}" for name in names)
        ordered = f" ORDER BY {', '.join(f'n.{quoted(name)}' for name in order)}" if order else ""
        cursor = self.connection.execute(f"SELECT {chosen} FROM main.{quoted(table)} n NOT INDEXED{ordered}")
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def tables(self) -> dict[str, str]:
        """Every table, view and virtual table with its kind (table, view, virtual or shadow), SQLite's own aside."""
        return {
            name.decode(errors="replace"): kind.decode()
            for name, kind in self.connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'")
            if not name.lower().startswith(b"sqlite_")
        }

    def called(self, table: str) -> str | None:
        """How the file spells a table that SQLite finds under this name."""
        row = self.connection.execute(
            "SELECT name FROM pragma_table_list(?) WHERE schema = 'main'", (table,)
        ).fetchone()
        return row[0].decode() if row else None

    def definition(self, view: str) -> str:
        """The SQL of a view."""
        row = self.connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (view,)).fetchone()
        return row[0].decode() if row else ""

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

    def count(self, table: str, column: str | None = None) -> int:
        """Rows of a table, or values of a column that are not NULL."""
        counted = "*" if column is None else f"n.{quoted(column)}"
        (number,) = self.connection.execute(
            f"SELECT count({counted}) FROM main.{quoted(table)} n NOT INDEXED"
        ).fetchone()
        return int(number)


def quoted(name: str) -> str:
    """An identifier for SQLite's SQL."""
    return '"' + name.replace('"', '""') + '"'
