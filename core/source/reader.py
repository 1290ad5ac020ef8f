"""From rows of the source to records, in batches: everything is judged here, before it meets the destination."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from vestige_tui.core import convert
from vestige_tui.core.convert import Convert, SqliteValue, ValueProblem
from vestige_tui.core.kinds import Kind
from vestige_tui.core.report import NIL_UUID, RowError
from vestige_tui.core.source.describe import quoted
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.tables import Table
from vestige_tui.core.wire import NULL

BATCH_BYTES = 4_000_000
"""A batch is closed early at this size, so that large memories do not multiply by the rows of a batch."""

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

    ``number`` counts the batches of a table from 0; ``size`` is in bytes, about what travels.
    """

    number: int = 0

    records: list[Record] = field(default_factory=list)
    rejected: list[RowError] = field(default_factory=list)
    size: int = 0

    def add(self, made: Record | RowError) -> None:
        """Take in a row."""
        if isinstance(made, Record):
            self.records.append(made)
            self.size += sum(map(len, made.fields))
        else:
            self.rejected.append(made)

    @property
    def read(self) -> int:
        """Rows of the source in this batch."""
        return len(self.records) + len(self.rejected)


def read_batches(
    connection: sqlite3.Connection,
    source: ResolvedSource,
    *,
    dimension: int | None,
    model: str | None,
    batch_size: int,
    only: Collection[str] | None = None,
) -> Iterator[Batch]:
    """Stream a table in its order, up to ``batch_size`` rows or ``BATCH_BYTES`` at a time, with memory for one batch.

    ``dimension`` is what embeddings must have; ``model`` names the model whose vectors count where a file says which
    model made each; ``only`` restricts the reading to rows with these labels. Raises ``sqlite3.Error``.
    """
    query = select(source, connection, restricted=only is not None)
    to_record = record_maker(source, dimension)
    parameters = {"model": model, "only": json.dumps([*(only or ())])}
    batch = Batch(0)
    for values in _rows(connection, query, parameters):
        batch.add(to_record(values))
        if batch.read == batch_size or batch.size >= BATCH_BYTES:
            yield batch
            batch = Batch(batch.number + 1)
    if batch.read:
        yield batch


def _rows(connection: sqlite3.Connection, query: str, parameters: dict[str, str | None]) -> Iterator[Values]:
    """The rows of a query, one by one.

    SQLite's own decoding is the fast one, and fails at the first TEXT that is not UTF-8; only then are the rows read
    again, from there on with a decoding that keeps such a value apart.
    """
    done = 0
    for decoding in (str, convert.decode_text):
        connection.text_factory = decoding
        rows = connection.execute(query, parameters)
        for _ in range(done):
            rows.fetchone()
        try:
            for row in rows:
                yield row
                done += 1
            return
        except sqlite3.OperationalError as error:
            if decoding is not str or "decode to UTF-8" not in str(error):
                raise
        finally:
            connection.text_factory = convert.decode_text


def select(source: ResolvedSource, connection: sqlite3.Connection, *, restricted: bool = False) -> str:
    """The query of a table: rows sorted by their keys alone, then fetched whole, so that sorting stays small.

    The table itself is scanned, never an index: a damaged index could leave rows out without a word.
    """
    table = quoted(source.source.table)
    order = ", ".join(map(quoted, source.source.order))
    columns = ", ".join(
        [expression or "NULL" for expression in source.expressions] + [f"n.{quoted(name)}" for name in source.rest]
    )
    where = f" WHERE {_label(source)} IN (SELECT value FROM json_each(:only))" if restricted else ""
    if not order:
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
    key_of = _key_getter(table)
    width = len(table.columns)
    required = [position for position, column in enumerate(table.columns) if not column.nullable]
    rest_at = table.position(source.source.rest) if source.source.rest and source.rest else None

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


def _key_getter(table: Table) -> Callable[[Values], Values]:
    positions = [table.position(column) for column in table.key]
    if len(positions) == 1:
        (position,) = positions
        return lambda values: (values[position],)
    return itemgetter(*positions)


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
