"""Whether a stored value means what is expected: one value at a time, exactly, and without regard to speed."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from vestige_tui.core.rows.pg_types import PgType

PG_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL counts time from here, in microseconds."""

_MICROSECOND = timedelta(microseconds=1)
_MOMENT = re.compile(r"([0-9]{4,})-([0-9]{2})-([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?\+00( BC)?")


def equal(kind: PgType, expected: Any, stored: Any) -> bool:
    """Whether a value of this type is what is expected.

    ``expected`` is as the expectation has it: UUID, str, aware datetime, list, float, int, little-endian float32 bytes,
    JSON as Python values, None for NULL. ``stored`` is as ``stored`` reads it. Floats and vectors are compared bit by
    bit, but every NaN equals every NaN; JSON numerically and without regard to the order of keys.
    """
    if kind is PgType.JSONB:
        return stored is not None and _same_json(expected, _parsed(stored))
    if expected is None or stored is None:
        return expected is stored
    return _RULES[kind](expected, stored)


def _uuid(expected: Any, stored: str) -> bool:
    return str(expected) == stored


def _plain(expected: Any, stored: Any) -> bool:
    return bool(expected == stored)


def _moment(expected: datetime, stored: str) -> bool:
    return (expected - PG_EPOCH) // _MICROSECOND == microseconds(stored)


def microseconds(stored: str) -> int | None:
    """Microseconds since 2000 of a moment as the server writes it in UTC; None for infinity.

    Python's calendar ends before the server's. Every 400 years the days are the same ones.
    """
    found = _MOMENT.fullmatch(stored)
    if found is None:
        return None
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 4, 5, 6))
    cycles, year = divmod(1 - year if found[8] else year, 400)
    moment = datetime(PG_EPOCH.year + year, month, day, hour, minute, second, tzinfo=UTC) - PG_EPOCH
    moment += (cycles - PG_EPOCH.year // 400) * timedelta(days=146_097)
    return moment // _MICROSECOND + int((found[7] or "").ljust(6, "0"))


def _items(expected: list[Any], stored: str) -> bool:
    """Texts or UUIDs; the items of an array that is no plain list are never equal to them."""
    return bool(_parsed(stored) == [*map(str, expected)])


def _vector(expected: bytes, stored: bytes) -> bool:
    """The server sends the dimension, two bytes that are not used, and the elements in network order."""
    count = len(expected) // 4
    return stored == struct.pack(f">HH{count}I", count, 0, *struct.unpack(f"<{count}I", expected))


def _float(expected: float, stored: float) -> bool:
    if math.isnan(expected) or math.isnan(stored):
        return math.isnan(expected) and math.isnan(stored)
    return struct.pack("d", expected) == struct.pack("d", stored)


_RULES: dict[PgType, Callable[[Any, Any], bool]] = {
    PgType.UUID: _uuid,
    PgType.TEXT: _plain,
    PgType.TIMESTAMPTZ: _moment,
    PgType.TEXT_ARRAY: _items,
    PgType.UUID_ARRAY: _items,
    PgType.VECTOR: _vector,
    PgType.FLOAT8: _float,
    PgType.INT4: _plain,
    PgType.INT2: _plain,
}

_NOTHING = object()
"""What is no JSON, or nested so deeply that no expected value is."""


def _parsed(stored: str) -> Any:
    try:
        return json.loads(stored, parse_float=Decimal, parse_int=Decimal)
    except (ValueError, RecursionError):
        return _NOTHING


def _same_json(expected: Any, stored: Any) -> bool:
    """Equality as ``jsonb`` has it: 1.0 is 1, and true is not. A float stands for the shortest decimal that is read as
    that float.
    """
    if isinstance(expected, dict) and isinstance(stored, dict):
        return expected.keys() == stored.keys() and all(
            _same_json(value, stored[name]) for name, value in expected.items()
        )
    if isinstance(expected, list) and isinstance(stored, list):
        return len(expected) == len(stored) and all(map(_same_json, expected, stored))
    if isinstance(expected, float):
        expected = Decimal(repr(expected))
    return isinstance(expected, bool) == isinstance(stored, bool) and bool(expected == stored)
