"""What a log file would say, over any step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.widgets import Label

from vestige_tui.screens.dialogs import TextDialog
from vestige_tui.screens.widgets.log_lines import LogLines


class LogDialog(TextDialog):
    """The last lines of the log. They hold no password and no content of a memory."""

    SIZE = "-whole"

    def __init__(self, read: Callable[[], Sequence[str]]) -> None:
        super().__init__()
        self._read = read

    def compose_text(self) -> ComposeResult:
        """The lines."""
        yield LogLines(self._read)

    def on_mount(self) -> None:
        """The title; the last line is in sight."""
        self.query_one(".dialog-title", Label).update("Log")
