"""From rows of the source to records, in batches: everything is judged here, before it meets the destination.

TEXT is decoded as the connection's ``text_factory`` says: ``str`` is the fast way, and fails at the first value that is
not UTF-8; from there on the connection decodes with ``convert.decode_text``, which keeps such a value apart.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from vestige_tui.core import convert
from vestige_tui.core.bulk import Bulk, storable
from vestige_tui.core.convert import BrokenText, Convert, SqliteValue, ValueProblem
from vestige_tui.core.kinds import Kind
from vestige_tui.core.report import NIL_UUID, RowError
from vestige_tui.core.source.describe import quoted
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.tables import PgType, Table
from vestige_tui.core.wire import NULL

BATCH_BYTES = 4_000_000
"""A batch is closed early at this size, so that large memories do not multiply by the rows of a batch."""

_LONG_TYPES = frozenset({PgType.TEXT, PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY, PgType.VECTOR})
"""What can be of any length."""

_FIELD_BYTES = 8
"""About what a short field takes."""

ARROW = "→"
"""Stands between the parts of a key in a row's label."""

Values = tuple[SqliteValue, ...]


class Record(NamedTuple):
    """A row that can be sent: its source key, one field a column, and what had to be mended in it."""

    key: Values
    fields: Sequence[bytes]
    problems: tuple[RowError, ...] = ()


@dataclass(slots=True)
class Batch:
    """Up to one transaction's rows: those that can be sent, and those that cannot, each with its reason.

    ``number`` counts the batches of a table from 0; ``size`` is in bytes, about what travels. Where the destination may
    have many rows already, sound ones begin as ``unsent``; those that are there end as ``known``, a mere number.
    """

    number: int = 0
    size: int = 0
    records: list[Record] = field(default_factory=list)
    rejected: list[RowError] = field(default_factory=list)
    unsent: Unsent | None = None
    known: int = 0

    def add_all(self, rows: Iterable[Record | RowError]) -> None:
        """Take in rows."""
        for made in rows:
            if isinstance(made, Record):
                self.records.append(made)
            else:
                self.rejected.append(made)

    @property
    def read(self) -> int:
        """Rows of the source in this batch."""
        unsent = len(self.unsent.rows) if self.unsent is not None else 0
        return len(self.records) + len(self.rejected) + self.known + unsent


@dataclass(frozen=True, slots=True)
class Unsent:
    """Rows without a problem that need not be converted if the destination has them. ``keys``: the fields of their
    keys, a list a column; ``make`` converts a row.
    """

    rows: Sequence[Values]
    keys: Sequence[Sequence[bytes]]
    make: Callable[[Values], Record | RowError]


class TableReader:
    """Reads one table of a source. ``dimension`` is what embeddings must have (None: any); ``model`` names the model
    whose vectors count where a file says which model made each. All methods raise ``sqlite3.Error``.
    """

    def __init__(
        self, connection: sqlite3.Connection, source: ResolvedSource, dimension: int | None, model: str | None
    ) -> None:
        self._connection = connection
        self._source = source
        self._model = model
        self._make = record_maker(source, dimension)
        self._size = _sizer(source)
        self._rest_at = _rest_position(source)
        self._bulks = [
            Bulk(column, dimension, missing=expression is None and column.empty is not None)
            for column, expression in zip(source.table.columns, source.expressions, strict=True)
        ]

    def batches(self, batch_size: int, only: Collection[str] | None = None) -> Iterator[Batch]:
        """Stream the table in its order, up to ``batch_size`` rows or ``BATCH_BYTES`` at a time, with memory for one
        batch. ``only`` restricts the reading to rows with these labels.
        """
        query = select(self._source, self._connection, restricted=only is not None)
        for number, (rows, size) in enumerate(self._chunks(query, batch_size, only or ())):
            batch = Batch(number, size)
            if (records := self._records(rows)) is not None:
                batch.records.extend(records)
            else:
                batch.add_all(map(self._make, rows))
            yield batch

    def unsent_batches(self, batch_size: int, key: Sequence[str]) -> Iterator[Batch]:
        """The same, in the order of storage, for a destination that may have most rows; ``key`` are the columns by
        which it tells them apart.
        """
        positions = [self._source.table.position(name) for name in key]
        query = select(self._source, self._connection, ordered=False)
        for number, (rows, size) in enumerate(self._chunks(query, batch_size)):
            batch = Batch(number, size)
            columns = [*zip(*rows, strict=True)]
            if self._sound(columns):
                keys = [self._bulks[position].fields(columns[position]) or () for position in positions]
                batch.unsent = Unsent(rows, keys, self._make)
            else:
                batch.add_all(map(self._make, rows))
            yield batch

    def _records(self, rows: Sequence[Values]) -> Iterable[Record] | None:
        """All rows of a batch converted at once; None where one of them has a problem."""
        columns = [*zip(*rows, strict=True)]
        table = self._source.table
        fields = []
        for position, bulk in enumerate(self._bulks):
            found = self._rest_fields(columns) if position == self._rest_at else bulk.fields(columns[position])
            if found is None:
                return None
            fields.append(found)
        keys = zip(*(columns[table.position(name)] for name in table.key), strict=True)
        return map(Record, keys, zip(*fields, strict=True))

    def _rest_fields(self, columns: Sequence[Values]) -> Sequence[bytes] | None:
        width = len(self._bulks)
        try:
            return [
                convert.with_columns(base, self._source.rest, loose)
                for base, *loose in zip(columns[self._rest_at or 0], *columns[width:], strict=True)
            ]
        except ValueProblem:
            return None

    def _sound(self, columns: Sequence[Values]) -> bool:
        """Whether no value of these columns has a problem."""
        loose = chain.from_iterable(columns[len(self._bulks) :])
        return all(bulk.sound(column) for bulk, column in zip(self._bulks, columns, strict=False)) and storable(
            [value for value in loose if isinstance(value, str | BrokenText)]
        )

    def _chunks(self, query: str, batch_size: int, only: Collection[str] = ()) -> Iterator[tuple[list[Values], int]]:
        """The rows of each batch, and about how many bytes they have.

        From a value that is not UTF-8 on, they are read again with the slower decoding.
        """
        parameters = {"model": self._model, "only": json.dumps([*only])}
        rows: list[Values] = []
        size = taken = 0
        while True:
            fast = self._connection.text_factory is str
            cursor = self._connection.execute(query, parameters)
            try:
                for _ in range(taken + len(rows)):
                    cursor.fetchone()
                for row in cursor:
                    rows.append(row)
                    size += self._size(row)
                    if len(rows) == batch_size or size >= BATCH_BYTES:
                        yield rows, size
                        taken += len(rows)
                        rows, size = [], 0
            except sqlite3.OperationalError as error:
                if not fast or "decode to UTF-8" not in str(error):
                    raise
                self._connection.text_factory = convert.decode_text
                continue
            break
        if rows:
            yield rows, size


def _sizer(source: ResolvedSource) -> Callable[[Values], int]:
    """A function that gives about how many bytes a row has; asked for every row, it must be quick."""
    width = len(source.table.columns)
    least = _FIELD_BYTES * width
    long = [place for place, column in enumerate(source.table.columns) if column.type in _LONG_TYPES]
    long += range(width, width + len(source.rest))
    chosen = _getter(long)

    def size(row: Values) -> int:
        try:
            return least + sum(map(len, filter(None, chosen(row))))  # type: ignore[arg-type]
        except TypeError:  # a number where text belongs
            return least + sum(len(value) for value in chosen(row) if isinstance(value, str | bytes))

    return size


def select(
    source: ResolvedSource, connection: sqlite3.Connection, *, restricted: bool = False, ordered: bool = True
) -> str:
    """The query of a table: rows sorted by their keys alone, then fetched whole, so that sorting stays small.

    The table itself is scanned, never an index: a damaged index could leave rows out without a word.
    """
    table = quoted(source.source.table)
    order = ", ".join(map(quoted, source.source.order))
    columns = ", ".join(
        [expression or "NULL" for expression in source.expressions] + [f"n.{quoted(name)}" for name in source.rest]
    )
    where = f" WHERE {_label(source)} IN (SELECT value FROM json_each(:only))" if restricted else ""
    if not order or not ordered:
        return f"SELECT {columns} FROM {table} n NOT INDEXED{where}"
    rowid = _rowid(connection, source.source.table)
    if rowid is None:
        return f"SELECT {columns} FROM {table} n{where} ORDER BY {order}"
    # LIMIT -1 keeps SQLite from dropping the inner ORDER BY; CROSS JOIN keeps it outermost.
    return (
        f"SELECT {columns} FROM (SELECT {rowid} AS r FROM {table} n NOT INDEXED{where} ORDER BY {order} LIMIT -1) k"
        f" CROSS JOIN {table} n ON n.{rowid} = k.r"
    )


def _label(source: ResolvedSource) -> str:
    """SQL for what ``row_label`` makes of a row's key."""
    parts = [source.expressions[source.table.position(name)] or "NULL" for name in source.table.key]
    return f" || '{ARROW}' || ".join(f"coalesce({part}, '')" for part in parts)


def _rowid(connection: sqlite3.Connection, table: str) -> str | None:
    """One of SQLite's names for a row's number that no column of the table has; None where its rows have none."""
    (without,) = connection.execute(
        "SELECT wr FROM pragma_table_list WHERE name = ? AND schema = 'main'", (table,)
    ).fetchone()
    columns = {name.lower() for (name,) in connection.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))}
    return None if without else next((name for name in ("rowid", "_rowid_", "oid") if name not in columns), None)


def record_maker(source: ResolvedSource, dimension: int | None) -> Callable[[Values], Record | RowError]:
    """A function from the values of one row to its record, or to the reason why it has none."""
    table = source.table
    converters = _converters(source, dimension)
    key_of = _getter([table.position(column) for column in table.key])
    width = len(table.columns)
    required = [position for position, column in enumerate(table.columns) if not column.nullable]
    rest_at = _rest_position(source)

    def make(values: Values) -> Record | RowError:
        chosen = converters
        if rest_at is not None:
            loose = values[width:]
            values = values[:width]
            chosen = [*converters]
            chosen[rest_at] = lambda base: convert.with_columns(base, source.rest, loose)
        try:
            fields = [how(value) for how, value in zip(chosen, values, strict=True)]
        except ValueProblem:
            return _mend(table, chosen, values, key_of(values))
        if NULL in fields and any(fields[position] is NULL for position in required):
            return _mend(table, chosen, values, key_of(values))
        return Record(key_of(values), fields)

    return make


def _rest_position(source: ResolvedSource) -> int | None:
    """Which column takes the loose ones along, None where there are none."""
    return source.table.position(source.source.rest) if source.source.rest and source.rest else None


def _converters(source: ResolvedSource, dimension: int | None) -> list[Convert]:
    """The table's converters; a column that the file does not have is filled without a word."""
    return [
        how if expression is not None or column.empty is None else _always(column.empty)
        for how, expression, column in zip(
            source.table.converters(dimension), source.expressions, source.table.columns, strict=True
        )
    ]


def _always(filling: bytes) -> Convert:
    return lambda _: filling


def _getter(positions: Sequence[int]) -> Callable[[Values], Values]:
    """A function that takes some values out of a row."""
    if len(positions) == 1:
        (position,) = positions
        return lambda values: (values[position],)
    return itemgetter(*positions) if positions else lambda _: ()


def _mend(table: Table, converters: Sequence[Convert], values: Values, key: Values) -> Record | RowError:
    """Convert again, this time putting what each broken column allows in place of its value."""
    row = row_label(key)
    fields: list[bytes] = []
    problems: list[RowError] = []
    for column, how, value in zip(table.columns, converters, values, strict=True):
        try:
            field_ = how(value)
            if field_ == NULL and not column.nullable:
                raise ValueProblem(Kind.MISSING_VALUE, "is missing")
            fields.append(field_)
        except ValueProblem as problem:
            instead = problem.instead or column.empty
            error = RowError(
                table.name, row, column.name, problem.kind, f"{column.name} {problem.message}", instead is not None
            )
            if instead is None:
                return error
            fields.append(instead)
            problems.append(error)
    return Record(key, fields, tuple(problems))


def row_label(key: Values) -> str:
    """A source key as text; the nil UUID where there is none."""
    parts = [convert.shortened(_readable(part), 200) for part in key]
    return ARROW.join(parts) if any(parts) else NIL_UUID


def _readable(value: SqliteValue) -> str:
    if value is None:
        return ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def other_model_error(name: str, count: int, kept: str) -> RowError:
    """The one error that stands for all vectors of a model that is not the registered one."""
    return RowError(
        "knowledge_nodes",
        NIL_UUID,
        "embedding",
        Kind.OTHER_MODEL,
        f"{count:,} embeddings were made by {name}, not by {kept}; those memories arrive without one",
        copied=True,
    )
