"""Walking through the wizard in tests: from step to step, on real databases, with a copy that can be held."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC
from tests.support.wizard import SMALL, FakeHost, Scenario, machine, on_screen, play, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.events import Event, TableProgress
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.reembed.report import ReembedReport
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.machine import Kept, Machine, Report
from vestige_tui.screens.run import Run
from vestige_tui.screens.state import Prefill, Target, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.user.saving import save, save_receipt

BROKEN_SPEC = replace(SMALL_SPEC, memories=60, broken_rows=True)
"""60 memories, twelve of them broken."""

LONG_SPEC = replace(SMALL_SPEC, memories=600)
"""Sixty batches, where a batch is ten rows: more than four connections have under way at once."""


def walk(
    scenario: Scenario, home: Path, state: WizardState, *, first: Step, size: tuple[int, int] = SMALL
) -> VestigeApp:
    """Run a wizard from a step on and do with it what ``scenario`` says; returns it as it was left."""
    return play(scenario, walking_machine(home), state=state, first=first, size=size)


def walking_machine(home: Path) -> Machine:
    """A machine that keeps reports in its home folder."""

    def keep(report: Report) -> Kept:
        saved = save(report, home / "report.json")
        if report.receipt is None:
            return Kept(saved)
        return Kept(saved, save_receipt(report.receipt, report.input, home / "receipt.json"))

    def keep_embedding(report: ReembedReport) -> Path:
        return save(report, home / "embedding.json")

    return machine(home, keep_report=keep, keep_embedding=keep_embedding, embedded=FakeHost(home / "postgres"))


def from_the_start(source: Path, database: Database, presented: ModelSignature | None = None) -> WizardState:
    """A wizard whose fields are filled in, at its first step."""
    return WizardState(prefill=Prefill(str(source), database.url), presented=presented)


def chosen(source: Path, database: Database, presented: ModelSignature | None = None) -> WizardState:
    """A wizard that knows source and destination."""
    return WizardState(source=describe(source), target=Target(database.dsn, probe(database.dsn)), presented=presented)


async def forward(pilot: Pilot[None], to: str) -> StepScreen:
    """Take the main action by its key as soon as it can be taken, and wait for the screen of this class."""
    await ready(pilot)
    await pilot.press("ctrl+n")
    return await on_screen(pilot, to)


async def ready(pilot: Pilot[None]) -> StepScreen:
    """Wait until the main action of the screen can be taken."""
    screen = pilot.app.screen
    assert isinstance(screen, StepScreen)
    await until(pilot, lambda: bool(screen.primary_label) and screen.primary_ready)
    return screen


async def to_the_preview(pilot: Pilot[None]) -> StepScreen:
    """From the first step to a preview that has finished, where no step in between asks anything."""
    await on_screen(pilot, "SourceScreen")
    await forward(pilot, "DestinationScreen")
    await ready(pilot)
    await pilot.press("ctrl+n")  # test the connection
    await until(pilot, lambda: pilot.app.screen.query_one("#primary").label.plain == "Use this destination")  # type: ignore[attr-defined]
    return await forward(pilot, "PreviewScreen")


class Gate:
    """Holds a copy after a batch of memories has arrived, until ``open`` is called."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()

    def open(self) -> None:
        """Let the copy go on."""
        self._opened.set()

    def pass_by(self, event: Event) -> None:
        """Called from the threads of the run."""
        if isinstance(event, TableProgress) and event.table == "knowledge_nodes" and not self._opened.is_set():
            self.reached.set()
            self._opened.wait(30)


@contextmanager
def held_copy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate that the next copy comes to; it is open when the block ends."""
    gate = Gate()
    take, plan = Run._take, WizardState.plan

    def hold(run: Run, event: Event) -> None:
        take(run, event)
        if not run.plan.dry_run:
            gate.pass_by(event)

    def small_batches(state: WizardState, *, dry_run: bool) -> CopyPlan:
        return replace(plan(state, dry_run=dry_run), batch_size=10)

    monkeypatch.setattr(Run, "_take", hold)
    monkeypatch.setattr(WizardState, "plan", small_batches)
    try:
        yield gate
    finally:
        gate.open()
