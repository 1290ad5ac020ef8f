"""Joins two lists of memories by reciprocal ranks."""

from __future__ import annotations

from collections.abc import Iterable

K = 60
"""The constant of reciprocal rank fusion: the larger it is, the less the first places count."""


def fused(*lists: Iterable[str]) -> dict[str, float]:
    """The score of each memory, the best first: for each list that has it, 1 / (K + its place in it)."""
    scores: dict[str, float] = {}
    for found in lists:
        for place, memory in enumerate(found, start=1):
            scores[memory] = scores.get(memory, 0.0) + 1 / (K + place)
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))
