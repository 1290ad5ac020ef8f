"""What an operator types in place of a broken value: read by the type of its column, and judged."""

from __future__ import annotations

import json
from typing import Any

from vestige_tui.core.repairs.broken_json import json_error
from vestige_tui.core.repairs.document import as_json, exact_json
from vestige_tui.core.repairs.values import Unfit, source_value
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import Column

JSON_TYPES = frozenset({PgType.JSONB, PgType.TEXT_ARRAY, PgType.UUID_ARRAY})
_AS_TYPED = frozenset({PgType.TEXT, PgType.UUID, PgType.TIMESTAMPTZ})


def typed(column: Column, text: str) -> Any:
    """The value that a text stands for. Raises ``Unfit`` where the destination does not take it."""
    if column.type in _AS_TYPED:
        value: Any = text
    else:
        error = json_error(text)
        if error is not None:
            raise Unfit(f"is not valid JSON in line {error.line:,}, column {error.column:,}: {error.expected}")
        try:
            value = exact_json(text)
        except ValueError:
            raise Unfit("holds a number out of range, or is nested too deep") from None
    source_value(column, value)
    return value


def to_type(column: Column, value: Any) -> str:
    """A value as a text to change."""
    if value is None:
        return ""
    if column.type in JSON_TYPES:
        return indented(value)
    return str(value)


def indented(value: Any) -> str:
    """JSON over several lines; a ``Decimal`` keeps its digits."""
    return _indented(value, "")


def _indented(value: Any, before: str) -> str:
    inner = before + "  "
    if isinstance(value, dict) and value:
        parts = [f"{json.dumps(key, ensure_ascii=False)}: {_indented(item, inner)}" for key, item in value.items()]
        opening, closing = "{", "}"
    elif isinstance(value, list) and value:
        parts, opening, closing = [_indented(item, inner) for item in value], "[", "]"
    else:
        return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else as_json(value)
    return f"{opening}\n" + ",\n".join(inner + part for part in parts) + f"\n{before}{closing}"
