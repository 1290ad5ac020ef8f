"""The steps of the wizard, without any interface: their order, which of them ask something, and how each stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, IntEnum

from vestige_tui.screens.state import UpgradeChoice, WizardState


class Step(IntEnum):
    """The seven steps, in their order from 1."""

    SOURCE = 1
    DESTINATION = 2
    UPGRADE = 3
    MODEL = 4
    PREVIEW = 5
    COPY = 6
    REPORT = 7

    @property
    def title(self) -> str:
        """What the operator reads."""
        return _TITLES[self]


_TITLES = {
    Step.SOURCE: "Source",
    Step.DESTINATION: "Destination",
    Step.UPGRADE: "Upgrade",
    Step.MODEL: "Embedding model",
    Step.PREVIEW: "Preview",
    Step.COPY: "Copy",
    Step.REPORT: "Report",
}


class Mark(Enum):
    """How a step stands: a sign and a word, so that nothing is said by a colour alone."""

    DONE = ("✓", "done")
    HERE = ("●", "here")
    AHEAD = ("○", "ahead")
    NOT_NEEDED = ("–", "not needed")
    NEEDS_YOU = ("!", "needs you")
    FAILED = ("✗", "failed")

    def __init__(self, sign: str, word: str) -> None:
        self.sign = sign
        self.word = word

    @property
    def style_class(self) -> str:
        """The name of this mark in the stylesheet."""
        return f"-{self.name.lower().replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class StepStatus:
    """One line of the sidebar: ``finding`` is what came of the step, or empty."""

    step: Step
    mark: Mark
    finding: str = ""


def asks(step: Step, state: WizardState) -> bool:
    """Whether a step has something to ask or to show; the others are passed over."""
    if step is Step.UPGRADE:
        return state.upgrade_needed
    if step is Step.MODEL:
        return model_in_question(state)
    return True


def model_in_question(state: WizardState) -> bool:
    """Whether signatures disagree, the operator has answered a disagreement, or nobody names the vectors' model."""
    if state.source is None or state.target is None:
        return False
    if state.mismatch is not None or state.model_answer is not None:
        return True
    agreement = state.agreement
    return bool(state.source.dimension) and (agreement is None or agreement.signature is None)


def settled(step: Step, state: WizardState) -> bool:
    """Whether a step has what the ones after it need."""
    match step:
        case Step.SOURCE:
            return state.source_settled
        case Step.DESTINATION:
            return state.target is not None
        case Step.UPGRADE:
            return state.upgrade_settled
        case Step.MODEL:
            return not model_in_question(state) or (state.model_answer is not None and state.mismatch is None)
        case Step.PREVIEW:
            return state.preview is not None and state.preview_failure is None
        case Step.COPY | Step.REPORT:
            return state.report is not None or state.failure is not None


def reachable(step: Step, state: WizardState) -> bool:
    """Whether the operator may go to a step now: it asks something, and all before it is settled.

    The copy is started from the preview and from nowhere else, so it is never gone to.
    """
    if step is Step.COPY or not asks(step, state):
        return False
    return all(settled(before, state) for before in Step if before < step)


def next_step(step: Step, state: WizardState) -> Step | None:
    """The step that follows, those passed over that ask nothing; None after the last one."""
    return next((other for other in Step if other > step and asks(other, state)), None)


def previous_step(step: Step, state: WizardState) -> Step | None:
    """The step to go back to; never the copy, which would only begin again. None before the first one."""
    earlier = (other for other in reversed(Step) if other < step and other is not Step.COPY and asks(other, state))
    return next(earlier, None)


def first_open_step(state: WizardState) -> Step:
    """The first step that still wants an answer."""
    return next((step for step in Step if asks(step, state) and not settled(step, state)), Step.REPORT)


def statuses(state: WizardState, here: Step) -> tuple[StepStatus, ...]:
    """The whole sidebar, as seen from the step ``here``."""
    return tuple(StepStatus(step, _mark(step, state, here), _FINDINGS[step](state)) for step in Step)


def _mark(step: Step, state: WizardState, here: Step) -> Mark:
    if step is here:
        return Mark.HERE
    if _failed(step, state):
        return Mark.FAILED
    if (
        step is Step.UPGRADE
        and state.source is not None
        and not state.upgrade_needed
        and state.upgrade is UpgradeChoice.NONE
    ):
        return Mark.NOT_NEEDED
    if any(not settled(before, state) for before in Step if before < step and before < Step.COPY):
        return Mark.AHEAD
    if settled(step, state):
        return Mark.DONE
    return Mark.NEEDS_YOU if step in (Step.UPGRADE, Step.MODEL) else Mark.AHEAD


def _failed(step: Step, state: WizardState) -> bool:
    if step is Step.PREVIEW:
        return state.preview_failure is not None
    return step is Step.COPY and state.failure is not None


def _source(state: WizardState) -> str:
    return f"{state.source.rows.get('knowledge_nodes', 0):,} memories" if state.source else ""


def _destination(state: WizardState) -> str:
    if state.target is None:
        return ""
    kind = "embedded" if state.target.embedded else "PostgreSQL"
    return f"{kind} {state.target.probe.server_version}"


def _upgrade(state: WizardState) -> str:
    if state.source is None:
        return ""
    if state.upgrade is not UpgradeChoice.NONE:
        return state.upgrade.value
    return "not needed" if state.source.has_v15 else "needed"


def _model(state: WizardState) -> str:
    if state.source is None or state.target is None:
        return ""
    if state.mismatch is not None:
        return "models differ"
    agreement = state.agreement
    if agreement is None or agreement.signature is None:
        return "no vectors" if not state.source.dimension else "model not known"
    if state.model_answer is not None:
        return "settled by you"
    return "same on both" if state.target.probe.registered is not None else "the source's own"


def _preview(state: WizardState) -> str:
    if state.preview_failure is not None:
        return "did not finish"
    if state.preview is None:
        return ""
    if number := len(state.preview.errors):
        return f"{number:,} with trouble"
    return "not all complete" if state.preview.incomplete else "no trouble found"


_OUTCOMES = {
    "clean": "all copied",
    "errors": "copied, some trouble",
    "incomplete": "copied, incomplete",
    "cancelled": "cancelled",
    "failed": "stopped",
}
"""By ``Outcome``, which is text: its module brings libpq along, which the first step has no need of."""


def _copy(state: WizardState) -> str:
    if state.report is not None:
        return _OUTCOMES[state.report.outcome]
    return "stopped" if state.failure is not None else ""


_FINDINGS: dict[Step, Callable[[WizardState], str]] = {
    Step.SOURCE: _source,
    Step.DESTINATION: _destination,
    Step.UPGRADE: _upgrade,
    Step.MODEL: _model,
    Step.PREVIEW: _preview,
    Step.COPY: _copy,
    Step.REPORT: lambda _state: "",
}
