"""The tables as the screens show them: small ones share a line, the one that everybody asks for comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vestige_tui.screens.tables import SHOWN


@dataclass(frozen=True, slots=True)
class TableGroup:
    """One line: its title, and the names of the tables whose rows it counts."""

    title: str
    names: tuple[str, ...]


_TOGETHER = {"users": "Users and groups", "groups": "Users and groups", "group_memberships": "Users and groups"}


def _groups() -> tuple[TableGroup, ...]:
    found: dict[str, list[str]] = {}
    for table in SHOWN:
        found.setdefault(_TOGETHER.get(table.name, table.title), []).append(table.name)
    return tuple(TableGroup(title, tuple(names)) for title, names in found.items())


GROUPS = _groups()
"""Memories, what belongs to them, and last users, groups and memberships together."""


def summed(group: TableGroup, counts: Mapping[str, int]) -> int:
    """The sum over the tables of a group."""
    return sum(counts.get(name, 0) for name in group.names)
