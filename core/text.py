"""Text for people: data made safe to show, and numbers, sizes and durations in words."""

from __future__ import annotations

import re
from datetime import timedelta

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")
"""Controls (C0, DEL, C1), whatever changes the direction of writing, line and paragraph separators, and halves of
surrogate pairs, which no terminal can be sent."""

_CONTROL_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"


def display_safe(text: str) -> str:
    r"""``text`` on one line, with everything that a terminal would obey replaced by something visible.

    ASCII controls become their control pictures (ESC is ``␛``, a newline ``␊``), all else an escape such as
    ``\u202e``. Brackets stay as they are: what is shown as markup has to be shown as plain text instead.
    """
    return _UNSAFE.sub(_visible, text)


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    if code == 0x7F:
        return _DELETE_PICTURE
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def count(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun: ``1 row``, ``2,000 memories``."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def size(number: int) -> str:
    """A number of bytes: ``3.4 MB``."""
    for unit, bytes_each in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= bytes_each:
            return f"{number / bytes_each:,.1f} {unit}"
    return count(number, "byte")


def duration(seconds: float) -> str:
    """A length of time: ``0.8 s``, ``41 s``, ``2:05``, ``1:04:09``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 60 else clock(seconds)


def clock(seconds: float) -> str:
    """A length of time as a clock shows it: ``0:41``, ``1:04:09``."""
    text = str(timedelta(seconds=int(seconds)))
    return text.removeprefix("0:").removeprefix("0") if text.startswith("0:") else text


def per_second(rate: float) -> str:
    """A rate: ``1,200``, ``6.1``."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def excerpt(text: str, width: int) -> str:
    """The beginning of a text, on one line of at most ``width`` characters. It is not safe to show yet."""
    line = " ".join(text[: 4 * width].split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
