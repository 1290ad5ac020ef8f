"""A table that is added to the descriptions is on every screen that lists tables."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.pilot import Pilot

from tests.support import scenes
from tests.support.ninth import NOTES, add_ninth_table, write_notes
from tests.support.servers import Database
from tests.support.sources import memory_ids
from tests.support.walking import chosen, walk
from tests.support.wizard import LARGE, on_screen, shown
from vestige_tui.app import VestigeApp
from vestige_tui.core.report import TableReport
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.screens import preview_report
from vestige_tui.screens.problems import table_title
from vestige_tui.screens.progress import Pace, Progress
from vestige_tui.screens.report_counts import counts
from vestige_tui.screens.source_facts import rows_of
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.problem_browser import ProblemBrowser
from vestige_tui.screens.widgets.progress_bars import ProgressBars

NAME, TITLE = NOTES.name, NOTES.title


@pytest.fixture(autouse=True)
def _ninth(monkeypatch: pytest.MonkeyPatch) -> None:
    """One more description, and nothing else."""
    add_ninth_table(monkeypatch)


def _line(content: Content | str) -> list[str]:
    """The words of the ninth table's line, wherever it stands in a table of several columns."""
    (line,) = (line for line in str(content).splitlines() if TITLE in line)
    return line[line.index(TITLE) :].split()


def test_the_source_step_counts_its_rows() -> None:
    source = scenes.source()
    shown = rows_of(replace(source, rows={**source.rows, NAME: 1_234}))
    assert _line(shown)[:2] == [TITLE, "1,234"]
    assert "Memberships" in str(shown), "an odd number of tables leaves none out"


def test_the_preview_counts_its_rows() -> None:
    found = scenes.report(dry_run=True, tables={NAME: TableReport(7, 7, 4, 2, failed=1)})
    found.errors.append(RowError(NAME, "x", "id", Kind.MISSING_VALUE, "id is missing", copied=False))
    assert _line(preview_report.counts(found)) == [TITLE, "7", "2", "4", "!", "1"]
    so_far = Progress(tables={NAME: Pace(7, 3, inserted=2, present=1)})
    assert _line(preview_report.counts_so_far({}, so_far)) == [TITLE, "7", "1", "2", "–"]


def test_the_copy_has_a_bar_for_it() -> None:
    class Bars(App[None]):
        def compose(self) -> ComposeResult:
            yield ProgressBars({NAME: 7})

    async def draw() -> list[str]:
        app = Bars()
        async with app.run_test(size=(80, 24)):
            bars = app.query_one(ProgressBars)
            bars.show(Progress(tables={NAME: Pace(7, 3)}))
            return _line(bars.render())

    title, bar, *numbers = asyncio.run(draw())
    assert (title, numbers) == (TITLE, ["3", "/", "7"])
    assert set(bar) <= set("━╸")


def test_the_report_counts_and_names_its_rows() -> None:
    done = scenes.report(tables={NAME: TableReport(7, 7, 4, 2, repaired=3, failed=1)})
    assert _line(counts(done)) == [TITLE, "7", "4", "2", "3", "1"]
    error = RowError(NAME, "x", "id", Kind.MISSING_VALUE, "id is missing", copied=False)
    assert table_title(error) == TITLE


def test_the_wizard_copies_it(home: Path, small_source: Path, database: Database) -> None:
    write_notes(small_source, memory_ids(small_source))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "1 row has a problem")
        assert app.state.preview is not None
        assert _line(preview_report.counts(app.state.preview)) == [TITLE, "30", "0", "30", "!", "1"]
        await shown(pilot, TITLE)
        await pilot.press("ctrl+n")
        await on_screen(pilot, "ReportScreen")
        assert _line(counts(app.state.report)) == [TITLE, "30", "30", "–", "1", "–"]
        assert [error.table for error in app.screen.query_one(ProblemBrowser).shown] == [NAME]
        await shown(pilot, f"{TITLE} ")

    walk(scenario, home, chosen(small_source, database), first=Step.PREVIEW, size=LARGE)
    assert database.value("SELECT count(*) FROM notes") == 30
