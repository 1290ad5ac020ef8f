"""One row of a source at a time: the record that is sent, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, NamedTuple, overload

from vestige_tui.core.rows import convert, metadata
from vestige_tui.core.rows.bulk import Bulk, RestBulk
from vestige_tui.core.rows.convert import Convert, SqliteValue, ValueProblem
from vestige_tui.core.rows.copy_format import NULL
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.rows.tables import Column, Table

ARROW = "→"
"""Stands between the parts of a key in a row's label."""

Values = tuple[SqliteValue, ...]
"""A row as SQLite gives it: one value a column of the destination, and then the loose ones."""

Folded = tuple[Any, ...]
"""The same with the loose values in the column that takes them along: a tuple, its own value first."""


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
    """A row that can be sent: its source key, one field a column, and what had to be mended in it."""

    key: Values
    fields: Sequence[bytes]
    problems: tuple[RowError, ...] = ()


_make_record = partial(tuple.__new__, Record)  # as Record does it, without a Python function called for each


def sound_records(keys: Iterable[Values], fields: Iterable[Sequence[bytes]]) -> Iterable[Record]:
    """Many records without problems."""
    return map(_make_record, zip(keys, fields, repeat(()), strict=False))


class Packed(Sequence[Record]):
    """Records of sound rows, packed for a ``COPY`` already: each is made only when somebody asks for it.

    Hundreds of small objects a batch would be made, kept until the batch has arrived, and looked at by nobody.
    """

    def __init__(self, rows: Sequence[Folded], packed: bytes, make: Callable[[Folded], Record | RowError]) -> None:
        self._rows = rows
        self._make = make
        self.packed = packed

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
            raise ValueError("a row that was found sound in bulk is not by itself")
        return found if isinstance(index, slice) else found[0]

    def __iter__(self) -> Iterator[Record]:
        return iter(self[:])


def folder(source: RowSource) -> Callable[[Values], Folded] | None:
    """A function that folds rows: one value a column of the destination. None where they are that already."""
    position = _rest_position(source)
    if position is None:
        return None
    width = len(source.table.columns)
    return lambda row: (*row[:position], (row[position], *row[width:]), *row[position + 1 : width])


def record_maker(source: RowSource, dimension: int | None) -> Callable[[Folded], Record | RowError]:
    """A function from a folded row to its record, or to the reason why it has none."""
    table = source.table
    converters = _converters(source, dimension)
    key_of = getter([table.position(column) for column in table.key])
    required = [position for position, column in enumerate(table.columns) if not column.nullable]

    def make(values: Folded) -> Record | RowError:
        try:
            fields = [how(value) for how, value in zip(converters, values, strict=True)]
        except ValueProblem:
            return _mend(source, converters, values, key_of(values))
        if NULL in fields and any(fields[position] is NULL for position in required):
            return _mend(source, converters, values, key_of(values))
        return Record(key_of(values), fields)

    return make


def bulks(source: RowSource, dimension: int | None) -> list[Bulk | RestBulk]:
    """What ``record_maker`` does row by row, for columns of many folded rows."""
    rest = _rest_position(source)
    made = []
    for position, (column, expression) in enumerate(zip(source.table.columns, source.expressions, strict=True)):
        bulk = Bulk(column, dimension, missing=expression is None and column.empty is not None)
        made.append(RestBulk(source.rest) if position == rest else bulk)
    return made


def _rest_position(source: RowSource) -> int | None:
    """Which column takes the loose ones along, None where there are none."""
    return source.table.position(source.rest_column) if source.rest_column and source.rest else None


def _converters(source: RowSource, dimension: int | None) -> list[Callable[..., bytes]]:
    """The table's converters; a column that the file does not have is filled without a word."""
    rest = _rest_position(source)
    made: list[Callable[..., bytes]] = []
    for position, (column, expression) in enumerate(zip(source.table.columns, source.expressions, strict=True)):
        if position == rest:
            made.append(lambda values: metadata.with_columns(values[0], source.rest, values[1:]))
        elif expression is None and column.empty is not None:
            made.append(_always(column.empty))
        else:
            made.append(column.converter(dimension))
    return made


def _always(filling: bytes) -> Convert:
    return lambda _: filling


def getter(positions: Sequence[int]) -> Callable[[Folded], Values]:
    """A function that takes some values out of a row."""
    if len(positions) == 1:
        (position,) = positions
        return lambda values: (values[position],)
    return itemgetter(*positions) if positions else lambda _: ()


_IN_METADATA = "; the whole value goes into metadata"
_LOST = "; the rest of it is not copied"


def _mend(
    source: RowSource, converters: Sequence[Callable[..., bytes]], values: Folded, key: Values
) -> Record | RowError:
    """Convert again, this time putting what each broken column allows in place of its value.

    Metadata comes last: it takes along the whole of what other columns hold only the start of.
    """
    table, row, last = source.table, row_label(key), source.rest_column
    fields = [NULL] * len(table.columns)
    problems: list[list[RowError]] = [[] for _ in table.columns]
    whole: dict[str, metadata.Extra] = {}
    for position in sorted(range(len(fields)), key=lambda position: table.columns[position].name == last):
        column, how = table.columns[position], converters[position]
        if column.name == last and whole:
            how = partial(_metadata, source, whole)
        field, problem = _judged(column, how, values[position])
        for each in () if problem is None else (problem, *problem.also):
            fate = "" if each.whole is None else _LOST if last is None else _IN_METADATA
            message = f"{column.name} {each.message}{fate}"
            problems[position].append(RowError(table.name, row, column.name, each.kind, message, field is not None))
        if field is None:
            return problems[position][0]
        fields[position] = field
        if problem is not None and problem.whole is not None:
            whole[column.name] = problem.whole
    return Record(key, fields, tuple(chain.from_iterable(problems)))


def _judged(column: Column, how: Callable[..., bytes], value: Any) -> tuple[bytes | None, ValueProblem | None]:
    """The field for a value, None where there can be none, and what is wrong with the value."""
    try:
        field = how(value)
        if field == NULL and not column.nullable:
            raise ValueProblem(Kind.MISSING_VALUE, "is missing")
    except ValueProblem as problem:
        return problem.instead or column.empty, problem
    return field, None


def _metadata(source: RowSource, whole: Mapping[str, metadata.Extra], value: Any) -> bytes:
    """Metadata that takes values along, after the loose ones where there are any."""
    base, *loose = value if source.rest else (value,)
    return metadata.with_columns(base, (*source.rest, *whole), (*loose, *whole.values()))


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
