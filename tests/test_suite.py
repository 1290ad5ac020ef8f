"""Rules that the tests themselves keep."""

from __future__ import annotations

import pytest

from tests.support.ids import LONGEST, short_id

LONGEST_NAME = 160
"""Characters of a test's whole name."""


def test_names_are_short(request: pytest.FixtureRequest) -> None:
    long = [item.nodeid for item in request.session.items if len(item.nodeid) > LONGEST_NAME]
    assert not long, [f"{name[:LONGEST_NAME]}... has {len(name)} characters" for name in long]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("x" * LONGEST, None),
        ("x" * 5_000, "x" * 23 + "...(5000)"),
        (b"\x00" * 9, r"\x00" * 6 + r"\x" + "...(9)"),
        (10**100, "1" + "0" * 23 + "...(101)"),
        (("x" * 5_000,), None),
    ],
    ids=["just short", "text", "bytes", "number", "no text"],
)
def test_a_long_value_is_cut_in_a_name(value: object, expected: str | None) -> None:
    assert short_id(value) == expected
    assert len(expected or "") <= LONGEST
