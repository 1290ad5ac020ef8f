"""Rows of a source as records that can be sent, or as the errors of rows that cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, NamedTuple, overload

from vestige_tui.core.rows.converter import Constant, Converter
from vestige_tui.core.rows.copy_format import NULL
from vestige_tui.core.rows.metadata import Extra, MetadataWithColumns
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.rows.tables import Column, Table
from vestige_tui.core.rows.values import SqliteValue, ValueProblem, shortened

ARROW = "→"
"""Separates the parts of a key in a row's label."""

LONGEST_PART = 200
"""Characters of each part; a longer one is cut."""

Values = tuple[SqliteValue, ...]
"""A row as SQLite gives it: a value for each column of the destination, then those of columns that have none there."""

RowValues = tuple[Any, ...]
"""A row with one value for each column of the destination. That of the ``rest_column`` is a tuple: its own value, then
those of the columns that it takes along."""


@dataclass(frozen=True, slots=True)
class RowSource:
    """What a source has for the rows of a table: SQL for each column (None: the file has no such column), and the
    ``rest``, columns of its own that go into ``rest_column``.
    """

    table: Table
    expressions: tuple[str | None, ...]
    rest_column: str | None
    rest: tuple[str, ...]


class Record(NamedTuple):
    """A row that can be sent: its key in the source, a field for each column, and the problems that were repaired."""

    key: Values
    fields: Sequence[bytes]
    problems: tuple[RowError, ...] = ()


_make_record = partial(tuple.__new__, Record)  # what Record(…) does, without a Python call for each row


def sound_records(keys: Iterable[Values], fields: Iterable[Sequence[bytes]]) -> Iterable[Record]:
    """Many records without problems."""
    return map(_make_record, zip(keys, fields, repeat(()), strict=False))


class Form(Enum):
    """What a reader makes of a batch of rows without problems."""

    RECORDS = auto()
    PACKED = auto()
    """``Packed``, to be sent."""

    COLUMNS = auto()
    """``InColumns``, to be looked at."""


class LazyRecords(Sequence[Record]):
    """Records of rows without problems; a record is made when it is asked for.

    Most never are. To make them all costs 14 to 27 % more CPU time of the client (20,000 memories of 256 elements,
    100,000 connections, medians in turns).
    """

    def __init__(self, rows: Sequence[RowValues], make: Callable[[RowValues], Record | RowError]) -> None:
        self._rows = rows
        self._make = make

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        made = [*map(self._make, self._rows[index] if isinstance(index, slice) else [self._rows[index]])]
        found = [record for record in made if isinstance(record, Record)]
        if len(found) < len(made):
            raise ValueError("a row without problems in bulk has one by itself")
        return found if isinstance(index, slice) else found[0]

    def __iter__(self) -> Iterator[Record]:
        return iter(self[:])


class Packed(LazyRecords):
    """Such records, ``packed`` for a ``COPY``."""

    def __init__(
        self, rows: Sequence[RowValues], packed: bytes, make: Callable[[RowValues], Record | RowError]
    ) -> None:
        super().__init__(rows, make)
        self.packed = packed


class InColumns(LazyRecords):
    """Such records, with the fields of each of their ``columns``."""

    def __init__(
        self,
        rows: Sequence[RowValues],
        columns: Sequence[Sequence[bytes]],
        make: Callable[[RowValues], Record | RowError],
    ) -> None:
        super().__init__(rows, make)
        self.columns = columns


def fields_of(records: Sequence[Record], position: int) -> Sequence[bytes]:
    """The field that each record has at a position."""
    if isinstance(records, InColumns):
        return records.columns[position]
    return [record.fields[position] for record in records]


def keys_of(records: Sequence[Record], positions: Sequence[int]) -> list[bytes]:
    """The canonical key of each record: its fields at these positions, joined."""
    columns = [fields_of(records, position) for position in positions]
    return [*columns[0]] if len(columns) == 1 else [*map(b"".join, zip(*columns, strict=True))]


def rest_gatherer(source: RowSource) -> Callable[[Values], RowValues] | None:
    """A function from a row as SQLite gives it to its ``RowValues``. None where the two are the same."""
    position = _rest_position(source)
    if position is None:
        return None
    width = len(source.table.columns)
    return lambda row: (*row[:position], (row[position], *row[width:]), *row[position + 1 : width])


def record_maker(source: RowSource, dimension: int | None) -> Callable[[RowValues], Record | RowError]:
    """A function from a row's values to its record, or to the error of a row that has none."""
    table = source.table
    made = converters(source, dimension)
    convert = [converter.one for converter in made]
    key_of = getter([table.position(column) for column in table.key])

    def make(values: RowValues) -> Record | RowError:
        try:
            fields = [one(value) for one, value in zip(convert, values, strict=True)]
        except ValueProblem:
            return _repaired(source, made, values, key_of(values))
        return Record(key_of(values), fields)

    return make


def converters(source: RowSource, dimension: int | None) -> list[Converter]:
    """The converter of each of a row's values. To fill a column that the source does not have is no problem."""
    rest = _rest_position(source)
    made: list[Converter] = []
    for position, (column, expression) in enumerate(zip(source.table.columns, source.expressions, strict=True)):
        if position == rest:
            made.append(MetadataWithColumns(names=source.rest))
        elif expression is None and column.fallback is not None:
            made.append(Constant(field=column.fallback))
        else:
            made.append(column.converter.for_dimension(dimension))
    return made


def _rest_position(source: RowSource) -> int | None:
    """The position of the column that takes others along; None where there are none."""
    return source.table.position(source.rest_column) if source.rest_column and source.rest else None


def getter(positions: Sequence[int]) -> Callable[[RowValues], Values]:
    """A function that takes some values out of a row."""
    if len(positions) == 1:
        (position,) = positions
        return lambda values: (values[position],)
    return itemgetter(*positions) if positions else lambda _: ()


_IN_METADATA = "; the whole value goes into metadata"
_LOST = "; the rest of it is not copied"


def _repaired(source: RowSource, converters: Sequence[Converter], values: RowValues, key: Values) -> Record | RowError:
    """Convert a row again, with a substitute for each value that has a problem.

    Metadata comes last: it takes along the whole of what other columns hold only the start of.
    """
    table, row, last = source.table, row_label(key), source.rest_column
    fields = [NULL] * len(table.columns)
    problems: list[list[RowError]] = [[] for _ in table.columns]
    whole: dict[str, Extra] = {}
    for position in sorted(range(len(fields)), key=lambda position: table.columns[position].name == last):
        column, converter, value = table.columns[position], converters[position], values[position]
        if column.name == last and whole:
            converter = MetadataWithColumns(names=(*source.rest, *whole))
            value = (*(value if source.rest else (value,)), *whole.values())
        field, problem = _field_or_fallback(column, converter, value)
        for each in () if problem is None else (problem, *problem.also):
            rest = "" if each.whole is None else _LOST if last is None else _IN_METADATA
            message = f"{column.name} {each.message}{rest}"
            problems[position].append(RowError(table.name, row, column.name, each.kind, message, field is not None))
        if field is None:
            return problems[position][0]
        fields[position] = field
        if problem is not None and problem.whole is not None:
            whole[column.name] = problem.whole
    return Record(key, fields, tuple(chain.from_iterable(problems)))


def _field_or_fallback(column: Column, converter: Converter, value: Any) -> tuple[bytes | None, ValueProblem | None]:
    """The field for a value, None where there can be none, and the value's problem."""
    try:
        return converter.one(value), None
    except ValueProblem as problem:
        return problem.instead or column.fallback, problem


def row_label(key: Values) -> str:
    """A source key as text; the nil UUID where there is none."""
    parts = [shortened(_readable(part), LONGEST_PART) for part in key]
    return ARROW.join(parts) if any(parts) else NIL_UUID


def _readable(value: SqliteValue) -> str:
    if value is None:
        return ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def other_model_error(name: str, count: int, kept: str) -> RowError:
    """The error for all vectors of a model that is not the registered one."""
    return RowError(
        "knowledge_nodes",
        NIL_UUID,
        "embedding",
        Kind.OTHER_MODEL,
        f"{count:,} embeddings were made by {name}, not by {kept}; those memories arrive without one",
        copied=True,
    )
