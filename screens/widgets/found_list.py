"""Memories that were found: of each its part with the marked words, and below that its facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from vestige_tui.core.search.answers import Found, Snippet
from vestige_tui.core.search.wording import date_of, found_in_words
from vestige_tui.screens.widgets.text import plain

MARKED = "bold underline $accent"
_ROOM_FOR_IDS = 100
"""Columns from which an id is written in full."""


class MemoryList(OptionList, inherit_bindings=False):
    """A list of memories, with the keys of all of them. Enter or a click selects one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select", "Open"),
        Binding("down,j", "cursor_down", "Next", key_display="j/k"),
        Binding("up,k", "cursor_up", "Previous", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
    ]


class FoundList(MemoryList):
    """Memories that were found."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("pageup", "page_up", "Page up", show=False),
        Binding("pagedown", "page_down", "Page down", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self._found: Sequence[Found] = ()

    @property
    def here(self) -> Found | None:
        """The memory that the cursor is on."""
        at = self.highlighted
        return self._found[at] if at is not None and at < len(self._found) else None

    def show(self, found: Sequence[Found]) -> None:
        """Replace the memories. The cursor stays on its memory, where that was found again."""
        before = self.here.id if self.here is not None else None
        self._found = found
        self._draw(next((at for at, each in enumerate(found) if each.id == before), 0))

    def at(self, place: int) -> Found:
        """The memory at a place."""
        return self._found[place]

    def on_resize(self, _event: events.Resize) -> None:
        """Write the facts for the new width."""
        self._draw(self.highlighted or 0)

    def _draw(self, cursor: int) -> None:
        self.set_options([Option(self._prompt(found)) for found in self._found])
        self.highlighted = min(cursor, len(self._found) - 1) if self._found else None

    def _prompt(self, found: Found) -> Content:
        return Content.assemble(marked(found.snippet), "\n", plain(f"  {self._facts(found)}", "$muted"))

    def _facts(self, found: Found) -> str:
        id_ = found.id if self.size.width >= _ROOM_FOR_IDS else f"{found.id[:8]}…{found.id[-4:]}"
        parts = (
            found.kind,
            date_of(found.created),
            id_,
            found_in_words(found),
            *(f"! {each}" for each in found.states),
        )
        return " · ".join(part for part in parts if part)


def marked(snippet: Snippet) -> Content:
    """A snippet with its words marked; never markup, and nothing that a terminal would obey."""
    pieces = (plain(piece, MARKED if is_marked else "") for piece, is_marked in snippet.pieces)
    return Content.assemble("… " if snippet.before else "", *pieces, " …" if snippet.after else "")
