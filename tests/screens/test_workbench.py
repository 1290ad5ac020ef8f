"""The workbench: every broken row of a sample is brought to the destination without SQL, and nothing counts too early."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources
from tests.support.walking import BROKEN_SPEC, chosen, forward, ready, walking_machine
from tests.support.wizard import SMALL, on_screen, play, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.repairs.document import NO_REPAIRS, Repair, Repairs, read_repairs
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.verify.result import VerificationOutcome
from vestige_tui.screens.cases import Status
from vestige_tui.screens.steps import Step
from vestige_tui.screens.workbench import Workbench
from vestige_tui.user.kept_repairs import KeptRepairs, kept_repairs, repairs_file
from vestige_tui.user.kept_reports import kept_reports
from vestige_tui.wizard import _keep

CANARY = "a memory that nobody else may read 7f3a"


async def _bench(pilot: Pilot[None]) -> Workbench:
    """The workbench, with the row at the cursor read."""
    await until(pilot, lambda: isinstance(pilot.app.screen, Workbench))
    bench = pilot.app.screen
    assert isinstance(bench, Workbench)
    await until(pilot, lambda: bool(bench._row.offers))
    return bench


def _counts(bench: Workbench) -> dict[str, int]:
    return {status.word: number for status, number in bench._cases.counts().items()}


async def _press(pilot: Pilot[None], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()


def test_every_broken_row_is_brought_by_keys_alone(
    home: Path, sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three causes in the preview, the others after the copy: then every value is equal."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    source = sources.seed(BROKEN_SPEC)
    before = hashlib.sha256(source.read_bytes()).digest()

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await ready(pilot)
        await pilot.press("f2")
        await _in_the_preview(pilot)
        await pilot.press("escape")
        await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "By your answers: 3 memories repaired")
        await forward(pilot, "ReportScreen")
        assert len(app.state.unsettled) >= 9
        await pilot.press("m")
        await _in_the_report(pilot)
        await pilot.press("ctrl+n")
        await shown(pilot, "60 of 60 memories are at the destination, every value compared")
        await pilot.press("f4")
        await shown(pilot, "vestige.db →")
        await _press(pilot, "down", "enter")  # the first copy
        await shown(pilot, "3 memories repaired")
        await pilot.press(*["pagedown"] * 6)
        await shown(pilot, "Receipt")

    app = play(
        scenario, replace(walking_machine(home), repairs=KeptRepairs(), keep_report=_keep, kept_reports=kept_reports), state=chosen(source, database), first=Step.PREVIEW,
        size=SMALL,
    )  # fmt: skip
    assert (app.state.unsettled, app.state.report and app.state.report.verified) == ((), True)
    repairs = read_repairs(repairs_file(source))
    assert len(repairs.entries) == 12
    assert kept_repairs(source) == app.state.repairs
    verified = run_verification(VerificationPlan(source, database.dsn, repairs=repairs))
    assert verified.outcome is VerificationOutcome.EQUAL
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 60
    assert database.value(f"SELECT count(*) FROM knowledge_nodes WHERE content = '{CANARY}'") == 1
    assert hashlib.sha256(source.read_bytes()).digest() == before
    holding = [file for file in home.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    assert holding == [repairs_file(source)]
    assert repairs_file(source).stat().st_mode & 0o777 == 0o600


async def _in_the_preview(pilot: Pilot[None]) -> None:
    """New ids for both rows at once, content for the empty memory; undone and done again."""
    bench = await _bench(pilot)
    await pilot.press("a")
    await shown(pilot, "Answer 2 rows at once?")
    await pilot.press("enter")
    bench = await _bench(pilot)
    assert bench._row.case is not None
    assert bench._row.case.error.field == "content"
    await pilot.press("e")
    await shown(pilot, "The text itself.")
    await _press(pilot, "escape")  # nothing was typed
    bench = await _bench(pilot)
    await pilot.press("e")
    await shown(pilot, "The text itself.")
    assert bench.app.screen.query_one("#use").disabled, "no content is no value"
    await pilot.press(*CANARY, "ctrl+n")
    bench = await _bench(pilot)
    await pilot.press("u")
    assert len(bench._repairs.entries) == 2
    await until(pilot, lambda: bench._row.case is not None)
    while bench._row.case is not None and bench._row.case.error.field != "content":
        await _press(pilot, "N")
    await _bench(pilot)
    await pilot.press("e")
    await shown(pilot, "The text itself.")
    await pilot.press(*CANARY, "ctrl+n")
    await until(pilot, lambda: not bench._owner.checking)
    assert _counts(bench)["repaired"] == 3
    assert Status.ANSWERED.word not in _counts(bench)


async def _in_the_report(pilot: Pilot[None]) -> None:
    """Visibility by its list, all metadata in the way that fits each, the others one after the other."""
    bench = await _bench(pilot)
    assert bench._row.case is not None
    assert bench._row.case.error.field == "visibility"
    await pilot.press("e")
    await shown(pilot, "public")
    await _press(pilot, "down", "enter")  # group
    bench = await _bench(pilot)
    assert bench._row.case is not None
    assert bench._row.case.error.field == "metadata"
    await pilot.press("a")
    await shown(pilot, "closed where it was cut off")
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(pilot.app.screen, Workbench) and _counts(bench)["open"] == 3)
    await pilot.press("enter")  # the row has the keys
    for left in (2, 1, 0):
        await _bench(pilot)
        await pilot.press("2" if bench._row.offers[0].label == "type it" else "1", "enter")
        await until(pilot, lambda left=left: _counts(bench).get("open", 0) == left)  # type: ignore[misc]
    assert _counts(bench)["answered"] >= 9, "only a copy shows whether they are right"


def test_a_kept_answer_that_does_not_fit_is_shown_and_dropped(home: Path, sources: Sources, database: Database) -> None:
    source = sources.seed(BROKEN_SPEC)
    repairs = Repairs((replace(_answer(), row="no such row"), _answer()))
    on = walking_machine(home)
    assert on.repairs is not None
    on.repairs.keep(source, repairs)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "does not fit")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, Workbench))
        await shown(pilot, "refused")
        await _press(pilot, "n", "d")
        await until(pilot, lambda: not app.screen._owner.checking)  # type: ignore[attr-defined]
        assert _counts(app.screen)["repaired"] == 1  # type: ignore[arg-type]
        await _press(pilot, "escape")
        screen = await on_screen(pilot, "PreviewScreen")
        await until(pilot, lambda: screen.primary_ready)

    app = play(scenario, on, state=chosen(source, database).with_repairs(repairs), first=Step.PREVIEW)
    assert app.state.repairs == Repairs((_answer(),)) != NO_REPAIRS


def test_a_difference_is_set_right_after_both_sides_were_shown(
    home: Path, small_source: Path, copied_database: Database
) -> None:
    """One value by itself, then the others of its kind; a value that changes meanwhile stays."""
    rows = copied_database.rows("SELECT id::text FROM knowledge_nodes ORDER BY id LIMIT 3")
    copied_database.execute(
        "UPDATE knowledge_nodes SET codebase = 'other' WHERE id IN (SELECT id FROM knowledge_nodes ORDER BY id LIMIT 3)"
    )
    state = chosen(small_source, copied_database)
    state = state.with_report(copy(small_source, copied_database))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("enter")
        await shown(pilot, "Set it to your file's value")
        copied_database.execute(f"UPDATE knowledge_nodes SET codebase = 'newer' WHERE id = '{rows[0][0]}'")
        await pilot.press("s")
        await shown(pilot, "it has changed there meanwhile")
        await pilot.press("enter")
        await shown(pilot, "Set it to your file's value")
        await pilot.press("a")
        await shown(pilot, "Set updated_at of 3 rows")  # a trigger has changed it, too
        await _press(pilot, "tab", "enter")
        await shown(pilot, "3 values at the destination set to what your file says")
        await pilot.press("enter")
        await shown(pilot, "codebase   1 of 3")
        await shown(pilot, "Set it to your file's value")
        await pilot.press("a")
        await shown(pilot, "Set codebase of 3 rows")
        await _press(pilot, "tab", "enter")
        await shown(pilot, "What to do next")
        await until(pilot, lambda: not app.screen._differences)  # type: ignore[attr-defined]
        await pilot.press("v")
        await until(pilot, lambda: app.state.verification is not None)

    app = play(scenario, walking_machine(home), state=state, first=Step.REPORT)
    assert app.state.verification is not None
    assert app.state.verification.outcome is VerificationOutcome.EQUAL


def _answer() -> Repair:
    return Repair("knowledge_nodes", "note-7", {"id": "5b0c8f0e-3c1d-4f7a-9a53-0c7b6a1de001"})
