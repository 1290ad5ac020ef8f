"""Text from a database or an exception, made harmless for a terminal."""

from __future__ import annotations

import re

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
