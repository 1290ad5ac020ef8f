"""Both sides of a difference: what the source says, and what is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME, Table
from vestige_tui.core.verify.chosen_rows import StoredRow, expected_rows, stored_rows
from vestige_tui.core.verify.compare import common_key
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.meaning import equal
from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.snapshot import Snapshot
from vestige_tui.core.verify.stored import check_comparable
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
    ``digest`` is that of the stored value, None for NULL; ``core.run.mending`` sets the field only while it has that.
    """

    field: str
    equal: bool
    source: Excerpt | None
    stored: Excerpt | None
    first: int | None = None
    digest: str | None = None


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
    key, row = common_key(destination, table), difference.key
    expected = expected_rows(expectation, table, names, key, [row]).get(row)
    stored = None
    if table.name in destination.tables:
        stored = stored_rows(snapshot, destination, table, names, key=key, keys=[row]).get(row)
    fields = (_field(table, name, expected, stored) for name in names)
    return Sides(expected is not None, stored is not None, tuple(fields))


def _type(table: Table, name: str) -> PgType:
    return table.columns[table.position(name)].type


def _field(table: Table, name: str, expected: _Row | None, found: StoredRow | None) -> FieldSides:
    kind = _type(table, name)
    stored = None if found is None else found.values
    mine = expected_text(kind, expected[name]) if expected is not None else None
    theirs = stored_text(kind, stored[name]) if stored is not None else None
    same = expected is not None and stored is not None and equal(kind, expected[name], stored[name])
    first = _differ_at(mine, theirs) if not same and mine is not None and theirs is not None else None
    start = 0 if first is None or first < EXCERPT else first - _BEFORE
    shown = None if first is None else first - start
    digest = None if found is None else found.digests[name]
    return FieldSides(name, same, _excerpt(mine, start), _excerpt(theirs, start), shown, digest)


def _differ_at(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, pair in pairs if pair[0] != pair[1]), min(len(one), len(other)))


def _excerpt(text: str | None, start: int) -> Excerpt | None:
    if text is None:
        return None
    return Excerpt(text[start : start + EXCERPT], start, max(0, len(text) - start - EXCERPT))
