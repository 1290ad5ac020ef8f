"""The model check: source, presented embedder and destination must speak of one embedding model."""

from __future__ import annotations

from vestige_tui.core.errors import ModelMismatchError
from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.source.describe import SourceDescription

UNNAMED = "(model not recorded)"


def check_presented(source: SourceDescription, presented: ModelSignature | None) -> None:
    """Compare the source with the embedder that the operator names. Raises ``ModelMismatchError``."""
    own = source_signature(source)
    if own is None or presented is None:
        return
    if own.name == UNNAMED and own.dimension == presented.dimension:
        return
    _require_match(own, presented, "embedder presented")


def agree(
    source: SourceDescription, presented: ModelSignature | None, registered: ModelSignature | None
) -> ModelSignature | None:
    """The signature that the destination is to carry, or None where source, operator and destination name none.

    ``registered`` is the destination's. Where the source's signature was only observed, its hash is unknown, unless
    the operator presents an embedder whose hash is known. Raises ``ModelMismatchError``.
    """
    check_presented(source, presented)
    own = source.model or presented
    if own is None:
        return registered
    if registered is not None:
        _require_match(own, registered, "destination registered")
        return registered
    if own.hash == UNKNOWN_HASH and presented is not None:
        return presented
    return own


def expected(model: ModelSignature | None, stamped: int | None) -> ModelSignature | None:
    """What vectors have to be like: those of the agreed model, or where there is none at least of the dimension that
    the destination's column is ``stamped`` with.
    """
    return model if model is not None or stamped is None else ModelSignature(UNNAMED, stamped)


def source_signature(source: SourceDescription) -> ModelSignature | None:
    """What the source says of its vectors; where it does not name the model, at least their dimension."""
    if source.model is not None or not source.dimension:
        return source.model
    return ModelSignature(UNNAMED, source.dimension)


def _require_match(own: ModelSignature, other: ModelSignature, holder: str) -> None:
    if not own.matches(other):
        raise ModelMismatchError(own, other, holder=holder)
