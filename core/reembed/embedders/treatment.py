"""What Vestige does with a text before it is embedded, and with the vector afterwards."""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from operator import mul

from vestige_tui.core.facts import Refusal
from vestige_tui.core.reembed.embedders.protocol import Vector
from vestige_tui.core.reembed.profiles import Profile
from vestige_tui.core.rows.vectors import shortened

SAME = 0.98
"""The least cosine of two vectors of one text: servers of half precision and quantised models round differently."""

_NORMALISED = 1e-6
"""A vector whose length differs from 1 by less has been normalised: again would only change its last bits."""

_NORMALISABLE = 1e-3
"""After that the length differs by less from 1, unless NaN, Infinity or zeros came in: 16,000 rounded sums included."""


def as_document(text: str, profile: Profile) -> str:
    """A memory's text as the model gets it. Raises ``ValueError`` for an empty one, which has no vector."""
    if not text:
        raise ValueError("an empty text has no vector")
    return profile.document + cut(text, profile.max_bytes)


def as_query(text: str, profile: Profile) -> str:
    """Words that are searched for, as the model gets them. Raises ``ValueError`` for none."""
    if not text:
        raise ValueError("an empty text has no vector")
    return profile.query + cut(text, profile.max_bytes)


def cut(text: str, max_bytes: int | None) -> str:
    """The start of a text, as many whole characters as ``max_bytes`` bytes of UTF-8 hold; None: all of it."""
    if max_bytes is None or 4 * len(text) <= max_bytes:
        return text
    return text.encode()[:max_bytes].decode(errors="ignore")


def treated(raw: Sequence[bytes], dimension: int) -> list[Vector | Refusal]:
    """The first ``dimension`` elements of vectors of little-endian float32, with length 1; or why there is none.

    All have the same number of elements, at least ``dimension``.
    """
    if all(len(vector) == 4 * dimension and _is_unit(vector, _NORMALISED) for vector in raw):
        return list(raw)
    return [
        vector if _is_unit(vector, _NORMALISABLE) else _fault(before)
        for vector, before in zip(shortened(raw, dimension), raw, strict=True)
    ]


def values(vector: bytes) -> array[float]:
    """The elements of a vector of little-endian float32."""
    found = array("f", vector)
    if sys.byteorder != "little":
        found.byteswap()
    return found


def from_values(numbers: Sequence[float]) -> bytes:
    """A vector of little-endian float32, from its elements."""
    made = array("f", numbers)
    if sys.byteorder != "little":
        made.byteswap()
    return made.tobytes()


def cosine(one: bytes, other: bytes) -> float:
    """Of two vectors of little-endian float32; 0 where they have no angle."""
    first, second = values(one), values(other)
    lengths = math.hypot(*first) * math.hypot(*second)
    product = sum(map(mul, first, second))
    return product / lengths if len(first) == len(second) and lengths > 0 and math.isfinite(lengths) else 0.0


def _is_unit(vector: bytes, tolerance: float) -> bool:
    return abs(math.hypot(*values(vector)) - 1) < tolerance


def _fault(vector: bytes) -> Refusal:
    return Refusal.ZERO if math.isfinite(sum(values(vector))) else Refusal.NOT_FINITE
