"""What stayed in the source, beside the verdict, where there is room for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from vestige_tui.core.left_behind import meaning_of
from vestige_tui.screens.widgets.text import plain

BROAD = 120
"""The width from which a table stands beside the verdict."""

_COUNT = 9


class NotCopied(VerticalScroll, can_focus=False):
    """A box of tables and columns, with their rows and what they hold. It shows in a broad terminal alone."""

    class Shown(Message):
        """It shows now, or does not."""

        def __init__(self, shown: bool) -> None:
            super().__init__()
            self.shown = shown

    def __init__(self, left: Mapping[str, int]) -> None:
        super().__init__()
        self._left = left
        self.display = False
        self.border_title = "Stays in your file"

    def compose(self) -> ComposeResult:
        """One entry per table or column."""
        yield Static(Content("\n").join(_entries(self._left)))

    def on_mount(self) -> None:
        """Look at the room that there is."""
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _: self._look())
        self._look()

    def _look(self) -> None:
        shown = self.app.size.width >= BROAD
        if shown is not self.display:
            self.display = shown
            self.post_message(self.Shown(shown))


def _entries(left: Mapping[str, int]) -> Iterator[Content]:
    for name, rows in left.items():
        yield Content.assemble(f"{rows:>{_COUNT},}  ", plain(name))
        if meaning := meaning_of(name):
            yield plain(f"{'':{_COUNT}}  {meaning}", "$muted")
