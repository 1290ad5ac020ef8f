"""The counts of a copy, as the report shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual.content import Content

from vestige_tui.core.report import MigrationReport, TableReport
from vestige_tui.screens.table_groups import table_groups, title_of
from vestige_tui.screens.widgets.grid import Cell, grid
from vestige_tui.screens.widgets.text import plain

NOTHING = "–"
"""Stands for no rows."""


def counts(report: MigrationReport | None) -> Content:
    """What became of the rows, by table; where rows were there before and were compared, how many of them differ."""
    compared = report is not None and any(
        table.already_present and table.already_different is not None for table in report.tables.values()
    )
    rows = []
    for group in table_groups():
        tables = [report.tables[name] for name in group.names if name in report.tables] if report is not None else []
        rows.append([group.title, *_cells(tables, compared=compared)])
    there = ("before", "differ") if compared else ("before",)
    return grid(("", "in source", "arrived", *there, "repaired", "not copied"), rows, gap=2 if compared else 3)


def _cells(tables: Sequence[TableReport], *, compared: bool) -> Iterator[Cell]:
    yield _number(sum(table.source for table in tables))
    yield _number(sum(table.inserted for table in tables))
    yield _number(sum(table.already_present for table in tables))
    if compared:
        yield differing(sum(table.already_different or 0 for table in tables))
    yield _number(sum(table.repaired for table in tables))
    yield _number(sum(table.failed for table in tables))


def already_different_by_title(report: MigrationReport) -> dict[str, int]:
    """By the title of a table, how many rows that were there before have other values; only where there are any."""
    rows = {title_of(name): table.already_different for name, table in report.tables.items()}
    return {title: number for title, number in rows.items() if number}


def differing(rows: int) -> Cell:
    """How many rows that were there before have other values."""
    return plain(f"! {rows:,}", "bold $warning") if rows else NOTHING


def _number(rows: int) -> str:
    return f"{rows:,}" if rows else NOTHING
