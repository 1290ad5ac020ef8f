"""The workbench on a source with a problem in every memory: how soon it opens, and how soon a key is answered.

The preview that finds the problems is made first, and not measured. Something is answered by the first picture that
shows it. The phases are not parts of a whole here: each has the seconds of the slower terminal, of its keys those that
nineteen of twenty took at most.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from textual import events
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Input

from bench.stopwatch import ANSWERS, KEYS, KEYS_HELD, OPENS, Stopwatch
from bench.tasks import Measured, Phase, Task
from vestige_tui.app import VestigeApp
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.source.describe import describe
from vestige_tui.screens.dialogs import UndoableDialog
from vestige_tui.screens.preview import PreviewScreen
from vestige_tui.screens.state import Target, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.case_list import CaseList
from vestige_tui.screens.widgets.offer_list import OfferList
from vestige_tui.screens.workbench import Workbench
from vestige_tui.user.embedded_host import EmbeddedHost
from vestige_tui.wizard import this_machine

_SIZES = ((120, 40), (80, 24))
_ROUNDS = 5
_HELD = 40
_EACH = 1 / 30  # seconds between two keys of one that is held down
_PATIENCE = 120.0

Seen = Callable[[], bool]


def run(task: Task) -> Measured:
    """Open the workbench on a broken copy of ``task.source``, and go through it."""
    watch = Stopwatch()
    took: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="vestige-bench-workbench-") as folder, watch:
        os.environ |= dict.fromkeys(("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), folder)
        source = _broken(task.source, Path(folder) / "vestige.db")
        for size in _SIZES:
            for name, seconds in _gone_through(task, source, size).items():
                took[name] = max(seconds, took.get(name, 0.0))
    return replace(watch.measured(), phases=tuple(Phase(name, 0.0, seconds) for name, seconds in took.items()))


def _broken(source: Path, copy: Path) -> Path:
    """A copy of a source with one problem in each memory, and those of the rows that wait for the few not copied."""
    with closing(sqlite3.connect(source)) as sound, closing(sqlite3.connect(copy)) as broken:
        sound.backup(broken)
        broken.execute('UPDATE knowledge_nodes SET metadata = \'{"cut": "of\' WHERE rowid % 2')
        broken.execute("UPDATE knowledge_nodes SET tags = '[\"cut' WHERE NOT rowid % 2 AND rowid % 40")
        broken.execute("UPDATE knowledge_nodes SET visibility = 'everyone' WHERE NOT rowid % 40 AND rowid % 200")
        broken.execute("UPDATE knowledge_nodes SET content = '' WHERE NOT rowid % 200")
        broken.commit()
    return copy


def _gone_through(task: Task, source: Path, size: tuple[int, int]) -> dict[str, float]:
    with EmbeddedHost(source.parent / "postgres") as host:
        app = _Timed(this_machine(host), WizardState(source=describe(source), target=Target(task.dsn, probe(task.dsn))))

        async def operate(pilot: Pilot[object]) -> None:
            await _operate(app)

        app.run(headless=True, size=size, auto_pilot=operate)
    return {name: _most(times) for name, times in app.took.items()}


def _most(times: list[float]) -> float:
    """What nineteen of twenty took at most."""
    return sorted(times)[max(0, len(times) * 19 // 20 - 1)]


class _Timed(VestigeApp):
    """A wizard that notes when a picture first shows what is waited for."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.took: dict[str, list[float]] = {}
        self._awaited: list[tuple[Seen, asyncio.Future[float]]] = []

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Make the bytes of a picture, too, which Textual leaves out where there is no terminal."""
        super()._display(screen, renderable)
        if isinstance(renderable, CompositorUpdate):
            renderable.render_segments(self.console)
        now = time.monotonic()
        for seen, found in [each for each in self._awaited if screen is self.screen and each[0]()]:
            self._awaited.remove((seen, found))
            found.set_result(now)

    def shows(self, seen: Seen) -> asyncio.Future[float]:
        """When this was first shown."""
        found = asyncio.get_running_loop().create_future()
        self._awaited.append((seen, found))
        return found

    def press(self, key: str) -> None:
        """Press a key, as the terminal does."""
        assert self._driver is not None
        event = events.Key({"/": "slash"}.get(key, key), key if len(key) == 1 else None)
        event.set_sender(self)
        self._driver.send_message(event)

    async def time(self, name: str, key: str, seen: Seen) -> None:
        """Press a key, and note how long it takes until this is shown."""
        found, begun = self.shows(seen), time.monotonic()
        self.press(key)
        try:
            self.took.setdefault(name, []).append(await asyncio.wait_for(found, _PATIENCE) - begun)
        except TimeoutError:
            raise SystemExit(f"the key {key} was not answered") from None


async def _operate(app: _Timed) -> None:
    app.show_step(Step.PREVIEW)
    await _until(lambda: isinstance(app.screen, PreviewScreen) and app.screen.primary_ready)
    await app.time(
        OPENS, "f2", lambda: isinstance(app.screen, Workbench) and bool(app.screen.query_one(CaseList).items)
    )
    bench = app.screen
    assert isinstance(bench, Workbench)
    for _ in range(_ROUNDS):
        for key, seen in _keys(bench):
            await _until(lambda: bench.query_one(OfferList).chosen is not None)
            await app.time(KEYS, key, seen())
    await _held_down(app, bench)
    await _until(lambda: bench.query_one(OfferList).chosen is not None)
    await app.time(ANSWERS, "a", lambda: isinstance(app.screen, UndoableDialog))
    app.exit()


def _keys(bench: Workbench) -> Iterator[tuple[str, Callable[[], Seen]]]:
    """The keys of the list, of a search and of a row, each with what it does."""
    rows = bench.query_one(CaseList)

    def moves() -> Seen:
        before = rows.here
        return lambda: rows.here is not before

    def is_filled() -> Seen:
        before = rows.items
        return lambda: rows.items is not before

    def selects() -> Seen:
        before = rows.selected
        return lambda: rows.selected != before

    def within(down: str, up: str) -> str:
        return down if rows.cursor + 1 < len(rows.items) else up

    for down, up in (
        ("j", "k"),
        ("n", "n"),
        ("down", "up"),
        ("pagedown", "pageup"),
        ("N", "N"),
        ("j", "k"),
        ("end", "home"),
    ):
        yield within(down, up), moves
    yield "space", selects
    for key in ("s", "s", "s"):
        yield key, is_filled
    yield "enter", lambda: lambda: bench.has_class("-row-open") and isinstance(bench.focused, OfferList)
    yield "n", moves
    yield "down", lambda: lambda: bench.query_one(OfferList).chosen is not None
    yield "escape", lambda: lambda: not bench.has_class("-row-open") and bench.focused is rows
    yield "/", lambda: lambda: isinstance(bench.focused, Input)
    for key in "vis":
        yield key, is_filled
    yield "enter", lambda: lambda: bench.focused is rows
    yield within("j", "k"), moves
    yield "escape", is_filled


async def _held_down(app: _Timed, bench: Workbench) -> None:
    """Hold a key down: each line that it comes to is to be shown soon after the key that leads there."""
    rows = bench.query_one(CaseList)
    waiting = []
    for place in range(rows.cursor + 1, rows.cursor + 1 + _HELD):
        waiting.append((time.monotonic(), app.shows(partial(_has_come_to, rows, place))))
        app.press("j")
        await asyncio.sleep(_EACH)
    app.took[KEYS_HELD] = [await asyncio.wait_for(found, _PATIENCE) - begun for begun, found in waiting]


def _has_come_to(rows: CaseList, place: int) -> bool:
    return rows.cursor >= place


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the wizard did not get on")
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.05)
