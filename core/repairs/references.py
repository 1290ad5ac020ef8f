"""How rows refer to each other beside foreign keys, and what a new id makes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vestige_tui.core.repairs.document import as_json, exact_json
from vestige_tui.core.rows.converters import joined_uuids, uuid
from vestige_tui.core.rows.values import SqliteValue, ValueProblem

LISTS: Mapping[tuple[str, str], str] = {
    ("knowledge_nodes", "shared_with_groups"): "groups",
    ("knowledge_nodes", "domains"): "domains",
    ("knowledge_nodes", "domain_scores"): "domains",
}
"""Columns of JSON whose items, or names, are ids of another table."""

_USUAL = re.compile("[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def canonical(value: SqliteValue) -> str | None:
    """An id in the form in which ids are compared; None for what no row can refer to."""
    if value is None or value == "" or isinstance(value, bytes):
        return None
    if isinstance(value, str) and _USUAL.fullmatch(value):
        return value.replace("-", "").lower()
    if isinstance(value, str) and joined_uuids(value, 1) is None:
        try:
            return uuid(value)[4:].hex()
        except ValueProblem:
            return value
    return value.lower().replace("-", "") if isinstance(value, str) else str(value)


def replaced(value: SqliteValue, renamed: Mapping[str, str]) -> str | None:
    """A list or an object in JSON with new ids; None where nothing in it changes. ``renamed`` has canonical ids."""
    if not isinstance(value, str):
        return None
    try:
        found = exact_json(value)
    except ValueError:
        return None

    def new(item: Any) -> Any:
        return renamed.get(canonical(item) or "", item) if isinstance(item, str) else item

    changed: Any = found
    if isinstance(found, list):
        changed = [new(item) for item in found]
    elif isinstance(found, dict):
        changed = {new(name): item for name, item in found.items()}
    return None if changed == found else as_json(changed)
