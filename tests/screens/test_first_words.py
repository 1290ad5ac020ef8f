"""What the main key says before there is an answer, in the first two steps; and that no password is ever on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.states import settled_state
from tests.support.wizard import machine, on_screen, play, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.screens import dsn_fields
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.path_input import expanded

CANARY = "canary-7f3a"


@pytest.mark.parametrize(
    "typed",
    ["/a b/it.db", "'/a b/it.db'", '"/a b/it.db"', "file:///a%20b/it.db", "file://localhost/a%20b/it.db",
     "/a\\ b/it.db", " '/a b/it.db' "],
)  # fmt: skip
def test_a_path_as_terminals_and_file_managers_give_it(typed: str, tmp_path: Path) -> None:
    assert expanded(typed, tmp_path, tmp_path) == Path("/a b/it.db")


def test_a_path_of_an_odd_name_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("'quoted'", "back\\slash.db"):
        (tmp_path / name).touch()
        assert expanded(name, tmp_path, tmp_path) == tmp_path / name
    assert expanded("'~/x y.db'", tmp_path, Path("/")) == tmp_path / "x y.db"
    assert expanded("it's.db", tmp_path, tmp_path) == tmp_path / "it's.db"
    too_long = "x" * 300
    assert expanded(f"'{too_long}'", tmp_path, tmp_path) == tmp_path / too_long


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("postgresql://me:{}@h:5432/db", "postgresql://me:*@h:5432/db"),
        ("postgresql://me:{}", "postgresql://me:*"),
        ("postgresql://me:p@{}@h/db", "postgresql://me:*@h/db"),
        ("postgresql://h:5432/db", "postgresql://h:5432/db"),
        ("postgresql://h:54", "postgresql://h:54"),
        ("postgresql://me@[::1]:5432/db", "postgresql://me@[::1]:5432/db"),
        ("postgresql://h/db?password={}&sslmode=require", "postgresql://h/db?password=*&sslmode=require"),
        ("host=h password={} user=me", "host=h password=* user=me"),
        ("host=h password = 'a {} b' user=me", "host=h password = * user=me"),
    ],
)
def test_what_is_secret_in_a_connection_string(typed: str, kept: str) -> None:
    text = typed.format(CANARY)
    for start, end in reversed([*dsn_fields.secret_parts(text)]):
        text = f"{text[:start]}*{text[end:]}"
    assert text == kept


def test_the_source_says_what_is_missing(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        field = screen.query_one("#path", Input)
        field.value = ""
        await until(pilot, lambda: not screen.primary_ready)
        await pilot.press("ctrl+n")
        await shown(pilot, "No file is named")
        assert app.focused is field
        field.value = "~/nowhere.db"
        await pilot.press("ctrl+n")
        await shown(pilot, "nowhere.db does not exist")
        assert app.state.source is None
        field.value = f"'{found}'"
        await pilot.press("ctrl+n")
        await until(pilot, lambda: screen.primary_ready)
        assert app.state.source is not None

    play(scenario, machine(home))


def test_the_destination_says_what_is_missing_and_shows_no_password(
    home: Path, found: Path, frames: list[list[str]]
) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "SourceScreen")
        await until(pilot, lambda: screen.primary_ready)
        await pilot.press("ctrl+n")
        screen = await on_screen(pilot, "DestinationScreen")
        await pilot.press("ctrl+n")
        await shown(pilot, "No server is named")
        assert app.focused is screen.query_one("#url")
        for end in (16, 20, 30, 60):  # as if it were typed
            screen.query_one("#url", Input).value = f"postgresql://me:{CANARY}@h:6543/db"[:end]
            await pilot.pause()
        screen.query_one("#url", Input).value = ""
        screen.query_one("#password", Input).value = ""
        screen.query_one("#host", Input).focus()
        await pilot.pause()
        screen.query_one("#host", Input).insert_text_at_cursor("postgresql:/")
        await pilot.press("slash", "m")
        assert app.focused is screen.query_one("#url")
        screen.query_one("#url", Input).insert_text_at_cursor(f"e:{CANARY}@h:6543/db")
        await pilot.press("enter")
        await until(pilot, lambda: _value(screen, "url") == "postgresql://me@h:6543/db")
        assert [_value(screen, name) for name in ("host", "port", "dbname", "user")] == ["h", "6543", "db", "me"]
        assert _value(screen, "password") == CANARY

    play(scenario, machine(home))
    assert CANARY not in "\n".join(line for frame in frames for line in frame)


def test_no_step_shows_a_button_or_a_key_without_its_words(
    home: Path, small_source: Path, frames: list[list[str]]
) -> None:
    """From step to step, every frame that is drawn."""

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        for step in (Step.SOURCE, Step.DESTINATION, Step.MODEL, Step.REPORT):
            app.show_step(step)
            await until(pilot, lambda step=step: app.current_step is step and app.screen.is_mounted)  # type: ignore[misc]
            await pilot.pause()

    play(scenario, machine(home), state=settled_state(small_source))
    drawn = "\n".join(line for frame in frames for line in frame)
    assert "Button#" not in drawn
    for wrong in ("^n Continue", "^n Record this model", "^n Test connection"):
        assert wrong not in drawn


def _value(screen: StepScreen, name: str) -> str:
    return screen.query_one(f"#{name}", Input).value


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Everything that is drawn, one list of lines for each time."""
    drawn: list[list[str]] = []
    display = VestigeApp._display

    def record(app: VestigeApp, *arguments: Any) -> None:
        if app.screen_stack:
            drawn.append(screen_lines(app))
        display(app, *arguments)

    monkeypatch.setattr(VestigeApp, "_display", record)
    return drawn
