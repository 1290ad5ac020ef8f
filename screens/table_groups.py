"""The tables as the screens list them. All of it follows from the descriptions in ``core/rows/tables.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vestige_tui.core.rows import tables


@dataclass(frozen=True, slots=True)
class TableGroup:
    """One line: its title, and the names of the tables whose rows it counts."""

    title: str
    names: tuple[str, ...]


def title_of(name: str) -> str:
    """The title of a table; its name where there is no description of it."""
    return tables.BY_NAME[name].title if name in tables.BY_NAME else name


def table_groups() -> list[TableGroup]:
    """One line a table, and one for the tables that share it."""
    found: dict[str, list[str]] = {}
    for table in tables.shown():
        found.setdefault(table.group or table.title, []).append(table.name)
    return [TableGroup(title, tuple(names)) for title, names in found.items()]


def summed(group: TableGroup, counts: Mapping[str, int]) -> int:
    """The sum over the tables of a group."""
    return sum(counts.get(name, 0) for name in group.names)
