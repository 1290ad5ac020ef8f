"""A planted password: a whole run, and a crash, leave it nowhere that anybody could read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.servers import Database
from tests.support.walking import forward, ready, to_the_preview, walking_machine
from tests.support.wizard import LARGE, MemoryKeyring, play, shown
from vestige_tui.app import VestigeApp
from vestige_tui.screens import report
from vestige_tui.screens.dsn_fields import url_of
from vestige_tui.screens.state import Prefill, WizardState
from vestige_tui.screens.widgets.row_pane import RowPane
from vestige_tui.user.logs import logging_to
from vestige_tui.user.masking import mask_by_form

CANARY = "canary-7f3a"


def _filled_in(source: Path, database: Database) -> WizardState:
    """All that is needed, with the password in the connection string as it comes from a command line."""
    url = url_of(database.dsn)
    separator = "&" if "?" in url else "?"
    return WizardState(prefill=Prefill(str(source), f"{url}{separator}password={CANARY}"))


def _files(folder: Path) -> list[str]:
    return [file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file()]


@pytest.mark.usefixtures("takes_any_password")
def test_after_a_whole_run(
    home: Path, small_source: Path, database: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await to_the_preview(pilot)
        await ready(pilot)
        seen.append(app.export_screenshot())
        await forward(pilot, "ReportScreen")
        for words in ("No rows with problems.", "in source", "Hand over shows the lines"):
            await pilot.press("f2")
            await shown(pilot, words)
            seen.append(app.export_screenshot())
        app.screen.open_workbench()  # type: ignore[attr-defined]
        await shown(pilot, "0 rows: none")
        parts = (app.screen, app.screen.query_one(RowPane), app.screen._owner)  # type: ignore[attr-defined]
        seen.extend((app.export_screenshot(), *(repr(part.__dict__) for part in parts)))
        await pilot.press("escape")
        await pilot.press("f3")
        await shown(pilot, "These are the newest memories.")
        seen.extend((app.export_screenshot(), repr(app.screen.__dict__)))
        seen.extend((repr(app.state), str(app.tree), repr(app.work)))

    on = walking_machine(home)
    with logging_to(home / "run.log", mask_by_form):
        app = play(scenario, on, state=_filled_in(small_source, database), size=LARGE)
    assert app.state.target is not None
    assert app.state.target.dsn.parameters["password"] == CANARY, "it was really used"
    assert isinstance(on.passwords, MemoryKeyring)
    assert not on.passwords.passwords, "the operator did not ask to keep it"
    assert {"recent.json", "report.json", "run.log"} <= {file.name for file in home.iterdir()}
    seen.extend((*_files(home), *_files(small_source.parent), *capfd.readouterr()))
    assert not [text for text in seen if CANARY in text]


@pytest.mark.usefixtures("takes_any_password")
def test_after_a_crash(
    home: Path,
    small_source: Path,
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def crash(state: WizardState, _home: Path) -> None:
        assert state.target is not None
        secret = state.target.dsn.conninfo()
        raise RuntimeError(f"an error that quotes {secret}")

    monkeypatch.setattr(report, "next_steps", crash)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await to_the_preview(pilot)
        await forward(pilot, "ReportScreen")

    with logging_to(home / "run.log", mask_by_form), pytest.raises(RuntimeError, match=CANARY):
        play(scenario, walking_machine(home), state=_filled_in(small_source, database))
    printed = capfd.readouterr()
    assert "An unexpected fault in vestige-tui" in printed.err
    assert not [text for text in (*printed, *_files(home)) if CANARY in text]
