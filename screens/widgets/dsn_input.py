"""A field for a connection string: a password in it is shown as dots, also while it is being typed."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input

from vestige_tui.screens.dsn_fields import secret_parts


class DsnInput(Input):
    """The field. Its text goes to the clipboard only as far as it can be read."""

    def take(self, text: str) -> None:
        """Take a text over from another field, to be typed on."""
        self.value = text
        self.cursor_position = len(text)
        self.select_on_focus = False
        self.screen.set_focus(self)

    def on_focus(self) -> None:
        """The next time, select everything."""
        self.call_later(setattr, self, "select_on_focus", True)

    @property
    def _value(self) -> Text:
        """What Textual draws: as many signs as the text has."""
        return Text(self._masked, no_wrap=True, overflow="ignore", end="")

    @property
    def _masked(self) -> str:
        shown = self.value
        for start, end in secret_parts(shown):
            shown = f"{shown[:start]}{'•' * (end - start)}{shown[end:]}"
        return shown

    def action_copy(self) -> None:
        """Copy what can be read of the selection."""
        self.app.copy_to_clipboard(self._masked[slice(*sorted(self.selection))])
