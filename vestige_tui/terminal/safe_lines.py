"""The last thing before the terminal: whatever a widget draws, nothing of it can be obeyed, or not be encoded.

Text from data is made visible where it is shown (``display_safe``). A field for a path has to hold it as it is.
"""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from vestige_tui.core.text import display_safe

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class Harmless(LineFilter):
    """Leaves out what has no width, such as escape, and replaces halves of surrogate pairs: lines stay as long."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments with harmless texts."""
        return [
            segment if display_safe(segment.text) == segment.text else Segment(_harmless(segment.text), segment.style)
            for segment in segments
        ]


def _harmless(text: str) -> str:
    kept = (_REPLACEMENT if "\ud800" <= sign <= "\udfff" else sign for sign in text)
    return "".join(sign for sign in kept if display_safe(sign) == sign)
