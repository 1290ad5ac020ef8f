"""Leaves rows out, knowingly: says what goes with them, and asks for the reason."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, Static

from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.text import lines, plain


class LeaveOutDialog(ModalScreen[str | None]):
    """Hands over the reason, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+n", "leave_out", "Leave out"),
        Binding("escape", "dismiss(None)", "Back"),
    ]

    def __init__(self, what: str, means: str) -> None:
        super().__init__()
        self._what = what
        self._means = means

    def compose(self) -> ComposeResult:
        """What is left out, the reason, and both ways out."""
        with Vertical(classes="dialog -broad"):
            yield Label(plain(f"Leave out {self._what}, knowingly"), classes="dialog-title")
            yield Static(lines(self._means), classes="dialog-text")
            yield Input(placeholder="why, such as: empty on purpose", id="reason", compact=True)
            with ButtonRow(classes="dialog-buttons"):
                yield Button("Back", id="leave", compact=True)
                yield Static(classes="spacer")
                yield Button("Leave out", id="out", compact=True, classes="-primary", disabled=True)
        yield KeyBar()

    def on_mount(self) -> None:
        """The reason can be typed at once."""
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self) -> None:
        self.query_one("#out", Button).disabled = not self._reason
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a reason nothing is left out."""
        if action == "leave_out":
            return (self.is_mounted and bool(self._reason)) or None
        return super().check_action(action, parameters)

    @property
    def _reason(self) -> str:
        return self.query_one(Input).value.strip()

    @on(Button.Pressed, "#out")
    @on(Input.Submitted)
    def action_leave_out(self) -> None:
        """Hand the reason over; without one nothing is left out."""
        if self._reason:
            self.dismiss(self._reason)

    @on(Button.Pressed, "#leave")
    def leave(self) -> None:
        """Leave nothing out."""
        self.dismiss(None)
