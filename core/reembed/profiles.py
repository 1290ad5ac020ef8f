"""Vestige's catalogue of embedding profiles, and how texts and vectors are treated in each.

A profile is a vector space: a model, how documents and queries are put to it, and how many elements of its vectors are
kept. The facts are those of Vestige's public history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from vestige_tui.core.secret import Secret

BATCH = 32
"""Texts that Vestige gives a model at once."""

RAW_BYTES = 8_192
"""UTF-8 bytes of a text that Vestige's first profile reads, up to the end of a character."""


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one."""

    MEAN = "mean"
    FIRST = "first token"
    LAST = "last token"


@dataclass(frozen=True, slots=True)
class Template:
    """What stands before a document and before a query."""

    document: str = ""
    query: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A vector space. ``id`` is None for a model that Vestige does not know.

    ``native`` elements come from the model, and the first ``dimension`` of them are kept (None: as many as come).
    ``tokens`` and ``max_bytes`` limit what of a text is read (None: the model's own limit, or none). ``pooling`` None:
    what the model's files say.
    """

    id: str | None
    model: str
    dimension: int | None
    native: int | None = None
    template: Template = Template()
    tokens: int | None = None
    max_bytes: int | None = None
    pooling: Pooling | None = None

    def of(self, native: int) -> Profile:
        """The profile with what the model really gives."""
        return replace(self, native=native, dimension=self.dimension or native)


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """Which embedder an operator asks for. ``url``: a server; ``path``: a folder with a model; neither: by its name.

    ``hash`` of the model's signature is registered as it is given.
    """

    model: str | None = None
    profile: str | None = None
    dimension: int | None = None
    hash: str = "unknown"
    url: str | None = None
    path: Path | None = None
    key: Secret | None = None
