"""Step 1, played: finding, choosing and understanding a database."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import DirectoryTree, Input

from tests.support.sources import Sources
from tests.support.stale import upgraded
from tests.support.states import settled_state, target
from tests.support.wizard import LARGE, SMALL, machine, on_screen, play, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.screens.browse import BrowseDialog
from vestige_tui.screens.stale_dialog import StaleDialog
from vestige_tui.screens.state import Prefill, WizardState
from vestige_tui.screens.steps import Step, settled
from vestige_tui.screens.widgets.cards import Cards
from vestige_tui.screens.widgets.path_input import PathInput
from vestige_tui.user.recent import Recent


def test_a_database_in_its_place_is_found_and_shown(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        text = "\n".join(screen_lines(app))
        for words in ("~/.vestige/vestige.db", "30 memories", "Review events", "nomic-ai/nomic-embed-text-v1.5"):
            assert words in text
        assert "version 15" in text
        assert screen.focused is screen.query_one(Cards)
        await shown(pilot, "Memories by month")
        await shown(pilot, "Kinds of memories")
        await pilot.resize_terminal(*SMALL)
        await until(pilot, lambda: "Memories by month" not in "\n".join(screen_lines(app)))

    app = play(scenario, machine(home), size=LARGE)
    assert app.state.source is not None
    assert app.state.source.path == found


def test_a_name_that_is_not_utf_8(home: Path, sources: Sources) -> None:
    """Found, named on the command line, used, and offered again."""
    odd = sources.seed(name=os.fsdecode(b"caf\xe9.db"))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        text = "\n".join(screen_lines(app))
        assert "caf\\udce9.db" in text
        assert "30 memories" in text
        await pilot.click("#primary")
        await on_screen(pilot, "DestinationScreen")
        await pilot.click("#step-1")
        await on_screen(pilot, "SourceScreen")

    for state in (WizardState(prefill=Prefill(sqlite_path=str(odd))), WizardState()):
        used = machine(home)
        app = play(scenario, used, state=state, size=LARGE)
        assert app.state.source is not None
        assert app.state.source.path == odd
        assert list(used.recent.sources) == [odd]


def test_the_keyboard_alone_goes_on(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.query_one("#primary"))
        await pilot.press("enter")
        await on_screen(pilot, "DestinationScreen")

    used = machine(home)
    play(scenario, used)
    assert list(used.recent.sources) == [found]


def test_the_mouse_alone_goes_on_and_back(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await pilot.click("#primary")
        await on_screen(pilot, "DestinationScreen")
        await pilot.click("#step-1")
        screen = await on_screen(pilot, "SourceScreen")
        assert screen.primary_ready, "what was chosen is still chosen"

    play(scenario, machine(home), size=LARGE)


def test_moving_through_the_cards_shows_each(home: Path, found: Path, sources: Sources) -> None:
    old = home / ".local/share/core/vestige.db"
    old.parent.mkdir(parents=True)
    sources.published(13, v15=False).rename(old)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await shown(pilot, "from before V15")
        await pilot.press("down")
        await shown(pilot, "layout of the specification")
        assert screen.state.source is not None
        assert screen.state.source.path == found
        await pilot.press("up")
        await shown(pilot, "from before V15")

    play(scenario, machine(home), size=LARGE)


def test_the_one_used_last_is_chosen(home: Path, found: Path, sources: Sources) -> None:
    other = sources.seed(name="other.db")
    recent = Recent(home / "recent.json")
    recent.remember_source(home / "gone.db")
    recent.remember_source(other)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await shown(pilot, "used before")
        assert "gone.db" not in "\n".join(screen_lines(app))

    app = play(scenario, machine(home, recent=recent))
    assert app.state.source is not None
    assert app.state.source.path == other


def test_another_machines_file_is_asked_for(home: Path, found: Path, sources: Sources) -> None:
    other = sources.seed(name="other.db")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await shown(pilot, "Which file comes next?")
        assert screen.focused is screen.query_one(PathInput)
        assert screen.state.source is None
        await pilot.click("#cards", offset=(3, 0))
        await until(pilot, lambda: screen.state.source is not None and screen.state.source.path == found)
        screen.query_one(PathInput).value = str(other)
        await until(pilot, lambda: screen.state.source is not None and screen.state.source.path == other)
        assert "Which file comes next?" not in "\n".join(screen_lines(app))

    app = play(scenario, machine(home), state=WizardState(prefill=Prefill(another=True)))
    assert app.state.source is not None
    assert app.state.source.path == other


def test_nothing_found_says_where_was_looked(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await shown(pilot, "No Vestige database in the usual places")
        await shown(pilot, "~/.local/share/core/vestige.db")
        assert screen.focused is screen.query_one("#path")
        assert not screen.primary_ready

    play(scenario, machine(home))


def test_a_path_is_completed_and_looked_at(home: Path, sources: Sources) -> None:
    (home / "memory").mkdir()
    sources.seed().rename(home / "memory" / "mine.db")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await shown(pilot, "No Vestige database")
        for text, completed in (("~/m", "~/memory/"), ("m", "~/memory/mine.db")):
            await pilot.press(*("tilde" if sign == "~" else "slash" if sign == "/" else sign for sign in text))
            await until(pilot, lambda: bool(screen.query_one("#path", Input)._suggestion))
            await pilot.press("right")
            await until(pilot, lambda: screen.query_one("#path", Input).value == completed)  # noqa: B023
        await until(pilot, lambda: screen.primary_ready)
        await pilot.press("enter")
        await until(pilot, lambda: screen.focused is screen.query_one("#primary"))

    play(scenario, machine(home))


def test_a_path_still_being_typed_is_not_complained_about(home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await shown(pilot, "No Vestige database")
        await pilot.press(*"gone")
        await until(pilot, lambda: "These places" not in "\n".join(screen_lines(app)))
        assert "does not exist" not in "\n".join(screen_lines(app))
        await pilot.press("enter")
        await shown(pilot, "does not exist")

    play(scenario, machine(home))


def test_a_file_that_is_no_database_says_what_to_do(home: Path) -> None:
    (home / "x.db").write_bytes(b"\x00\x01encrypted" * 100)
    state = WizardState(prefill=Prefill(sqlite_path=str(home / "x.db")))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await shown(pilot, "encrypted (SQLCipher)")
        await shown(pilot, "look for a")
        assert not screen.primary_ready

    app = play(scenario, machine(home), state=state, size=LARGE)  # the path takes some lines
    assert app.state.source is None


def test_a_path_of_the_command_line_that_does_not_exist_is_reported(home: Path, found: Path) -> None:
    state = WizardState(prefill=Prefill(sqlite_path=str(home / "missing.db")))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "SourceScreen")
        await shown(pilot, "does not exist")

    play(scenario, machine(home), state=state)


def test_a_file_is_found_in_the_tree(home: Path, sources: Sources) -> None:
    (home / "[bold]deep[!]").mkdir()
    sources.seed().rename(home / "[bold]deep[!]" / "mine.db")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await shown(pilot, "No Vestige database")
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, BrowseDialog))
        await shown(pilot, "[bold]deep[!]")
        assert app.screen.focused is app.screen.query_one(DirectoryTree)
        await pilot.press("down", "enter")
        await shown(pilot, "mine.db")
        await pilot.press("down", "enter")
        await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)

    play(scenario, machine(home))


def test_another_source_takes_the_answers_along_that_came_from_the_first(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await pilot.press("tab")
        screen.query_one("#path", Input).value = str(home / "nothing.db")
        await pilot.press("enter")
        await shown(pilot, "does not exist")
        assert app.state.source is None

    play(scenario, machine(home))


def test_hostile_names_and_contents_do_not_reach_the_terminal(home: Path, sources: Sources) -> None:
    path = home / "[red]\x1b[31m\u202e.db"
    sources.seed().rename(path)
    state = WizardState(prefill=Prefill(sqlite_path=str(path)))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(app.screen, BrowseDialog))
        await shown(pilot, "[red]␛[31m")
        for line in screen_lines(app):
            assert "\x1b" not in line
            assert "\u202e" not in line

    play(scenario, machine(home), state=state)


def test_another_file_drops_what_was_done_only_after_a_question(home: Path, found: Path) -> None:
    """Enter stays with the file; looking at the same one again drops nothing."""
    other = shutil.copy(found, home / ".vestige" / "other.db")

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready and not screen._looking)  # type: ignore[attr-defined]
        done = screen.state.report
        assert done is not None
        for answer, stays in ((("enter",), True), (("tab", "enter"), False)):
            screen.query_one(PathInput).focus()
            screen.query_one(PathInput).value = str(other)
            await pilot.press("enter")
            await shown(pilot, "Use other.db instead?")
            await pilot.press(*answer)
            await until(pilot, lambda: app.screen is screen)
            await until(pilot, lambda: screen.state.source is not None)
            assert (screen.state.report is done) is stays
            assert screen.state.source_path == (found if stays else other)

    play(scenario, machine(home), state=settled_state(found))


def test_a_stale_database_asks_for_a_yes(home: Path, found: Path) -> None:
    """Enter keeps everything as it is; y goes on. The answer holds until another file is chosen."""
    upgraded(found)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await shown(pilot, "! stale · 30 memories")
        await shown(pilot, "This file is stale.")
        await pilot.press("ctrl+n")
        await shown(pilot, "Use a stale database?")
        await shown(pilot, "y Use it all the same")
        await shown(pilot, "Here that is 30 memories.")
        await pilot.press("enter")
        assert await on_screen(pilot, "SourceScreen") is screen
        assert not screen.state.stale_allowed
        assert not settled(Step.SOURCE, screen.state)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(app.screen, StaleDialog))
        await shown(pilot, "y Use it all the same")
        await pilot.press("y")
        screen = await on_screen(pilot, "DestinationScreen")
        assert screen.state.stale_allowed
        assert not screen.state.with_source(screen.state.source).stale_allowed
        await pilot.press("ctrl+b")
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await pilot.press("ctrl+n")
        await on_screen(pilot, "DestinationScreen")  # it was answered

    app = play(scenario, machine(home))
    assert app.state.source is not None
    assert replace(app.state, target=target()).plan(dry_run=True).allow_stale_source
