"""Databases to choose from, one card each: the path, and below it what the file holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from vestige_tui.core.source.overview import FileOverview
from vestige_tui.core.text import count, size
from vestige_tui.screens.widgets.text import ago, plain, short_path, shortened

_MARGIN = 4  # columns of padding and scroll bar
_AROUND = 11  # columns beside a list that has not been laid out yet


@dataclass(frozen=True, slots=True)
class Card:
    """A file that may be chosen, and why it is in the list."""

    overview: FileOverview
    origin: str


class Cards(OptionList, inherit_bindings=False):
    """The list of them. Moving to a card chooses it; Enter goes on from there.

    It is short, so Page Down is left to what is below it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "cursor_down", "Choose", key_display="↑↓"),
        Binding("up", "cursor_up", "Choose", show=False),
        Binding("home", "first", "First", show=False),
        Binding("end", "last", "Last", show=False),
        Binding("enter", "select", "Select", show=False),
    ]

    def __init__(self, *, home: Path, now: datetime, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self._home = home
        self._now = now
        self._cards: tuple[Card, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """The file of each card."""
        return tuple(card.overview.path for card in self._cards)

    def show(self, cards: Iterable[Card]) -> None:
        """Replace the cards; none is chosen."""
        self._cards = tuple(cards)
        self._draw()

    def on_resize(self, _event: events.Resize) -> None:
        """Shorten the paths to the new width."""
        self._draw()

    def _draw(self) -> None:
        chosen = self.highlighted
        with self.prevent(OptionList.OptionHighlighted):
            self.set_options([Option(self._prompt(card)) for card in self._cards])
            if chosen is not None and chosen < len(self._cards):
                self.highlighted = chosen

    def _prompt(self, card: Card) -> Content:
        width = max((self.size.width or self.app.size.width - _AROUND) - _MARGIN, 20)
        path = plain(shortened(short_path(card.overview.path, self._home), width), "bold")
        facts = f"  {self._facts(card)}"
        if len(facts) > width:
            facts = f"  {self._facts(card, changed='')}"
        return Content.assemble(path, "\n", plain(shortened(facts, width)))

    def _facts(self, card: Card, changed: str = "changed ") -> str:
        found = card.overview
        if found.problem is not None:
            return f"! cannot be used · {size(found.size)} · {card.origin}"
        memories = count(found.memories or 0, "memory", "memories")
        stale = "! stale · " if found.stale else ""
        return f"{stale}{memories} · {size(found.size)} · {changed}{ago(found.modified, self._now)} · {card.origin}"
