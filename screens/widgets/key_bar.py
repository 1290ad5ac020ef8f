"""The keys at the bottom, set closer where they would not all fit."""

from __future__ import annotations

from textual.screen import Screen
from textual.widgets import Footer

_AROUND = 3  # columns around a key and its word


class KeyBar(Footer):
    """Textual's footer; its keys move together before the last of them would be cut off."""

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Measure the keys that there are now, and show them."""
        shown = [active.binding for active in screen.active_bindings.values() if active.binding.show]
        words = {binding.action: f"{self.app.get_key_display(binding)}{binding.description}" for binding in shown}
        self.compact = sum(len(word) + _AROUND for word in words.values()) > screen.size.width
        super().bindings_changed(screen)
