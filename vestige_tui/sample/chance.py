"""Drawing from a sequence. ``Random.choice`` and ``choices`` do the same several times slower, and a sample of a
million memories draws a hundred million times.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


def pick(rng: Random, items: Sequence[T]) -> T:
    """Return one of the items; raises IndexError when there are none."""
    return items[int(rng.random() * len(items))]


def deck(shares: dict[T, int]) -> tuple[T, ...]:
    """Return each key as often as its share says, for :func:`pick` to draw from."""
    return tuple(item for item, share in shares.items() for _ in range(share))
