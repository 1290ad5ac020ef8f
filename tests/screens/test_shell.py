"""What every step has: keys, help, themes, room, and leaving."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from rich.segment import Segments
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button

from tests.support.states import target
from tests.support.wizard import LARGE, machine, on_screen, play, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.dsn import Dsn
from vestige_tui.screens.base import moved, place_of
from vestige_tui.screens.dialogs import ConfirmDialog, HelpDialog
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.work import QuitPrompt

CANARY = "canary-7f3a"


def test_the_footer_names_the_keys(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await shown(pilot, "Browse")
        footer = screen_lines(app)[-1]
        for word in ("^n Use this database", "F1 Help", "F2 Browse", "^p Menu", "^q Quit"):
            assert word in footer
        assert "^b" not in footer, "there is nothing before the first step"

    play(scenario, machine(home))


def test_help_explains_the_step_and_closes(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        await shown(pilot, "Choose the Vestige database whose")
        await pilot.press("enter")
        await on_screen(pilot, "SourceScreen")

    play(scenario, machine(home))


def test_help_that_is_kept_opens_as_if_it_were_new(home: Path) -> None:
    """From its top, and in the colours of now."""

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        text = app.screen.query_one(VerticalScroll)
        dark = app.screen.styles.background
        await pilot.press("pagedown")
        await until(pilot, lambda: text.scroll_y > 0)
        await pilot.press("escape", "ctrl+t", "f1")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog) and text.scroll_y == 0)
        assert app.screen.query_one(VerticalScroll) is text
        assert app.screen.styles.background != dark
        assert getattr(app.focused, "id", None) == "close"

    play(scenario, machine(home))


def test_leaving_before_the_help_is_built(home: Path) -> None:
    left: list[VestigeApp] = []

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        left.append(app)

    play(scenario, machine(home))
    left[0]._warm_up()  # what its timer might still do
    assert not left[0].is_running


def test_the_theme_changes_and_back(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await pilot.press("ctrl+t")
        assert app.theme == "vestige-light"
        await pilot.press("ctrl+t")
        assert app.theme == "vestige-dark"

    play(scenario, machine(home))


def test_too_small_a_terminal_says_so_and_keeps_everything(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        focused = screen.focused
        for size in ((60, 15), (20, 5), (79, 24), (80, 23)):
            await pilot.resize_terminal(*size)
            await shown(pilot, f"Too small: {size[0]} × {size[1]}")
            await shown(pilot, "everything goes on.")
        await pilot.resize_terminal(*LARGE)
        await shown(pilot, "Use this database")
        assert screen.focused is focused

    play(scenario, machine(home))


def test_the_smallest_terminal_names_every_step_in_one_line(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await shown(pilot, "● Source  ○ Destination  ○ Upgrade  ○ Model  ○ Preview  ○ Copy  ○ Report")
        await pilot.resize_terminal(*LARGE)
        await shown(pilot, "○ Embedding model")

    play(scenario, machine(home))


def test_colours_are_not_needed(home: Path, found: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        assert app.no_color
        svg = app.export_screenshot()
        assert "#4fb3a5" not in svg.lower()

    play(scenario, machine(home))


class _Copy:
    """Work that goes on until it is cancelled."""

    quit_prompt = QuitPrompt("Stop the copy?", "What has arrived stays.", "Stop", "Go on", "Finishing…")
    how_far = "63 % · 0:12"

    def __init__(self) -> None:
        self.running = True
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def carry_out(self) -> None:
        """It is never begun here."""


def test_quitting_asks_while_work_goes_on(home: Path) -> None:
    work = _Copy()

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.work = work
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        assert app.screen.focused is app.screen.query_one("#no", Button), "Enter does no harm"
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, ConfirmDialog), "a second time asks nothing new"
        await pilot.press("enter")
        await on_screen(pilot, "SourceScreen")
        assert not work.cancelled
        await pilot.press("ctrl+q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.click("#yes")
        await shown(pilot, "Finishing")
        assert work.cancelled
        work.running = False

    play(scenario, machine(home))


def test_control_c_asks_and_a_second_one_answers(home: Path) -> None:
    work = _Copy()

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.set_focus(None)
        app.state = replace(app.state, unsaved="No space left on device")
        for key in ("ctrl+c", "ctrl+q"):
            await pilot.press(key)
            await shown(pilot, "Quit without the report?")
            await pilot.press("escape")
            await on_screen(pilot, "SourceScreen")
        app.work = work
        await pilot.press("ctrl+c")
        await shown(pilot, "Stop the copy?")
        await pilot.press("ctrl+c")
        await shown(pilot, "Finishing")
        assert work.cancelled
        work.running = False

    play(scenario, machine(home))


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q"])
def test_nothing_is_asked_where_nothing_would_be_lost(home: Path, key: str) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.set_focus(None)
        await pilot.press(key)
        assert app._exit

    play(scenario, machine(home))


def test_a_signal_leaves_without_a_question(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.terminate()

    assert play(scenario, machine(home)).terminated


@pytest.mark.parametrize("turns", [1, 3, 5, 8])
def test_leaving_while_a_step_is_being_built_is_no_error(home: Path, turns: int) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        screen.go_to(Step.REPORT)
        for _ in range(turns):
            await asyncio.sleep(0)
        app.terminate()

    app = play(scenario, machine(home))
    assert app.terminated
    assert not app.return_code


def test_a_click_on_a_key_presses_it(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await shown(pilot, "F1 Help")
        words = screen_lines(app)[-1]
        await pilot.click(KeyBar, offset=(words.index("F1 Help"), 0))
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        await pilot.click(KeyBar, offset=(screen_lines(app)[-1].index("Close"), 0))
        await on_screen(pilot, "SourceScreen")

    play(scenario, machine(home))


def test_an_unexpected_error_shows_no_variable(home: Path) -> None:
    app = VestigeApp(machine(home))

    def fail() -> None:
        password = CANARY
        raise RuntimeError(f"about {password}")

    with pytest.raises(RuntimeError) as raised:
        fail()
    app._exception = raised.value
    app._fatal_error()
    (printed,) = app._exit_renderables
    assert isinstance(printed, Segments)
    shown_at_the_end = "".join(segment.text for segment in printed.segments)
    assert "test_shell.py" in shown_at_the_end
    assert CANARY not in shown_at_the_end


def test_the_header_says_what_goes_where_without_the_password() -> None:
    state = WizardState(target=target(password=CANARY))
    assert moved(state).plain == "…  →  memory@db.example:5432/vestige"
    assert place_of(Dsn({"host": "/run/postgresql", "dbname": "vestige"})) == "vestige on this machine"
    assert moved(WizardState(target=target(embedded=True))).plain.endswith("embedded PostgreSQL")


def test_a_screen_fits_the_terminal_before_it_hears_of_a_size(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one whose event of a new size comes late, or not at all."""

    async def unheard(_screen: Screen[None], _event: Resize) -> None:
        """Textual sets the classes of its breakpoints here."""

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await until(pilot, lambda: app.screen.is_mounted and app.screen.has_class("-narrow", "-low"))
        assert not app.screen.has_class("-wide")

    monkeypatch.setattr(Screen, "_on_resize", unheard)
    play(scenario, machine(home))
