"""What the pass needs of an embedder, and what it hears of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Protocol

from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import EmbedderError
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.reembed.profiles import Profile

Vector = bytes
"""A vector: little-endian float32 values, as many as the signature's dimension, of length 1 (L2), finite."""


PROBE = "The quick brown fox jumps over the lazy dog."
"""The texts that test an embedder; none of them is a memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where texts are embedded: ``shown`` is a server's URL without secrets, or a folder.

    ``leaves_machine``: another machine gets the texts; ``encrypted``: the connection is encrypted.
    """

    shown: str
    leaves_machine: bool = False
    encrypted: bool = True


class TextEmbedder(Embedder, Protocol):
    """Makes vectors of texts. Not for two threads at once, except ``close``."""

    @property
    def place(self) -> Place:
        """Where texts go."""
        ...

    @property
    def profile(self) -> Profile:
        """How texts are put to the model, and what becomes of its vectors; ``dimension`` is known here."""
        ...

    def embed(self, texts: Sequence[str], cancel: Event) -> list[Vector | Refusal]:
        """One vector for each memory's text, in their order. A refusal where it has none for that text alone.

        No text may be empty (``ValueError``): such a memory has no vector. Template, cuts and length 1 are taken care
        of. Any number of texts: requests and batches are made of them as the embedder likes best. Raises
        ``EmbedderError``, and ``Cancelled`` between two requests once ``cancel`` is set.
        """
        ...

    def embed_query(self, text: str, cancel: Event) -> Vector:
        """The vector of words that are searched for. Raises as ``embed``, also where the text is refused."""
        ...

    def close(self) -> None:
        """Let go of connections or the model. A second call does nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Download:
    """A model is being fetched: ``done`` of ``total`` bytes (None: not known yet), from ``host`` into ``folder``."""

    model: str
    host: str
    folder: str
    done: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Retry:
    """A request is sent again after ``seconds``, since ``why``; ``attempt`` counts from 1."""

    why: EmbedderObstacle
    attempt: int
    seconds: float


def usable(made: Vector | Refusal, where: str) -> Vector:
    """A vector that there must be. Raises ``EmbedderError`` for a refusal."""
    if isinstance(made, bytes):
        return made
    from vestige_tui.core.explain import REFUSALS

    raise EmbedderError(EmbedderObstacle.WRONG_VECTORS, where, REFUSALS[made])


EmbedderEvent = Download | Retry
EmbedderWatcher = Callable[[EmbedderEvent], None]
"""Called from any thread; what it raises is dropped."""
