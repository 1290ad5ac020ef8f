"""Values of the expectation as text that PostgreSQL reads."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from vestige_tui.core.repairs.document import as_json
from vestige_tui.core.rows.literals import array, vector
from vestige_tui.core.rows.pg_types import PgType


def expected_literal(kind: PgType, value: Any) -> str | None:
    """A value as the expectation has it; None for NULL. Raises ``RecursionError`` for JSON that is too deep."""
    if kind is PgType.JSONB:
        return as_json(value)
    return None if value is None else _WRITTEN[kind](value)


_WRITTEN: dict[PgType, Callable[[Any], str]] = {
    PgType.UUID: str,
    PgType.TEXT: str,
    PgType.TIMESTAMPTZ: lambda value: str(value.isoformat()),
    PgType.TEXT_ARRAY: array,
    PgType.UUID_ARRAY: lambda value: array(map(str, value)),
    PgType.VECTOR: lambda value: vector(struct.unpack(f"<{len(value) // 4}f", value)),
    PgType.FLOAT8: repr,
    PgType.INT4: str,
    PgType.INT2: str,
}
