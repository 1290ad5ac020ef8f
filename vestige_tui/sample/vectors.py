"""Vectors whose nearest neighbours share their topic, fast enough for a million of them in pure Python."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from math import hypot, sqrt
from random import Random

PARTS = 8
"""A vector is this many parts in a row, each one of the variants that its topic has drawn for that place.

With 64 variants that makes 64 ** 8 different vectors a topic, at the price of joining eight byte strings.
"""
_FEWEST, _MOST = 4, 64
"""Variants of a part. Many topics have fewer each, so that drawing them stays quick."""
_NOISE = 0.8
"""Standard deviation of the noise beside a centroid's 1.0: two vectors of one topic have a cosine near
1 / (1 + 0.8 ** 2) = 0.61, two of different topics one near 0. Below some 32 dimensions topics overlap."""


class VectorSource:
    """Unit vectors around one centroid per topic, as Vestige stores them: BLOBs of little-endian float32."""

    def __init__(self, dimension: int, topics: int, rng: Random) -> None:
        """Draw ``topics`` centroids of ``dimension`` values each, and their variants, from ``rng``."""
        parts = min(PARTS, dimension)
        self._count = max(_FEWEST, min(_MOST, 512 // max(1, topics)))
        self._bounds = [(dimension * part // parts, dimension * (part + 1) // parts) for part in range(parts)]
        self._centroids = [[rng.gauss(0.0, 1.0) for _ in range(dimension)] for _ in range(topics)]
        self._variants = [[self._draw(rng, centroid, *bound) for bound in self._bounds] for centroid in self._centroids]

    def centroid(self, topic: int) -> bytes:
        """Return the unit vector at the middle of a topic."""
        return _blob(self._centroids[topic], 1.0)

    def vector(self, topic: int, choice: bytes) -> bytes:
        """Return a unit vector near a topic's centroid; ``choice`` has at least :data:`PARTS` bytes of chance."""
        return b"".join([part[byte % self._count] for part, byte in zip(self._variants[topic], choice, strict=False)])

    def _draw(self, rng: Random, centroid: list[float], start: int, end: int) -> list[bytes]:
        """Return variants of one part; their length is such that any combination of parts has length 1."""
        length = sqrt((end - start) / len(centroid))
        return [
            _blob([value + rng.gauss(0.0, _NOISE) for value in centroid[start:end]], length) for _ in range(self._count)
        ]


def _blob(values: Iterable[float], length: float) -> bytes:
    """Scale numbers to a length and pack them, 4 bytes each."""
    numbers = list(values)
    scale = length / (hypot(*numbers) or 1.0)
    packed = array("f", (value * scale for value in numbers))
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()
