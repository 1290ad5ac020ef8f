"""Data that wants to break the screen: escape sequences, markup, other directions of writing, sheer size and number."""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.strip import Strip
from textual.widgets import Input

from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from tests.support.states import report, target
from tests.support.walking import chosen, forward, ready, walk
from tests.support.wizard import LARGE, machine, on_screen, play, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.browse import BrowseDialog
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.state import Prefill, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.path_input import PathInput
from vestige_tui.screens.widgets.problem_browser import ProblemBrowser
from vestige_tui.screens.widgets.problem_list import ProblemList

NASTY = "\x1b[2J\x1b]0;owned\x07[/bold][@click=app.bell]x[/] [red]\u202eevil\u2066\r\n\t\x9b31m 漢字 é\u0301 \ud83d"
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def _harmless(app: VestigeApp) -> str:
    text = "\n".join(screen_lines(app))
    assert _OBEYED.search(text) is None, repr(text)
    return text


def test_nothing_of_a_row_reaches_the_terminal(home: Path, sources: Sources, database: Database) -> None:
    source = sources.seed()
    first, second, *_ = memory_ids(source)
    nasty = NASTY.replace("\ud83d", "")
    edit(source, "UPDATE knowledge_nodes SET id = ? WHERE id = ?", (f"{nasty}1", first))
    edit(
        source,
        "UPDATE knowledge_nodes SET metadata = ?, content = ? WHERE id = ?",
        (nasty, nasty + "x" * 10_000_000, second),
    )

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await ready(pilot)
        await shown(pilot, "have problems")
        _harmless(app)
        await pilot.press("f2")
        await shown(pilot, "Ways to deal with it")
        _harmless(app)
        for _ in range(2):
            await pilot.press("o")
            await until(pilot, lambda: isinstance(app.screen, RowDialog))
            await shown(pilot, "! ")
            _harmless(app)
            await pilot.press("pagedown", "pagedown")
            _harmless(app)
            await pilot.press("escape", "end")
        await pilot.press("escape")
        await on_screen(pilot, "PreviewScreen")
        await forward(pilot, "ReportScreen")
        _harmless(app)

    walk(scenario, home, chosen(source, database), first=Step.PREVIEW, size=LARGE)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the file system takes no such name")
def test_nothing_of_a_path_reaches_the_terminal(home: Path, small_source: Path) -> None:
    folder = home / ("a\x1b[2J\x9b31m\u202e[red]" + os.fsdecode(b"\xff"))
    folder.mkdir()
    source = shutil.copy(small_source, folder / "vestige.db")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        _harmless(app)
        app.export_screenshot().encode()
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, BrowseDialog))
        await shown(pilot, "vestige.db")
        _harmless(app)
        await pilot.press("escape")
        screen.query_one(PathInput).focus()
        screen.query_one(PathInput).value = "a"
        await until(pilot, lambda: bool(screen.query_one(PathInput)._suggestion))
        _harmless(app)

    play(scenario, machine(home), state=WizardState(prefill=Prefill(str(source))))


def _errors(number: int) -> list[RowError]:
    return [
        RowError("edges", f"{number}{NASTY}", None, Kind.MISSING_REFERENCE, f"{NASTY}{number}", copied=number % 2 == 0)
        for number in range(number)
    ]


@pytest.fixture
def crowded(small_source: Path) -> WizardState:
    """After a copy in which ten thousand rows had problems, each with a name of its own."""
    state = WizardState(source=describe(small_source), target=target())
    done = report(state, Outcome.ERRORS)
    done.errors.extend(_errors(10_000))
    done.errors.append(replace(_errors(1)[0], row="needle", message="m" * 1_000_000))
    return state.with_preview(report(state, dry_run=True)).with_report(done)


def _lines_drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fills with the number of every line that a list draws."""
    drawn: list[int] = []
    draw = ProblemList.render_line

    def counted(rows: ProblemList, y: int) -> Strip:
        drawn.append(y)
        return draw(rows, y)

    monkeypatch.setattr(ProblemList, "render_line", counted)
    return drawn


def test_ten_thousand_rows_cost_what_a_screenful_does(
    home: Path, crowded: WizardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = _lines_drawn(monkeypatch)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ReportScreen")
        await shown(pilot, "10,001 of 10,001")
        rows = screen.query_one(ProblemList)
        assert not rows.children, "no row is a widget"
        for key in ("end", "home", "pagedown", "pagedown", "down", "up"):
            drawn.clear()
            await pilot.press(key)
            assert len(drawn) <= 4 * rows.size.height, "only what is in sight is drawn"
            assert max(drawn, default=0) < rows.size.height
        _harmless(app)
        screen.query_one("#by-text", Input).value = "needle"
        await until(pilot, lambda: len(rows.errors) == 1)
        screen.query_one("#by-text", Input).value = ""
        await until(pilot, lambda: len(rows.errors) == 10_001)
        assert rows.cursor == 0

    walk(scenario, home, crowded, first=Step.REPORT)


def test_rows_that_come_while_it_runs_draw_a_screenful_each_time(
    home: Path, crowded: WizardState, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = _lines_drawn(monkeypatch)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ReportScreen")
        rows = screen.query_one(ProblemBrowser).rows
        for _turn in range(20):
            drawn.clear()
            rows.add(_errors(500))
            await pilot.pause()
            assert len(drawn) <= 2 * rows.size.height
        assert len(rows.errors) == 20_001

    walk(scenario, home, crowded, first=Step.REPORT)
