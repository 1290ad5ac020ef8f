"""Values of repairs, judged by the rules for the source's own values and brought into the source's form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

from vestige_tui.core.repairs.document import Repair, Repairs, as_json
from vestige_tui.core.repairs.errors import Flaw, RepairProblem
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME, Column
from vestige_tui.core.rows.values import SqliteValue, ValueProblem

_JSON = frozenset({PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY})
_TEXTS = frozenset({PgType.TEXT, PgType.UUID, PgType.TIMESTAMPTZ})
_WHOLE = frozenset({PgType.INT4, PgType.INT2})


class Unfit(Exception):
    """No value of a source would arrive as this one; the argument says why, as a clause."""


def value_problems(repairs: Repairs) -> Iterator[RepairProblem]:
    """What is wrong with repairs by themselves: names, values, and rows that are named twice."""
    seen: set[tuple[str, str, str | None]] = set()
    for repair in repairs.entries:
        name = repair.table, repair.row, repair.fingerprint
        if name in seen:
            yield _problem(repair, Flaw.REPEATED, "the row has two repairs")
        seen.add(name)
        if repair.table not in BY_NAME:
            yield _problem(repair, Flaw.UNKNOWN_TABLE, "there is no such table")
            continue
        table = BY_NAME[repair.table]
        for field, value in repair.values.items():
            if field not in table.column_names:
                yield _problem(repair, Flaw.UNKNOWN_FIELD, f"the table has no field {field}", field)
                continue
            try:
                source_value(table.columns[table.position(field)], value)
            except Unfit as unfit:
                yield _problem(repair, Flaw.VALUE, f"{field} {unfit}", field)


def source_value(column: Column, value: Any) -> SqliteValue:
    """The value of a source that arrives as ``value``. Raises ``Unfit``."""
    found = _in_source_form(column, value)
    try:
        field = column.converter.one(found)
    except ValueProblem as problem:
        raise Unfit(problem.message) from None
    if column.allowed and found not in column.allowed:
        raise Unfit(f"is none of {', '.join(column.allowed)}")
    if column.type is PgType.UUID and found is not None:
        return str(UUID(bytes=field[-16:]))
    return found


def _in_source_form(column: Column, value: Any) -> SqliteValue:
    if value is None:
        if not column.nullable or column.name == "codebase":  # a tag would count in its place
            raise Unfit("cannot be null")
        return None
    if column.type is PgType.VECTOR:
        raise Unfit("can only be null: vectors are made by an embedder")
    if column.type in _JSON:
        return as_json(value)
    if column.type in _TEXTS:
        if not isinstance(value, str) or (value == "" and column.type is PgType.TIMESTAMPTZ):
            raise Unfit("is not a text")
        return _storable(value)
    return _number(column, value)


def _number(column: Column, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unfit("is not a number")
    if column.type in _WHOLE and not isinstance(value, int):
        raise Unfit("is not a whole number")
    if isinstance(value, int) and abs(value) < 1 << 63:
        return value
    if isinstance(value, int) or not math.isfinite(value):
        raise Unfit("is a number out of range")
    found = float(value)
    if not math.isfinite(found):
        raise Unfit("is a number out of range")
    return found


def _storable(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unfit("holds half of a surrogate pair, which PostgreSQL cannot store") from None
    return value


def _problem(repair: Repair, flaw: Flaw, message: str, field: str | None = None) -> RepairProblem:
    return RepairProblem(flaw, message, repair.table, repair.row, field)
