"""A box for what the operator should not miss, with a mark, never by colour alone."""

from __future__ import annotations

from enum import Enum

from textual.content import Content
from textual.widgets import Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.screens.widgets.text import lines


class Tone(Enum):
    """What a notice is about: its sign, and its class in the stylesheet."""

    GOOD = "✓"
    NOTE = "–"
    BUSY = "…"
    WARNING = "!"
    BAD = "✗"

    @property
    def style_class(self) -> str:
        """The name of this tone in the stylesheet."""
        return f"-{self.name.lower()}"


class Notice(Static):
    """A notice; hidden while it is empty."""

    def on_mount(self) -> None:
        """Take no room while it is empty."""
        self.display = bool(self.content)

    def say(self, tone: Tone, headline: str, *paragraphs: str) -> None:
        """Show a headline and what follows from it."""
        self.remove_class(*(each.style_class for each in Tone)).add_class(tone.style_class)
        head = Content.assemble((f"{tone.value} ", "bold"), lines(headline, "bold"))
        self.update(Content("\n").join([head, *(lines(text) for text in paragraphs if text)]))
        self.display = True

    def explain(self, error: MigrationError) -> None:
        """Say what happened, what that means for the data, what to do."""
        self.say(Tone.BAD, error.what, error.means, error.remedy)

    def clear(self) -> None:
        """Hide the notice."""
        self.update("")
        self.display = False
