"""What a converter is: from SQLite values to fields of PostgreSQL's ``COPY`` format, one class a type.

Converters are the one place that judges values; preview and copy both use them. Each class has one rule in two forms:
``one`` converts a value, ``many`` a column of a batch without a Python call for each value.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import error as StructError
from typing import Any, ClassVar, Self

from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.values import SqliteValue, ValueProblem


@dataclass(frozen=True)
class Converter(ABC):
    """Converts the values of a column. NULL is a problem where the column is not ``nullable``."""

    nullable: bool = True

    type: ClassVar[PgType]
    repeats: ClassVar[bool] = False
    """Whether a column often has the same value again, so that ``many`` converts each only once."""

    @abstractmethod
    def one(self, value: SqliteValue) -> bytes:
        """The field of a value. Raises ``ValueProblem``."""

    def many(self, values: Sequence[Any]) -> Sequence[bytes] | None:
        """The field of each value, as ``one`` gives it; None where ``one`` raises for any of them."""
        try:
            fields = self._in_bulk(values)
            return [*map(self.one, values)] if fields is None else fields
        except ValueProblem:
            return None

    def _in_bulk(self, values: Sequence[Any]) -> list[bytes] | None:
        """The same without ``one``, except for NULL; None where that cannot be done."""
        chosen = [*{*values}] if self.repeats else values
        present = [value for value in chosen if value is not None] if None in chosen else chosen
        try:
            found = self._fields(present) if present else ()
            fields = None if found is None else [*found]
        except (ValueError, RecursionError, StructError):
            return None
        if fields is None:
            return None
        if self.repeats:
            known = dict(zip(present, fields, strict=True))
            if len(present) < len(chosen):
                known[None] = self.one(None)
            return [*map(known.__getitem__, values)]
        if len(present) == len(values):
            return fields
        null, following = self.one(None), iter(fields)
        return [null if value is None else next(following) for value in values]

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        """The field of each value; there is at least one, and none is NULL.

        None, or a ``ValueError``, ``RecursionError`` or ``struct.error``, where ``one`` has to look at each value.
        """
        return None

    def for_dimension(self, dimension: int | None) -> Self:
        """The converter for a run whose embeddings have ``dimension`` elements (None: any)."""
        return self

    def in_index(self) -> Converter:
        """The converter for a column that an index covers."""
        return self

    def in_key(self) -> Converter:
        """The converter for a column of the primary key."""
        return self

    def _null(self) -> bytes:
        if not self.nullable:
            raise ValueProblem(Kind.MISSING_VALUE, "is missing")
        return copy_format.NULL


@dataclass(frozen=True)
class Constant(Converter):
    """For a column that the source does not have: the same field for every row, and no problem."""

    field: bytes = copy_format.NULL

    def one(self, value: SqliteValue) -> bytes:
        """The field."""
        return self.field

    def many(self, values: Sequence[Any]) -> Sequence[bytes]:
        """The field, as often as there are values."""
        return [self.field] * len(values)
