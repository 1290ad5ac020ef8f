"""Whether a stored value means what is expected: one value at a time, exactly, and without regard to speed."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from vestige_tui.core.rows.pg_types import PgType

PG_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL counts time from here, in microseconds."""

_MICROSECOND = timedelta(microseconds=1)


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


def _moment(expected: datetime, stored: bytes) -> bool:
    return (expected - PG_EPOCH) // _MICROSECOND == int.from_bytes(stored, signed=True)


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
