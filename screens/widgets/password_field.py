"""A field for a password, and a button that shows what was typed."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button

from vestige_tui.screens.widgets.password_input import PasswordInput


class PasswordField(Horizontal):
    """The field, and beside it *Show*: for the mouse; the field's own key does the same."""

    def __init__(self, *, placeholder: str = "", id: str) -> None:
        """``id`` is that of the input."""
        super().__init__()
        self._input = PasswordInput(placeholder=placeholder, id=id)

    def compose(self) -> ComposeResult:
        """The input, and the button."""
        yield self._input
        button = Button("Show", compact=True, classes="reveal")
        button.can_focus = False
        yield button

    @on(Button.Pressed, ".reveal")
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self._input.action_reveal()
        self._input.focus()

    @on(PasswordInput.Revealed)
    def _revealed(self, event: PasswordInput.Revealed) -> None:
        event.stop()
        self.query_one(Button).label = "Show" if self._input.password else "Hide"
