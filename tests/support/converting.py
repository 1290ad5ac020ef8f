"""Converters by both of their forms: whatever ``one`` does with a value, ``many`` does too."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.problems import EXPLANATIONS
from vestige_tui.core.rows.values import ValueProblem

SPELLINGS = (
    str,
    lambda value: str(value).upper(),
    lambda value: value.hex,
    lambda value: value.hex.upper(),
    lambda value: f"{{{value}}}",
    lambda value: f"{{{value.hex}}}",
    lambda value: value.urn,
    lambda value: value.urn.upper(),
)
"""Ways to write a UUID that are all taken."""


def converted(converter: Converter, value: Any) -> bytes:
    """The field that a converter makes of a value. Raises ``ValueProblem``."""
    many = converter.many([value, value])
    try:
        found = converter.one(value)
    except ValueProblem:
        assert many is None
        raise
    assert many is not None
    assert [*many] == [found, found]
    return found


def problem(converter: Converter, value: Any) -> ValueProblem:
    """The problem with which a converter refuses a value."""
    with pytest.raises(ValueProblem) as caught:
        converted(converter, value)
    assert caught.value.message
    assert caught.value.kind in EXPLANATIONS
    return caught.value


def parsed(text: str | None) -> Any:
    """JSON with every number exact."""
    assert text is not None
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)
