"""Reads rows of the source into batches; each value is converted or rejected here, before it goes to the destination.

The connection's ``text_factory`` decodes TEXT: ``str`` is fast and fails at the first value that is not UTF-8. From
there on the connection decodes with ``decode_text``, which marks such a value.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, count, islice, repeat
from typing import Any

from vestige_tui.core.rows import copy_format, vectors
from vestige_tui.core.rows.batches import RowBatch
from vestige_tui.core.rows.converters import Embedding
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.records import (
    Form,
    InColumns,
    Packed,
    Record,
    RowValues,
    Values,
    converters,
    getter,
    record_maker,
    rest_gatherer,
    sound_records,
)
from vestige_tui.core.rows.values import decode_text
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.query import label, largest_row, long_values, rowid_name, select

BATCH_BYTES = 4_000_000
"""A batch ends at this size, so that it stays small where memories are large."""

NUMBERS_AT_ONCE = 50_000
"""Rowids in one query, which keeps all of them in memory."""

_STEPS = 8
"""A batch of the largest rows takes so many fetches, so that it cannot grow far beyond its size."""

_FIELD_BYTES = 8
"""About the size of a short field."""


class TableReader:
    """Reads one table of a source. Embeddings must have ``dimension`` elements (None: any); ``model`` names what made
    them, which decides whether longer ones are cut. All methods raise ``sqlite3.Error``.
    """

    def __init__(
        self, connection: sqlite3.Connection, source: ResolvedSource, dimension: int | None, model: str | None
    ) -> None:
        self._connection = connection
        self._source = source
        self._cut = _cutter(source, dimension, model)
        self._size = _sizer(source)
        self._gather = rest_gatherer(source)
        self._make = record_maker(source, dimension)
        self._converters = converters(source, dimension)
        self._rowid = rowid_name(connection, source.source.table)

    def batches(
        self, batch_size: int, only: Collection[str] | None = None, *, form: Form = Form.RECORDS
    ) -> Iterator[RowBatch]:
        """Stream the table in its order, up to ``batch_size`` rows or ``BATCH_BYTES`` at a time, with memory for one
        batch. ``only`` restricts the reading to rows with these labels. ``form`` is that of batches without problems.
        """
        restricted_by = None if only is None else label(self._source)
        return map(self._batch, count(), self._chunks(batch_size, only or (), restricted_by), repeat(form))

    def numbered_batches(self, batch_size: int, rowids: Iterable[int]) -> Iterator[RowBatch]:
        """The rows with these rowids, in the order of the table within each query."""
        following = iter(rowids)
        parts = iter(lambda: [*islice(following, NUMBERS_AT_ONCE)], [])
        chunks = (self._chunks(batch_size, part, f"n.{self._rowid}") for part in parts)
        return map(self._batch, count(), chain.from_iterable(chunks), repeat(Form.RECORDS))

    def made(self, batch_size: int, numbers: Sequence[Any], number: str) -> Iterator[Record | RowError]:
        """Single rows in the order of the table, each as it can be sent or as its error: those whose ``number``, which
        is SQL, is among the ``numbers``.
        """
        for start in range(0, len(numbers), NUMBERS_AT_ONCE):
            for rows, _ in self._chunks(batch_size, numbers[start : start + NUMBERS_AT_ONCE], number):
                yield from map(self._make, rows)

    def _batch(self, number: int, chunk: tuple[list[RowValues], int], form: Form) -> RowBatch:
        rows, size = chunk
        if (records := self._records(rows, form)) is not None:
            return RowBatch(number, size, records)
        made = [*map(self._make, rows)]
        sound = [row for row in made if isinstance(row, Record)]
        return RowBatch(number, size, sound, [row for row in made if isinstance(row, RowError)])

    def _records(self, rows: Sequence[RowValues], form: Form) -> Sequence[Record] | None:
        """All rows of a batch converted at once; None where one of them has a problem."""
        fields = []
        columns = [*zip(*rows, strict=True)]
        for converter, column in zip(self._converters, columns, strict=True):
            found = converter.many(column)
            if found is None:
                return None
            fields.append(found)
        table = self._source.table
        if form is Form.COLUMNS:
            return InColumns(rows, fields, self._make)
        if form is Form.PACKED:
            return Packed(rows, copy_format.rows(zip(*fields, strict=True), len(fields)), self._make)
        keys = zip(*(columns[table.position(name)] for name in table.key), strict=True)
        return [*sound_records(keys, zip(*fields, strict=True))]

    def _chunks(
        self, batch_size: int, only: Iterable[str | int], restricted_by: str | None
    ) -> Iterator[tuple[list[RowValues], int]]:
        """The rows of each batch, and about how many bytes they have."""
        query = select(self._source, self._connection, restricted_by)
        parameters = {"only": json.dumps([*only])}
        largest = largest_row(self._source, self._connection, parameters, restricted_by)
        at_once = max(1, BATCH_BYTES // (_STEPS * largest))
        rows: list[RowValues] = []
        size = 0
        for found in fetched(self._connection, query, parameters, lambda: min(at_once, batch_size - len(rows))):
            size += self._size(found)
            if self._cut is not None:
                self._cut(found)
            rows.extend(found if self._gather is None else map(self._gather, found))
            if len(rows) == batch_size or size >= BATCH_BYTES:
                yield [*rows], size
                rows.clear()
                size = 0
        if rows:
            yield rows, size


def fetched(
    connection: sqlite3.Connection, query: str, parameters: Mapping[str, str | int | None], how_many: Callable[[], int]
) -> Iterator[list[Values]]:
    """The rows of a query, up to ``how_many`` at a time.

    From a value that is not UTF-8 on, rows are read with the slower decoding.
    """
    taken = 0
    while True:
        fast = connection.text_factory is str
        cursor = connection.execute(query, parameters)
        try:
            for _ in range(taken):
                cursor.fetchone()
            while found := cursor.fetchmany(how_many()):
                taken += len(found)
                yield found
        except sqlite3.OperationalError as error:
            if not fast or "decode to UTF-8" not in str(error):
                raise
            connection.text_factory = decode_text
            continue
        break


def _cutter(source: ResolvedSource, dimension: int | None, model: str | None) -> Callable[[list[Values]], None] | None:
    """A function that shortens the vectors in rows as Vestige does; None where none needs that."""
    places = [place for place, column in enumerate(source.table.columns) if isinstance(column.converter, Embedding)]
    full = vectors.longer(model, dimension) if places and model is not None and dimension is not None else None
    if full is None:
        return None
    (place,), size = places, 4 * full

    def cut(rows: list[Values]) -> None:
        long = [(at, value) for at, row in enumerate(rows) if type(value := row[place]) is bytes and len(value) == size]
        short = vectors.shortened([value for _, value in long]) if long else ()
        for (at, _), vector in zip(long, short, strict=True):
            rows[at] = (*rows[at][:place], vector, *rows[at][place + 1 :])

    return cut


def _sizer(source: ResolvedSource) -> Callable[[Sequence[Values]], int]:
    """A function that estimates the bytes of rows."""
    least = _FIELD_BYTES * len(source.table.columns)
    chosen = getter(long_values(source))

    def size(rows: Sequence[Values]) -> int:
        values: list[Any] = [*filter(None, chain.from_iterable(map(chosen, rows)))]
        try:
            return least * len(rows) + sum(map(len, values))
        except TypeError:  # a number where text belongs
            return least * len(rows) + sum(len(value) for value in values if isinstance(value, str | bytes))

    return size
