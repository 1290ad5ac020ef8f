"""The hand-over, from the verdict to a working configuration: by keys, by mouse, and on to what comes next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input

from tests.support import scenes
from tests.support.servers import Database
from tests.support.states import target
from tests.support.wizard import LARGE, FakeHost, machine, on_screen, play, screen_lines, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.dsn import EMBEDDED
from vestige_tui.core.handover.file import file_of_vestige
from vestige_tui.core.handover.settings import settings_in
from vestige_tui.screens.destination import DestinationScreen
from vestige_tui.screens.destination_facts import about_embedded
from vestige_tui.screens.onward import Onward, begun_again
from vestige_tui.screens.server_form import ServerForm
from vestige_tui.screens.state import PasswordOrigin, Target, WizardState
from vestige_tui.screens.steps import Step


def _at_verdict(database: Database) -> WizardState:
    """A copy into this database has ended well."""
    return replace(scenes.reported(scenes.verified()), target=Target(database.dsn, probe(database.dsn)))


def test_a_working_configuration_in_at_most_six_keys(copied_database: Database, home: Path) -> None:
    file = file_of_vestige(home)
    file.parent.mkdir()
    file.write_text("# mine\n[server]\nport = 1\n")
    keys = 0

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        nonlocal keys

        async def press(key: str) -> None:
            nonlocal keys
            keys += 1
            await pilot.press(key)

        await on_screen(pilot, "ReportScreen")
        await press("ctrl+n")
        await until(pilot, lambda: bool(app.screen.query("#write")) and not app.screen.query_one("#write").disabled)
        await press("w")
        await shown(pilot, "~/.vestige/vestige.toml.before-20261122T130500Z.bak")
        assert "+ [storage.postgres]" in "\n".join(screen_lines(app))
        await press("enter")
        await shown(pilot, "Written into ~/.vestige/vestige.toml.")
        await press("t")
        await shown(pilot, "With ~/.vestige/vestige.toml: Connected to PostgreSQL")
        assert keys <= 6
        text = "\n".join(screen_lines(app))
        assert "30 memories" in text
        assert "Read the newest, of 20" in text
        written = file.read_bytes()
        assert written.startswith(b"# mine\n[server]\nport = 1\n")
        assert file.with_name("vestige.toml.before-20261122T130500Z.bak").read_text() == "# mine\n[server]\nport = 1\n"
        await pilot.press("y")
        assert app.clipboard.endswith(f'url = "{settings_in(written).url}"\n')
        file.write_bytes(written.replace(copied_database.name.encode(), b"no_such_database"))
        await pilot.press("t")  # what is tested is what the file says
        await shown(pilot, "does not exist")
        await pilot.press("escape")
        await on_screen(pilot, "ReportScreen")

    play(scenario, machine(home), state=_at_verdict(copied_database), first=Step.REPORT)


def test_the_same_by_mouse_alone(copied_database: Database, home: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.click("#primary")
        await until(pilot, lambda: bool(app.screen.query("#write")) and not app.screen.query_one("#write").disabled)
        await pilot.click("#write")
        await shown(pilot, "The file is new. Only you may read it.")
        field = app.screen.query_one("#file", Input)
        for typed, reason in (("'~/a b.toml'", "The file is new."), (str(home), "Name a file that ends in .toml.")):
            proposed, field.value = field.value, typed
            await shown(pilot, reason)
            field.value = proposed
            await shown(pilot, "The file is new. Only you may read it.")
        await pilot.click("#write")
        await shown(pilot, "Written into ~/.vestige/vestige.toml.")
        await pilot.click("#test")
        await shown(pilot, "With ~/.vestige/vestige.toml: Connected to PostgreSQL")
        await pilot.click("#source")
        await on_screen(pilot, "SourceScreen")
        assert app.state.prefill.postgres_url == copied_database.url

    play(scenario, machine(home), state=_at_verdict(copied_database), first=Step.REPORT, size=LARGE)


def test_the_embedded_server_is_kept_and_left_for_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost(home / "postgres", target().dsn)
    monkeypatch.setattr("vestige_tui.screens.hand_over.make_handover", scenes.handover)
    state = scenes.reported(scenes.verified())
    state = replace(state, target=replace(target(embedded=True), dsn=scenes.embedded_dsn(home)))
    on = machine(home, embedded=host)
    on.recent.remember_destination(None)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("enter")
        await shown(pilot, "postgres:///vestige?host=")
        assert "stops when vestige-tui ends" in str(app.screen.query_one("#notes").visual)  # type: ignore[attr-defined]
        await pilot.press("k")
        await until(pilot, lambda: host.kept and not app.screen.query_one("#keep", Button).display)
        assert "It goes on when vestige-tui ends" in str(app.screen.query_one("#notes").visual)  # type: ignore[attr-defined]
        await pilot.press("m")
        screen = await on_screen(pilot, "DestinationScreen")
        assert isinstance(screen, DestinationScreen)
        assert not screen.embedded
        assert screen.query_one(ServerForm).dsn.parameters == {}
        assert about_embedded(on).plain.endswith("It runs already, and goes on when vestige-tui ends.")
        assert screen.state.source == scenes.source()
        assert (screen.state.report, screen.state.target) == (None, None)

    play(scenario, on, state=state, first=Step.REPORT)


def test_the_demo_hands_nothing_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vestige_tui.screens.hand_over.make_handover", scenes.handover)
    state = replace(scenes.reported(scenes.verified()), target=target(embedded=True))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("enter")
        await shown(pilot, "[storage.postgres]")
        assert "So nothing of it is written" in str(app.screen.query_one("#notes").visual)  # type: ignore[attr-defined]
        await pilot.press("w", "k")
        assert app.screen.query("#hand-over")
        assert not app.screen.query_one("#write").display

    play(scenario, machine(home, embedded=FakeHost(home, commands=False)), state=state, first=Step.REPORT)


def test_what_is_kept_for_the_next_run() -> None:
    state = scenes.reported(scenes.verified())
    with_password = replace(state, target=target(password="hunter2"))
    again = begun_again(with_password, Onward.SOURCE)
    assert (again.source, again.target, again.report) == (None, None, None)
    assert "password=hunter2" in again.prefill.postgres_url
    assert "hunter2" not in repr(again)
    assert with_password.target is not None
    kept = replace(with_password, target=replace(with_password.target, password=PasswordOrigin.KEYRING))
    assert "hunter2" not in begun_again(kept, Onward.SOURCE).prefill.postgres_url
    embedded = replace(state, target=target(embedded=True))
    assert begun_again(embedded, Onward.SOURCE).prefill.postgres_url == EMBEDDED
