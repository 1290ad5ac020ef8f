"""What the second step shows where there is room: the SQL for a new database, the rows there, the embedded server."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.wizard import LARGE, FakeHost, machine, on_screen, play, screen_lines, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.destination.creation import creation_sql
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.facts import NameFault
from vestige_tui.core.files import free_at
from vestige_tui.screens import destination_boxes
from vestige_tui.screens.destination_boxes import embedded_facts, rows_there
from vestige_tui.screens.new_database import NewDatabaseDialog, how_to_run, script_for
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step


def test_the_names_of_the_form_are_those_of_the_sql() -> None:
    assert script_for(Dsn({})) == creation_sql("vestige", "vestige")
    assert script_for(Dsn({"user": "memory"})) == creation_sql("memory", "memory")
    assert script_for(Dsn({"user": "memory", "dbname": "shared"})) == creation_sql("memory", "shared")
    assert script_for(Dsn({"dbname": "two\nlines"})) is NameFault.UNPRINTABLE


def test_where_the_sql_is_pasted() -> None:
    named = {"host": "db.example", "port": "5433", "user": "memory", "dbname": "shared"}
    assert how_to_run(Dsn(named)).plain.split("\n")[1:] == ["psql -h db.example -p 5433 -U postgres"]
    assert how_to_run(Dsn({"user": "memory"})).plain.split("\n")[1:] == [
        "psql -U postgres",
        "Then put “memory” into Database here.",
    ]
    assert "psql -U postgres" in how_to_run(Dsn({"host": "$(reboot)", "port": "1"})).plain


def test_the_sql_is_copied_from_the_form_and_from_the_dialog(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = "postgresql://memory:hush@db.example/shared"
        await until(pilot, lambda: 'OWNER "memory"' in "\n".join(screen_lines(app)))
        await pilot.click("#copy-sql")
        assert app.clipboard == creation_sql("memory", "shared")

        screen.query_one("#user", Input).value = "other"
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, NewDatabaseDialog))
        assert "hush" not in "\n".join(screen_lines(app))
        await pilot.press("y")
        assert app.clipboard == creation_sql("other", "shared")
        await pilot.press("escape")
        screen.query_one("#user", Input).value = "pg_agent"
        await until(pilot, lambda: "keeps role names" in " ".join(screen_lines(app)))
        assert "Copy SQL" not in "\n".join(screen_lines(app))
        await pilot.press("f2")
        assert app.screen is screen
        screen.query_one("#kind").focus()
        await pilot.press("down")
        await until(pilot, lambda: "CREATE ROLE" not in "\n".join(screen_lines(app)))
        await pilot.press("f2")
        assert app.screen is screen, "an embedded server needs no administrator"

    play(scenario, machine(home), state=WizardState(), first=Step.DESTINATION, size=LARGE)


def test_rows_on_both_sides() -> None:
    lines = rows_there({"knowledge_nodes": 2_000}, {"knowledge_nodes": 250, "edges": None}).plain.split("\n")
    assert [line.split() for line in lines[:5]] == [
        ["source", "there"],
        ["Memories", "2,000", "250"],
        ["Scheduling", "0", "–"],
        ["Connections", "0", "many"],
        ["Review", "events", "0", "–"],
    ]


def test_the_folder_of_the_embedded_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert free_at(tmp_path / "not" / "yet") == free_at(tmp_path)
    monkeypatch.setattr(destination_boxes, "free_at", lambda _: 3_000_000)
    host = FakeHost(tmp_path / "postgres")
    facts = dict(embedded_facts(host, tmp_path, None))
    assert facts == {
        "Data folder": "~/postgres",
        "Data in it": "none yet",
        "Free there": "3.0 MB",
        "Afterwards": "“vestige-tui embedded start” starts it without the wizard",
    }
    host.folder.mkdir()
    (host.folder / "PG_VERSION").touch()
    host.commands = False
    facts = dict(embedded_facts(host, tmp_path, None))
    assert facts["Data in it"] == "of earlier copies; nothing of it is overwritten"
    assert facts["Afterwards"] == "it ends with the demo, and the next demo begins anew"
