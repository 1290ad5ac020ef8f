"""Whole ways through the wizard, on real databases: by keyboard, by mouse, and around what stands in the way."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TabbedContent

from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit
from tests.support.stale import upgraded
from tests.support.walking import (
    BROKEN_SPEC,
    LONG_SPEC,
    chosen,
    forward,
    from_the_start,
    held_copy,
    ready,
    to_the_preview,
    walk,
    walking_machine,
)
from tests.support.wizard import LARGE, click_key, on_screen, play, shown, until
from vestige_tui import wizard
from vestige_tui.app import VestigeApp
from vestige_tui.core.model import ModelSignature
from vestige_tui.screens.model import ModelScreen
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.state import UpgradeChoice
from vestige_tui.screens.steps import Mark, Step, statuses
from vestige_tui.screens.widgets.notice import Notice
from vestige_tui.screens.widgets.problem_list import ProblemList

OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1_024, "77c0" * 16)


def _memories(database: Database) -> int:
    return int(database.value("SELECT count(*) FROM knowledge_nodes"))


def test_by_keyboard(home: Path, small_source: Path, database: Database) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await to_the_preview(pilot)
        await ready(pilot)
        await shown(pilot, "No row has a problem")
        screen = await forward(pilot, "ReportScreen")
        await shown(pilot, "30 of 30 memories are at the destination")
        await shown(pilot, "Hand over shows the lines")
        marks = [status.mark for status in statuses(app.state, Step.REPORT)]
        assert marks == [*[Mark.DONE] * 2, Mark.NOT_NEEDED, *[Mark.DONE] * 3, Mark.HERE]
        pages = screen.query_one(TabbedContent)
        for page, words in (("rows", "No rows with problems."), ("counts", "in source"), ("next", "Hand over shows")):
            await pilot.press("f2")
            await until(pilot, lambda page=page: pages.active == page)  # type: ignore[misc]
            await shown(pilot, words)

    app = play(scenario, walking_machine(home), state=from_the_start(small_source, database))
    assert _memories(database) == 30
    assert app.state.saved == home / "report.json"
    assert app.state.saved.exists()


async def click_primary(pilot: Pilot[None]) -> None:
    """Take the main action by mouse, and wait until the screen, or its main action, is another one."""
    screen = await ready(pilot)
    label = screen.primary_label
    await pilot.click("#primary")
    await until(pilot, lambda: pilot.app.screen is not screen or screen.primary_label != label)


def test_by_mouse_and_back_from_the_report_and_once_more(home: Path, small_source: Path, database: Database) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        for screen in ("SourceScreen", "DestinationScreen", "DestinationScreen", "PreviewScreen"):
            await on_screen(pilot, screen)
            await click_primary(pilot)
        await on_screen(pilot, "ReportScreen")
        await pilot.click("#--content-tab-counts")
        await shown(pilot, "in source")
        await pilot.click("#back")
        await on_screen(pilot, "PreviewScreen")
        await ready(pilot)
        await shown(pilot, "Nothing to write")
        await pilot.click("#step-8")
        await on_screen(pilot, "ReportScreen")
        await pilot.click("#again")
        await shown(pilot, "They were there before")
        await ready(pilot)
        await click_key(pilot, "Quit")

    app = play(scenario, walking_machine(home), state=from_the_start(small_source, database), size=LARGE)
    assert app.return_code == 0
    assert _memories(database) == 30


def test_an_old_source_by_a_private_copy(home: Path, sources: Sources, database: Database) -> None:
    source = sources.published(13, v15=False)
    before = hashlib.sha256(source.read_bytes()).digest()

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "UpgradeScreen")
        for words in ("owner_user_id", "visibility", "group_memberships", "Your file stays exactly as it is"):
            await shown(pilot, words)
        await forward(pilot, "PreviewScreen")
        await forward(pilot, "ReportScreen")
        await shown(pilot, "30 of 30 memories are at the destination")

    app = walk(scenario, home, chosen(source, database), first=Step.UPGRADE)
    assert app.state.upgrade is UpgradeChoice.PRIVATE_COPY
    assert hashlib.sha256(source.read_bytes()).digest() == before
    assert _memories(database) == 30


def test_vectors_without_a_memory_are_named(home: Path, small_source: Path, database: Database) -> None:
    edit(small_source, "DELETE FROM embedding_model")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ModelScreen")
        await shown(pilot, "does not say which model")
        assert not screen.primary_ready, "no model of Vestige makes vectors of this dimension"
        screen.query_one("#name", Input).focus()
        await pilot.press(*"my/model")
        await forward(pilot, "PreviewScreen")
        await pilot.press("ctrl+b")
        await on_screen(pilot, "ModelScreen")
        assert app.screen.query_one("#name", Input).value == "my/model", "an answer can be changed"

    app = walk(scenario, home, chosen(small_source, database), first=Step.MODEL)
    assert app.state.agreement is not None
    assert app.state.agreement.signature == ModelSignature("my/model", 8)


def test_a_match_is_one_reassuring_line(home: Path, small_source: Path, database: Database) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ModelScreen")
        assert isinstance(screen, ModelScreen)
        await shown(pilot, "speak of one model")
        await forward(pilot, "PreviewScreen")

    walk(scenario, home, chosen(small_source, database), first=Step.MODEL)


def test_errors_are_reviewed_mended_and_tried_again(home: Path, sources: Sources, database: Database) -> None:
    source = sources.seed(BROKEN_SPEC)
    state = chosen(source, database).with_report(copy(source, database))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "56 of 60 memories are at the destination")
        await _look_at_a_row(app, pilot)
        await _export_where_it_is_refused(app, pilot, source)
        await _export(app, pilot, home)
        edit(source, "UPDATE knowledge_nodes SET content = 'mended' WHERE content = ''")
        edit(source, "UPDATE knowledge_nodes SET visibility = 'private' WHERE visibility = 'secret'")
        edit(source, "DELETE FROM knowledge_nodes WHERE id = 'note-7'")
        await pilot.press("r")
        await shown(pilot, "still not copied")
        await shown(pilot, "1 row of them cannot be found")

    app = walk(scenario, home, state, first=Step.REPORT, size=LARGE)
    assert app.state.report is not None
    assert [error.row for error in app.state.report.errors] == ["note-8"]
    assert _memories(database) == 58
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE content = 'mended'") == 1


async def _look_at_a_row(app: VestigeApp, pilot: Pilot[None]) -> None:
    await pilot.press("slash")
    app.screen.query_one("#by-text", Input).value = "note-8"
    await shown(pilot, "1 of ")
    await pilot.press("enter")
    assert len(app.screen.query_one(ProblemList).errors) == 1
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, RowDialog))
    for words in ("id is not a UUID: 'note-8'", "How to fix it", "! id", "note-8"):
        await shown(pilot, words)
    await pilot.press("escape")
    await on_screen(pilot, "ReportScreen")
    app.screen.query_one("#by-text", Input).value = ""
    await pilot.pause()


async def _export_where_it_is_refused(app: VestigeApp, pilot: Pilot[None], source: Path) -> None:
    before = source.read_bytes()
    await pilot.press("e")
    await shown(pilot, "Export rows with problems")
    for path, reason in ((source, "the source itself"), (f"{source}-wal", "beside the source")):
        app.screen.query_one("#file", Input).value = str(path)
        await pilot.press("enter")
        await pilot.pause()
        assert reason in str(app.screen.query_one("#refused", Notice).content)
    folder = source.parent
    for typed, reason in (
        ("", "No file is named."),
        ("-", "standard output"),
        (str(folder), "is a folder"),
        ("~unknown/list", "No such file"),
    ):
        app.screen.query_one("#file", Input).value = typed
        await pilot.press("enter")
        await pilot.pause()
        assert reason in str(app.screen.query_one("#refused", Notice).content)
    assert source.read_bytes() == before
    assert not Path(f"{source}-wal").exists()
    await pilot.press("escape")
    await on_screen(pilot, "ReportScreen")


async def _export(app: VestigeApp, pilot: Pilot[None], home: Path) -> None:
    await pilot.press("e")
    await shown(pilot, "Export rows with problems")
    await pilot.press("enter")
    await on_screen(pilot, "ReportScreen")
    (file,) = home.glob("*.jsonl")
    assert app.state.report is not None
    assert len(file.read_text().splitlines()) == len(app.state.report.errors)


def test_a_server_that_dies_is_reported_and_the_next_run_completes(
    home: Path, sources: Sources, database: Database, other_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.seed(LONG_SPEC)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        with held_copy(monkeypatch) as gate:
            await forward(pilot, "CopyScreen")
            await until(pilot, gate.reached.is_set)
            _kill(database, other_database)
            gate.open()
            await on_screen(pilot, "ReportScreen")
        await shown(pilot, "✗")
        await shown(pilot, "memories had been read")
        assert app.state.failure is not None
        await pilot.press("ctrl+n")
        await on_screen(pilot, "ReportScreen")
        other_database.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
        await pilot.press("ctrl+n")
        await shown(pilot, "600 of 600 memories are at the destination")

    walk(scenario, home, chosen(source, database), first=Step.PREVIEW)
    assert _memories(database) == LONG_SPEC.memories


def _kill(database: Database, from_elsewhere: Database) -> None:
    from_elsewhere.execute(
        f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false",
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'",
    )


def test_a_stale_source_into_tables_without_a_foreign_key(
    home: Path, sources: Sources, copied_database: Database
) -> None:
    """What will be missing is said before the copy and after it, and the shell gets exit code 1."""
    source = upgraded(sources.seed())
    edit(source, "CREATE TABLE intentions AS SELECT id FROM knowledge_nodes LIMIT 12")
    upgraded(source)
    copied_database.execute("ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey")
    left_behind = "       12  intentions                reminders of things to do"

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await shown(pilot, "This file is stale.")
        await shown(pilot, "! stale · 30 memories")
        await pilot.press("ctrl+n")
        for words in ("Use a stale database?", "Here that is 30 memories.", "y Use it all the same"):
            await shown(pilot, words)
        await pilot.press("y")
        await on_screen(pilot, "DestinationScreen")
        await ready(pilot)
        await pilot.press("ctrl+n")
        await shown(pilot, "Use this destination")
        await forward(pilot, "PreviewScreen")
        await ready(pilot)
        await shown(pilot, "The source is stale, and copying it is allowed.")
        await pilot.press("pagedown")
        await shown(pilot, "1 foreign key will not be enforced")
        await shown(pilot, left_behind)
        await forward(pilot, "ReportScreen")
        for words in ("But 1 foreign key is not", "The source is stale", "Tables not copied 1"):
            await shown(pilot, words)
        await pilot.press("f2", "f2")
        for words in ("in source", left_behind, "edges_target_id_fkey of edges"):
            await shown(pilot, words)
            await pilot.press("f2")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.return_code is not None)

    app = play(scenario, walking_machine(home), state=from_the_start(source, copied_database))
    assert wizard._code_of(app) == 1
    report = json.loads((home / "report.json").read_text())
    assert report["outcome"] == "incomplete"
    assert report["left_behind"] == {"intentions": 12}
