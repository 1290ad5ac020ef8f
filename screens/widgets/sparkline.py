"""A row of values as small bars, one character each."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last ``width`` values; the tallest bar is the greatest of all that were given."""
    most = max(values, default=0.0)
    if not most or width < 1:
        return ""
    return "".join(_BARS[min(len(_BARS) - 1, int(value / most * len(_BARS)))] for value in values[-width:])
