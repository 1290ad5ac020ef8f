"""How long a copy would take, and how much room, by rules of thumb."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.report import Estimate
from vestige_tui.core.rows.tables import KNOWLEDGE_NODES

SECONDS_PER_MEMORY = 0.00012
SECONDS_PER_VECTOR_ELEMENT = 0.0000012
SECONDS_PER_OTHER_ROW = 0.000025
"""Rules of thumb for an estimate, from copies on two cores with the server on the same machine. An element takes nearly
all of its time in the vector index.
"""

ESTIMATE_AFTER = 2.0
"""Seconds before the time left is estimated."""

BYTES_PER_VECTOR_ELEMENT = 9
BYTES_PER_OTHER_ROW = 180
"""Of the destination, indexes included: a vector is stored twice, in the table and in its HNSW index."""


def estimate(
    inserted: Mapping[str, int], read: int, source_bytes: int, dimension: int | None, index: IndexEstimate | None = None
) -> Estimate:
    """What a copy would take that inserts so many rows of each table, of all that were ``read``.

    ``dimension`` is that of its vectors, None where it has none. ``index`` is the vector index where it is built.
    """
    memories = inserted.get(KNOWLEDGE_NODES.name, 0)
    others = sum(inserted.values()) - memories
    elements = memories * (dimension or 0)
    vectors = sqrt(index.least * index.most) if index is not None else elements * SECONDS_PER_VECTOR_ELEMENT
    seconds = memories * SECONDS_PER_MEMORY + vectors + others * SECONDS_PER_OTHER_ROW
    size = source_bytes * (memories + others) / (read or 1)
    size += elements * BYTES_PER_VECTOR_ELEMENT + others * BYTES_PER_OTHER_ROW
    return Estimate(seconds=round(seconds, 1), size=int(size), index=index)


def seconds_left(seconds: float, fraction: float) -> float | None:
    """How long the rest takes of what took so many seconds for a ``fraction``; None until that can be estimated."""
    if seconds < ESTIMATE_AFTER or not 0.01 < fraction < 1:
        return None
    return seconds * (1 - fraction) / fraction
