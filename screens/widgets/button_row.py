"""Buttons beside each other: ← and → go from one to the next, as Tab and Shift+Tab do."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Button


class ButtonRow(Horizontal):
    """A row of buttons. At its ends the arrows stay where they are.

    They have priority: the key that follows acts on the button that they chose, also where both arrive together.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "go(-1)", "Previous button", show=False, priority=True),
        Binding("right", "go(1)", "Next button", show=False, priority=True),
    ]

    def action_go(self, by: int) -> None:
        """Focus the button that is so many after the one with the focus, past those that cannot have it."""
        row = [button for button in self.query(Button) if button.focusable]
        focused = self.screen.focused  # a button itself hears of it later
        if isinstance(focused, Button) and focused in row and 0 <= (to := row.index(focused) + by) < len(row):
            self.screen.set_focus(row[to])
