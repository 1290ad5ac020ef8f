"""The rows of a table of a file in the order of their canonical keys, in bounded memory.

Where every id of a table is spelled as PostgreSQL spells it, SQLite's own order of text is that of the destination.
Otherwise a list of rows by canonical key is made in SQLite's temporary database, on disk. No index of the file is used:
a damaged one could leave rows out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from vestige_tui.core.verify.expectation.cursors import Cursor, NotUtf8, Query, RowsByNumber, WholeRows
from vestige_tui.core.verify.expectation.names import File, decoding, quoted, temporary_name
from vestige_tui.core.verify.expectation.shapes import Field
from vestige_tui.core.verify.expectation.values import LONGEST_INDEXED, Broken, Lost, decoded, indexable, text, uuid

Key = tuple[str, ...]

_AT_ONCE = 10_000
"""Keys that are looked at together."""

_BEFORE_ALL = float("-inf")
"""No rowid is smaller."""

_NARROW = 1_000
"""The size of a row that SQLite sorts whole. Of larger rows it sorts the rowids: a sort takes as much room on disk as
what is sorted. Measured: of 200,000 rows of 150 bytes 0.7 s instead of 1.6 s.
"""

_SHAPE = b"00000000-0000-0000-0000-000000000000"
_WITH_COMMA = len(_SHAPE) + 1
_EVERY = 100
"""Of so many keys, one is kept in a sample."""

_ZEROS = bytes.maketrans(b"123456789abcdef", b"0" * 15)


def key_part(column: Field, value: Any) -> str | None:
    """A value of a key as the destination's text; None where no row can have it.

    A key of the copy's own tables, for which nothing stands in, is refused where it is too long for an index; in a key
    that only the destination has, it is cut as it is in any index.
    """
    try:
        found = column.empty if value is None and not column.null else column.rule(value)
    except Broken as broken:
        found = column.empty if broken.instead is Lost else broken.instead
    if isinstance(found, UUID):
        return str(found)
    if not isinstance(found, str):
        return None
    short = indexable(found)
    return short if short == found or column.empty is not Lost else None


def identity(value: Any) -> bytes:
    """What is no key is only equal to itself."""
    return f"{type(value).__name__} {value!r}".encode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class Survey:
    """What one scan of a table finds: how many rows it has, the size of the largest one (bytes of BLOBs, characters of
    text), and whether each key is the text of its canonical form. ``sample`` are some UUIDs of the first column of the
    key, from all over the table; none where a key is not canonical.
    """

    count: int
    largest: int
    canonical: bool
    sample: tuple[str, ...] = ()


class KeyedRows:
    """One table of a file in the order of ``keys``: columns of the file (None: it has no such column), each with what
    its values become. ``columns`` are read beside them.

    ``order`` are the columns that say in which order rows are copied; where they are equal, the order of storage does.
    ``where`` is SQL over the alias ``n`` for the rows that count. ``replaced`` are values of keys that count instead of
    those of the file, by rowid and place. All methods raise ``sqlite3.Error``.
    """

    def __init__(
        self,
        file: File,
        table: str,
        keys: Sequence[tuple[str | None, Field]],
        columns: Sequence[str],
        *,
        order: Sequence[str] = (),
        where: str = "1",
        replaced: Mapping[int, Mapping[int, Any]] | None = None,
    ) -> None:
        self._file = file
        self._replaced = replaced or {}
        self._connection = file.connection
        self._table, self._rowid = file.with_rowid(table)
        self._keys = ["NULL" if name is None else f"n.{quoted(name)}" for name, _ in keys]
        self._fields = [column for _, column in keys]
        self._names = [f"k{place}" for place in range(len(keys))]
        self._columns = [f"n.{quoted(name)}" for name in columns]
        self._file_order = ", ".join([*(f"n.{quoted(name)}" for name in order), f"n.{self._rowid}"])
        self._by_storage = not order
        self._where = where

    @cached_property
    def survey(self) -> Survey:
        """Scans the table once. SQLite joins keys, so that none becomes a Python object of its own."""
        lengths = " + ".join(f"coalesce(length({column}), 0)" for column in self._columns) or "0"
        source = f"FROM {self._table} n NOT INDEXED WHERE ({self._where})"
        keys = "".join(f", {key} AS {name}" for key, name in zip(self._keys, self._names, strict=True))
        joined = "".join(
            f", sum(typeof({name}) = 'text'), max(length(CAST({name} AS BLOB))), group_concat({name})"
            for name in self._names
        )
        query = (
            f"SELECT count(*), max(r), max(size){joined} FROM (SELECT n.{self._rowid} AS r, {lengths} AS size{keys}"
            f" {source} AND n.{self._rowid} > ? ORDER BY n.{self._rowid} LIMIT {_AT_ONCE})"
        )
        counted, largest, canonical = 0, 0, True
        sample: list[str] = []
        last: float = _BEFORE_ALL
        try:
            while found := _only_row(Query(self._connection, query, (last,))):
                rows, last, size, *keyed = found
                counted, largest = counted + rows, max(largest, size)
                canonical = canonical and all(
                    _canonical(column, rows, *keyed[3 * place : 3 * place + 3])
                    for place, column in enumerate(self._fields)
                )
                if canonical and self._fields[0].rule is uuid:
                    sample += (keyed[2][at : at + len(_SHAPE)] for at in range(0, len(keyed[2]), _EVERY * _WITH_COMMA))
        except NotUtf8:
            (count, size), *_ = self._file.ask(f"SELECT count(*), max({lengths}) {source}")
            return Survey(count, size, canonical=False)
        return Survey(counted, largest, canonical, (*sorted(sample),) if canonical else ())

    @cached_property
    def plain(self) -> bool:
        """Whether the order of the keys' text in the file is that of the keys."""
        (encoding,) = self._connection.execute("PRAGMA encoding").fetchone()
        return encoding == "UTF-8" and self.survey.canonical and not self._replaced

    def read(self, first: Key | None = None, last: Key | None = None) -> Cursor:
        """The rows of a range of keys: ``first`` belongs to it, ``last`` does not. Both may be shorter than a key.

        Each row is a number by which ``in_file_order`` sorts, its key and the columns. Rows without a usable key come
        at the end of a range without ``last``; instead of their key they have bytes (see ``identity``).
        """
        if not self.plain:
            where, parameters = _range(self._names, first, last)
            lost = " OR lost" if last is None else ""
            return self._listed_rows(
                f"WHERE (NOT lost AND {where}){lost} ORDER BY lost, {', '.join(self._names)}, seq",
                [part.encode() for part in parameters],
            )
        where, parameters = _range([f"+{key}" for key in self._keys], first, last)
        order = ", ".join(f"{key} COLLATE BINARY" for key in self._keys)
        source = f"FROM {self._table} n NOT INDEXED WHERE {where} AND ({self._where}) ORDER BY {order}, n.{self._rowid}"
        chosen = [f"n.{self._rowid}", *self._keys, *self._columns]
        if self.survey.largest <= _NARROW:
            return WholeRows(self._connection, f"SELECT {', '.join(chosen)} {source}", parameters)
        numbers = Query(self._connection, f"SELECT n.{self._rowid} {source}", parameters)
        return RowsByNumber(numbers, self._by_rowid(chosen))

    def in_order_of_file(self) -> Cursor:
        """All rows with a usable key as they are copied, like those of ``read``."""
        return self._listed_rows("WHERE NOT lost ORDER BY seq", ())

    def find(self, key: Key) -> Cursor:
        """The rows with a key, in the order of the file, like those of ``read``."""
        same = " AND ".join(f"{name} = ?" for name in self._names)
        return self._listed_rows(f"WHERE NOT lost AND {same} ORDER BY seq", [part.encode() for part in key])

    def in_file_order(self, numbers: Sequence[int]) -> list[int]:
        """The numbers of a few rows that ``read`` gave, sorted as the rows are copied."""
        if not self.plain or self._by_storage:
            return sorted(numbers)
        listed = ", ".join(map(str, numbers))
        found = self._file.ask(
            f"SELECT n.{self._rowid} FROM {self._table} n NOT INDEXED WHERE n.{self._rowid} IN ({listed})"
            f" ORDER BY {self._file_order}"
        )
        return [number for (number,) in found]

    def _listed_rows(self, which: str, parameters: Sequence[bytes]) -> Cursor:
        query = f"SELECT r, seq, lost, {', '.join(self._names)} FROM {self._list} {which}"
        numbers = Query(self._connection, query, parameters)
        return RowsByNumber(numbers, self._by_rowid(self._columns or ["NULL"]), listed=True)

    def _by_rowid(self, chosen: Sequence[str]) -> str:
        """The query for rows by a list of their rowids, in its order."""
        return f"SELECT {', '.join(chosen)} FROM json_each(?) j CROSS JOIN {self._table} n ON n.{self._rowid} = j.value"

    @cached_property
    def _list(self) -> str:
        """A temporary table of all rows by canonical key."""
        name = temporary_name("order")
        names = ", ".join(self._names)
        with self._file.writable():
            self._connection.execute(
                f"CREATE TABLE temp.{name} (seq INTEGER PRIMARY KEY, r INTEGER, lost INTEGER, {names})"
            )
            self._fill(f"temp.{name}")
            self._connection.execute(f"CREATE INDEX temp.{name}_by_key ON {name} (lost, {names}, seq, r)")
        return f"temp.{name}"

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
        for place, value in self._replaced.get(rowid, {}).items():
            values[place] = value
        parts = [key_part(column, value) for column, value in zip(self._fields, values, strict=True)]
        usable = [part.encode() for part in parts if part is not None]
        return (rowid, 0, *usable) if len(usable) == len(parts) else (rowid, 1, *map(identity, values))


def _only_row(query: Query) -> tuple[Any, ...] | None:
    """The row of a query that counts; None where it has counted nothing."""
    with closing(query):
        (row,) = query.fetch(1)
    return row if row[0] else None


def _canonical(column: Field, rows: int, texts: int, longest: int, joined: str) -> bool:
    """Whether the keys of some rows are texts in canonical form: ``joined`` by commas, ``longest`` is in bytes."""
    if texts != rows:  # a BLOB, a number or NULL
        return False
    if column.rule is uuid:
        return joined.encode().translate(_ZEROS) == b",".join([_SHAPE] * rows)
    return column.rule is text and "\0" not in joined and longest <= LONGEST_INDEXED


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
