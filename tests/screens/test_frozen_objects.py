"""While work runs, garbage collection passes over what was there before it."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

from textual.pilot import Pilot

from tests.support.wizard import machine, on_screen, play, until
from vestige_tui.app import VestigeApp
from vestige_tui.screens.work import QuitPrompt, WorkRequested
from vestige_tui.terminal.collector import freeze_objects
from vestige_tui.user.embedded_host import EmbeddedHost
from vestige_tui.wizard import this_machine


class _Circle:
    def __init__(self) -> None:
        self.itself = self


def test_frozen_objects_are_passed_over_until_the_next_call() -> None:
    circle = _Circle()
    seen = weakref.ref(circle)
    freeze_objects()
    del circle
    gc.collect()
    assert seen() is not None
    freeze_objects()
    assert seen() is None


def test_objects_are_frozen_before_any_work_begins(home: Path) -> None:
    happened: list[str] = []

    class Work:
        quit_prompt = QuitPrompt("", "", "", "", "")
        how_far = ""
        running = True

        def cancel(self) -> None: ...

        def carry_out(self) -> None:
            happened.append("work")
            self.running = False

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.post_message(WorkRequested(work := Work()))
        await until(pilot, lambda: not work.running)

    play(scenario, machine(home, freeze_objects=lambda: happened.append("frozen")))
    assert happened == ["frozen", "work"]


def test_the_wizard_of_this_machine_freezes_them(home: Path) -> None:
    with EmbeddedHost(home / "postgres") as host:
        assert this_machine(host).freeze_objects is freeze_objects
