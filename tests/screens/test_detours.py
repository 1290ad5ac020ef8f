"""What stands in the way: an old file, another model, a copy that is cancelled or quit, a preview that fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, query, signature
from tests.support.walking import LONG_SPEC, chosen, forward, held_copy, ready, walk
from tests.support.wizard import on_screen, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Outcome
from vestige_tui.screens.dialogs import ConfirmDialog
from vestige_tui.screens.steps import Step

OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1_024, "77c0" * 16)


def _memories(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM knowledge_nodes"))


def test_an_old_source_in_place(home: Path, sources: Sources, database: Database) -> None:
    source = sources.published(13, v15=False)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "UpgradeScreen")
        await pilot.press("down")
        await shown(pilot, "A backup is made first")
        await pilot.press("ctrl+n")
        assert app.screen is screen, "not without the word"
        assert [each.message[:12] for each in app._notifications] == ["Type upgrade"]
        screen.query_one("#word", Input).focus()
        await pilot.press(*"upgrade", "enter")
        await on_screen(pilot, "PreviewScreen")
        assert not [*app._notifications], "the word that was missing is not asked for any more"
        assert not app.state.upgrade_needed

    app = walk(scenario, home, chosen(source, database), first=Step.UPGRADE)
    assert app.state.backup is not None
    assert query(source, "PRAGMA user_version") == [(15,)]
    assert query(app.state.backup, "PRAGMA user_version") == [(0,)]


def test_an_upgrade_that_is_refused_says_why(home: Path, sources: Sources, database: Database) -> None:
    source = sources.published(13, v15=False)
    state = chosen(source, database)
    source.unlink()

    async def scenario(_: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "UpgradeScreen")
        await pilot.press("down")
        screen.query_one("#word", Input).focus()
        await pilot.press(*"upgrade", "enter")
        await shown(pilot, "does not exist")
        assert screen.primary_ready, "it can be tried again"
        assert screen.back_ready

    walk(scenario, home, state, first=Step.UPGRADE)


def test_a_run_of_another_model_keeps_the_sources(home: Path, small_source: Path, database: Database) -> None:
    async def scenario(_: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ModelScreen")
        for words in ("BAAI/", "← differs", "Keep the source's model", "are copied unchanged"):
            await shown(pilot, words)
        await forward(pilot, "PreviewScreen")
        await forward(pilot, "ReportScreen")
        await shown(pilot, "30 of 30 memories are at the destination")

    walk(scenario, home, chosen(small_source, database, OTHER), first=Step.MODEL)
    assert database.value("SELECT name FROM embedding_model") == signature(8).name


def test_a_destination_of_another_model_stops_the_copy(
    home: Path, small_source: Path, database: Database, sources: Sources
) -> None:
    copy(sources.seed(name="other.db"), database)
    database.execute("UPDATE embedding_model SET name = 'other/model', hash = 'ffff'")

    async def scenario(_: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ModelScreen")
        for words in ("! the destination has another model", "other/", "migrate reembed --model"):
            await shown(pilot, words)
        await forward(pilot, "DestinationScreen")

    walk(scenario, home, chosen(small_source, database), first=Step.MODEL)


def test_a_cancelled_copy_is_completed_by_the_next(
    home: Path, sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.seed(LONG_SPEC)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        with held_copy(monkeypatch) as gate:
            await forward(pilot, "CopyScreen")
            await until(pilot, gate.reached.is_set)
            await pilot.press("ctrl+b", "ctrl+n")
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            await pilot.press("escape")
            await on_screen(pilot, "CopyScreen")
            assert not app.screen.query_one("#cancel").disabled, "a closed question cancels nothing"
            await pilot.click("#cancel")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            await pilot.press("tab", "enter")
            await shown(pilot, "Finishing this batch")
            gate.open()
            await on_screen(pilot, "ReportScreen")
        await shown(pilot, "Cancelled")
        assert app.state.report is not None
        assert app.state.report.outcome is Outcome.CANCELLED
        assert 0 < _memories(database) < LONG_SPEC.memories
        await pilot.press("ctrl+n")
        await shown(pilot, "600 of 600 memories are at the destination")
        await shown(pilot, "were there before")

    walk(scenario, home, chosen(source, database), first=Step.PREVIEW)
    assert _memories(database) == LONG_SPEC.memories


def test_quitting_a_copy_waits_for_its_batch(
    home: Path, sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.seed(LONG_SPEC)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        with held_copy(monkeypatch) as gate:
            await forward(pilot, "CopyScreen")
            await until(pilot, gate.reached.is_set)
            await pilot.press("ctrl+q")
            await shown(pilot, "Stop the copy and quit?")
            await pilot.press("tab", "enter")
            await shown(pilot, "Finishing this batch")
            assert app.is_running
            gate.open()
            await until(pilot, lambda: app.return_code is not None)

    app = walk(scenario, home, chosen(source, database), first=Step.PREVIEW)
    assert app.work is not None
    assert not app.work.running
    assert (home / "report.json").exists(), "the report is kept, also of a copy that was quit"
    assert 0 < _memories(database) < LONG_SPEC.memories


def test_a_copy_that_ends_under_a_dialog_waits_for_it_to_close(
    home: Path, sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.seed(LONG_SPEC)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        with held_copy(monkeypatch) as gate:
            await forward(pilot, "CopyScreen")
            await until(pilot, gate.reached.is_set)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
            gate.open()
            await until(pilot, lambda: app.work is not None and not app.work.running)
            await app.workers.wait_for_complete()
            await pilot.pause()
            assert isinstance(app.screen, ConfirmDialog), "a question does not vanish under its reader"
            await pilot.press("escape")
            await on_screen(pilot, "ReportScreen")

    walk(scenario, home, chosen(source, database), first=Step.PREVIEW)


def test_a_preview_that_fails_can_be_tried_again(home: Path, small_source: Path, database: Database) -> None:
    state = chosen(small_source, database)
    away = small_source.rename(small_source.with_name("away.db"))

    async def scenario(_: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "does not exist")
        assert screen.primary_label == "Try again"
        away.rename(small_source)
        await pilot.press("ctrl+n")
        await shown(pilot, "No row has a problem")
        await ready(pilot)

    walk(scenario, home, state, first=Step.PREVIEW)


def test_the_preview_says_what_would_stop_a_copy(home: Path, small_source: Path, database: Database) -> None:
    state = chosen(small_source, database)
    database.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "default_transaction_read_only is on")
        assert screen.primary_label == "Try again", "a copy that would be refused is not offered"

    walk(scenario, home, state, first=Step.PREVIEW)
