"""The names of rows before and after their repairs: with a new id, reports name a row by that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.records import ARROW
from vestige_tui.core.rows.tables import BY_NAME, Table


class Labels:
    """Translates labels of rows, those of rows that refer to a row with a new id among them."""

    def __init__(self, repairs: Repairs) -> None:
        self._new: dict[tuple[str, str], str] = {}
        self._old: dict[tuple[str, str], str] = {}
        self._renamed: dict[str, dict[str, str]] = {}
        self._original: dict[str, dict[str, str]] = {}
        for repair in repairs.entries:
            table = BY_NAME.get(repair.table)
            if table is None or not set(table.key) & set(repair.values):
                continue
            parts = repair.row.split(ARROW) if len(table.key) > 1 else [repair.row]
            if len(parts) != len(table.key):
                parts = [""] * len(table.key)
            new = ARROW.join(str(repair.values.get(name, part)) for name, part in zip(table.key, parts, strict=True))
            self._new[table.name, repair.row], self._old[table.name, new] = new, repair.row
            if len(table.key) == 1:
                self._renamed.setdefault(table.name, {})[repair.row] = new
                self._original.setdefault(table.name, {})[new] = repair.row

    def after(self, table: str, row: str) -> str:
        """The label that a run with the repairs gives a row of the source."""
        return self._new.get((table, row)) or _translated(table, row, self._renamed)

    def before(self, table: str, row: str) -> str:
        """The label that a row of such a run has in the source."""
        return self._old.get((table, row)) or _translated(table, row, self._original)


def by_source_labels(errors: Iterable[RowError], repairs: Repairs) -> list[RowError]:
    """The problems that a run with repairs found, their rows named as in the source."""
    if not repairs:
        return [*errors]
    labels = Labels(repairs)
    return [
        replace(each, row=row) if (row := labels.before(each.table, each.row)) != each.row else each for each in errors
    ]


def _translated(name: str, row: str, ids: dict[str, dict[str, str]]) -> str:
    table = BY_NAME.get(name)
    if table is None or not ids:
        return row
    parts = row.split(ARROW) if len(table.key) > 1 else [row]
    if len(parts) != len(table.key):
        return row
    return ARROW.join(_part(table, column, part, ids) for column, part in zip(table.key, parts, strict=True))


def _part(table: Table, column: str, part: str, ids: dict[str, dict[str, str]]) -> str:
    for foreign_key in table.foreign_keys:
        if column in foreign_key.columns:
            return ids.get(foreign_key.table, {}).get(part, part)
    return part
