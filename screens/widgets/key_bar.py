"""The keys at the bottom, drawn as one line: they change with the focus, and one widget per key would be too slow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget

_LOOSE = 3  # columns around a key and its word
_CLOSE = 2  # the same where not all would fit otherwise
_ALWAYS = 2  # keys at the end that are always shown: the menu, which has the others too, and Quit


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the bar shows it: how it is written, what it does, and whether it does that now."""

    name: str
    display: str
    word: str
    enabled: bool

    @property
    def width(self) -> int:
        """Columns of both, without what is around them."""
        return len(self.display) + len(self.word)


def fitting(keys: Sequence[Key], width: int) -> Sequence[Key]:
    """The keys that fit, close together; what does not is left out before the last ones."""
    shown, last = list(keys[:-_ALWAYS]), keys[-_ALWAYS:]
    while shown and sum(key.width + _CLOSE for key in (*shown, *last)) > width:
        shown.pop()
    return (*shown, *last)


class KeyBar(Widget):
    """Shows the available keys; a click on one presses it."""

    ALLOW_SELECT = False

    def __init__(self) -> None:
        super().__init__()
        self.keys: tuple[Key, ...] = ()

    def on_mount(self) -> None:
        """Follow the keys of the screen."""
        self.screen.bindings_updated_signal.subscribe(self, self._follow)

    def _follow(self, screen: Screen[object]) -> None:
        found: dict[str, Key] = {}
        bindings = [(active.binding, active.enabled) for active in screen.active_bindings.values()]
        if screen.is_modal:
            bindings += [(binding, True) for binding in self._over_dialogs]
        for binding, enabled in bindings:
            if binding.show:
                display = self.app.get_key_display(binding)
                found.setdefault(binding.action, Key(binding.key, display, binding.description, enabled))
        keys = tuple(found.values())
        if keys != self.keys:
            self.keys = keys
            self.refresh()

    @property
    def _over_dialogs(self) -> Iterator[Binding]:
        """The way out works over dialogs, too, though Textual does not count it among their keys. So does the menu, but
        a dialog has few keys, and names them.
        """
        for _, binding in self.app._bindings:
            if binding.action == "quit" and self.app.check_action(binding.action, ()):
                yield binding

    @property
    def _around(self) -> int:
        return _LOOSE if sum(key.width + _LOOSE for key in self.keys) <= self.size.width else _CLOSE

    def render(self) -> Content:
        """All keys, closer together if they would not fit otherwise."""
        before = " " * (self._around - _CLOSE)
        keys = fitting(self.keys, self.size.width)
        return Content("").join(
            Content.assemble(
                (f"{before}{key.display}", "bold $footer-key-foreground"),
                f" {key.word} ",
            ).stylize("" if key.enabled else "dim")
            for key in keys
        )

    def on_click(self, event: events.Click) -> None:
        """Press the key that was clicked."""
        around, end = self._around, 0
        for key in fitting(self.keys, self.size.width):
            end += key.width + around
            if event.x < end:
                self.app.simulate_key(key.name)
                return
