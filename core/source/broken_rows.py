"""Rows of a source that have problems: what tells them apart, their broken values, and what refers to them."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vestige_tui.core.repairs.answers import RowName
from vestige_tui.core.rows.tables import BY_NAME, TABLES
from vestige_tui.core.rows.values import SqliteValue
from vestige_tui.core.source.layouts import ResolvedSource, resolve
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.repaired_rows import FoundRow, Rows, decoding, listed
from vestige_tui.core.source.shape import quoted, read_shape


class Wanted(NamedTuple):
    """A row by its label, and the field to read. Of rows with the same label, ``place`` is the one, from 0."""

    table: str
    row: str
    field: str | None = None
    place: int = 0


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A row as the source has it now, with the value of the field that was asked for.

    ``referring`` counts the rows that refer to its key, by table, where that was asked for.
    """

    name: RowName
    value: SqliteValue = field(default=None, repr=False)
    referring: Mapping[str, int] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """The value, where it is text; what is not UTF-8 is replaced."""
        if isinstance(self.value, bytes):
            return None if type(self.value) is bytes else self.value.decode(errors="replace")
        return self.value if isinstance(self.value, str) else None


def broken_rows(path: Path, wanted: Sequence[Wanted], *, with_referring: bool = False) -> list[BrokenRow | None]:
    """The rows in the order in which they are named; None for one that the source does not have. One pass over each
    table, however many rows there are. Raises ``SourceError``.
    """
    with open_source(path) as connection, decoding(connection):
        sources = resolve(read_shape(connection))
        found: dict[tuple[str, str], list[FoundRow]] = {}
        values: dict[tuple[str, str], dict[SqliteValue, SqliteValue]] = {}
        for name, asked in _by_table(wanted).items():
            if name in sources:
                rows = Rows(connection, sources[name])
                of_label = rows.found({each.row for each in asked})
                found |= {(name, label): each for label, each in of_label.items()}
                numbers = [row.number for each in of_label.values() for row in each]
                for column in {each.field for each in asked if each.field is not None}:
                    values[name, column] = {number: value for number, (value,) in rows.read([column], numbers)}
        made = [_made(each, found.get(each[:2], ()), values) for each in wanted]
        if not with_referring:
            return made
        return [row and _referring(connection, sources, row, found[row.name[:2]]) for row in made]


def _by_table(wanted: Iterable[Wanted]) -> dict[str, list[Wanted]]:
    tables: dict[str, list[Wanted]] = defaultdict(list)
    for each in wanted:
        if each.table in BY_NAME:
            tables[each.table].append(each)
    return tables


def _made(
    wanted: Wanted, rows: Sequence[FoundRow], values: Mapping[tuple[str, str], Mapping[SqliteValue, SqliteValue]]
) -> BrokenRow | None:
    if not rows:
        return None
    row = rows[min(wanted.place, len(rows) - 1)]
    name = RowName(wanted.table, wanted.row, row.fingerprint, alone=len(rows) == 1)
    return BrokenRow(name, values.get((wanted.table, wanted.field or ""), {}).get(row.number))


def _referring(
    connection: sqlite3.Connection, sources: Mapping[str, ResolvedSource], row: BrokenRow, found: Sequence[FoundRow]
) -> BrokenRow:
    """The row with the number of rows that refer to it."""
    keys = {each.key[0] for each in found if len(each.key) == 1}
    counts = {
        table.name: number
        for table in TABLES
        if table.name in sources and (number := _count(connection, sources[table.name], row.name.table, keys))
    }
    return BrokenRow(row.name, row.value, counts)


def _count(connection: sqlite3.Connection, source: ResolvedSource, parent: str, keys: Collection[SqliteValue]) -> int:
    rows = Rows(connection, source)
    columns = [key.columns[0] for key in source.table.foreign_keys if key.table == parent]
    if not columns or not keys:
        return 0
    wanted = listed(connection, [(key,) for key in keys if key is not None], "k")
    condition = " OR ".join(f"{rows.expression(column)} IN (SELECT k FROM {wanted})" for column in columns)
    found = connection.execute(f"SELECT count(*) FROM {quoted(source.source.table)} n WHERE {condition}").fetchone()
    return int(found[0])
