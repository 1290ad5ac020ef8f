"""Embedding model signatures and the check that two of them agree.

A vector only means something to the model that made it, so a copy compares signatures before it writes anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from blake3 import blake3

UNKNOWN_HASH = "unknown"
"""Hash of a signature that was observed, not registered; it matches any hash when name and dimension agree."""

MAX_DIMENSION = 16_000
"""The most dimensions that pgvector's ``vector`` type holds."""


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """Which model made a set of vectors: its name, the vectors' dimension, and a hash over both and the release."""

    name: str
    dimension: int
    hash: str = UNKNOWN_HASH

    def differing_fields(self, other: ModelSignature) -> tuple[str, ...]:
        """Names of the fields in which the two disagree; an unknown hash agrees with every hash."""
        differing = [field for field in ("name", "dimension") if getattr(self, field) != getattr(other, field)]
        if UNKNOWN_HASH not in (self.hash, other.hash) and self.hash.lower() != other.hash.lower():
            differing.append("hash")
        return tuple(differing)

    def matches(self, other: ModelSignature) -> bool:
        """Whether vectors of the two may live in one table."""
        return not self.differing_fields(other)

    def __str__(self) -> str:
        return f"{self.name} (dim {self.dimension}, hash {self.hash})"


def signature_hash(name: str, dimension: int, release: str) -> str:
    """Lower-case hex BLAKE3-256 over name bytes, dimension as 8-byte little-endian, and the Vestige release string."""
    return blake3(name.encode() + dimension.to_bytes(8, "little") + release.encode()).hexdigest()
