"""The list of differences between source and destination."""

from __future__ import annotations

from collections.abc import Sequence

from textual.message import Message

from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.words import what_differs_in_short
from vestige_tui.screens.problems import short_label
from vestige_tui.screens.table_groups import title_of
from vestige_tui.screens.widgets.line_list import LineList


class DifferenceList(LineList[Difference]):
    """One line per difference: table, row, field, and what differs."""

    TITLES = ("table", "row", "field", "what")
    WIDTHS = (16, 11, 20, 0)

    class Opened(Message):
        """The operator opened the difference at this place."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def cells(self, item: Difference) -> Sequence[str]:
        """Table, row, field, and what differs."""
        return title_of(item.table), short_label(item.row), item.field or "(row)", what_differs_in_short(item)

    def opened(self, place: int) -> Message:
        """The difference that was opened."""
        return self.Opened(place)
