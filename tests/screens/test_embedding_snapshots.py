"""Pictures of embedding: the choice, the dialog, the running step, and the report after it.

After a wanted change: ``pytest --snapshot-update``, and look at the report before.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support import scenes
from tests.support.pictures import BOTH, GROWING, Compare, Prepare, Sizes, look_the_same
from tests.support.scenes import StillWizard
from tests.support.wizard import SMALL, machine, on_screen, shown
from vestige_tui.core.errors import EmbedderError
from vestige_tui.core.facts import DataState, EmbedderObstacle
from vestige_tui.core.reembed.report import ReembedOutcome
from vestige_tui.core.report import Outcome
from vestige_tui.screens import embed_offer, embedder_dialog
from vestige_tui.screens.embed_run import EmbedRun
from vestige_tui.screens.embedding import Embedding
from vestige_tui.screens.state import ModelAgreement, WizardState
from vestige_tui.screens.steps import Step

ANSWER = ModelAgreement(scenes.MODEL, None)


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is embedded, and no server is asked."""
    monkeypatch.setattr(embed_offer, "without_vector", lambda *_: 32)


def _at(step: Step, state: WizardState, sizes: Sizes, compare: Compare, prepare: Prepare) -> bool:
    async def ready(pilot: Pilot[None]) -> None:
        await on_screen(pilot, f"{step.name.title()}Screen")
        await prepare(pilot)

    return look_the_same(compare, StillWizard(machine(scenes.HOME), state, step), sizes, ready)


def _copied(embedding: Embedding | None) -> WizardState:
    """After a clean copy."""
    done = scenes.report(Outcome.CLEAN)
    done.destination = replace(done.destination, model=scenes.MODEL)
    done.vectors = (replace(scenes.vectors()[0], count=1_968),)
    state = scenes.state(presented=scenes.OTHER).with_model(ANSWER, embedding)
    return state.with_preview(scenes.report(dry_run=True)).with_report(done)


async def _nothing(_: Pilot[None]) -> None:
    """It is ready."""


def test_the_choice(snap_compare: Compare) -> None:
    state = scenes.state(presented=scenes.OTHER).with_model(ANSWER, scenes.embedding())
    assert _at(Step.MODEL, state, GROWING, snap_compare, _nothing)


@pytest.mark.parametrize("fails", [False, True], ids=["works", "fails"])
def test_the_dialog(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    def tried(*_: object, **__: object) -> Embedding:
        if fails:
            raise EmbedderError(EmbedderObstacle.KEY_REFUSED, "https://api.example.com/v1", "HTTP 401")
        return scenes.embedding()

    async def test(pilot: Pilot[None]) -> None:
        await pilot.press("down", "ctrl+n")
        await shown(pilot, "Which embedder")
        pilot.app.screen.query_one("#url", Input).value = "https://api.example.com/v1"
        await pilot.press("enter")
        await shown(pilot, "✗" if fails else "It works")

    monkeypatch.setattr(embedder_dialog, "tried", tried)
    assert _at(Step.MODEL, scenes.state(presented=scenes.OTHER), (SMALL,), snap_compare, test)


def test_running(snap_compare: Compare) -> None:
    async def progress(pilot: Pilot[None]) -> None:
        pilot.app.screen.post_message(EmbedRun.Progressed(scenes.embed_progress()))
        await shown(pilot, "67%")

    assert all(_at(Step.EMBED, _copied(scenes.embedding()), (size,), snap_compare, progress) for size in BOTH)


@pytest.mark.parametrize("moment", ["done", "cancelled", "failed", "missing"])
def test_the_report(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    if moment != "missing":
        monkeypatch.setattr(embed_offer, "without_vector", lambda *_: 0)
    lost = EmbedderError(EmbedderObstacle.LOST, scenes.SERVED.shown, state=DataState.EMBEDDED_KEPT)
    state = {
        "done": _copied(scenes.embedding()).with_embedded(scenes.embedded()),
        "cancelled": _copied(scenes.embedding()).with_embedded(scenes.embedded(ReembedOutcome.CANCELLED)),
        "failed": _copied(scenes.embedding()).with_embedded(None, lost),
        "missing": _copied(None),
    }[moment]

    async def asked(pilot: Pilot[None]) -> None:
        if moment == "missing":
            await shown(pilot, "Embed the 32 memories without a vector")

    assert _at(Step.REPORT, state, (SMALL,), snap_compare, asked)
