"""Vestige's catalogue of embedding profiles: how texts are put to a model, and what is kept of its vectors.

A profile is a vector space. The facts are those of Vestige's public history: its catalogue and the code that runs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from vestige_tui.core.embedder import VESTIGE_MODELS
from vestige_tui.core.errors import UsageError
from vestige_tui.core.model import MAX_DIMENSION, UNKNOWN_HASH
from vestige_tui.core.rows.vectors import CATALOGUE, FULL, LEGACY_PROFILE, OTHER_NAMES
from vestige_tui.core.secret import Secret

BATCH = 32
"""Texts that Vestige gives a model at once."""

RAW_BYTES = 8_192
"""UTF-8 bytes that Vestige's first profile reads of a text, up to the end of a character."""

RAW_TOKENS = 512
"""Tokens that it reads of those: the default of fastembed for Rust, which that profile never raises."""


class Pooling(StrEnum):
    """How the vectors of a text's tokens become one."""

    MEAN = "mean"
    FIRST = "first token"
    LAST = "last token"


@dataclass(frozen=True, slots=True)
class Profile:
    """A vector space. ``id`` is None for one that is not in Vestige's catalogue.

    ``native`` elements come from the model, and the first ``dimension`` of them are kept (None: as many as come).
    ``document`` and ``query`` stand before a text. ``tokens`` and ``max_bytes`` limit what of a text is read (None: the
    model's own limit, or none). ``pooling`` None: what the model's files say.
    """

    id: str | None
    model: str
    dimension: int | None
    native: int | None = None
    document: str = ""
    query: str = ""
    tokens: int | None = None
    max_bytes: int | None = None
    pooling: Pooling | None = None

    def giving(self, native: int) -> Profile:
        """The profile with as many elements as really come from the model."""
        return replace(self, native=native, dimension=self.dimension or native)


_QWEN_QUERY = (
    "Instruct: Given an agent-memory request, retrieve the most relevant confirmed memories, code facts, decisions, "
    "and incident evidence.\nQuery: "
)


def _profile(id_: str) -> Profile:
    known = Profile(id_, *CATALOGUE[id_])
    if id_.startswith("nomic"):
        known = replace(known, native=FULL, pooling=Pooling.MEAN)
        if id_ == LEGACY_PROFILE:
            return replace(known, tokens=RAW_TOKENS, max_bytes=RAW_BYTES)
        return replace(known, document="search_document: ", query="search_query: ", tokens=8_192)
    if id_.startswith("granite"):
        return replace(known, native=768, tokens=32_768, pooling=Pooling.FIRST)
    native = 2_560 if "-4b-" in id_ else 1_024
    return replace(known, native=native, query=_QWEN_QUERY, tokens=8_192, pooling=Pooling.LAST)


PROFILES: Mapping[str, Profile] = {id_: _profile(id_) for id_ in CATALOGUE}
"""Vestige's profiles by their ids; of one model, its default comes first."""


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """Which embedder an operator asks for: a server at ``url``, a model's folder ``path``, or a model by its name.

    ``hash`` is registered as it is given. ``key`` is for the server.
    """

    model: str | None = None
    profile: str | None = None
    dimension: int | None = None
    hash: str = UNKNOWN_HASH
    url: str | None = None
    path: Path | None = None
    key: Secret | None = field(default=None, repr=False)


def profile_of(choice: EmbedderChoice) -> Profile:
    """The vector space that a choice means. ``dimension`` is None where only the embedder can tell.

    Raises ``UsageError`` for an unknown profile, and for a model or dimension that does not fit it.
    """
    if choice.dimension is not None and not 1 <= choice.dimension <= MAX_DIMENSION:
        raise UsageError(
            f"{choice.dimension:,} is no dimension of a vector.",
            remedy=f"pgvector holds 1 to {MAX_DIMENSION:,} elements.",
        )
    name = _full_name(choice.model)
    if choice.profile is not None:
        return _named(choice.profile, name, choice.dimension)
    if name is None:
        raise UsageError(
            "No model is named.", remedy="Name it with --model, or one of Vestige's profiles with --profile."
        )
    known = [profile for profile in PROFILES.values() if profile.model == name]
    if not known:
        return Profile(None, name, choice.dimension)
    if choice.dimension is None:
        return known[0]
    return _of_dimension(known, choice.dimension)


def _full_name(model: str | None) -> str | None:
    """The name that is registered, from a name as Vestige's settings and older releases write it."""
    if model is None or not model.strip():
        return None
    name = model.strip()
    short = VESTIGE_MODELS.get(name)
    return short[0] if short else OTHER_NAMES.get(name, name)


def _named(id_: str, model: str | None, dimension: int | None) -> Profile:
    profile = PROFILES.get(id_)
    if profile is None:
        raise UsageError(f"{id_!r} is no profile of Vestige.", remedy=f"Its profiles are {_listed(PROFILES)}.")
    if model is not None and model != profile.model:
        raise UsageError(
            f"The profile {id_} is of the model {profile.model}, not of {model}.",
            remedy="Leave out --model or --profile.",
        )
    if dimension is not None and dimension != profile.dimension:
        raise UsageError(
            f"The profile {id_} has {profile.dimension:,} elements, not {dimension:,}.",
            remedy="Leave out --dimension, or name another profile.",
        )
    return profile


def _of_dimension(known: list[Profile], dimension: int) -> Profile:
    for profile in known:
        if profile.dimension == dimension:
            return profile
    first = known[0]
    if dimension == first.native:
        return replace(first, id=None, dimension=dimension)
    raise UsageError(
        f"Vestige keeps no vectors of {dimension:,} elements of {first.model}.",
        remedy=f"Its profiles of that model are {_listed(profile.id or '' for profile in known)}.",
    )


def _listed(ids: Iterable[str]) -> str:
    return ", ".join(ids)
