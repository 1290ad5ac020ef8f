"""Values of both sides as text for people, in one form: where two texts differ, the values do."""

from __future__ import annotations

import json
import struct
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.verify.meaning import PG_EPOCH, microseconds

_MICROSECOND = timedelta(microseconds=1)
_DOCUMENTS = (PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY)
_MOST_DIGITS = 40
"""Digits of a number that are written out; others have an exponent."""


def expected_text(kind: PgType, value: Any) -> str | None:
    """A value as the expectation has it; None for NULL, of which JSON has none."""
    if kind in _DOCUMENTS:
        return document([*map(str, value)] if kind is PgType.UUID_ARRAY else value)
    if value is None:
        return None
    if isinstance(value, datetime):
        return moment((value - PG_EPOCH) // _MICROSECOND)
    if kind is PgType.VECTOR:
        return vector(struct.unpack(f"<{len(value) // 4}f", value))
    return str(value)


def stored_text(kind: PgType, value: Any) -> str | None:
    """A value as ``stored`` reads it; None for NULL."""
    if value is None:
        return None
    if kind in _DOCUMENTS:
        try:
            return document(json.loads(value, parse_float=Decimal))
        except (ValueError, RecursionError):
            return str(value)
    if kind is PgType.TIMESTAMPTZ:
        micros = microseconds(value)
        return value if micros is None else moment(micros)
    if kind is PgType.VECTOR:
        return vector(struct.unpack(f">{len(value) // 4 - 1}f", value[4:]))
    return str(value)


def moment(micros: int) -> str:
    """Microseconds since 2000 in UTC."""
    try:
        return (PG_EPOCH + micros * _MICROSECOND).isoformat(" ", timespec="microseconds").replace("+00:00", " UTC")
    except OverflowError:
        return f"{micros:,} microseconds from 2000-01-01"


def vector(elements: tuple[float, ...]) -> str:
    """Float32 values, four to a line, each with as few digits as tell it from all others."""
    lines = [elements[start : start + 4] for start in range(0, len(elements), 4)]
    return "\n".join(f"{4 * number + 1:>5}  " + "  ".join(map(float32, line)) for number, line in enumerate(lines))


def float32(value: float) -> str:
    """The shortest decimal that is read as this float32."""
    exact = struct.pack("f", value)
    for digits in range(1, 10):
        text = f"{value:.{digits}g}"
        try:
            if struct.pack("f", float(text)) == exact:
                return text
        except OverflowError:  # rounded beyond the largest float32
            continue
    return repr(value)


def document(value: Any) -> str:
    """JSON with sorted keys, each on a line of its own; equal numbers have equal texts."""
    try:
        return "\n".join(_document(value, ""))
    except RecursionError:
        return json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)


def _document(value: Any, indent: str) -> list[str]:
    if isinstance(value, dict) and value:
        parts = [(f"{_scalar(name)}: ", value[name]) for name in sorted(value)]
        return _enclosed("{", parts, "}", indent)
    if isinstance(value, list) and value:
        return _enclosed("[", [("", item) for item in value], "]", indent)
    return [_scalar(value)]


def _enclosed(opening: str, parts: list[tuple[str, Any]], closing: str, indent: str) -> list[str]:
    lines = [opening]
    inner = f"{indent}  "
    for number, (name, value) in enumerate(parts, start=1):
        first, *rest = _document(value, inner)
        lines += [f"{inner}{name}{first}", *rest]
        if number < len(parts):
            lines[-1] += ","
    return [*lines, f"{indent}{closing}"]


def _scalar(value: Any) -> str:
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        plain = value.normalize()
        written_out = plain.is_finite() and -_MOST_DIGITS < plain.adjusted() < _MOST_DIGITS
        return f"{plain:f}" if written_out else str(plain)
    return json.dumps(value, ensure_ascii=False)
