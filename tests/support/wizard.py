"""A wizard for tests: on a machine of its own, with a keyring in memory and a clock that stands still."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
from textual.css.types import CSSLocation
from textual.pilot import Pilot

from vestige_tui.app import VestigeApp
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.secret import Secret
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState, Unsuitable
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.key_bar import KeyBar, fitting
from vestige_tui.user.credentials import Keyring
from vestige_tui.user.recent import Recent

NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
SMALL, LARGE = (80, 24), (120, 40)
PATIENCE = 30.0
"""Seconds that a condition may take to come true on a busy machine."""

_parse = Stylesheet._parse_rules
_parsed: dict[tuple[object, ...], list[RuleSet]] = {}


def _parse_once(
    sheet: Stylesheet,
    css: str,
    read_from: CSSLocation,
    is_default_rules: bool = False,
    tie_breaker: int = 0,
    scope: str = "",
) -> list[RuleSet]:
    """Parse a style sheet once for all wizards of a session: measured, a seventh of what it takes one to start."""
    rest = (css, read_from, is_default_rules, tie_breaker, scope)
    key = (frozenset(sheet._variables.items()), *rest)
    if key not in _parsed:
        _parsed[key] = _parse(sheet, *rest)
    return _parsed[key]


Stylesheet._parse_rules = _parse_once  # type: ignore[assignment]
RuleSet.__hash__ = object.__hash__  # type: ignore[method-assign]  # Textual's gives the same, as a function of Python

Scenario = Callable[[VestigeApp, Pilot[None]], Awaitable[None]]


@dataclass
class MemoryKeyring:
    """A keyring that forgets everything with the test. ``trouble`` is what it answers instead of doing something;
    with ``let_go`` only after that event. ``asked`` are the questions that may open a prompt.
    """

    passwords: dict[str, Secret] = field(default_factory=dict)
    trouble: KeyringAnswer | None = None
    let_go: threading.Event | None = None
    asked: list[str] = field(default_factory=list)
    service: str = "vestige-tui"

    def begin_visit(self) -> None: ...

    def account(self, dsn: Dsn) -> str:
        return Keyring().account(dsn)

    def unsuitable(self) -> KeyringAnswer | None:
        unsuitable = self.trouble is not None and self.trouble.state is KeyringState.UNSUITABLE
        return self.trouble if unsuitable else None

    def get(self, account: str) -> KeyringAnswer:
        return self._in_trouble("get") or self._found(account)

    def set(self, account: str, password: Secret) -> KeyringAnswer:
        if (trouble := self._in_trouble("set")) is not None:
            return trouble
        self.passwords[account] = password
        return KeyringAnswer(KeyringState.DONE)

    def forget(self, account: str) -> KeyringAnswer:
        if (trouble := self._in_trouble("forget")) is not None:
            return trouble
        return KeyringAnswer(KeyringState.DONE if self.passwords.pop(account, None) else KeyringState.NONE)

    def _in_trouble(self, question: str) -> KeyringAnswer | None:
        self.asked.append(question)
        if self.let_go is not None:
            self.let_go.wait(30)
        return self.trouble

    def _found(self, account: str) -> KeyringAnswer:
        if account not in self.passwords:
            return KeyringAnswer(KeyringState.NONE)
        return KeyringAnswer(KeyringState.FOUND, self.passwords[account])


NO_KEYRING = KeyringAnswer(KeyringState.UNSUITABLE, name="keyring.backends.fail.Keyring", unsuitable=Unsuitable.ABSENT)


@dataclass
class MemoryRepairs:
    """Keeps repairs for as long as the test lasts."""

    kept: dict[Path, Repairs] = field(default_factory=dict)

    def load(self, source: Path) -> Repairs:
        return self.kept.get(source, NO_REPAIRS)

    def keep(self, source: Path, repairs: Repairs) -> None:
        self.kept[source] = repairs


@dataclass
class FakeHost:
    """An embedded server that is some other one, or is not installed."""

    folder: Path
    dsn: Dsn | None = None
    commands: bool = True
    kept: bool = False

    @property
    def to_install(self) -> str | None:
        return "/home/anna/tools/bin/python -m pip install 'server>=1'" if self.dsn is None else None

    def keep(self) -> None:
        self.kept = True

    def start(self) -> Dsn:
        assert self.dsn is not None
        return self.dsn


def machine(home: Path, **changes: object) -> Machine:
    """A machine with nothing on it, its home folder at ``home``."""
    parts: dict[str, object] = {
        "version": "0.0.0",
        "platform": "linux",
        "home": home,
        "folder": home,
        "environment": {},
        "passwords": MemoryKeyring(),
        "recent": Recent(home / "recent.json"),
        "embedded": FakeHost(home / "postgres"),
        "now": lambda: NOW,
        "repairs": MemoryRepairs(),
    }
    return Machine(**(parts | changes))  # type: ignore[arg-type]


class WizardAt(VestigeApp):
    """A wizard that opens at a step, without animations."""

    def __init__(self, on: Machine, state: WizardState | None = None, first: Step = Step.SOURCE) -> None:
        super().__init__(on, state)
        self.animation_level = "none"
        self._first: Step | None = first

    def make_screen(self, step: Step) -> StepScreen:
        first, self._first = self._first, None
        return super().make_screen(first or step)


def play(
    scenario: Scenario,
    on: Machine,
    *,
    state: WizardState | None = None,
    first: Step = Step.SOURCE,
    size: tuple[int, int] = SMALL,
) -> VestigeApp:
    """Open a wizard at a step and do with it what ``scenario`` says; returns it as it was left."""
    app = WizardAt(on, state, first)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await scenario(app, pilot)

    asyncio.run(run())
    return app


async def until(pilot: Pilot[None], condition: Callable[[], bool], *, every: float = 0.02) -> None:
    """Let the wizard go on until something holds, looked at after so many seconds each. Raises ``TimeoutError``.

    A look that takes long comes less often: the wizard shall have most of the processor.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        before = time.thread_time()
        if condition():
            break
        if time.monotonic() > deadline:
            raise TimeoutError("\n".join(screen_lines(pilot.app)))
        await asyncio.sleep(max(every, 4 * (time.thread_time() - before)))  # ``pilot.pause`` would message every widget
    await pilot.pause()


async def shown(pilot: Pilot[None], text: str) -> None:
    """Wait until a text can be read on the screen; each look renders all of it."""
    await until(pilot, lambda: text in "\n".join(screen_lines(pilot.app)), every=0.05)


async def on_screen(pilot: Pilot[None], name: str) -> StepScreen:
    """Wait until the screen of this class shows, with its keys in the footer."""
    await until(pilot, lambda: type(pilot.app.screen).__name__ == name and pilot.app.screen.is_mounted)
    screen = pilot.app.screen
    await until(pilot, lambda: bool(screen.query_one(KeyBar).keys))
    assert isinstance(screen, StepScreen)
    return screen


def screen_lines(app: object) -> list[str]:
    """What can be read on the screen, one text a row."""
    assert isinstance(app, VestigeApp)
    strips = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in strips]


async def click_key(pilot: Pilot[None], word: str) -> None:
    """Click a key in the bar at the bottom."""
    bar = pilot.app.screen.query_one(KeyBar)
    keys = fitting(bar.keys, bar.size.width)
    before = next(place for place, key in enumerate(keys) if key.word == word)
    await pilot.click(bar, offset=(sum(key.width + bar._around for key in keys[:before]) + 1, 0))
