"""The rows of a table of a file in the order of their canonical keys, in bounded memory.

Where every id of a table is spelled as PostgreSQL spells it, SQLite's own order of text is that of the destination.
Otherwise a list of rows by canonical key is made in SQLite's temporary database, on disk. No index of the file is used:
a damaged one could leave rows out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any
from uuid import UUID

from vestige_tui.core.verify.expectation.names import File, decoding, quoted
from vestige_tui.core.verify.expectation.shapes import Field
from vestige_tui.core.verify.expectation.values import LONGEST_INDEXED, Broken, Lost, decoded, text, uuid

Key = tuple[str, ...]

_AT_ONCE = 10_000
"""Keys that are looked at together."""

_SHAPE = "00000000-0000-0000-0000-000000000000"
_ZEROS = bytes.maketrans(b"123456789abcdef", b"0" * 15)

_numbers = count(1)
"""Names of temporary tables: several expectations may use one connection."""


def key_part(column: Field, value: Any) -> str | None:
    """A value of a key as the destination's text; None where no row can have it."""
    try:
        found = column.empty if value is None and not column.null else column.rule(value)
    except Broken as broken:
        found = column.empty if broken.instead is Lost else broken.instead
    if isinstance(found, UUID):
        return str(found)
    return found if isinstance(found, str) and len(found.encode()) <= LONGEST_INDEXED else None


def identity(value: Any) -> bytes:
    """What is no key is only equal to itself."""
    return f"{type(value).__name__} {value!r}".encode(errors="surrogateescape")


class KeyedRows:
    """One table of a file, read in the order of ``keys``: columns of the file (None: it has no such column), each with
    what its values become.

    ``order`` are the columns that say in which order rows are copied; where they are equal, the order of storage does.
    ``where`` is SQL over the alias ``n`` for the rows that count. All methods raise ``sqlite3.Error``.
    """

    def __init__(
        self,
        file: File,
        table: str,
        keys: Sequence[tuple[str | None, Field]],
        order: Sequence[str] = (),
        where: str = "1",
    ) -> None:
        self._file = file
        self._connection = file.connection
        self._table, self._rowid = _with_rowid(file, table)
        self._keys = ["NULL" if name is None else f"n.{quoted(name)}" for name, _ in keys]
        self._fields = [column for _, column in keys]
        self._file_order = ", ".join([*(f"n.{quoted(name)}" for name in order), f"n.{self._rowid}"])
        self._by_storage = not order
        self._where = where
        self._list: str | None = None
        self._plain: bool | None = None

    @property
    def plain(self) -> bool:
        """Whether the order of the keys' text in the file is that of the keys."""
        if self._plain is None:
            self._plain = self._encoding() == "UTF-8" and self._all_canonical()
        return self._plain

    def read(self, columns: Sequence[str], first: Key | None = None, last: Key | None = None) -> KeyedCursor:
        """The rows of a range of keys: ``first`` belongs to it, ``last`` does not. Both may be shorter than a key.

        Each row is a number by which ``in_file_order`` sorts, its key and these columns. Rows without a usable key come
        at the end of a range without ``last``; instead of their key they have bytes (see ``identity``).
        """
        chosen = "".join(f", n.{quoted(name)}" for name in columns)
        keys = ", ".join(self._keys)
        if self.plain:
            where, parameters = _range([f"+{key}" for key in self._keys], first, last)
            order = ", ".join(f"{key} COLLATE BINARY" for key in self._keys)
            query = (
                f"SELECT n.{self._rowid}, {keys}{chosen} FROM (SELECT n.{self._rowid} AS r FROM {self._table} n"
                f" NOT INDEXED WHERE {where} AND ({self._where}) ORDER BY {order}, n.{self._rowid} LIMIT -1) o"
                f" CROSS JOIN {self._table} n ON n.{self._rowid} = o.r"
            )
            return KeyedCursor(self._connection, query, parameters, len(self._keys))
        names = [f"k{place}" for place in range(len(self._keys))]
        where, parameters = _range(names, first, last)
        lost = " OR lost" if last is None else ""
        query = (
            f"SELECT o.seq, {', '.join(f'o.{name}' for name in names)}{chosen}, o.lost"
            f" FROM (SELECT * FROM {self._listed()} WHERE (NOT lost AND {where}){lost}"
            f" ORDER BY lost, {', '.join(names)}, seq LIMIT -1) o"
            f" CROSS JOIN {self._table} n ON n.{self._rowid} = o.r"
        )
        return KeyedCursor(self._connection, query, [_stored(part) for part in parameters], len(names), listed=True)

    def largest(self, columns: Sequence[str]) -> int:
        """The size of the largest row: bytes of BLOBs, characters of text."""
        lengths = " + ".join(f"coalesce(length(n.{quoted(name)}), 0)" for name in columns) or "0"
        found = self._file.ask(f"SELECT max({lengths}) FROM {self._table} n NOT INDEXED")
        return int(found[0][0] or 0)

    def in_order_of_file(self, columns: Sequence[str]) -> KeyedCursor:
        """All rows with a usable key as they are copied: a number, the key, and these columns."""
        chosen = "".join(f", n.{quoted(name)}" for name in columns)
        names = ", ".join(f"o.k{place}" for place in range(len(self._keys)))
        query = (
            f"SELECT o.seq, {names}{chosen}, o.lost FROM {self._listed()} o"
            f" CROSS JOIN {self._table} n ON n.{self._rowid} = o.r WHERE NOT o.lost ORDER BY o.seq"
        )
        return KeyedCursor(self._connection, query, (), len(self._keys), listed=True)

    def find(self, columns: Sequence[str], key: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows with a key, in the order of the file: a number, the key, and these columns."""
        chosen = "".join(f", n.{quoted(name)}" for name in columns)
        same = " AND ".join(f"o.k{place} = ?" for place in range(len(key)))
        found = self._file.ask(
            f"SELECT o.seq{chosen} FROM {self._listed()} o CROSS JOIN {self._table} n ON n.{self._rowid} = o.r"
            f" WHERE NOT o.lost AND {same} ORDER BY o.seq",
            [part.encode() for part in key],
        )
        return [(seq, *key, *rest) for seq, *rest in found]

    def in_file_order(self, numbers: Sequence[int]) -> list[int]:
        """The numbers of a few rows, sorted as the rows are copied."""
        if not self.plain or self._by_storage:
            return sorted(numbers)
        listed = ", ".join(map(str, numbers))
        found = self._file.ask(
            f"SELECT n.{self._rowid} FROM {self._table} n NOT INDEXED WHERE n.{self._rowid} IN ({listed})"
            f" ORDER BY {self._file_order}"
        )
        return [number for (number,) in found]

    def _encoding(self) -> str:
        (encoding,) = self._connection.execute("PRAGMA encoding").fetchone()
        return str(encoding)

    def _all_canonical(self) -> bool:
        """Whether each key is the text of its canonical form."""
        query = f"SELECT {', '.join(self._keys)} FROM {self._table} n NOT INDEXED WHERE {self._where}"
        try:
            with decoding(self._connection, str):
                cursor = self._connection.execute(query)
            while True:
                with decoding(self._connection, str):
                    rows = cursor.fetchmany(_AT_ONCE)
                if not rows:
                    return True
                if not all(map(_canonical, self._fields, zip(*rows, strict=True))):
                    return False
        except sqlite3.OperationalError as error:
            if "decode to UTF-8" not in str(error):
                raise
            return False

    def _listed(self) -> str:
        """The temporary table of all rows by canonical key."""
        if self._list is None:
            name = f"temp.vestige_expected_order_{next(_numbers)}"
            names = [f"k{place}" for place in range(len(self._keys))]
            with self._file.writable():
                self._connection.execute(f"CREATE TABLE {name} (seq INTEGER PRIMARY KEY, r, lost, {', '.join(names)})")
                self._fill(name)
                index = name.replace("order", "order_by_key")
                self._connection.execute(
                    f"CREATE INDEX {index} ON {name.removeprefix('temp.')} (lost, {', '.join(names)}, seq, r)"
                )
            self._list = name
        return self._list

    def _fill(self, name: str) -> None:
        source = f"FROM {self._table} n NOT INDEXED WHERE {self._where} ORDER BY {self._file_order}"
        if self.plain:
            keys = ", ".join(f"CAST({key} AS BLOB)" for key in self._keys)
            self._connection.execute(f"INSERT INTO {name} SELECT NULL, n.{self._rowid}, 0, {keys} {source}")
            return
        places = ", ".join("?" for _ in self._keys)
        with decoding(self._connection, decoded):
            found = self._connection.execute(f"SELECT n.{self._rowid}, {', '.join(self._keys)} {source}")
            self._connection.executemany(f"INSERT INTO {name} VALUES (NULL, ?, ?, {places})", map(self._entry, found))

    def _entry(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        rowid, *values = row
        parts = [key_part(column, value) for column, value in zip(self._fields, values, strict=True)]
        if None in parts:
            return (rowid, 1, *map(identity, values))
        return (rowid, 0, *map(_stored, parts))


class KeyedCursor:
    """A query of ``KeyedRows``. TEXT is ``str``, from a value on that is not UTF-8 perhaps ``Text``."""

    def __init__(
        self, connection: sqlite3.Connection, query: str, parameters: Sequence[Any], keys: int, *, listed: bool = False
    ) -> None:
        self._connection = connection
        self._query = query
        self._parameters = parameters
        self._keys = keys
        self._listed = listed
        self._factory: Callable[[bytes], Any] = str
        self._taken = 0
        self._cursor = self._execute()

    def fetch(self, size: int) -> list[tuple[Any, ...]]:
        """Up to ``size`` rows; none at the end."""
        try:
            rows = self._fetch(size)
        except sqlite3.OperationalError as error:
            if self._factory is not str or "decode to UTF-8" not in str(error):
                raise
            self._factory = decoded
            self._cursor.close()
            self._cursor = self._execute()
            for _ in range(self._taken):
                self._fetch(1)
            rows = self._fetch(size)
        self._taken += len(rows)
        return [*map(self._with_key, rows)] if self._listed else rows

    def close(self) -> None:
        """End the query."""
        self._cursor.close()

    def _execute(self) -> sqlite3.Cursor:
        with decoding(self._connection, self._factory):
            return self._connection.execute(self._query, self._parameters)

    def _fetch(self, size: int) -> list[tuple[Any, ...]]:
        with decoding(self._connection, self._factory):
            return self._cursor.fetchmany(size)

    def _with_key(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        number, *rest, lost = row
        keys, values = rest[: self._keys], rest[self._keys :]
        return (number, *(keys if lost else (key.decode() for key in keys)), *values)


@contextmanager
def reading(cursor: KeyedCursor) -> Iterator[KeyedCursor]:
    """Close a cursor at the end of a block."""
    try:
        yield cursor
    finally:
        cursor.close()


def _stored(part: str | None) -> bytes:
    return (part or "").encode()


def _canonical(column: Field, values: tuple[Any, ...]) -> bool:
    """Whether values of a key column are texts in canonical form."""
    try:
        joined = "".join(values)
    except TypeError:  # a BLOB, a number or NULL
        return False
    if column.rule is uuid:
        if len(joined) != len(_SHAPE) * len(values) or not joined.isascii():
            return False
        return joined.encode().translate(_ZEROS) == _SHAPE.encode() * len(values)
    return column.rule is text and "\0" not in joined and 4 * max(map(len, values)) <= LONGEST_INDEXED


def _range(keys: Sequence[str], first: Key | None, last: Key | None) -> tuple[str, list[str]]:
    """SQL for whether a row is in a range, and its parameters."""
    conditions = ["1"]
    parameters: list[str] = []
    for bound, sign in ((first, ">="), (last, "<")):
        if bound:
            compared = ", ".join(f"{key} COLLATE BINARY" for key in keys[: len(bound)])
            conditions.append(f"({compared}) {sign} ({', '.join('?' for _ in bound)})")
            parameters += bound
    return " AND ".join(conditions), parameters


def _with_rowid(file: File, table: str) -> tuple[str, str]:
    """A table with rowids that has the rows of a table, view or virtual table in the order of storage."""
    rowid = file.rowid(table)
    if rowid is not None:
        return f"main.{quoted(table)}", rowid
    copy = f"temp.vestige_expected_rows_{next(_numbers)}"
    columns = file.columns(table)
    rowid = next(name for name in ("rowid", "_rowid_", "oid", "") if name not in {*map(str.lower, columns)})
    with file.writable():
        chosen = ", ".join(f"n.{quoted(name)}" for name in columns)
        file.connection.execute(f"CREATE TABLE {copy} AS SELECT {chosen} FROM main.{quoted(table)} n NOT INDEXED")
    return copy, rowid
