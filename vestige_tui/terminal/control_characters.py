"""Keeps control characters off the terminal, whatever a widget draws.

Screens show text from data through ``display_safe``. This filter covers the rest, such as a field that has to hold a
path as it is.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from vestige_tui.core.text import display_safe

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class ControlCharacterFilter(LineFilter):
    """Removes control characters and replaces halves of surrogate pairs. Both keep the width of a line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments without control characters."""
        return [
            segment if display_safe(segment.text) == segment.text else Segment(_filtered(segment.text), segment.style)
            for segment in segments
        ]


def _filtered(text: str) -> str:
    kept = (_REPLACEMENT if "\ud800" <= character <= "\udfff" else character for character in text)
    return "".join(character for character in kept if display_safe(character) == character)
