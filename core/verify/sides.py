"""Both sides of a difference: what the source says, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql
from psycopg.types.string import ByteaBinaryLoader

from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME, Table
from vestige_tui.core.verify.compare import common_key
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.meaning import equal
from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.snapshot import Snapshot
from vestige_tui.core.verify.stored import FORMS, check_comparable
from vestige_tui.core.verify.value_text import expected_text, stored_text

EXCERPT = 20_000
"""Characters of a value that are handed over."""

_BEFORE = 2_000
"""Characters before the first difference, where the excerpt does not begin at the start."""

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A value as text, or as much of it as is shown. ``before`` and ``after`` are how many characters are left out."""

    text: str
    before: int = 0
    after: int = 0


@dataclass(frozen=True, slots=True)
class FieldSides:
    """One field: what the source says, and what is stored; None is NULL, or no row.

    ``first`` is the place in both texts where they begin to differ, None where there are not two that differ.
    """

    field: str
    equal: bool
    source: Excerpt | None
    stored: Excerpt | None
    first: int | None = None


@dataclass(frozen=True, slots=True)
class Sides:
    """A row, as it is now: whether each side has it, and the fields in question."""

    in_source: bool
    at_destination: bool
    fields: tuple[FieldSides, ...] = ()


def both_sides(expectation: Expectation, snapshot: Snapshot, destination: Destination, difference: Difference) -> Sides:
    """Read both sides of a difference; of a row that was missing, every field.

    The source's side is what the destination should hold. Raises ``RefusedError`` where the tables cannot be compared,
    ``psycopg.Error``, ``sqlite3.Error``, and as ``Watchdog.step`` does.
    """
    check_comparable(destination)
    table = BY_NAME[difference.table]
    names = table.column_names if difference.field is None else (difference.field,)
    key = dict(zip(common_key(destination, table), difference.key, strict=True))
    expected = _expected(expectation, table, names, key)
    stored = _stored(snapshot, destination, table, names, key) if table.name in destination.tables else None
    fields = (_field(table, name, expected, stored) for name in names)
    return Sides(expected is not None, stored is not None, tuple(fields))


def _stored(
    snapshot: Snapshot, destination: Destination, table: Table, names: Sequence[str], key: Mapping[str, str]
) -> _Row | None:
    """The row that is stored; None where there is none."""
    forms = (sql.SQL(FORMS.get(_type(table, name), "{0}")).format(sql.Identifier(name)) for name in names)
    conditions = (
        sql.SQL("{} = {}::{}").format(sql.Identifier(name), sql.Literal(part), sql.SQL(_type(table, name).sql))
        for name, part in key.items()
    )
    query = sql.SQL("SELECT {} FROM {} WHERE {}").format(
        sql.SQL(", ").join(forms),
        sql.Identifier(destination.schema, table.name),
        sql.SQL(" AND ").join(conditions),
    )
    cursor = snapshot.connection.cursor(binary=True)
    cursor.adapters.register_loader("timestamptz", ByteaBinaryLoader)
    with snapshot.watchdog.step():
        row = cursor.execute(query).fetchone()
    return None if row is None else dict(zip(names, row, strict=True))


def _expected(expectation: Expectation, table: Table, names: Sequence[str], key: Mapping[str, str]) -> _Row | None:
    """What the destination should hold of the source's row; None where there is no such row."""
    first = (*key.values(),)
    end = (*first[:-1], f"{first[-1]}\x01")
    for block in expectation.blocks(table.name, 1, first=first, last=end, key=(*key,)):
        if first in block.keys:
            return block.row(block.keys.index(first), names).values
    return None


def _type(table: Table, name: str) -> PgType:
    return table.columns[table.position(name)].type


def _field(table: Table, name: str, expected: _Row | None, stored: _Row | None) -> FieldSides:
    kind = _type(table, name)
    mine = expected_text(kind, expected[name]) if expected is not None else None
    theirs = stored_text(kind, stored[name]) if stored is not None else None
    same = expected is not None and stored is not None and equal(kind, expected[name], stored[name])
    first = _differ_at(mine, theirs) if not same and mine is not None and theirs is not None else None
    start = 0 if first is None or first < EXCERPT else first - _BEFORE
    shown = None if first is None else first - start
    return FieldSides(name, same, _excerpt(mine, start), _excerpt(theirs, start), shown)


def _differ_at(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))


def _excerpt(text: str | None, start: int) -> Excerpt | None:
    if text is None:
        return None
    return Excerpt(text[start : start + EXCERPT], start, max(0, len(text) - start - EXCERPT))
