from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestige_tui.core.text import display_safe

BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Straße, 要確認, 👍 [bold]", "Straße, 要確認, 👍 [bold]"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("a\r\nb\tc\x08\x00", "a␍␊b␉c␈␀"),
        ("\x7f\x9b31m\x85", "␡\\x9b31m\\x85"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("\u2028\u2029", "\\u2028\\u2029"),
        ("half \udc80", "half \\udc80"),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert display_safe(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    shown = display_safe(text)
    shown.encode()
    assert shown.splitlines() in ([], [shown])
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or c in BIDI for c in shown)
    assert display_safe(shown) == shown
