"""Rows of a source that repairs are about: found by their labels, with what tells whether they have changed."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

from vestige_tui.core.repairs.document import fingerprint
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import NIL_UUID
from vestige_tui.core.rows.records import ARROW, LONGEST_PART, row_label
from vestige_tui.core.rows.values import SqliteValue, decode_text
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.query import row_number
from vestige_tui.core.source.shape import quoted
from vestige_tui.core.source.temporary import temporary_tables

Number = SqliteValue
"""What finds a row again, see ``row_number``."""

_tables = count(1)

_FEW = 50
"""Labels up to which SQLite compares keys: it does not have to give them all to Python then."""


class FoundRow(NamedTuple):
    """A row of the source: what finds it again, its key there, and its ``fingerprint``."""

    number: Number
    key: tuple[SqliteValue, ...]
    fingerprint: str


class Rows:
    """Reads values of a table's rows, each with its number. The connection decodes with ``decode_text``.

    ``number`` is SQL for it; by default that of the source as it is. All methods raise ``sqlite3.Error``.
    """

    def __init__(self, connection: sqlite3.Connection, source: ResolvedSource, number: str | None = None) -> None:
        self.connection = connection
        self.source = source
        self.table = source.table
        self.number = number or row_number(connection, source)

    def expression(self, column: str) -> str:
        """SQL for a column."""
        return self.source.expressions[self.table.position(column)] or "NULL"

    def read(
        self, columns: Sequence[str], only: Collection[Number] | None = None, *, where: str | None = None
    ) -> Iterator[tuple[Number, tuple[SqliteValue, ...]]]:
        """The rows that count, in the order of storage; ``only`` those of these numbers, or as SQL says ``where``."""
        values = ", ".join([self.number, *map(self.expression, columns)])
        query = f"SELECT {values} FROM {quoted(self.source.source.table)} n NOT INDEXED WHERE {self.source.condition}"
        if where is not None:
            query += f" AND ({where})"
        if only is not None:
            query += f" AND {self.number} IN (SELECT r FROM {listed(self.connection, [[one] for one in only], 'r')})"
        for number, *found in self.connection.execute(query):
            yield number, tuple(found)

    def found(self, labels: Collection[str]) -> dict[str, list[FoundRow]]:
        """The rows with these labels, in the order of storage; one label may name several."""
        rows = self.read(self.table.key, where=self._may_have(labels))
        keys = {number: key for number, key in rows if row_label(key) in labels}
        plain = [
            column.name
            for column in self.table.columns
            if column.type is not PgType.VECTOR and column.name != "codebase"  # made anew, or derived from tags
        ]
        found: dict[str, list[FoundRow]] = defaultdict(list)
        for number, values in self.read(plain, keys):
            mark = fingerprint(zip(plain, values, strict=True))
            found[row_label(keys[number])].append(FoundRow(number, keys[number], mark))
        return found

    def _may_have(self, labels: Collection[str]) -> str | None:
        """SQL that passes over most rows with other labels than a few: text that is none of theirs. None for no such
        condition.
        """
        parts = [label.split(ARROW) if len(self.table.key) > 1 else [label] for label in labels]
        plain = all(len(each) == len(self.table.key) and all(map(_says_its_key, each)) for each in parts)
        if len(parts) > _FEW or not plain:
            return None
        first = self.expression(self.table.key[0])
        values = ", ".join(sorted({"'" + each[0].replace("'", "''") + "'" for each in parts}))
        return f"typeof({first}) <> 'text' OR {first} COLLATE BINARY IN ({values})"


def _says_its_key(part: str) -> bool:
    """Whether a part of a label is the key's text itself, and not what stands for one that is long, missing or odd."""
    return 0 < len(part) < LONGEST_PART and part.isascii() and part.isprintable() and part != NIL_UUID


@contextmanager
def decoding(connection: sqlite3.Connection) -> Iterator[None]:
    """Decode TEXT value by value."""
    before = connection.text_factory
    connection.text_factory = decode_text
    try:
        yield
    finally:
        connection.text_factory = before


def listed(connection: sqlite3.Connection, rows: Iterable[Sequence[Any]], *columns: str) -> str:
    """A temporary table of rows, the first column its key; its name."""
    name = f"temp.vestige_repairs_{next(_tables)}"
    with temporary_tables(connection):
        connection.execute(f"CREATE TABLE {name} ({columns[0]} PRIMARY KEY, {', '.join([*columns[1:], 'x'])})")
        places = ", ".join("?" for _ in columns)
        connection.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({places})", rows)
    return name
