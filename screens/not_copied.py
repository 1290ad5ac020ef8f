"""The tables and columns that PostgreSQL has no place for: rows, name, and what they hold if that is known."""

from __future__ import annotations

from collections.abc import Mapping

from textual.content import Content

from vestige_tui.core.left_behind import meaning_of
from vestige_tui.core.text import count
from vestige_tui.screens.widgets.text import plain, tables_and_columns

_COUNT, _GAP = 9, 2
_NAME = 24
"""Columns for the name of a table; a longer one takes what it needs, and is never cut."""


def not_copied_table(left: Mapping[str, int]) -> Content:
    """One line per table or column, in the order of the source."""
    head = Content.styled(f"{'rows':>{_COUNT}}{'':{_GAP}}{'table':<{_NAME}}{'':{_GAP}}what it holds", "$muted")
    return Content("\n").join([head, *(_line(name, rows) for name, rows in left.items())])


def _line(name: str, rows: int) -> Content:
    shown = plain(name)
    padded = shown.pad_right(max(0, _NAME - shown.cell_length) + _GAP)
    return Content.assemble(f"{rows:>{_COUNT},}{'':{_GAP}}", padded, plain(meaning_of(name), "$muted"))


def not_copied_counted(left: Mapping[str, int]) -> str:
    """How much that is: ``2 tables and 1 column, 1,234 rows``."""
    return f"{tables_and_columns(left)}, {count(sum(left.values()), 'row')}"
