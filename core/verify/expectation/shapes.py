"""What each column of the destination takes: names, types and keys from the tables' descriptions, the rules our own.

The descriptions also hold the converters of the copy. Nothing here calls one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from vestige_tui.core.rows import tables
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.verify.expectation.values import (
    EPOCH,
    Lost,
    Rule,
    any_json,
    centroid,
    content,
    integer,
    moment,
    real,
    scores,
    strings,
    text,
    uuid,
    uuids,
    vector,
)


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its rule, whether NULL is allowed, what stands in for a broken value, and the only values allowed.

    ``empty`` is ``Lost`` where a row cannot exist without the value. ``indexed``: an index of the destination covers
    its text, or the items of its list.
    """

    rule: Rule
    null: bool = False
    empty: Any = Lost
    allowed: tuple[str, ...] = ()
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """A table: its columns, its key, columns whose values are taken once, and the tables that columns refer to."""

    fields: dict[str, Field]
    key: tuple[str, ...]
    unique: tuple[str, ...] = ()
    references: dict[tuple[str, ...], str] = field(default_factory=dict)

    @property
    def required(self) -> tuple[str, ...]:
        """The columns without which no row can exist."""
        return tuple(name for name, one in self.fields.items() if one.empty is Lost)


_RULES: dict[PgType, Rule] = {
    PgType.UUID: uuid,
    PgType.TEXT: text,
    PgType.TIMESTAMPTZ: moment,
    PgType.JSONB: any_json,
    PgType.TEXT_ARRAY: strings,
    PgType.UUID_ARRAY: uuids,
    PgType.VECTOR: vector(None),
    PgType.FLOAT8: real,
    PgType.INT4: integer(32),
    PgType.INT2: integer(16),
}

_ZEROS: dict[PgType, Any] = {
    PgType.TEXT: "",
    PgType.TIMESTAMPTZ: EPOCH,
    PgType.JSONB: {},
    PgType.TEXT_ARRAY: [],
    PgType.UUID_ARRAY: [],
    PgType.FLOAT8: 0.0,
    PgType.INT4: 0,
    PgType.INT2: 0,
}
"""What stands in for a broken value that may not be NULL, unless the column has a default of its own."""

_READERS: dict[PgType, Callable[[str], Any]] = {
    PgType.TEXT: str,
    PgType.UUID: UUID,
    PgType.FLOAT8: float,
    PgType.INT4: int,
    PgType.INT2: int,
}
"""How a default that is SQL becomes a value."""

_OF_COLUMNS: dict[tuple[str, str], Rule] = {
    ("knowledge_nodes", "content"): content,
    ("knowledge_nodes", "domain_scores"): scores,
    ("domains", "centroid"): centroid,
}
"""Columns that take less than their type does, or more."""

EMBEDDING = ("knowledge_nodes", "embedding")
"""The column whose vectors all have the dimension of the registered model."""


def shapes(dimension: int | None) -> dict[str, Shape]:
    """The tables in the order in which they are copied; ``dimension`` is that of the registered model."""
    return {table.name: _shape(table, dimension) for table in tables.TABLES}


def _shape(table: tables.Table, dimension: int | None) -> Shape:
    indexed = {*table.key, *table.unique, *(name for index in table.indexes for name in index.columns)}
    fields = {}
    for column in table.columns:
        place = (table.name, column.name)
        rule = vector(dimension) if place == EMBEDDING else _OF_COLUMNS.get(place, _RULES[column.type])
        covered = column.name in indexed and column.type in (PgType.TEXT, PgType.TEXT_ARRAY)
        fields[column.name] = Field(rule, column.nullable, _stand_in(column), column.allowed, covered)
    references = {key.columns: key.table for key in table.foreign_keys}
    return Shape(fields, table.key, table.unique, references)


def _stand_in(column: tables.Column) -> Any:
    """What stands in for a broken value; ``Lost`` where nothing does."""
    if column.fallback is None:
        return Lost
    if column.nullable and column.type not in (PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY):
        return None
    read = _READERS.get(column.type)
    return _ZEROS[column.type] if read is None or column.default is None else read(column.default.strip("'"))
