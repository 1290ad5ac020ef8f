"""A table of numbers as text: titles on the left, numbers right-aligned, one unit a column."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from vestige_tui.screens.widgets.text import plain

Cell = Content | str


def grid(titles: Sequence[str], rows: Sequence[Sequence[Cell]], *, gap: int = 3) -> Content:
    """Rows under titles; the first column is words, the others numbers. Every row is as long as ``titles``."""
    cells = [[cell if isinstance(cell, Content) else plain(cell) for cell in row] for row in rows]
    head = [plain(title, "$muted") for title in titles]
    widths = [max(row[column].cell_length for row in [head, *cells]) for column in range(len(titles))]
    return Content("\n").join(_line(row, widths, gap) for row in [head, *cells])


def _line(row: Sequence[Content], widths: Sequence[int], gap: int) -> Content:
    first, *numbers = row
    parts = [first.pad_right(widths[0] - first.cell_length)]
    for cell, width in zip(numbers, widths[1:], strict=True):
        parts.append(cell.pad_left(gap + width - cell.cell_length))
    return Content("").join(parts)
