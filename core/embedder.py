"""The embedder that a copy is for, as a command line or the environment names it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from vestige_tui.core.errors import UsageError
from vestige_tui.core.model import MAX_DIMENSION, UNKNOWN_HASH, ModelSignature

VESTIGE_MODELS: Mapping[str, tuple[str, int]] = {
    "nomic-v1.5": ("nomic-ai/nomic-embed-text-v1.5", 256),
    "qwen3-0.6b": ("Qwen/Qwen3-Embedding-0.6B", 256),
}
"""What ``VESTIGE_EMBEDDING_MODEL`` may say, and the name and dimension that Vestige then uses."""

_PRESENTED = re.compile(
    r"(?P<name>\S(?:.*\S)?):(?P<dimension>\d{1,6})(?::(?P<hash>[0-9a-fA-F]{4,64}|unknown))?", re.ASCII
)


class Embedder(Protocol):
    """What the copier needs of an embedder: it is never asked to embed anything."""

    def model_signature(self) -> ModelSignature:
        """The signature of the vectors that this embedder makes."""
        ...


@dataclass(frozen=True, slots=True)
class PresentedEmbedder:
    """An embedder known by its signature alone, as a command line or an environment names it."""

    signature: ModelSignature

    def model_signature(self) -> ModelSignature:
        """The signature it was made with."""
        return self.signature


def parse_embedder(text: str) -> PresentedEmbedder:
    """Read ``NAME:DIM[:HASH]``; the name may hold colons itself. Raises ``UsageError``."""
    match = _PRESENTED.fullmatch(text)
    if match is None or not 1 <= int(match["dimension"]) <= MAX_DIMENSION:
        raise UsageError(
            f"{text!r} does not name an embedder.",
            remedy=f"Write NAME:DIM or NAME:DIM:HASH, with DIM from 1 to {MAX_DIMENSION:,} and HASH in hexadecimal.",
        )
    return PresentedEmbedder(
        ModelSignature(match["name"], int(match["dimension"]), (match["hash"] or UNKNOWN_HASH).lower())
    )


def embedder_from_environment(environment: Mapping[str, str] = os.environ) -> PresentedEmbedder | None:
    """The embedder that ``VESTIGE_EMBEDDING_MODEL`` picks, or None where it is not set. Raises ``UsageError``."""
    choice = environment.get("VESTIGE_EMBEDDING_MODEL", "").strip()
    if not choice:
        return None
    if choice not in VESTIGE_MODELS:
        raise UsageError(
            f"VESTIGE_EMBEDDING_MODEL says {choice!r}, which is no model of Vestige.",
            remedy=f"Set it to one of {', '.join(VESTIGE_MODELS)}, or name the embedder with --embedder.",
        )
    name, dimension = VESTIGE_MODELS[choice]
    return PresentedEmbedder(ModelSignature(name, dimension))
