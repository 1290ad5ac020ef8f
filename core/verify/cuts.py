"""Where a comparison is divided, so that two processes can share it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.verify.expectation import Expectation, Key

_DEAR = (PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY, PgType.VECTOR)
_ROW, _DEAR_VALUE = 4, 4
"""What a row and such a value cost to compare, as multiples of another value."""


class Cut(NamedTuple):
    """A place in the order of tables and keys: before the row with this key or, for None, before the table."""

    table: str
    key: Key | None = None


def span_of(table: Table, start: Cut | None, end: Cut | None) -> tuple[Key | None, Key | None] | None:
    """The range of a table's keys between two cuts: its first key and the first after it; None where it is empty."""
    place = TABLES.index(table)
    first = last = None
    if start is not None:
        if place < _place(start):
            return None
        first = start.key if place == _place(start) else None
    if end is not None:
        if place > _place(end) or (place == _place(end) and end.key is None):
            return None
        last = end.key if place == _place(end) else None
    return first, last


def middle(expectation: Expectation, tables: Collection[str]) -> Cut | None:
    """The cut that leaves about as much work before it as after it; None where there is none. Raises ``sqlite3.Error``.

    It goes through a table where that can be divided, and else stands between two.
    """
    chosen = [table for table in TABLES if table.name in tables]
    costs = [expectation.count(table.name) * _cost_of_row(table) for table in chosen]
    before, half = 0, sum(costs) / 2
    for table, cost in zip(chosen, costs, strict=True):
        if before + cost > half:
            if (key := expectation.key_at(table.name, (half - before) / cost)) is not None:
                return Cut(table.name, key)
            nearer = table if before > 0 and half - before < before + cost - half else _after(table, chosen)
            return Cut(nearer.name) if nearer is not None else None
        before += cost
    return None


def _cost_of_row(table: Table) -> int:
    return _ROW + sum(_DEAR_VALUE if column.type in _DEAR else 1 for column in table.columns)


def _after(table: Table, tables: list[Table]) -> Table | None:
    following = tables[tables.index(table) + 1 :]
    return following[0] if following else None


def _place(cut: Cut) -> int:
    return [table.name for table in TABLES].index(cut.table)
