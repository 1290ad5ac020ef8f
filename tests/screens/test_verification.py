"""Verification in the wizard: after the copy, skipped, once more, and both sides of what differs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, TabbedContent

from tests.support import scenes
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import edit, memory_ids
from tests.support.walking import chosen, ready, walk
from tests.support.wizard import LARGE, PATIENCE, SMALL, machine, on_screen, play, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.events import Event, VerificationProgress
from vestige_tui.core.facts import NotVerified
from vestige_tui.core.report import Outcome
from vestige_tui.core.verify.result import VerificationOutcome
from vestige_tui.screens.machine import Kept
from vestige_tui.screens.sides_dialog import Side, SidesDialog
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.watched import Watched
from vestige_tui.screens.widgets.difference_list import DifferenceList
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.user.logs import logging_to
from vestige_tui.user.masking import mask_by_form

CANARY = "canary-3c21"


class Gate:
    """Holds a comparison at its first rows, until it is opened or cancelled."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate that the next comparison comes to."""
    made, take = Gate(), Watched._take

    def hold(run: Watched, event: Event) -> None:
        take(run, event)
        if isinstance(event, VerificationProgress) and not made.opened.is_set():
            made.reached.set()
            latest = time.monotonic() + 2 * PATIENCE  # a test that failed ends, too
            while not made.opened.wait(0.02) and not run.cancelled and time.monotonic() < latest:
                pass

    monkeypatch.setattr(Watched, "_take", hold)
    yield made
    made.opened.set()


def _copied(source: Path, database: Database) -> WizardState:
    """The state of the report after a copy."""
    return chosen(source, database).with_report(copy(source, database, verify=True))


def _keys(app: VestigeApp) -> list[str]:
    return [key.word for key in app.screen.query_one(KeyBar).keys]


async def _skip_by_key(pilot: Pilot[None]) -> None:
    await pilot.press("escape")


async def _skip_by_mouse(pilot: Pilot[None]) -> None:
    await pilot.click("#cancel")


@pytest.mark.parametrize("skip", [_skip_by_key, _skip_by_mouse], ids=["key", "mouse"])
def test_skipping_leaves_the_copy_finished(
    home: Path, small_source: Path, database: Database, gate: Gate, skip: object
) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await ready(pilot)
        await pilot.press("ctrl+n")
        await on_screen(pilot, "CopyScreen")
        await until(pilot, gate.reached.is_set)
        await shown(pilot, "Skip verification")
        assert "Skip verification" in _keys(app)
        await shown(pilot, "the copy is complete")
        await skip(pilot)  # type: ignore[operator]
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "All 30 memories have arrived. Copied, not verified.")
        assert app.state.report is not None
        assert app.state.report.outcome is Outcome.CLEAN
        assert app.state.report.not_verified is NotVerified.CANCELLED
        gate.opened.set()
        await until(pilot, lambda: "Verify" in _keys(app))
        await pilot.press("v")
        await shown(pilot, "Compared again: every value of")
        assert str(app.screen.query_one("#verify", Button).label) == "Verify again"
        assert app.state.verification is not None
        assert app.state.verification.outcome is VerificationOutcome.EQUAL
        assert app.state.verification_kept == Kept(home / "report.json", home / "receipt.json")
        await shown(pilot, "receipt.json")

    walk(scenario, home, chosen(small_source, database), first=Step.PREVIEW, size=LARGE)


@pytest.mark.parametrize(("all_set", "number"), [(False, 4_996), (True, 4_992)])
def test_differences_that_are_not_listed_are_counted(all_set: bool, number: int, home: Path) -> None:
    more = scenes.verification()
    listed = tuple(each for each in scenes.differences() if each.field is not None)
    more.comparison = replace(more.comparison, differences=listed, differences_omitted=4_992)
    right = frozenset((each.table, each.row, each.field) for each in listed if all_set and each.field is not None)
    settled = replace(scenes.reported(scenes.verified()), verification=more, mended=right)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        pages = app.screen.query_one("#pages", TabbedContent)
        tab = pages.get_tab("differences")
        assert tab.display
        assert str(tab.label) == f"Differences {number:,}"
        pages.active = "differences"
        await shown(pilot, "4,992 more are not listed: once")

    play(scenario, machine(home), state=settled, first=Step.REPORT)


def test_both_sides_by_keyboard(home: Path, small_source: Path, database: Database) -> None:
    memory = memory_ids(small_source)[4]
    edit(small_source, "UPDATE knowledge_nodes SET content = ? WHERE id = ?", (f"mine {CANARY}", memory))
    state = _copied(small_source, database)
    database.execute("ALTER TABLE knowledge_nodes DISABLE TRIGGER ALL")
    database.execute(f"UPDATE knowledge_nodes SET content = 'there {CANARY}' WHERE id = '{memory}'")
    database.execute("DELETE FROM review_events WHERE id = (SELECT min(id::text)::uuid FROM review_events)")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "30 of 30 memories are at the destination, every value compared")
        assert not app.screen.query_one("#pages", TabbedContent).get_tab("differences").display
        await pilot.press("v")
        await shown(pilot, "Compared again: 1 row has other values, 1 row is missing.")
        rows = app.screen.query_one(DifferenceList)
        await until(pilot, lambda: rows.has_focus)
        await shown(pilot, "not at the destination")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SidesDialog))
        await shown(pilot, f"mine {CANARY}")
        await shown(pilot, f"there {CANARY}")
        await shown(pilot, "in line 1, at character 1, as marked")
        assert "Previous" not in _keys(app)
        await pilot.press("n")
        await shown(pilot, "The row is not at the destination.")
        await shown(pilot, "memory_id")
        await pilot.press("N")
        await shown(pilot, f"there {CANARY}")
        await pilot.press("escape")
        await on_screen(pilot, "ReportScreen")
        database.execute(f"UPDATE knowledge_nodes SET content = 'mine {CANARY}' WHERE id = '{memory}'")
        await pilot.press("enter")
        await shown(pilot, "Both sides are equal now.")
        assert CANARY not in repr(app.state)

    with logging_to(home / "run.log", mask_by_form):
        walk(scenario, home, state, first=Step.REPORT)
    written = [file.read_text(errors="replace") for file in home.iterdir() if file.is_file()]
    assert len(written) >= 3, "log, report and receipt"
    assert not [text for text in written if CANARY in text]


def test_both_sides_by_mouse(home: Path, small_source: Path, database: Database) -> None:
    copy(small_source, database)
    database.execute("UPDATE domains SET label = label || '!'")
    state = _copied(small_source, database)
    assert state.report is not None
    assert state.report.outcome is Outcome.DIFFERENT

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "Already there, different:")
        await pilot.click(DifferenceList, offset=(4, 2), times=2)
        await until(pilot, lambda: isinstance(app.screen, SidesDialog))
        await shown(pilot, "as marked")
        await pilot.click("#previous")
        await shown(pilot, "1 of ")
        await shown(pilot, "as marked")
        sides = [side.region for side in app.screen.query(Side)]
        assert sides[0].y == sides[1].y, "next to each other"
        await pilot.click("#close")
        await on_screen(pilot, "ReportScreen")
        await pilot.click("#verify")
        await shown(pilot, "Compared again:")

    walk(scenario, home, state, first=Step.REPORT, size=LARGE)


def test_on_a_small_screen_one_side_is_over_the_other(home: Path, small_source: Path, database: Database) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET codebase = 'harbor'")
    copy(small_source, database)
    database.execute("ALTER TABLE knowledge_nodes DISABLE TRIGGER ALL")
    database.execute("UPDATE knowledge_nodes SET codebase = NULL")
    state = _copied(small_source, database)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SidesDialog))
        await shown(pilot, "(NULL)")
        sides = [side.region for side in app.screen.query(Side)]
        assert sides[0].x == sides[1].x
        assert sides[0].bottom <= sides[1].y

    walk(scenario, home, state, first=Step.REPORT, size=SMALL)


def test_stopping_it(home: Path, small_source: Path, database: Database, gate: Gate) -> None:
    state = _copied(small_source, database)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ReportScreen")
        await pilot.press("v")
        await until(pilot, gate.reached.is_set)
        await shown(pilot, "Comparing every value")
        assert "Stop verifying" in _keys(app)
        assert not screen.query_one("#again", Button).display
        await pilot.press("escape")
        await shown(pilot, "The comparison was stopped")
        assert screen.query_one("#again", Button).display
        assert app.state.verification is not None
        assert app.state.verification.outcome is VerificationOutcome.CANCELLED

    walk(scenario, home, state, first=Step.REPORT)


def test_a_server_that_is_gone(home: Path, small_source: Path, database: Database) -> None:
    state = _copied(small_source, database)
    edit(small_source, "DROP TABLE knowledge_nodes")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("v")
        await shown(pilot, "Not compared:")
        assert app.state.verification_failure is not None
        assert app.state.report is not None
        assert app.state.report.verified, "what the copy itself found stays"

    walk(scenario, home, state, first=Step.REPORT)


def test_quitting_says_what_is_stopped(home: Path, small_source: Path, database: Database, gate: Gate) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await ready(pilot)
        await pilot.press("ctrl+n")
        await until(pilot, gate.reached.is_set)
        await shown(pilot, "equal so far")
        await pilot.press("ctrl+q")
        await shown(pilot, "Skip verification and quit?")
        gate.opened.set()
        await pilot.press("escape")
        await on_screen(pilot, "ReportScreen")

    walk(scenario, home, chosen(small_source, database), first=Step.PREVIEW)
