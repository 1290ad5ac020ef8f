"""The question of the model step: the signatures, where they differ, and the possible answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from vestige_tui.core.embedder import VESTIGE_MODELS
from vestige_tui.core.errors import ModelMismatchError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.run.model_check import agree, source_signature
from vestige_tui.screens.state import ModelAgreement, WizardState


class Question(Enum):
    """Why the vectors cannot simply be copied."""

    NONE = auto()
    """All agree."""

    THIS_RUN = auto()
    """The embedder that a flag or the environment names is another one; the source's own would fit."""

    DESTINATION = auto()
    """The destination holds vectors of another model."""

    UNKNOWN = auto()
    """It is not recorded which model made the vectors."""


@dataclass(frozen=True, slots=True)
class Holder:
    """A place that records a model, and its signature; None if it records none."""

    title: str
    signature: ModelSignature | None


def holders(state: WizardState) -> list[Holder]:
    """The source, this run where it names an embedder, and the destination where it has recorded one."""
    found = [Holder("source", source_signature(state.source) if state.source is not None else None)]
    if state.presented is not None:
        found.append(Holder("this run", state.presented))
    if state.target is not None and state.target.destination.registered is not None:
        found.append(Holder("destination", state.target.destination.registered))
    return found


def differing(state: WizardState) -> frozenset[str]:
    """The fields of a signature in which not all agree."""
    known = [holder.signature for holder in holders(state) if holder.signature is not None]
    return frozenset(field for other in known[1:] for field in known[0].differing_fields(other))


def question(state: WizardState) -> Question:
    """What has to be asked, whether or not it has been answered before: an answer can be changed."""
    if state.source is None or state.target is None:
        return Question.NONE
    unanswered = replace(state, model_answer=None)
    if unanswered.mismatch is not None:
        return Question.THIS_RUN if own_model(state) is not None else Question.DESTINATION
    agreement = unanswered.agreement
    if state.source.dimension and (agreement is None or agreement.signature is None):
        return Question.UNKNOWN
    return Question.NONE


def own_model(state: WizardState) -> ModelAgreement | None:
    """The answer "keep the source's model": no embedder is presented. None where the destination forbids it."""
    if state.source is None or state.target is None:
        return None
    try:
        return ModelAgreement(agree(state.source, None, state.target.destination.registered), None)
    except ModelMismatchError:
        return None


def named(name: str, dimension: int) -> ModelAgreement:
    """The answer "it was this model"."""
    signature = ModelSignature(name, dimension)
    return ModelAgreement(signature, signature)


UNRECORDED = ModelAgreement(None, None)
"""The answer "leave it open": the vectors are copied and no model is recorded."""


def candidates(state: WizardState) -> list[ModelSignature]:
    """The models of Vestige that could have made the source's vectors, by their dimension."""
    dimension = vector_dimension(state)
    return [ModelSignature(name, size) for name, size in VESTIGE_MODELS.values() if size == dimension]


def vector_dimension(state: WizardState) -> int:
    """The dimension of most vectors of the source, 0 where there are none."""
    return state.source.dimension if state.source is not None else 0
