"""What is known of vectors and of the models that make them: names, profiles, and how Vestige shortens a vector.

The facts are those of Vestige's public history: its releases from 1.0.0 on, and its catalogue of embedding profiles.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, repeat
from operator import add, mul, truediv

from vestige_tui.core.model import MAX_DIMENSION, ModelSignature

NOMIC = "nomic-ai/nomic-embed-text-v1.5"
_QWEN_SMALL = "Qwen/Qwen3-Embedding-0.6B"
_QWEN_LARGE = "Qwen/Qwen3-Embedding-4B"

FULL, SHORT = 768, 256
"""Elements of a vector as nomic makes it, and as Vestige keeps it from 1.6.0 on."""

FALSE_LABEL = "all-MiniLM-L6-v2"
"""What Vestige 1.0.0 to 2.0.0 wrote beside vectors of nomic, whose dimensions a real all-MiniLM does not have."""

OTHER_NAMES: Mapping[str, str] = {"nomic-embed-text-v1.5": NOMIC}
"""Other names of a model: this one is what Vestige 2.0.1 to 2.1.1 wrote."""

LEGACY_PROFILE = "nomic-v1.5-legacy-raw-256"
"""The profile of the vectors from before profiles: ``node_embeddings`` mirrors it, and no other one."""

CATALOGUE: Mapping[str, tuple[str, int]] = {
    LEGACY_PROFILE: (NOMIC, SHORT),
    "nomic-v1.5-retrieval-v1-256": (NOMIC, SHORT),
    "granite-311m-multilingual-r2-256": ("ibm-granite/granite-embedding-311m-multilingual-r2", 256),
    "qwen3-0.6b-retrieval-v1-256": (_QWEN_SMALL, 256),
    "qwen3-0.6b-retrieval-v1-1024": (_QWEN_SMALL, 1_024),
    "qwen3-4b-retrieval-v1-1024": (_QWEN_LARGE, 1_024),
    "qwen3-4b-retrieval-v1-native": (_QWEN_LARGE, 2_560),
}
"""Vestige's profiles: the model of each and its dimension."""


def true_name(label: str, dimension: int | None) -> str:
    """The model that a label stands for, beside vectors of ``dimension`` elements."""
    if label == FALSE_LABEL and dimension in (FULL, SHORT):
        return NOMIC
    return OTHER_NAMES.get(label, label)


class Fate(StrEnum):
    """What a copy does with a vector."""

    COPIED = "copied"
    CUT = "cut"
    STALE = "stale"
    OTHER_MODEL = "other_model"
    OTHER_SPACE = "other_space"
    SUPERSEDED = "superseded"
    NO_MEMORY = "no_memory"
    WRONG_DIMENSION = "wrong_dimension"
    UNUSABLE = "unusable"


_OF_SIZE = frozenset({Fate.COPIED, Fate.CUT, Fate.WRONG_DIMENSION, Fate.UNUSABLE})
"""Fates of vectors that count for their memories: the dimension decides which of these it is."""


@dataclass(frozen=True, slots=True)
class VectorGroup:
    """``count`` vectors of a source that have the same fate.

    They are in ``table``, and in ``profile`` where the table has profiles. ``model`` made them (None: the file does not
    say), with ``dimension`` elements (None: the value is no vector). ``named`` lists the first of the memories that do
    not exist.
    """

    table: str
    profile: str | None
    model: str | None
    dimension: int | None
    count: int
    fate: Fate
    named: tuple[str, ...] = ()

    def for_model(self, model: ModelSignature | None) -> VectorGroup:
        """The group with the fate that it has in a copy whose vectors are those of ``model``."""
        return replace(self, fate=_fate(self.dimension, model)) if self.fate in _OF_SIZE else self


def _fate(dimension: int | None, model: ModelSignature | None) -> Fate:
    if dimension is None or (model is None and dimension > MAX_DIMENSION):
        return Fate.UNUSABLE
    if model is None or dimension == model.dimension:
        return Fate.COPIED
    return Fate.CUT if dimension == longer(model.name, model.dimension) else Fate.WRONG_DIMENSION


def for_model(groups: Iterable[VectorGroup], model: ModelSignature | None) -> tuple[VectorGroup, ...]:
    """Groups as they are in a copy whose vectors are those of ``model``; those that differ in nothing become one."""
    found: dict[VectorGroup, int] = {}
    for group in groups:
        kind = replace(group.for_model(model), count=0)
        found[kind] = found.get(kind, 0) + group.count
    return tuple(replace(kind, count=count) for kind, count in found.items())


def most_used(groups: Iterable[VectorGroup]) -> ModelSignature | None:
    """The model and the dimension of most vectors that belong to a memory, None where no model is named.

    Where nomic's vectors are there in both lengths, they are all vectors of the short one.
    """
    counts: Counter[tuple[str, int]] = Counter()
    for group in groups:
        if group.model is not None and group.dimension is not None and group.fate in _OBSERVED:
            counts[group.model, group.dimension] += group.count
    if counts[NOMIC, FULL] and counts[NOMIC, SHORT]:
        counts[NOMIC, SHORT] += counts.pop((NOMIC, FULL))
    found = sorted((-count, *signature) for signature, count in counts.items() if count)
    return ModelSignature(*found[0][1:]) if found else None


_OBSERVED = _OF_SIZE | {Fate.STALE, Fate.OTHER_MODEL, Fate.SUPERSEDED}


def usual_dimension(groups: Iterable[VectorGroup]) -> int:
    """The dimension of most vectors that belong to memories and could count, 0 where there are none."""
    counts: Counter[int] = Counter()
    for group in groups:
        if group.dimension is not None and group.fate in _OBSERVED:
            counts[group.dimension] += group.count
    return min(counts, key=lambda dimension: (-counts[dimension], dimension), default=0)


def longer(name: str, dimension: int) -> int | None:
    """How many elements a vector has that Vestige shortens to ``dimension`` of this model; None where it does not."""
    return FULL if (name, dimension) == (NOMIC, SHORT) else None


def shortened(vectors: Sequence[bytes], elements: int = SHORT) -> list[bytes]:
    """The first ``elements`` of each of these vectors of little-endian float32, with length 1 again.

    All arithmetic is that of float32, as in Vestige: each product, each sum from left to right, the root and each
    quotient is rounded (to do it in float64 first changes none of them). A vector of zeros stays as it is.
    """
    values = array("f", b"".join(vector[: 4 * elements] for vector in vectors))
    _swap(values)
    squares = array("f", map(mul, values, values))
    sums = array("f", bytes(4 * len(vectors)))
    for place in range(elements):
        sums = array("f", map(add, sums, squares[place::elements]))
    norms = [norm if norm > 0 else 1.0 for norm in array("f", map(math.sqrt, sums))]
    divisors = chain.from_iterable(map(repeat, norms, repeat(elements)))
    divided = array("f", map(truediv, values, divisors))
    _swap(divided)
    raw = divided.tobytes()
    return [raw[start : start + 4 * elements] for start in range(0, len(raw), 4 * elements)]


def _swap(values: array[float]) -> None:
    if sys.byteorder != "little":
        values.byteswap()
