"""What becomes of each group of vectors, and what an unknown model hash means."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.rows.vectors import SHORT, Fate, VectorGroup

VECTOR_FATES: Mapping[Fate, str] = {
    Fate.COPIED: "copied as they are",
    Fate.CUT: f"cut to {SHORT} elements and normalised, as Vestige does it",
    Fate.STALE: "not copied, stale: the content was edited after they were made",
    Fate.OTHER_MODEL: "not copied, made by another model",
    Fate.OTHER_SPACE: "not copied, of another vector space than that of the active profile",
    Fate.SUPERSEDED: "not copied, since their memories have another vector that counts",
    Fate.NO_MEMORY: "not copied, since they belong to no memory",
    Fate.WRONG_DIMENSION: "not copied, of another dimension than the model's",
    Fate.UNUSABLE: "not copied, since they are no usable vectors",
}
"""Each fate in words that fit before and after a copy."""


def vector_group(group: VectorGroup) -> str:
    """A group in one line: how many vectors, which, and what becomes of them."""
    kind = "no whole vector" if group.dimension is None else f"dimension {group.dimension:,}"
    made_by = f" by {group.model}" if group.model else ""
    place = f"{group.table}, profile {group.profile}" if group.profile else group.table
    named = f" ({', '.join(group.named)}{', …' if group.count > len(group.named) else ''})" if group.named else ""
    return f"{group.count:>12,} of {kind}{made_by} in {place}: {VECTOR_FATES[group.fate]}{named}"


def unknown_hash(model: ModelSignature, *, registered: bool) -> str:
    """What an unknown hash means for Vestige; ``registered``: the destination has it already."""
    what = f"The hash of the model {model.name}, dimension {model.dimension:,}, is not known"
    compares = "Vestige compares name, dimension and hash exactly"
    if registered:
        return (
            f'{what}: the destination registers "{UNKNOWN_HASH}". {compares}: set the hash in its table '
            "embedding_model. (--embedder NAME:DIM:HASH registers one in a first copy only.)"
        )
    return f'{what}, and "{UNKNOWN_HASH}" is registered. {compares}: name the embedder with --embedder NAME:DIM:HASH.'
