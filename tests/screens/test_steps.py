"""The steps without any interface: which ask something, how each stands, and where one can go."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import pytest

from tests.support.sources import Sources, signature
from tests.support.states import report, settled_state, target
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Outcome
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.state import ModelAgreement, UpgradeChoice, WizardState
from vestige_tui.screens.steps import (
    Mark,
    Step,
    asks,
    next_step,
    previous_step,
    reachable,
    statuses,
)

OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1024)


@pytest.fixture
def ready(small_source: Path) -> WizardState:
    """A source at V15 and a destination that has the same model: nothing is left to ask."""
    return WizardState(source=describe(small_source), target=target(registered=signature(8)))


@pytest.fixture
def old(sources: Sources) -> WizardState:
    """A source from before V15."""
    return WizardState(source=describe(sources.published(13, v15=False)), target=target())


def marks(state: WizardState, here: Step) -> str:
    """The signs of the sidebar, in their order."""
    return "".join(status.mark.sign for status in statuses(state, here))


def finding(state: WizardState, step: Step) -> str:
    """What the sidebar says of a step."""
    return next(status.finding for status in statuses(state, Step.REPORT) if status.step is step)


def test_at_the_start_everything_is_ahead() -> None:
    assert marks(WizardState(), Step.SOURCE) == "●○○○○○○"


def test_steps_without_a_question_are_passed_over_and_shown(ready: WizardState) -> None:
    assert next_step(Step.DESTINATION, ready) is Step.PREVIEW
    assert previous_step(Step.PREVIEW, ready) is Step.DESTINATION
    assert marks(ready, Step.PREVIEW) == "✓✓–✓●○○"
    assert finding(ready, Step.UPGRADE) == "not needed"
    assert finding(ready, Step.MODEL) == "same on both"


def test_a_source_from_before_v15_needs_the_operator(old: WizardState) -> None:
    assert asks(Step.UPGRADE, old)
    assert next_step(Step.DESTINATION, old) is Step.UPGRADE
    assert marks(old, Step.DESTINATION) == "✓●!○○○○"
    chosen = old.with_upgrade(UpgradeChoice.PRIVATE_COPY)
    assert marks(chosen, Step.PREVIEW) == "✓✓✓✓●○○"
    assert finding(chosen, Step.UPGRADE) == "private copy"


def test_after_an_upgrade_in_place_the_step_is_done(old: WizardState, small_source: Path) -> None:
    upgraded = old.with_upgraded_source(describe(small_source), small_source.with_suffix(".bak"))
    assert not asks(Step.UPGRADE, upgraded)
    assert statuses(upgraded, Step.PREVIEW)[2].mark is Mark.DONE
    assert finding(upgraded, Step.UPGRADE) == "in place"


def test_models_that_differ_need_the_operator(small_source: Path) -> None:
    state = WizardState(presented=OTHER, source=describe(small_source), target=target())
    assert next_step(Step.DESTINATION, state) is Step.MODEL
    assert finding(state, Step.MODEL) == "models differ"
    assert statuses(state, Step.DESTINATION)[3].mark is Mark.NEEDS_YOU
    assert not reachable(Step.PREVIEW, state)
    answered = state.with_model(ModelAgreement(signature(8), None))
    assert asks(Step.MODEL, answered), "one can go back and answer otherwise"
    assert reachable(Step.PREVIEW, answered)


def test_a_registered_model_that_differs_leaves_no_way_past(small_source: Path) -> None:
    state = WizardState(source=describe(small_source), target=target(registered=OTHER))
    answered = state.with_model(ModelAgreement(signature(8), None))
    assert not reachable(Step.PREVIEW, answered)


def test_the_copy_is_only_started_from_the_preview(ready: WizardState) -> None:
    seen = ready.with_preview(report(ready, dry_run=True))
    assert next_step(Step.PREVIEW, seen) is Step.COPY
    assert not reachable(Step.COPY, seen)
    assert previous_step(Step.REPORT, seen) is Step.PREVIEW


def test_a_preview_that_failed_is_marked(ready: WizardState) -> None:
    failed = ready.with_preview(None, DestinationError("Gone.", remedy="Wait."))
    assert marks(failed, Step.DESTINATION) == "✓●–✓✗○○"
    assert finding(failed, Step.PREVIEW) == "did not finish"


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.CLEAN, "all copied"),
        (Outcome.DIFFERENT, "copied, differences"),
        (Outcome.ERRORS, "copied, problems"),
        (Outcome.INCOMPLETE, "copied, incomplete"),
        (Outcome.CANCELLED, "cancelled"),
        (Outcome.FAILED, "stopped"),
    ],
)
def test_every_outcome_has_words(ready: WizardState, outcome: Outcome, words: str) -> None:
    seen = ready.with_preview(report(ready, dry_run=True))
    assert finding(seen.with_report(report(seen, outcome)), Step.COPY) == words


def test_at_the_end_all_is_done(small_source: Path) -> None:
    assert marks(settled_state(small_source), Step.REPORT) == "✓✓✓✓✓✓●"


def test_nothing_is_reachable_before_what_it_needs(small_source: Path) -> None:
    assert [step for step in Step if reachable(step, WizardState())] == [Step.SOURCE]
    begun = WizardState(source=describe(small_source))
    assert [step for step in Step if reachable(step, begun)] == [Step.SOURCE, Step.DESTINATION]


def test_every_step_names_a_screen_that_explains_itself() -> None:
    for step in Step:
        screen = resolve_name(f"vestige_tui.screens.{step.value.screen}")
        assert issubclass(screen, StepScreen)
        assert len(screen.HELP.strip()) > 100


def test_the_first_step_does_without_libpq() -> None:
    """It loads slowly, and the second step is what needs it."""
    code = (
        "import sys, vestige_tui.app, vestige_tui.screens.source\n"
        "sys.exit(', '.join(name for name in sys.modules if name.startswith('psycopg')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
