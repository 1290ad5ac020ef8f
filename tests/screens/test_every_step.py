"""The whole way of a file for which every step has a question: old, of another model, with a broken row."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from tests.support.walking import from_the_start, ready, walking_machine
from tests.support.wizard import LARGE, SMALL, click_key, on_screen, play, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.model import ModelSignature
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.state import UpgradeChoice
from vestige_tui.screens.widgets.problem_list import ProblemList
from vestige_tui.screens.workbench import Workbench

OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1_024)


@pytest.fixture
def old(sources: Sources) -> Path:
    """30 memories of a Vestige from before V15, one of them empty."""
    source = sources.published(13, v15=False)
    edit(source, "UPDATE knowledge_nodes SET content = '' WHERE id = ?", (memory_ids(source)[0],))
    return source


Act = Callable[[Pilot[None]], Awaitable[object]]


def _press(key: str) -> Act:
    return lambda pilot: pilot.press(key)


def _click(target: str | type[Widget], at: tuple[int, int] = (1, 0), times: int = 1) -> Act:
    return lambda pilot: pilot.click(target, offset=at, times=times)


@dataclass(frozen=True)
class Hands:
    """How an operator does things; ``choices`` are made on the way to the preview, by the step that they belong to."""

    size: tuple[int, int]
    forward: Act
    rows: Act
    open_row: Act
    close: Act
    back: Act
    retry: Act
    leave: Act
    choices: Mapping[str, Act]


KEYBOARD = Hands(
    SMALL,
    _press("ctrl+n"),
    _press("f2"),
    _press("enter"),
    _press("escape"),
    _press("escape"),
    _press("r"),
    _press("ctrl+q"),
    {},
)
MOUSE = Hands(
    LARGE,
    _click("#primary"),
    _click("#rows"),
    _click(ProblemList, (10, 1), times=2),
    _click("#close"),
    _click("#back"),
    _click("#retry"),
    partial(click_key, word="Quit"),
    {
        "SourceScreen": _click("#cards"),
        "DestinationScreen": _click("#server-choice"),
        "UpgradeScreen": _click("#private"),
        "ModelScreen": _click("#keep"),
    },
)


@pytest.mark.long
@pytest.mark.parametrize("hands", [KEYBOARD, MOUSE], ids=["keyboard", "mouse"])
def test_from_the_first_step_to_the_last(home: Path, old: Path, database: Database, hands: Hands) -> None:
    async def look_at_a_row(app: VestigeApp, pilot: Pilot[None]) -> None:
        await hands.open_row(pilot)
        await until(pilot, lambda: isinstance(app.screen, RowDialog))
        await shown(pilot, "How to fix it")
        await hands.close(pilot)
        await until(pilot, lambda: not isinstance(app.screen, RowDialog))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        for name in ("SourceScreen", "DestinationScreen", "DestinationScreen", "UpgradeScreen", "ModelScreen"):
            await on_screen(pilot, name)
            await ready(pilot)
            if name in hands.choices:
                await hands.choices[name](pilot)
                await ready(pilot)
            await hands.forward(pilot)
        await on_screen(pilot, "PreviewScreen")
        await shown(pilot, "to write: about")
        await hands.rows(pilot)
        await until(pilot, lambda: isinstance(app.screen, Workbench))
        await shown(pilot, "content: no content")
        await hands.back(pilot)
        await on_screen(pilot, "PreviewScreen")
        await hands.forward(pilot)
        await on_screen(pilot, "ReportScreen")
        await shown(pilot, "29 of 30 memories are at the")
        await look_at_a_row(app, pilot)
        edit(old, "UPDATE knowledge_nodes SET content = 'mended' WHERE content = ''")
        await hands.retry(pilot)
        await shown(pilot, "Tried 4 rows again: all of them")
        await hands.leave(pilot)
        await until(pilot, lambda: app.return_code is not None)

    app = play(scenario, walking_machine(home), state=from_the_start(old, database, OTHER), size=hands.size)
    assert app.state.upgrade is UpgradeChoice.PRIVATE_COPY
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 30
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE content = 'mended'") == 1
