"""Whether an embedder is still the one that a run began with.

A name and a dimension do not tell: a server may serve another model under the same name, and two of Vestige's profiles
differ only in the words that stand before a text. The vector of one text of our own does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from vestige_tui.core.errors import EmbedderError
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.protocol import PROBE, Place, TextEmbedder, Vector, usable
from vestige_tui.core.reembed.embedders.treatment import SAME, cosine
from vestige_tui.core.reembed.profiles import Profile

_AMONG_OTHERS = 0.9
"""The least cosine beside other texts of a batch: their lengths move the vectors of quantised models a little."""


@dataclass(slots=True)
class ConstantEmbedder:
    """Makes vectors with an embedder for as long as its vector of the probe stays the same.

    The probe is one more text in each call, so that no vector of another model comes out.
    """

    embedder: TextEmbedder
    _expected: Vector | None = None

    @property
    def place(self) -> Place:
        """Where texts go."""
        return self.embedder.place

    @property
    def profile(self) -> Profile:
        """How texts are put to the model."""
        return self.embedder.profile

    def model_signature(self) -> ModelSignature:
        """The signature of the vectors that it makes."""
        return self.embedder.model_signature()

    def probe(self, cancel: Event) -> Vector:
        """The vector of the probe, as it was at the first call."""
        if self._expected is None:
            self._expected = usable(self.embedder.embed([PROBE], cancel)[0], self.place.shown)
        return self._expected

    def made(self, probe: Vector, cancel: Event) -> bool:
        """Whether this embedder made vectors whose probe was this one."""
        return cosine(self.probe(cancel), probe) >= SAME

    def embed(self, texts: Sequence[str], cancel: Event) -> list[Vector | Refusal]:
        """See ``TextEmbedder``. Raises ``EmbedderError`` where the embedder has become another one."""
        expected = self.probe(cancel)
        *made, probe = self.embedder.embed([*texts, PROBE], cancel)
        now = usable(probe, self.place.shown)
        if now != expected and cosine(now, expected) < _AMONG_OTHERS:
            raise EmbedderError(EmbedderObstacle.OTHER_VECTORS, self.place.shown)
        return made

    def embed_query(self, text: str, cancel: Event) -> Vector:
        """The vector of words that are searched for."""
        return self.embedder.embed_query(text, cancel)

    def close(self) -> None:
        """Let go of the embedder."""
        self.embedder.close()
