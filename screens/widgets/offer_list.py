"""The ways to deal with a row, one a line, the chosen one marked."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from vestige_tui.core.text import display_safe
from vestige_tui.screens.offers import Offer
from vestige_tui.screens.widgets.text import plain


class OfferList(Widget, can_focus=True):
    """Offers in one widget: a row with others costs no new ones. Arrow keys or a click choose, Enter accepts."""

    BINDINGS = [  # noqa: RUF012  (Textual declares it otherwise)
        Binding("enter", "accept", "Accept"),
        Binding("up,k", "choose(-1)", "Choose", show=False),
        Binding("down,j", "choose(1)", "Choose", show=False),
    ]

    class Accepted(Message):
        """The operator accepts the chosen offer."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._offers: Sequence[Offer] = ()
        self._chosen = 0
        self._height = 1

    def show(self, offers: Sequence[Offer]) -> None:
        """Replace the offers; the first one is chosen."""
        self._offers, self._chosen = offers, 0
        before, self._height = self._height, max(1, len(offers))
        self.refresh(layout=self._height != before)

    def clear(self, *, keep_height: bool = False) -> None:
        """Show no offers; ``keep_height``: others follow soon."""
        if not keep_height:
            self.show(())
            return
        self._offers, self._chosen = (), 0
        self.refresh()

    @property
    def chosen(self) -> Offer | None:
        """The chosen offer."""
        return self._offers[self._chosen] if self._offers else None

    def render(self) -> Content:
        """One line per offer."""
        width = max(20, self.size.width)
        return Content("\n").join(self._line(place, offer, width) for place, offer in enumerate(self._offers))

    def _line(self, place: int, offer: Offer, width: int) -> Content:
        here = place == self._chosen
        label = f"({'●' if here else ' '}) {place + 1} {offer.label}"
        shown = display_safe(offer.shown[:width])
        room = width - len(label) - 3
        shown = shown if len(shown) <= room else shown[: max(room - 1, 0)] + "…"
        style = "bold $accent" if here and self.has_focus else "bold" if here else ""
        return Content.assemble(plain(label, style), "   " if shown else "", plain(shown, "$muted"))

    def get_content_height(self, *_: object) -> int:
        """One line for each."""
        return self._height

    def choose(self, place: int) -> None:
        """Choose the offer at a place, from 0."""
        if 0 <= place < len(self._offers):
            self._chosen = place
            self.refresh()
            self.screen.refresh_bindings()

    def action_choose(self, step: int) -> None:
        """Choose the next offer, or the previous one."""
        self.choose(max(0, min(self._chosen + step, len(self._offers) - 1)))

    def action_accept(self) -> None:
        """Accept the chosen one."""
        self.post_message(self.Accepted())

    def on_focus(self) -> None:
        """Show that the offers have the keys."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that another widget has them."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose an offer; the second click accepts it."""
        offset = event.get_content_offset(self)
        if offset is not None and offset.y < len(self._offers):
            self.choose(offset.y)
            if event.chain > 1:
                self.action_accept()
