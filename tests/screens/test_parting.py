"""The five lines after the wizard: what they say is true, and no password is among it."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from textual.worker import Worker, WorkerState

from tests.support import scenes
from tests.support.states import target
from tests.support.wizard import machine, on_screen, play, until
from vestige_tui import app as application
from vestige_tui.app import VestigeApp
from vestige_tui.core.errors import DestinationError, MigrationError
from vestige_tui.core.facts import DataState, NotVerified
from vestige_tui.core.report import MigrationReport, Outcome, TableReport
from vestige_tui.screens.in_place_upgrade import InPlaceUpgrade
from vestige_tui.screens.machine import Kept
from vestige_tui.screens.parting import EmbeddedNow, parting
from vestige_tui.screens.run import Run
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.verification import Verification
from vestige_tui.screens.work import QuitPrompt, Work, WorkRequested
from vestige_tui.terminal import title

HERE = EmbeddedNow(running=False, commands=True)
KEPT = Kept(Path("/state/reports/a.json"), Path("/state/receipts/a.json"))


def said(state: WizardState, *done: Work, embedded: EmbeddedNow = HERE) -> dict[str, str]:
    lines = parting(state, done, embedded)
    assert [label for label, _ in lines] == ["Done", "Report", "Receipt", "Memories", "Next"]
    assert "hunter2" not in str(lines)
    return dict(lines)


def copied(
    report: MigrationReport | None, failure: MigrationError | None = None, *, dry_run: bool = False
) -> tuple[WizardState, Run]:
    """A session with one copy; the step that showed it may not know its end."""
    state = replace(scenes.state(), target=target(password="hunter2"))
    run = Run(state.plan(dry_run=dry_run), None, lambda _: True)
    run.report, run.failure = report, failure
    run.kept = KEPT if report is not None and report.verified else Kept(KEPT.report)
    return state, run


def test_where_nothing_was_copied() -> None:
    nothing = said(WizardState())
    assert nothing["Done"] == "Nothing was copied."
    assert nothing["Report"] == "none, since nothing was copied"
    assert nothing["Memories"] == "no file chosen → no destination chosen"
    state, preview = copied(scenes.report(dry_run=True), dry_run=True)
    previewed = said(state, preview)
    assert previewed["Done"] == "Nothing was copied."
    assert previewed["Memories"].endswith("vestige.db → postgresql://memory:***@db.example:5432/vestige")
    upgrade = InPlaceUpgrade(Path("/v.db"), lambda _: True)
    upgrade.backup = Path("/v.db.bak")
    upgraded = said(state, upgrade)
    assert upgraded["Done"] == "Nothing was copied. Your file was upgraded in place."
    assert upgraded["Memories"].endswith("(before its upgrade: /v.db.bak)")


def test_where_all_was_copied() -> None:
    state, run = copied(scenes.verified())
    clean = said(state, run)
    assert clean["Done"] == "2,000 of 2,000 memories are at the destination, every value compared and equal."
    assert (clean["Report"], clean["Receipt"]) == ("/state/reports/a.json", "/state/receipts/a.json")
    assert clean["Next"].startswith("Let Vestige use the new store")
    handed = said(replace(state, handed_over=Path("/h/vestige.toml")), run)
    assert handed["Next"] == "Vestige reads the new store's URL from /h/vestige.toml: restart it."
    on = replace(state, target=target(embedded=True))
    assert "has stopped; to run it: vestige-tui embedded start." in said(on, run)["Next"]
    assert "to stop it: vestige-tui embedded stop." in said(on, run, embedded=EmbeddedNow(True, True))["Next"]
    assert said(on, run, embedded=EmbeddedNow(False, False))["Next"].startswith("That was the demo.")


def test_where_it_was_not_verified_or_not_finished() -> None:
    report = scenes.report(Outcome.CLEAN)
    report.not_verified = NotVerified.CANCELLED
    skipped = said(*copied(report))
    assert "Copied, not verified." in skipped["Done"]
    assert skipped["Receipt"].startswith("none")
    assert "--postgres-url postgresql://memory@db.example:5432/vestige" in skipped["Next"]
    state, run = copied(report)
    again = Verification(state.verification_plan(), None, lambda _: True)
    again.report = scenes.verification(different=False)
    again.kept = Kept(Path("/state/reports/b.json"), Path("/state/receipts/b.json"))
    later = said(state, run, again)
    assert later["Done"].startswith("Compared again: ")
    assert (later["Report"], later["Receipt"]) == ("/state/reports/a.json, /state/reports/b.json",
                                                   "/state/receipts/b.json")  # fmt: skip
    assert "verify --sqlite-path" not in later["Next"]

    cancelled = scenes.report(Outcome.CANCELLED, tables={"knowledge_nodes": TableReport(2_000, 1_500, 1_500)})
    stopped = said(*copied(cancelled))
    assert stopped["Done"] == "Cancelled: 1,500 of 2,000 memories are at the destination."
    assert "what has arrived is skipped" in stopped["Next"]
    lost = DestinationError("The connection was lost.", state=DataState.BATCHES_STAY, remedy="Check the server.")
    failed = said(*copied(None, lost))
    assert failed["Done"].startswith("The connection was lost. ")
    assert failed["Next"] == "Check the server."


# Title and bell


class _Work:
    quit_prompt = QuitPrompt("", "", "", "", "")
    how_far = "63 % · 0:12"
    running = True

    def cancel(self) -> None: ...

    def carry_out(self) -> None:
        self.running = False


def test_news_of_a_beginning_that_is_read_after_the_end_rings_no_bell(home: Path) -> None:
    bells = []

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.bell = lambda: bells.append(1)  # type: ignore[method-assign]
        app._began = time.monotonic() - 2 * application.LONG_WORK
        worker = app.run_worker(lambda: None, thread=True, group="work")
        await until(pilot, lambda: len(bells) == 1)
        for state in (WorkerState.PENDING, WorkerState.RUNNING):
            app.post_message(Worker.StateChanged(worker, state))
        await pilot.pause()
        await pilot.pause()
        assert len(bells) == 1

    play(scenario, machine(home))


def test_one_bell_after_long_work_and_a_title_with_its_state(home: Path) -> None:
    bells = []

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.bell = lambda: bells.append(1)  # type: ignore[method-assign]
        assert app.window_title == "vestige-tui · Source"
        for limit, expected in ((application.LONG_WORK, 0), (-1.0, 1)):
            application.LONG_WORK = limit
            app.post_message(WorkRequested(work := _Work()))
            assert work.running
            await until(pilot, lambda work=work: not work.running and not app.workers._workers)  # type: ignore[misc]
            assert len(bells) == expected
        app.work = _Work()
        assert app.window_title == "vestige-tui 63 % · 0:12"

    before = application.LONG_WORK
    try:
        play(scenario, machine(home))
    finally:
        application.LONG_WORK = before


def test_a_title_holds_nothing_that_a_terminal_obeys() -> None:
    assert title.escape_for("a\x1b]2;b\x07") == "\x1b]2;a␛]2;b␇\x07"
    assert [name for name in ("xterm-256color", "tmux", "linux", "dumb", "vt100", "") if
            title.knows_titles({"TERM": name})] == ["xterm-256color", "tmux"]  # fmt: skip
