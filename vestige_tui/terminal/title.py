"""The title of the terminal's window: it shows the state, and is the old one again when the program ends.

Only terminals that know titles get one. They keep the old title on a stack of their own (xterm's window operations 22
and 23); one that has no such stack ignores these.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from textual.driver import Driver

from vestige_tui.core.text import display_safe

_KNOW = ("xterm", "screen", "tmux", "rxvt", "alacritty", "foot", "kitty", "konsole", "vte", "gnome", "st-", "wezterm",
         "contour", "ghostty", "mintty", "putty", "iterm")  # fmt: skip
"""How the names of such terminals begin."""

_KEEP_OLD, _BRING_BACK = "\x1b[22;2t", "\x1b[23;2t"
_LONGEST = 80


def knows_titles(environment: Mapping[str, str]) -> bool:
    """Whether the terminal shows a title. On Windows it does not name itself otherwise."""
    return environment.get("TERM", "").lower().startswith(_KNOW) or "WT_SESSION" in environment


def escape_for(title: str) -> str:
    """What sets the title (OSC 2), with nothing in it that a terminal would obey."""
    return f"\x1b]2;{display_safe(title)[:_LONGEST]}\x07"


def titled(driver: type[Driver]) -> type[Driver]:
    """A subclass of ``driver`` that has ``show_title``, and puts the old title back when it stops."""

    class Titled(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._title = ""
            self._on = False

        def start_application_mode(self) -> None:
            super().start_application_mode()
            if knows_titles(os.environ):
                self._on = True
                self.write(_KEEP_OLD + (escape_for(self._title) if self._title else ""))

        def stop_application_mode(self) -> None:
            if self._on:
                self._on = False
                self.write((escape_for("") if os.environ.get("TERM_PROGRAM") == "Apple_Terminal" else "") + _BRING_BACK)
            super().stop_application_mode()

        def show_title(self, title: str) -> None:
            if title != self._title:
                self._title = title
                if self._on:
                    self.write(escape_for(title))

    return Titled
