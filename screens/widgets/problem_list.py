"""The list of rows with problems."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from vestige_tui.core.explain import fate
from vestige_tui.core.rows.problems import RowError
from vestige_tui.screens.problems import short_row, table_title
from vestige_tui.screens.widgets.line_list import LineList


class ProblemList(LineList[RowError]):
    """One line per row: table, id, problem, outcome."""

    TITLES = ("table", "row", "what is wrong", "outcome")
    WIDTHS = (14, 10, 0, 14)

    class Opened(Message):
        """The operator opened a row."""

        def __init__(self, error: RowError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, *, empty: str = "No rows with problems.", id: str | None = None) -> None:
        super().__init__(empty=empty, id=id)

    @property
    def errors(self) -> Sequence[RowError]:
        """What the list holds."""
        return self.items

    def cells(self, item: RowError) -> Sequence[str]:
        """Table, row, problem and outcome."""
        return table_title(item), short_row(item), item.message, fate(item)

    def opened(self, place: int) -> Message:
        """The row that was opened."""
        return self.Opened(self.errors[place])
