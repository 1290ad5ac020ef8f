"""How much a test does: little in every run, and more with ``pytest --hypothesis-profile=thorough``."""

from __future__ import annotations

from hypothesis import settings

_THOROUGH = 1_000
"""Examples of a property, at least."""


def sized(usual: int, thorough: int) -> int:
    """One of two sizes of a sample, by the profile of this run."""
    return thorough if settings().max_examples >= _THOROUGH else usual
