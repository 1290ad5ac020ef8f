"""Rows in which repairs alter values: as a copy without the repairs would send them, and as one with them does."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.values import SqliteValue, ValueProblem
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.reader import TableReader
from vestige_tui.core.source.repaired_rows import Rows, decoding


@dataclass(frozen=True, slots=True)
class Altered:
    """A table ``before`` and ``after`` repairs. ``number`` is SQL for what finds a row again, and ``condition`` SQL for
    whether repairs alter it.
    """

    before: ResolvedSource
    after: ResolvedSource
    number: str
    condition: str


class BeforeAndAfter(NamedTuple):
    """A row as a copy would send it without and with the repairs. Its key is the same."""

    before: Record
    after: Record


def altered_rows(
    connection: sqlite3.Connection, altered: Altered, *, batch_size: int, dimension: int | None, model: str | None
) -> Iterator[BeforeAndAfter]:
    """The rows of a table that can be sent with and without the repairs, under the same key, which no other row has.

    ``dimension`` and ``model`` are those of ``TableReader``. Raises ``sqlite3.Error``.
    """
    with decoding(connection):
        rows = Rows(connection, altered.after, altered.number)
        numbers = [number for number, _ in rows.read((), where=altered.condition)]
        repeated = _repeated(rows) | _repeated(Rows(connection, altered.before, altered.number))
    before, after = (
        TableReader(connection, source, dimension, model).made(batch_size, numbers, altered.number)
        for source in (altered.before, altered.after)
    )
    places = [altered.after.table.position(name) for name in altered.after.table.key]
    for unrepaired, repaired in zip(before, after, strict=True):
        if isinstance(unrepaired, Record) and isinstance(repaired, Record):
            key = tuple(repaired.fields[place] for place in places)
            if key == tuple(unrepaired.fields[place] for place in places) and key not in repeated:
                yield BeforeAndAfter(unrepaired, repaired)


def _repeated(rows: Rows) -> set[tuple[bytes, ...]]:
    """The keys of more than one row of a table: which of these is at the destination, only their values could tell."""
    table = rows.table
    converters = [table.columns[table.position(name)].converter.one for name in table.key]

    def key(values: tuple[SqliteValue, ...]) -> tuple[bytes, ...] | None:
        try:
            return tuple(one(value) for one, value in zip(converters, values, strict=True))
        except ValueProblem:
            return None

    found: Counter[tuple[Any, ...] | None] = Counter(key(values) for _, values in rows.read(table.key))
    return {one for one, times in found.items() if one is not None and times > 1}
