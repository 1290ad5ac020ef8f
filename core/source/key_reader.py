"""Reads keys alone, of rows that the destination may have already."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator, Sequence
from itertools import chain, count
from typing import Any

import orjson

from vestige_tui.core.rows.batches import KeyBatch
from vestige_tui.core.rows.converters import joined_uuids
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.records import converters
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.query import joined_keys, rowid_name, select_keys
from vestige_tui.core.source.reader import fetched

AT_ONCE = 1_000
"""Rows in a batch."""

_NUMBERS = range(-(1 << 63), 1 << 63)
"""Every rowid that SQLite can give."""


class KeyReader:
    """Reads the ``key`` columns of one table, the destination's primary key, and its visibility columns.

    It is for tables in which no two rows have the same key. SQLite joins the values of a batch, so that no row becomes
    a Python object. ``absent`` receives, in the order of storage, the rowids of rows that must be read whole: rows that
    the destination does not have, and rows with a problem in key or visibility columns.
    """

    def __init__(self, connection: sqlite3.Connection, source: ResolvedSource, key: Sequence[str]) -> None:
        table = source.table
        visibility = [name for name in table.visibility_columns if source.expressions[table.position(name)] is not None]
        made = converters(source, None)
        self._connection = connection
        self._width = len(key)
        self._converters = [made[table.position(name)] for name in (*key, *visibility)]
        self.unsound: list[array[int]] = []
        rowid = rowid_name(connection, source.source.table)
        self.usable = rowid is not None and {*table.types(key)} == {PgType.UUID}
        """Whether SQLite can join the keys, and each row can be found again by its rowid."""
        self._row_query = select_keys(source, rowid or "", key, visibility)
        self._joined_query = joined_keys(self._row_query, len(key), len(visibility))

    def batches(self) -> Iterator[KeyBatch]:
        """The keys of all rows. Raises ``sqlite3.Error``."""
        first = _NUMBERS.start
        for number in count():
            keys, last = self._joined(number, first) or self._row_by_row(number, first)
            if keys.count:
                yield keys
            if last is None or last + 1 not in _NUMBERS:
                return
            first = last + 1

    def _joined(self, number: int, first: int) -> tuple[KeyBatch, int | None] | None:
        """The keys from a rowid on, and the last rowid; None where one of the values has a problem."""
        try:
            row = self._connection.execute(self._joined_query, {"first": first, "count": AT_ONCE}).fetchone()
        except sqlite3.OperationalError:  # a value that SQLite cannot join; reading row by row shows any other reason
            return None
        size, last, rowids, *values = row
        if not size:
            self.unsound.append(array("q"))
            return KeyBatch(number, 0, "", ()), None
        fields = [_fields(listed, size) for listed in values[: self._width]]
        visibility = zip(self._converters[self._width :], values[self._width :], strict=True)
        try:
            sound = all(converter.many(orjson.loads(distinct)) is not None for converter, distinct in visibility)
        except ValueError:
            return None
        if not sound or None in fields:
            return None
        self.unsound.append(array("q"))
        return KeyBatch(number, size, rowids, [*filter(None, fields)]), last

    def _row_by_row(self, number: int, first: int) -> tuple[KeyBatch, int | None]:
        """The same, without the rows that have a problem."""
        parameters = {"first": first, "count": AT_ONCE}
        rows: list[tuple[Any, ...]] = [
            *chain.from_iterable(fetched(self._connection, self._row_query, parameters, lambda: AT_ONCE))
        ]
        sound = [row for row in rows if self._is_sound(row[1:])]
        self.unsound.append(array("q", {row[0] for row in rows}.difference(row[0] for row in sound)))
        rowids, *columns = zip(*sound, strict=True) if sound else ((),)
        fields = [
            b"".join(converter.many(column) or ())
            for converter, column in zip(self._converters[: self._width], columns[: self._width], strict=False)
        ]
        return KeyBatch(number, len(rowids), ",".join(map(str, rowids)), fields), rows[-1][0] if rows else None

    def _is_sound(self, values: Sequence[Any]) -> bool:
        return all(
            converter.many([value]) is not None for converter, value in zip(self._converters, values, strict=True)
        )


def _fields(listed: object, size: int) -> bytes | None:
    return joined_uuids(listed, size) if isinstance(listed, str) else None
