"""What an operator types in place of a broken value: read by the type of its column, and judged."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
    """JSON over several lines, however deep it is nested; a ``Decimal`` keeps its digits."""
    written: list[str] = []
    waiting: list[tuple[Any, str, bool]] = [(value, "", False)]
    while waiting:
        item, before, is_written = waiting.pop()
        if is_written:
            written.append(item)
        elif isinstance(item, dict | list) and item:
            waiting.extend(reversed([*_lines(item, before)]))
        else:
            written.append(json.dumps(item, ensure_ascii=False) if isinstance(item, str) else as_json(item))
    return "".join(written)


def _lines(value: dict[str, Any] | list[Any], before: str) -> Iterator[tuple[Any, str, bool]]:
    """An object or a list in pieces, each with its indentation and whether it is JSON already."""
    inner = before + "  "
    yield ("{" if isinstance(value, dict) else "["), "", True
    for place, name in enumerate(value):
        item, named = (
            (value[name], f"{json.dumps(name, ensure_ascii=False)}: ") if isinstance(value, dict) else (name, "")
        )
        yield f"{',' if place else ''}\n{inner}{named}", "", True
        yield item, inner, False
    yield f"\n{before}{'}' if isinstance(value, dict) else ']'}", "", True
