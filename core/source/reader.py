"""From rows of the source to batches: everything is judged here, before it meets the destination.

TEXT is decoded as the connection's ``text_factory`` says: ``str`` is the fast way, and fails at the first value that is
not UTF-8; from there on the connection decodes with ``convert.decode_text``, which keeps such a value apart.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from vestige_tui.core import convert, wire
from vestige_tui.core.report import RowError
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.query import largest_row, long_values, select
from vestige_tui.core.source.records import (
    Folded,
    Packed,
    Record,
    Values,
    bulks,
    folder,
    getter,
    record_maker,
    sound_records,
)

BATCH_BYTES = 4_000_000
"""A batch is closed early at this size, so that large memories do not multiply by the rows of a batch."""

_STEPS = 8
"""A batch of the largest rows is fetched in so many steps, so that it cannot grow much beyond its size."""

_FIELD_BYTES = 8
"""About what a short field takes."""


@dataclass(slots=True)
class Batch:
    """Up to one transaction's rows: those that can be sent, and those that cannot, each with its reason.

    ``number`` counts the batches of a table from 0; ``size`` is about what travels: bytes of BLOBs, letters of text.
    Where the destination may have many rows already, sound ones begin as ``unsent``; those that are there end as
    ``known``, a mere number. ``check_references``: nobody vouches yet for what its rows refer to, nor will the server.
    """

    number: int = 0
    size: int = 0
    records: Sequence[Record] = ()
    rejected: list[RowError] = field(default_factory=list)
    unsent: Unsent | None = None
    known: int = 0
    check_references: bool = False

    def add_all(self, rows: Iterable[Record | RowError]) -> None:
        """Take in rows."""
        records = [*self.records]
        for made in rows:
            if isinstance(made, Record):
                records.append(made)
            else:
                self.rejected.append(made)
        self.records = records

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

    rows: Sequence[Folded]
    keys: Sequence[Sequence[bytes]]
    make: Callable[[Folded], Record | RowError]


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
        self._size = _sizer(source)
        self._fold = folder(source)
        self._make = record_maker(source, dimension)
        self._bulks = bulks(source, dimension)

    def batches(self, batch_size: int, only: Collection[str] | None = None, *, packed: bool = False) -> Iterator[Batch]:
        """Stream the table in its order, up to ``batch_size`` rows or ``BATCH_BYTES`` at a time, with memory for one
        batch. ``only`` restricts the reading to rows with these labels. Records of sound batches come ``packed`` where
        nobody is going to look at them.
        """
        query = select(self._source, self._connection, restricted=only is not None)
        for number, (rows, size) in enumerate(self._chunks(query, batch_size, only or ())):
            batch = Batch(number, size)
            if (records := self._records(rows, packed=packed)) is not None:
                batch.records = records
            else:
                batch.add_all(map(self._make, rows))
            yield batch

    def unsent_batches(self, batch_size: int, key: Sequence[str], *, ordered: bool = False) -> Iterator[Batch]:
        """The same for a destination that may have most rows; ``key`` are the columns by which it tells them apart.

        Unless they have to be ``ordered``, rows come in the order of storage, which is quicker.
        """
        positions = [self._source.table.position(name) for name in key]
        query = select(self._source, self._connection, ordered=ordered)
        for number, (rows, size) in enumerate(self._chunks(query, batch_size)):
            batch = Batch(number, size)
            columns = [*zip(*rows, strict=True)]
            if all(bulk.sound(column) for bulk, column in zip(self._bulks, columns, strict=True)):
                keys = [self._bulks[position].fields(columns[position]) or () for position in positions]
                batch.unsent = Unsent(rows, keys, self._make)
            else:
                batch.add_all(map(self._make, rows))
            yield batch

    def _records(self, rows: Sequence[Folded], *, packed: bool) -> Sequence[Record] | None:
        """All rows of a batch converted at once; None where one of them has a problem."""
        fields = []
        columns = [*zip(*rows, strict=True)]
        for bulk, column in zip(self._bulks, columns, strict=True):
            found = bulk.fields(column)
            if found is None:
                return None
            fields.append(found)
        table = self._source.table
        if packed:
            return Packed(rows, wire.rows(zip(*fields, strict=True), len(fields)), self._make)
        keys = zip(*(columns[table.position(name)] for name in table.key), strict=True)
        return [*sound_records(keys, zip(*fields, strict=True))]

    def _chunks(self, query: str, batch_size: int, only: Collection[str] = ()) -> Iterator[tuple[list[Folded], int]]:
        """The rows of each batch, and about how many bytes they have.

        From a value that is not UTF-8 on, they are read again with the slower decoding.
        """
        parameters = {"model": self._model, "only": json.dumps([*only])}
        at_once = max(1, BATCH_BYTES // (_STEPS * largest_row(self._source, self._connection, self._model)))
        rows: list[Folded] = []
        size = taken = 0
        while True:
            fast = self._connection.text_factory is str
            cursor = self._connection.execute(query, parameters)
            try:
                for _ in range(taken + len(rows)):
                    cursor.fetchone()
                while found := cursor.fetchmany(min(at_once, batch_size - len(rows))):
                    size += self._size(found)
                    rows += found if self._fold is None else map(self._fold, found)
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


def _sizer(source: ResolvedSource) -> Callable[[Sequence[Values]], int]:
    """A function that gives about how many bytes some rows have."""
    least = _FIELD_BYTES * len(source.table.columns)
    chosen = getter(long_values(source))

    def size(rows: Sequence[Values]) -> int:
        values: list[Any] = [*filter(None, chain.from_iterable(map(chosen, rows)))]
        try:
            return least * len(rows) + sum(map(len, values))
        except TypeError:  # a number where text belongs
            return least * len(rows) + sum(len(value) for value in values if isinstance(value, str | bytes))

    return size
