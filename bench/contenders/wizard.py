"""The same copy under the wizard, run without a terminal: from pressing "Start copy" until the comparison begins, which
has a race of its own, and is skipped.

The steps before the preview are answered beforehand. The screen is composed and drawn as in a terminal of 120 × 40.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.driver import Driver
from textual.pilot import Pilot

from bench.contenders.tool import check
from bench.stopwatch import COPY, Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.app import VestigeApp
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.events import Phase
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.run import Run
from vestige_tui.screens.state import Target, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.user.embedded_host import EmbeddedHost
from vestige_tui.wizard import this_machine

_SIZE = (120, 40)
_TICK = 0.1  # seconds between two looks: they cost the copy some of the interpreter's time


def run(task: Task) -> Measured:
    """Copy ``task.source``."""
    return copy_in_wizard(task)


def copy_in_wizard(
    task: Task,
    *,
    driver: type[Driver] | None = None,
    begin: Callable[[VestigeApp], None] = lambda _: None,
    end: Callable[[], None] = lambda: None,
    compared: bool = False,
) -> Measured:
    """The same with another terminal; ``begin`` and ``end`` are called when the copy begins, and when it has ended.

    ``compared``: the comparison belongs to it.
    """
    with tempfile.TemporaryDirectory(prefix="vestige-bench-wizard-") as folder:
        os.environ |= dict.fromkeys(("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), folder)
        with EmbeddedHost(Path(folder) / "postgres") as host:
            app = VestigeApp(
                this_machine(host), WizardState(source=describe(task.source), target=Target(task.dsn, probe(task.dsn)))
            )
            watch = Stopwatch()

            async def operate(pilot: Pilot[object]) -> None:
                await _operate(app, pilot, watch, partial(begin, app), end, compared=compared)

            if driver is not None:
                app.driver_class = driver
            app.run(headless=driver is None, size=_SIZE, auto_pilot=operate)
    check(app.state.report)
    if app.state.report is not None:
        watch.tables |= {name: table.seconds for name, table in app.state.report.tables.items()}
    return watch.measured()


async def _operate(
    app: VestigeApp,
    pilot: Pilot[object],
    watch: Stopwatch,
    begin: Callable[[], None],
    end: Callable[[], None],
    *,
    compared: bool,
) -> None:
    """What the operator does: waits for the preview, starts the copy, skips what is left of it, and leaves."""
    app.show_step(Step.PREVIEW)
    await _until(lambda: app.state.preview is not None or app.state.preview_failure is not None)
    await pilot.pause()
    with watch:
        watch.phase(COPY)
        await pilot.press("ctrl+n")
        begin()
        await _until(lambda: _has_ended(app) or (not compared and _has_copied(app)))
        end()
    if not _has_ended(app):
        await pilot.press("escape")
        await _until(lambda: _has_ended(app))
    app.exit()


def _has_copied(app: VestigeApp) -> bool:
    return isinstance(app.work, Run) and app.work.progress.phase is Phase.VERIFY


def _has_ended(app: VestigeApp) -> bool:
    return app.state.report is not None or app.state.failure is not None


async def _until(condition: Callable[[], bool], limit: float = 3_600.0) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the wizard did not get on")
        await asyncio.sleep(_TICK)
