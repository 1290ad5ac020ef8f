"""The steps of the wizard, without any interface: each is declared once, as a member of ``Step``.

The sidebar, the order, Back and Next, and the screen that the application shows all follow from that declaration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from vestige_tui.screens.state import UpgradeChoice, WizardState

Condition = Callable[[WizardState], bool]


@dataclass(frozen=True, slots=True)
class StepSpec:
    """What the wizard needs to know about one step.

    ``screen`` is ``module:Class`` within ``vestige_tui.screens``; the module is imported when the step is first shown.
    ``settled``: the step has what later steps need. ``finding``: what the step found, in few words; may be empty.
    ``short_title`` is for a narrow terminal, whose line has to hold those of all steps; the title itself if empty.
    ``asks``: the step has a question or something to show, otherwise it is skipped; None if it always has.
    ``shown``: the sidebar has it.
    ``can_return``: the operator may go there from another step; the copy starts from a button alone.
    """

    title: str
    screen: str
    settled: Condition
    finding: Callable[[WizardState], str] = lambda _: ""
    short_title: str = ""
    asks: Condition | None = None
    not_needed: Condition = lambda _: False
    failed: Condition = lambda _: False
    can_return: bool = True
    shown: Condition = lambda _: True


def _source_found(state: WizardState) -> str:
    return f"{state.source.rows.get('knowledge_nodes', 0):,} memories" if state.source else ""


def _destination_found(state: WizardState) -> str:
    if state.target is None:
        return ""
    kind = "embedded" if state.target.embedded else "PostgreSQL"
    return f"{kind} {state.target.destination.server.version}"


def _upgrade_not_needed(state: WizardState) -> bool:
    return state.source is not None and state.source.has_v15 and state.upgrade is UpgradeChoice.NONE


def _upgrade_found(state: WizardState) -> str:
    if state.source is None:
        return ""
    if state.upgrade is not UpgradeChoice.NONE:
        return state.upgrade.value
    return "not needed" if state.source.has_v15 else "needed"


def _model_asks(state: WizardState) -> bool:
    """There is a question, or the operator has to know that the environment names no model."""
    return _model_in_question(state) or bool(state.unknown_embedder)


def _model_in_question(state: WizardState) -> bool:
    """The signatures differ, the operator has answered that they do, or the model of the vectors is not known."""
    if state.source is None or state.target is None:
        return False
    if state.mismatch is not None or state.model_answer is not None:
        return True
    agreement = state.agreement
    return bool(state.source.dimension) and (agreement is None or agreement.signature is None)


def _model_settled(state: WizardState) -> bool:
    return not _model_in_question(state) or (state.model_answer is not None and state.mismatch is None)


def _model_found(state: WizardState) -> str:
    if state.source is None or state.target is None:
        return ""
    if state.mismatch is not None:
        return "models differ"
    agreement = state.agreement
    if agreement is None or agreement.signature is None:
        return "no vectors" if not state.source.dimension else "model not known"
    if state.embedding is not None and not state.embedding.only_missing:
        return "embedded anew later"
    if state.model_answer is not None:
        return "settled by you"
    return "same on both" if state.target.destination.registered is not None else "the source's own"


def _preview_found(state: WizardState) -> str:
    if state.preview_failure is not None:
        return "did not finish"
    if state.preview is None:
        return ""
    if number := len(state.preview.errors):
        return f"{number:,} {'problem' if number == 1 else 'problems'}"
    return "not all complete" if state.preview.incomplete else "no problems"


def _copy_over(state: WizardState) -> bool:
    return state.report is not None or state.failure is not None


_OUTCOMES = {
    "clean": "all copied",
    "different": "copied, differences",
    "errors": "copied, problems",
    "incomplete": "copied, incomplete",
    "cancelled": "cancelled",
    "failed": "stopped",
}
"""By ``Outcome``, which is text: importing its module would load libpq, which the first step does not need."""


def _copy_found(state: WizardState) -> str:
    if state.report is not None:
        return _OUTCOMES[state.report.outcome]
    return "stopped" if state.failure is not None else ""


def _embedding_found(state: WizardState) -> str:
    if state.embedding_failure is not None:
        return "stopped"
    return _EMBEDDINGS.get(state.embedded.outcome, "") if state.embedded is not None else ""


_EMBEDDINGS = {
    "clean": "new vectors",
    "unchanged": "nothing to do",
    "incomplete": "some refused",
    "cancelled": "cancelled",
}
"""By ``ReembedOutcome``, which is text."""


class Step(Enum):
    """The steps in their order."""

    SOURCE = StepSpec("Source", "source:SourceScreen", lambda state: state.source_settled, _source_found)
    DESTINATION = StepSpec(
        "Destination",
        "destination:DestinationScreen",
        lambda state: state.target is not None,
        _destination_found,
    )
    UPGRADE = StepSpec(
        "Upgrade",
        "upgrade:UpgradeScreen",
        lambda state: state.upgrade_settled,
        _upgrade_found,
        asks=lambda state: state.upgrade_needed,
        not_needed=_upgrade_not_needed,
    )
    MODEL = StepSpec(
        "Embedding model",
        "model:ModelScreen",
        _model_settled,
        _model_found,
        short_title="Model",
        asks=_model_asks,
    )
    PREVIEW = StepSpec(
        "Preview",
        "preview:PreviewScreen",
        lambda state: state.preview is not None and state.preview_failure is None,
        _preview_found,
        failed=lambda state: state.preview_failure is not None,
    )
    COPY = StepSpec(
        "Copy",
        "copy:CopyScreen",
        _copy_over,
        _copy_found,
        failed=lambda state: state.failure is not None,
        can_return=False,
    )
    EMBED = StepSpec(
        "Embedding",
        "embed:EmbedScreen",
        lambda state: not state.embedding_due,
        _embedding_found,
        short_title="Embed",
        asks=lambda state: state.embedding_due,
        failed=lambda state: state.embedding_failure is not None,
        can_return=False,
        shown=lambda state: state.embedding is not None,
    )
    REPORT = StepSpec("Report", "report:ReportScreen", _copy_over)

    @property
    def title(self) -> str:
        """What the operator reads."""
        return self.value.title

    @property
    def short_title(self) -> str:
        """The same, in few letters."""
        return self.value.short_title or self.value.title

    @property
    def number(self) -> int:
        """Its place in the order, from 1."""
        return 1 + list(Step).index(self)

    @property
    def earlier(self) -> list[Step]:
        """The steps before it, in their order."""
        return list(Step)[: self.number - 1]

    @property
    def later(self) -> list[Step]:
        """The steps after it, in their order."""
        return list(Step)[self.number :]


class Mark(Enum):
    """The state of a step: a sign and a word, so that nothing is said by colour alone."""

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
    """One line of the sidebar: ``finding`` is what the step found, or empty."""

    step: Step
    mark: Mark
    finding: str = ""


def asks(step: Step, state: WizardState) -> bool:
    """Whether a step has something to ask or to show; the others are skipped."""
    return step.value.asks is None or step.value.asks(state)


def settled(step: Step, state: WizardState) -> bool:
    """Whether a step has what later steps need."""
    return step.value.settled(state)


def reachable(step: Step, state: WizardState) -> bool:
    """Whether the operator may go to a step now: it asks something, and all earlier steps are settled."""
    return step.value.can_return and asks(step, state) and all(settled(earlier, state) for earlier in step.earlier)


def next_step(step: Step, state: WizardState) -> Step | None:
    """The next step that asks something; None after the last one."""
    return next((later for later in step.later if asks(later, state)), None)


def previous_step(step: Step, state: WizardState) -> Step | None:
    """The step that Back leads to; None before the first one."""
    return next(
        (earlier for earlier in reversed(step.earlier) if earlier.value.can_return and asks(earlier, state)), None
    )


def statuses(state: WizardState, here: Step) -> tuple[StepStatus, ...]:
    """The whole sidebar, as seen from the step ``here``."""
    return tuple(
        StepStatus(step, _mark(step, state, here), step.value.finding(state))
        for step in Step
        if step is here or step.value.shown(state)
    )


def _mark(step: Step, state: WizardState, here: Step) -> Mark:
    if step is here:
        return Mark.HERE
    if step.value.failed(state):
        return Mark.FAILED
    if step.value.not_needed(state):
        return Mark.NOT_NEEDED
    if not all(settled(earlier, state) for earlier in step.earlier):
        return Mark.AHEAD
    if settled(step, state):
        return Mark.DONE
    return Mark.AHEAD if step.value.asks is None else Mark.NEEDS_YOU
