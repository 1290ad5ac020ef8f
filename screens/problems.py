"""Rows with problems: their short names, groups of them, and filters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vestige_tui.core.rows.problems import EXPLANATIONS, NIL_UUID, OF_MANY, Kind, RowError
from vestige_tui.core.rows.records import ARROW
from vestige_tui.screens.table_groups import title_of
from vestige_tui.screens.widgets.text import shortened

NO_ID = "(no id)"
SEVERAL = "(several)"
_UUID = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_ROW_WIDTH = 9


@dataclass(frozen=True, slots=True)
class Group:
    """Rows with the same kind of problem and the same outcome."""

    kind: Kind
    copied: bool
    errors: tuple[RowError, ...]

    @property
    def title(self) -> str:
        """What is wrong, in a few words."""
        return EXPLANATIONS[self.kind].title


def grouped(errors: Iterable[RowError]) -> list[Group]:
    """Problems by outcome and kind: rows that are not copied first, then the kinds with the most rows."""
    found: dict[tuple[bool, Kind], list[RowError]] = {}
    for error in errors:
        found.setdefault((error.copied, error.kind), []).append(error)
    groups = [Group(kind, copied, tuple(rows)) for (copied, kind), rows in found.items()]
    return sorted(groups, key=lambda group: (group.copied, -len(group.errors), group.kind))


def rows_with_problems(errors: Iterable[RowError], tables: Iterable[str]) -> int:
    """How many rows of these tables have problems; a row with two broken fields counts once."""
    wanted = frozenset(tables)
    concerned = [error for error in errors if error.table in wanted]
    named = {(error.table, error.row) for error in concerned if error.row != NIL_UUID}
    return len(named) + sum(error.row == NIL_UUID for error in concerned)


def failed_rows(errors: Iterable[RowError]) -> Mapping[str, frozenset[str]]:
    """The rows that were not copied and have an id, by table: those that can be tried again."""
    found: dict[str, set[str]] = {}
    for error in errors:
        if not error.copied and error.row != NIL_UUID:
            found.setdefault(error.table, set()).add(error.row)
    return {table: frozenset(rows) for table, rows in found.items()}


def table_title(error: RowError) -> str:
    """The table of a row, as an operator reads it."""
    return title_of(error.table)


def short_row(error: RowError) -> str:
    """A row's id as ``short_label`` has it, or ``(several)``."""
    return SEVERAL if error.row == NIL_UUID and error.kind in OF_MANY else short_label(error.row)


def whole_row(error: RowError) -> str:
    """A row's id as it is, or ``(several)``, or ``(no id)``."""
    return error.row if error.row != NIL_UUID else short_row(error)


def short_label(row: str) -> str:
    """A row's id in at most nine characters: ``3f0c…91a2``, or ``3f0c→77b1`` for a connection."""
    if row == NIL_UUID:
        return NO_ID
    parts = row.split(ARROW)
    if len(parts) == 2:
        return ARROW.join(part[:4] for part in parts)
    if _UUID.fullmatch(row):
        return f"{row[:4]}…{row[-4:]}"
    return shortened(row, _ROW_WIDTH)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows are shown: of one table, of one kind, with a text in them; None and empty match all."""

    table: str | None = None
    kind: Kind | None = None
    text: str = ""

    def apply(self, errors: Sequence[RowError]) -> list[RowError]:
        """The errors that match."""
        wanted = self.text.strip().lower()
        return [
            error
            for error in errors
            if (self.table is None or error.table == self.table)
            and (self.kind is None or error.kind is self.kind)
            and (not wanted or wanted in _words(error))
        ]


def _words(error: RowError) -> str:
    parts = (error.table, table_title(error), error.row, error.message, error.kind, EXPLANATIONS[error.kind].title)
    return "\n".join(parts).lower()
