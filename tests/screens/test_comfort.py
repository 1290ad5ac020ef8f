"""Menu, help, log, themes, sorting, and a password that can be seen: what all steps share."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.containers import VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Button, Input
from textual.widgets._toast import Toast

from tests.support import scenes
from tests.support.states import settled_state
from tests.support.wizard import MemoryKeyring, machine, on_screen, play, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.events import Phase, PhaseStarted, TableProgress, TablesPlanned
from vestige_tui.core.secret import Secret
from vestige_tui.screens.dialogs import HelpDialog, QuitDialog
from vestige_tui.screens.log_dialog import LogDialog
from vestige_tui.screens.progress import Meter
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.difference_list import DifferenceList
from vestige_tui.screens.widgets.key_bar import Key, KeyBar, fitting
from vestige_tui.screens.widgets.sparkline import sparkline
from vestige_tui.screens.work import UNSAVED
from vestige_tui.terminal.themes import LEAST_CONTRAST, WRITTEN, contrast
from vestige_tui.user.logs import logging_to, recent_lines

CANARY = "canary-7f3a"


def test_menu_help_and_log(home: Path, small_source: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "DestinationScreen")
        app.set_focus(None)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpDialog))
        text = app.screen.query_one(VerticalScroll)
        await pilot.press("end")
        await until(pilot, lambda: text.is_vertical_scroll_end)
        said = "\n".join(screen_lines(app))
        for words in ("F1 ?", "^l", "Log", "^t", "Light or dark", "^p", "Menu", "^q", "Quit"):
            assert words in said, said
        await pilot.press("home")
        await until(pilot, lambda: text.scroll_y == 0)
        await pilot.press("escape", "ctrl+l")
        await until(pilot, lambda: isinstance(app.screen, LogDialog))
        await shown(pilot, "migrate: one line")
        assert _words(app) == ["Scroll", "Close", "Quit"]
        app.push_screen(QuitDialog(UNSAVED))
        await until(pilot, lambda: _words(app) == ["Close"])  # the question is asked once
        await pilot.press("ctrl+q")
        assert isinstance(app.screen, QuitDialog)
        await pilot.press("escape", "escape", "ctrl+p")
        await until(pilot, lambda: isinstance(app.screen, CommandPalette))
        await shown(pilot, "Use this destination")
        await pilot.press(*"go source")
        await shown(pilot, "Go to Source")
        await pilot.press("enter")
        await until(pilot, lambda: app.current_step is Step.SOURCE)

    state = settled_state(small_source)
    play(scenario, machine(home, log=lambda: ("migrate: one line",)), state=state, first=Step.DESTINATION)


def _words(app: VestigeApp) -> list[str]:
    """What the keys at the bottom do."""
    return [key.word for bar in app.screen.query(KeyBar) for key in bar.keys]


def test_every_theme_can_be_read(home: Path) -> None:
    app = VestigeApp(machine(home))
    for name in app.available_themes:
        app.theme = name
        if app.current_theme.ansi:
            continue
        colours = app.get_css_variables()
        for written, places in WRITTEN.items():
            for place in places:
                assert contrast(colours[written], colours[place]) >= LEAST_CONTRAST, (name, written, place)


def test_every_theme_is_kept(home: Path) -> None:
    unused = VestigeApp(machine(home))
    assert {"nord", "dracula", "gruvbox", "vestige-light"} <= set(unused.available_themes)
    for name in unused.available_themes:
        unused.theme = name
        assert unused.get_css_variables()["muted"]

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        app.theme = "nord"
        await until(pilot, lambda: app.machine.recent.theme == "nord")

    play(scenario, machine(home))
    assert VestigeApp(machine(home)).theme == "nord"
    machine(home).recent.remember_theme("of-another-version")
    assert VestigeApp(machine(home)).theme == "vestige-dark"


def test_a_list_is_sorted_by_any_column_and_a_toast_covers_no_button(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ReportScreen")
        rows = screen.query_one(DifferenceList)
        await until(pilot, lambda: app.focused is rows)
        given = [item.field for item in rows.items]
        assert given == ["content", "updated_at", "metadata", None, "label"]
        await pilot.press("s")
        assert [item.table for item in rows.items] == ["edges", "domains", *["knowledge_nodes"] * 3]
        await pilot.press("s", "s")
        assert [item.field for item in rows.items] == [None, "content", "label", "metadata", "updated_at"]
        await shown(pilot, "field ▲")
        await pilot.click(rows, offset=(30, 0))
        assert [item.field for item in rows.items] == ["updated_at", "metadata", "label", "content", None]
        await pilot.press("s", "s")
        assert [item.field for item in rows.items] == given
        app._disable_notifications = False  # which a pilot sets
        app.show_step(Step.REPORT)
        screen = await on_screen(pilot, "ReportScreen")
        app.notify("Written: /a/long/path", markup=False)
        await until(pilot, lambda: bool(app.screen.query(Toast)))
        await pilot.pause()
        toast = app.screen.query_one(Toast).region
        assert toast.bottom <= screen.query_one("#buttons").region.y

    done = replace(scenes.verified(), differences=scenes.differences())
    play(scenario, machine(home), state=scenes.reported(done), first=Step.REPORT)


def test_a_password_can_be_seen(home: Path, small_source: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        field = screen.query_one("#password", Input)
        field.value = CANARY
        field.focus()
        await shown(pilot, "^r Show it")
        assert CANARY not in "\n".join(screen_lines(app))
        await pilot.press("ctrl+r")
        await shown(pilot, CANARY)
        await pilot.click(".reveal")
        await until(pilot, lambda: field.password)
        assert str(screen.query_one(".reveal", Button).label) == "Show"

    keyring = MemoryKeyring({"other": Secret("x")})
    play(scenario, machine(home, passwords=keyring), state=replace(settled_state(small_source), target=None),
         first=Step.DESTINATION)  # fmt: skip


def test_the_footer_always_has_the_menu_and_the_way_out() -> None:
    words = ("Open", "Sort", "Find", "Back", "Menu", "Quit")
    keys = [Key(word[0], f"^{word[0]}", word, enabled=True) for word in words]
    assert [key.word for key in fitting(keys, 80)] == [*words]
    assert [key.word for key in fitting(keys, 47)] == ["Open", "Sort", "Find", "Menu", "Quit"]
    assert [key.word for key in fitting(keys, 10)] == ["Menu", "Quit"]


def test_the_log_keeps_its_last_lines_masked() -> None:
    log = logging.getLogger("vestige_tui.test")
    with logging_to(None, str), recent_lines(lambda text: text.replace(CANARY, "***")) as kept:
        log.info("one %s", CANARY)
        log.debug("no line of a log file")
        logging.getLogger("of.a.library").info("nor this")
    log.info("after it")
    (line,) = kept.lines()
    assert line.endswith("INFO     vestige_tui.test: one ***")


def test_a_sparkline_shows_rates_and_their_peak() -> None:
    assert sparkline((0, 1, 2, 4), 10) == "▁▃▅█"
    assert sparkline((8, 1, 8), 2) == "▂█"
    assert sparkline((), 5) == sparkline((0.0,), 5) == ""


def test_rates_are_sampled_and_a_silence_counts() -> None:
    now = [0.0]
    meter = Meter(256, lambda: now[0])
    meter.take(TablesPlanned({"edges": 1_000}))
    meter.take(PhaseStarted(Phase.COPY))
    for read in (100, 200, 300):
        meter.take(TableProgress("edges", read, read, 0, 0))
        now[0] += 0.5
    assert meter.progress.rates == pytest.approx((200.0, 200.0))
    assert meter.progress.overall == pytest.approx(0.6 * 0.3)
    now[0] += 1.5
    meter.take(TableProgress("edges", 400, 400, 0, 0))
    assert meter.progress.rates == pytest.approx((200.0, 200.0, *[50.0] * 4))
