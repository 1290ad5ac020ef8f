"""The rows with problems that a preview found, over the preview."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from vestige_tui.core.rows.problems import RowError
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.problem_browser import ProblemBrowser


class RowsDialog(ModalScreen[None]):
    """Looks through rows; Escape goes back to where it was opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close")]

    def __init__(self, errors: Sequence[RowError], source: Path) -> None:
        super().__init__()
        self._errors = errors
        self._source = source

    def compose(self) -> ComposeResult:
        """A title, the rows, and how to leave."""
        with Vertical(classes="dialog -whole"):
            yield Label("Rows with problems", classes="dialog-title")
            yield ProblemBrowser(self._errors, self._source, dry=True)
            with Horizontal(classes="dialog-buttons"):
                yield Static(classes="spacer")
                yield Button("Close", id="close", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """The list has the keys."""
        self.query_one(ProblemBrowser).rows.focus()

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Back to the preview."""
        self.dismiss()
