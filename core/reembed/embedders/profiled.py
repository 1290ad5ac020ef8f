"""What every embedder does alike: the treatment of its profile, and the signature of the vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from vestige_tui.core.facts import Refusal
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.protocol import PROBE, Place, Vector, usable
from vestige_tui.core.reembed.embedders.treatment import as_document, as_query
from vestige_tui.core.reembed.profiles import Profile


@dataclass(slots=True)
class ProfiledEmbedder(ABC):
    """A ``TextEmbedder`` that puts texts to its model as its profile says. ``hash`` is registered as it is."""

    profile: Profile
    hash: str

    @property
    @abstractmethod
    def place(self) -> Place:
        """Where texts go."""

    @abstractmethod
    def _made(self, documents: list[str], cancel: Event) -> list[Vector | Refusal]:
        """The treated vectors of texts that are as the model gets them. Raises as ``embed``."""

    @property
    def dimension(self) -> int:
        """Elements of each vector."""
        if self.profile.dimension is None:
            raise ValueError("not opened yet")
        return self.profile.dimension

    def model_signature(self) -> ModelSignature:
        """The signature of the vectors that it makes."""
        return ModelSignature(self.profile.model, self.dimension, self.hash)

    def embed(self, texts: Sequence[str], cancel: Event) -> list[Vector | Refusal]:
        """One vector for each text, see ``TextEmbedder``."""
        made = self._made([as_document(text, self.profile) for text in texts], cancel)
        if made and not any(isinstance(vector, bytes) for vector in made):
            self._usable(PROBE, cancel)  # raises where no text has a vector any more
        return made

    def embed_query(self, text: str, cancel: Event) -> Vector:
        """The vector of a query, see ``TextEmbedder``."""
        return self._usable(as_query(text, self.profile), cancel)

    def _usable(self, document: str, cancel: Event) -> Vector:
        return usable(self._made([document], cancel)[0], self.place.shown)
