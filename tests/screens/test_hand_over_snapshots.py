"""Pictures of the hand-over and of the change of Vestige's file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support import scenes
from tests.support.pictures import BOTH, Compare, Sizes, look_the_same
from tests.support.scenes import HOME, StillWizard
from tests.support.states import target
from tests.support.wizard import SMALL, FakeHost, machine, on_screen, shown
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.handover import file
from vestige_tui.screens.steps import Step

OLD = """\
# my Vestige
[server]
port = 7000

[storage]
backend = "sqlite"  # as ever

[storage.postgres]
url = "postgres://me:hunter2@old.example/x"
max_connections = 4
"""


@pytest.fixture(autouse=True)
def _fixed_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestige_tui.screens.hand_over.make_handover", _handover)
    monkeypatch.setattr(file, "_read", lambda _: OLD.encode())
    monkeypatch.setattr(file, "_check", lambda _: None)


def _handover(dsn: Dsn, model: str | None, home: Path) -> object:
    return scenes.handover(dsn, model or scenes.MODEL.name, home)


def _picture(compare: Compare, sizes: Sizes, *keys: str, embedded: bool = False) -> bool:
    place = replace(target(embedded=True), dsn=scenes.embedded_dsn()) if embedded else target()

    async def ready(pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("ctrl+n")
        await shown(pilot, "[storage.postgres]")
        await pilot.press(*keys)

    host = FakeHost(HOME / ".local/share/vestige-tui/postgres", place.dsn)
    state = replace(scenes.reported(scenes.verified()), target=place)
    return look_the_same(compare, StillWizard(machine(HOME, embedded=host), state, Step.REPORT), sizes, ready)


def test_lines_for_a_server(snap_compare: Compare) -> None:
    assert _picture(snap_compare, BOTH)


def test_lines_for_the_embedded_server(snap_compare: Compare) -> None:
    assert _picture(snap_compare, (SMALL,), embedded=True)


def test_the_change_of_the_file(snap_compare: Compare) -> None:
    assert _picture(snap_compare, (SMALL,), "w")
