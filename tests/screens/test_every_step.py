"""The whole way of a file for which every step has a question: old, of another model, with a broken row."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from tests.support.walking import from_the_start, ready, walking_machine
from tests.support.wizard import LARGE, SMALL, on_screen, play, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.model import ModelSignature
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.rows_dialog import RowsDialog
from vestige_tui.screens.state import UpgradeChoice
from vestige_tui.screens.widgets.trouble_list import TroubleList

OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1_024)


@pytest.fixture
def old(sources: Sources) -> Path:
    """30 memories of a Vestige from before V15, one of them empty."""
    source = sources.published(13, v15=False)
    edit(source, "UPDATE knowledge_nodes SET content = '' WHERE id = ?", (memory_ids(source)[0],))
    return source


def _mend(source: Path) -> None:
    edit(source, "UPDATE knowledge_nodes SET content = 'mended' WHERE content = ''")


def _has_all(app: VestigeApp, database: Database) -> None:
    assert app.state.upgrade is UpgradeChoice.PRIVATE_COPY
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 30
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE content = 'mended'") == 1


def test_by_keyboard(home: Path, old: Path, database: Database) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        for name in ("SourceScreen", "DestinationScreen", "DestinationScreen", "UpgradeScreen", "ModelScreen"):
            await on_screen(pilot, name)
            await ready(pilot)
            await pilot.press("ctrl+n")
        await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "1 memory")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, RowsDialog))
        await pilot.press("enter")
        await shown(pilot, "content is empty")
        await pilot.press("escape", "escape")
        await on_screen(pilot, "PreviewScreen")
        await pilot.press("ctrl+n")
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "29 arrived, 1 stayed behind")
        _mend(old)
        await pilot.press("r")
        await shown(pilot, "all that had stayed behind has arrived")
        await pilot.press("ctrl+q")
        await until(pilot, lambda: app.return_code is not None)

    _has_all(play(scenario, walking_machine(home), state=from_the_start(old, database, OTHER), size=SMALL), database)


def test_by_mouse(home: Path, old: Path, database: Database) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        for name, choice in (
            ("SourceScreen", "#cards"),
            ("DestinationScreen", "#server-choice"),
            ("DestinationScreen", "#server-choice"),
            ("UpgradeScreen", "#private"),
            ("ModelScreen", "#keep"),
        ):
            await on_screen(pilot, name)
            await ready(pilot)
            await pilot.click(choice)
            await ready(pilot)
            await pilot.click("#primary")
        await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "1 memory")
        await pilot.click("#rows")
        await until(pilot, lambda: isinstance(app.screen, RowsDialog))
        await _open_and_close_a_row(app, pilot)
        await pilot.click("#close")
        await on_screen(pilot, "PreviewScreen")
        await pilot.click("#primary")
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "29 arrived, 1 stayed behind")
        await _open_and_close_a_row(app, pilot)
        _mend(old)
        await pilot.click("#retry")
        await shown(pilot, "all that had stayed behind has arrived")
        await pilot.click("#primary")
        await until(pilot, lambda: app.return_code is not None)

    _has_all(play(scenario, walking_machine(home), state=from_the_start(old, database, OTHER), size=LARGE), database)


async def _open_and_close_a_row(app: VestigeApp, pilot: Pilot[None]) -> None:
    await pilot.click(TroubleList, offset=(10, 1))
    await until(pilot, lambda: isinstance(app.screen, RowDialog))
    await shown(pilot, "How to mend it")
    await pilot.click("#close")
    await until(pilot, lambda: not isinstance(app.screen, RowDialog))
