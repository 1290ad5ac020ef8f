"""Step 2, played: fields in step, every answer of a server, the embedded one, and passwords."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, Select

from tests.support.servers import Database, Server
from tests.support.states import probed
from tests.support.wizard import (
    LARGE,
    NO_KEYRING,
    SMALL,
    FakeHost,
    MemoryKeyring,
    Scenario,
    machine,
    on_screen,
    play,
    screen_lines,
    shown,
    until,
)
from vestige_tui.app import VestigeApp
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, RefusedError
from vestige_tui.core.explain import OBSTACLES
from vestige_tui.core.facts import Obstacle
from vestige_tui.core.secret import Secret
from vestige_tui.core.source.describe import describe
from vestige_tui.screens import connecting
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.dsn_fields import url_of
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.server_form import ServerForm
from vestige_tui.screens.state import PasswordOrigin, Prefill, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.choice import Tick
from vestige_tui.user.logs import logging_to
from vestige_tui.user.masking import Mask
from vestige_tui.user.recent import Recent

CANARY = "canary-7f3a"
URL = "postgresql://memory@db.example:5432/vestige"
ACCOUNT = "memory@db.example:5432/vestige"


def play_there(
    scenario: Scenario,
    source: Path,
    on: Machine,
    *,
    state: WizardState | None = None,
    size: tuple[int, int] = SMALL,
) -> VestigeApp:
    """Open a wizard at the destination's step, where the source has been chosen, and do what ``scenario`` says."""
    settled = replace(state or WizardState(), source=describe(source))
    return play(scenario, on, state=settled, first=Step.DESTINATION, size=size)


def value(screen: StepScreen, name: str) -> str:
    """What a field holds."""
    return screen.query_one(f"#{name}", Input).value


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[Dsn]:
    """Every connection succeeds without a server; the list holds what was connected to."""
    asked: list[Dsn] = []

    def answer(dsn: Dsn, **_: object) -> object:
        asked.append(dsn)
        return probed()

    monkeypatch.setattr(connecting, "probe", answer)
    return asked


def refuse(monkeypatch: pytest.MonkeyPatch, obstacle: Obstacle) -> None:
    """Every connection fails for this reason."""

    def answer(dsn: Dsn, **_: object) -> object:
        error = DestinationError(f"{OBSTACLES[obstacle][0]} ({dsn.masked})", remedy="Do something.")
        error.obstacle = obstacle
        raise error

    monkeypatch.setattr(connecting, "probe", answer)


LOCKED = KeyringAnswer(KeyringState.LOCKED)


def wants(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """Only with this password does a connection succeed."""

    def answer(dsn: Dsn, **_: object) -> object:
        given = dsn.parameters.get("password")
        if given == password:
            return probed()
        error = DestinationError("It failed.", remedy="?")
        error.obstacle = Obstacle.WRONG_PASSWORD if given else Obstacle.NO_PASSWORD
        raise error

    monkeypatch.setattr(connecting, "probe", answer)


def test_url_and_fields_follow_each_other(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = f"postgresql://me:{CANARY}@h:6543/db?sslmode=require&application_name=x"
        await pilot.pause()
        assert [value(screen, name) for name in ("host", "port", "dbname", "user")] == ["h", "6543", "db", "me"]
        assert screen.query_one(Select).value == "require"
        assert value(screen, "password") == CANARY
        screen.query_one("#host", Input).value = "other"
        await pilot.pause()
        assert value(screen, "url") == "postgresql://me@other:6543/db?application_name=x&sslmode=require"
        screen.query_one(Select).value = "verify-full"
        await pilot.pause()
        assert "sslmode=verify-full" in value(screen, "url")
        for name in ("host", "port", "dbname", "user"):
            screen.query_one(f"#{name}", Input).value = ""
        await pilot.pause()
        assert value(screen, "url") == "postgresql:///?application_name=x&sslmode=verify-full"

    play_there(scenario, found, machine(home))


def test_a_password_leaves_the_url_with_the_focus(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        await until(pilot, lambda: screen.focused is screen.query_one("#url"))
        screen.query_one("#url", Input).value = f"postgresql://me:{CANARY}@h/db"
        await pilot.press("tab")
        await until(pilot, lambda: value(screen, "url") == "postgresql://me@h/db")
        assert CANARY not in "\n".join(screen_lines(app))
        assert value(screen, "password") == CANARY
        screen.query_one("#password", Input).focus()
        await pilot.press("ctrl+c", "ctrl+x")
        assert app.clipboard == ""
        assert value(screen, "password") == CANARY

    play_there(scenario, found, machine(home))


def test_an_unreadable_url_says_how_to_write_it(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = f"postgresql://me:{CANARY}@ss@h/db"
        await pilot.press("enter")
        await shown(pilot, "probably the password does")
        assert app.state.target is None

    play_there(scenario, found, machine(home))


def test_a_test_is_followed_by_using_it(home: Path, found: Path, answers: list[Dsn]) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = URL
        await shown(pilot, "^n Test connection")
        await pilot.press("enter")
        await shown(pilot, "Connected to PostgreSQL")
        await shown(pilot, "PostgreSQL 18.4, database vestige, as memory")
        await shown(pilot, "^n Use this destination")
        assert screen.focused is screen.query_one("#primary")
        screen.query_one("#host", Input).value = "elsewhere"
        await shown(pilot, "^n Test connection")
        assert app.state.target is None
        assert "Connected to PostgreSQL" not in "\n".join(screen_lines(app))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.state.target is not None)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.screen is not screen)

    used = machine(home)
    app = play_there(scenario, found, used)
    assert [dsn.parameters["host"] for dsn in answers[:2]] == ["db.example", "elsewhere"]
    assert app.state.target is not None
    assert "elsewhere" in str(used.recent.destination)


ADVICE = {
    Obstacle.WRONG_PASSWORD: "Check user and password",
    Obstacle.NO_PASSWORD: "Type it into the field Password",
    Obstacle.UNKNOWN_HOST: "how the host is spelt",
    Obstacle.REFUSED: "listen_addresses",
    Obstacle.FOLDER_GONE: "back where it was",
    Obstacle.TLS_REQUIRED: "Set TLS to “always”",
    Obstacle.NO_ANSWER: "firewall",
    Obstacle.NOT_POSTGRESQL: "usually listens at 5432",
    Obstacle.SILENT: "If it is PostgreSQL",
    Obstacle.DATABASE_MISSING: "F4 Create database",
    Obstacle.NOT_ALLOWED: "pg_hba.conf",
    Obstacle.NO_SLOT: "max_connections",
    Obstacle.POOL_FULL: "let its administrator enlarge",
    Obstacle.CLIENTS_FULL: "test again, or let its administrator raise",
    Obstacle.NO_FIRST_ANSWER: "its pool is full",
    Obstacle.NO_TLS: "when offered",
    Obstacle.TLS_FAILED: "name and the certificate",
    Obstacle.UNKNOWN_USER: "the user's name",
    Obstacle.NOT_READY: "test again",
}


FOCUSED = {
    Obstacle.WRONG_PASSWORD: "#password",
    Obstacle.NO_PASSWORD: "#password",
    Obstacle.DATABASE_MISSING: "#create",
}
"""Where the operator goes on; elsewhere the focus stays where it was."""


def test_each_failure_has_a_plain_answer(home: Path, found: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = f"postgresql://memory:{CANARY}@db.example/vestige"
        for obstacle, advice in ADVICE.items():
            refuse(monkeypatch, obstacle)
            screen.query_one("#url").focus()
            await pilot.press("enter")
            await shown(pilot, OBSTACLES[obstacle][0])
            await shown(pilot, advice)
            assert CANARY not in "\n".join(screen_lines(app))
            assert screen.primary_label == "Test connection"
            assert screen.focused is screen.query_one(FOCUSED.get(obstacle, "#url")), obstacle

    play_there(scenario, found, machine(home))


def test_every_obstacle_has_advice() -> None:
    assert set(connecting._REMEDIES) == set(ADVICE) == set(Obstacle)


def test_what_stands_against_a_copy_is_said_and_not_passed(
    home: Path, found: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = RefusedError("The server does not have pgvector.", remedy="apt install postgresql-18-pgvector")
    monkeypatch.setattr(connecting, "probe", lambda dsn, **_: probed(pgvector="", refusals=(missing,)))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = URL
        await pilot.press("enter")
        await shown(pilot, "apt install postgresql-18-pgvector")
        assert app.state.target is None
        assert screen.primary_label == "Test connection"

    play_there(scenario, found, machine(home))


def test_waiting_can_be_stopped_and_a_late_answer_is_ignored(
    home: Path, found: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()

    def slow(dsn: Dsn, **_: object) -> object:
        let_go.wait(30)
        return probed()

    monkeypatch.setattr(connecting, "probe", slow)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        screen.query_one("#url", Input).value = URL
        await pilot.press("enter")
        await shown(pilot, "Connecting")
        await shown(pilot, "Stop waiting")
        assert not screen.primary_ready
        await pilot.press("escape")
        await until(pilot, lambda: "Connecting" not in "\n".join(screen_lines(app)))
        let_go.set()
        await until(pilot, lambda: all(thread.name != "connect" for thread in threading.enumerate()))
        assert app.state.target is None

    play_there(scenario, found, machine(home))


class TestRealServer:
    """The same against a PostgreSQL."""

    @pytest.mark.usefixtures("takes_any_password")
    def test_a_missing_database_is_created_when_asked(self, home: Path, found: Path, server: Server) -> None:
        name = f"made by the wizard {os.getpid()}"
        url = url_of(server.dsn.with_parameters(dbname=name))

        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            await pilot.press("ctrl+n")
            await shown(pilot, "does not exist on the server")
            await until(pilot, lambda: screen.focused is screen.query_one("#create"))
            await pilot.press("f4")
            await shown(pilot, "Connected to PostgreSQL")

        try:
            play_there(scenario, found, machine(home), state=WizardState(prefill=Prefill(postgres_url=url)))
        finally:
            with server.administer() as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}"')

    def test_the_embedded_one_is_an_equal_choice(self, home: Path, found: Path, database: Database) -> None:
        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            screen.query_one("#kind").focus()
            await pilot.press("down")
            await shown(pilot, "~/postgres")
            await shown(pilot, "^n Start and test it")
            assert not screen.query_one(ServerForm).display
            await pilot.press("ctrl+n")
            await shown(pilot, "Connected to PostgreSQL")
            await pilot.press("ctrl+n")
            await until(pilot, lambda: app.screen is not screen)

        used = machine(home, embedded=FakeHost(home / "postgres", database.dsn))
        app = play_there(scenario, found, used)
        assert app.state.target is not None
        assert app.state.target.embedded
        assert used.recent.destination == "embedded"


def test_an_embedded_one_that_is_prefilled_is_what_shows(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        await shown(pilot, "~/postgres")
        assert not screen.query_one(ServerForm).display
        assert str(screen.query_one("#primary", Button).label) == "Start and test it"

    embedded = FakeHost(home / "postgres", Dsn({}))
    play_there(
        scenario, found, machine(home, embedded=embedded), state=WizardState(prefill=Prefill(postgres_url="embedded"))
    )


def test_an_embedded_one_that_is_not_installed_says_how(home: Path, found: Path) -> None:
    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        await pilot.click("#embedded")
        await shown(pilot, "pip install")
        assert not screen.primary_ready

    play_there(scenario, found, machine(home))


@pytest.mark.parametrize(
    ("flag", "environment", "recent", "url"),
    [
        (URL, {"PGHOST": "from.env"}, "host=old", URL),
        ("", {"PGHOST": "from.env", "PGUSER": "me"}, "host=old", "postgresql://me@from.env/"),
        ("", {}, "host=old user=me", "postgresql://me@old/"),
        ("", {}, "", ""),
    ],
    ids=["flag", "environment", "last run", "nothing"],
)
def test_fields_are_prefilled_from_flag_environment_or_last_run(
    home: Path, found: Path, flag: str, environment: dict[str, str], recent: str, url: str
) -> None:
    kept = Recent(home / "recent.json")
    if recent:
        kept.remember_destination(Dsn.parse(recent))

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        assert value(screen, "url") == url
        await until(pilot, lambda: screen.focused is screen.query_one("#primary" if url else "#url"))

    used = machine(home, environment=environment, recent=kept)
    play_there(scenario, found, used, state=WizardState(prefill=Prefill(postgres_url=flag)))


class TestPasswords:
    """The keyring, offered and never shown."""

    def test_a_typed_password_is_remembered_when_asked(self, home: Path, found: Path, answers: list[Dsn]) -> None:
        keyring = MemoryKeyring()

        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            screen.query_one("#url", Input).value = URL
            screen.query_one("#password", Input).value = CANARY
            screen.query_one("#password", Input).focus()
            await pilot.pause()
            await pilot.press("tab")
            await shown(pilot, f"keyring: vestige-tui, {ACCOUNT}")
            screen.query_one(Tick).value = True
            await pilot.press("ctrl+n")
            await shown(pilot, "Stored in the keyring: vestige-tui, ")
            assert CANARY not in "\n".join(screen_lines(app))
            await pilot.press("ctrl+n")
            await until(pilot, lambda: app.screen is not screen)

        play_there(scenario, found, self._with(home, keyring), size=LARGE)
        assert keyring.passwords[ACCOUNT].reveal() == CANARY
        assert CANARY not in (home / "recent.json").read_text()

    def test_the_keyring_is_left_alone_where_nobody_asks(self, home: Path, found: Path, answers: list[Dsn]) -> None:
        keyring = MemoryKeyring({ACCOUNT: Secret("old")})

        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            screen.query_one("#url", Input).value = URL
            await pilot.press("enter")
            await shown(pilot, "Connected to PostgreSQL")
            assert app.state.target is not None
            assert app.state.target.password is PasswordOrigin.NONE
            screen.query_one("#password", Input).value = CANARY
            await pilot.press("ctrl+n")
            await until(pilot, lambda: len(answers) == 2 and screen.primary_label == "Use this destination")

        app = play_there(scenario, found, self._with(home, keyring))
        assert keyring.asked == []
        assert keyring.passwords[ACCOUNT].reveal() == "old"
        assert app.state.target is not None
        assert app.state.target.password is PasswordOrigin.TYPED

    def test_a_stored_one_is_used_where_none_is_typed_and_can_be_forgotten(
        self, home: Path, found: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keyring = MemoryKeyring({ACCOUNT: Secret(CANARY)})
        wants(monkeypatch, CANARY)

        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            await shown(pilot, f"keyring: vestige-tui, {ACCOUNT}")
            assert screen.query_one("#forget").display, "also for a server that does not answer any more"
            assert keyring.asked == []
            await pilot.press("ctrl+n")
            await shown(pilot, "from the keyring")
            await until(pilot, lambda: app.state.target is not None)
            assert value(screen, "password") == ""
            assert CANARY not in "\n".join(screen_lines(app))
            keyring.trouble = LOCKED
            await pilot.click("#forget")
            await shown(pilot, "It could not be removed. The keyring is locked")
            assert app.state.target is not None
            keyring.trouble = None
            await pilot.pause()  # the second line of what was said has moved everything below
            forget = screen.query_one("#forget")
            await until(pilot, lambda: not forget.has_class("-active"))  # Textual's buttons take no double click
            await pilot.click("#forget")
            await shown(pilot, "Removed from the keyring")
            await until(pilot, lambda: app.state.target is None)  # it was tested with what is gone
            assert str(screen.query_one(Tick).label) == "Remember password"
            assert not screen.query_one("#forget").display

        state = WizardState(prefill=Prefill(postgres_url=URL))
        play_there(scenario, found, self._with(home, keyring), state=state)
        assert keyring.passwords == {}
        assert keyring.asked == ["get", "forget", "forget"]

    def test_a_stored_one_that_is_refused_is_replaced_by_typing(
        self, home: Path, found: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keyring = MemoryKeyring({ACCOUNT: Secret("old")})
        wants(monkeypatch, CANARY)

        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            await pilot.press("ctrl+n")
            await shown(pilot, "came from the keyring")
            await shown(pilot, "[x] Update the stored password")
            await until(pilot, lambda: screen.focused is screen.query_one("#password"))
            keyring.trouble = LOCKED
            await pilot.press(*CANARY, "enter")
            await shown(pilot, "Not stored. The keyring is locked")
            assert keyring.passwords[ACCOUNT].reveal() == "old"
            keyring.trouble = None
            screen.query_one("#password", Input).value = "wrong again"
            await pilot.press("ctrl+n")
            await shown(pilot, "Check user and password")
            screen.query_one("#password", Input).value = CANARY
            await pilot.press("ctrl+n")
            await shown(pilot, "Stored in the keyring: vestige-tui, ")
            assert not screen.query_one(Tick).value

        play_there(scenario, found, self._with(home, keyring), state=WizardState(prefill=Prefill(postgres_url=URL)))
        assert keyring.passwords[ACCOUNT].reveal() == CANARY

    def test_a_test_does_not_wait_for_the_keyring(
        self, home: Path, found: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keyring = MemoryKeyring({ACCOUNT: Secret("stored")}, let_go=threading.Event())
        assert keyring.let_go is not None
        wants(monkeypatch, CANARY)

        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            assert keyring.let_go is not None
            screen = await on_screen(pilot, "DestinationScreen")
            await pilot.press("ctrl+n")
            await shown(pilot, "The server answers, and wants a password.")
            await shown(pilot, f"Asking the keyring: vestige-tui, {ACCOUNT}")
            screen.query_one("#password", Input).value = CANARY
            await pilot.press("ctrl+n")
            await shown(pilot, "Connected to PostgreSQL")
            keyring.let_go.set()
            await shown(pilot, "Stored in the keyring")
            assert app.state.target is not None
            assert app.state.target.password is PasswordOrigin.TYPED, "the late answer changes nothing"
            screen.query_one("#password", Input).value = ""
            keyring.trouble = KeyringAnswer(KeyringState.SILENT, seconds=5)
            await pilot.press("ctrl+n")
            await shown(pilot, "The keyring has not answered for 5 seconds")
            await shown(pilot, "Type it into the field Password")
            await until(pilot, lambda: screen.focused is screen.query_one("#password"))

        try:
            play_there(scenario, found, self._with(home, keyring), state=WizardState(prefill=Prefill(postgres_url=URL)))
        finally:
            keyring.let_go.set()

    def test_an_unsuitable_keyring_is_named_and_the_wizard_goes_on(
        self, home: Path, found: Path, answers: list[Dsn]
    ) -> None:
        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            await shown(pilot, "No keyring is found here (keyring.backends.fail.Keyring)")
            assert screen.query_one(Tick).disabled
            screen.query_one("#url", Input).value = URL
            await pilot.press("enter")
            await shown(pilot, "Connected to PostgreSQL")
            await shown(pilot, "for this run only")

        play_there(scenario, found, self._with(home, MemoryKeyring(trouble=NO_KEYRING)))

    def test_coming_back_shows_the_same_answers(self, home: Path, found: Path, answers: list[Dsn]) -> None:
        async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
            screen = await on_screen(pilot, "DestinationScreen")
            screen.query_one("#url", Input).value = URL
            screen.query_one("#password", Input).value = CANARY
            await pilot.press("enter")
            await shown(pilot, "Connected to PostgreSQL")
            await pilot.press("ctrl+b")
            source = await on_screen(pilot, "SourceScreen")
            await until(pilot, lambda: source.primary_ready)
            await pilot.press("ctrl+n")
            screen = await on_screen(pilot, "DestinationScreen")
            await shown(pilot, "Connected to PostgreSQL")
            assert (value(screen, "url"), value(screen, "password")) == (URL, CANARY)
            assert screen.primary_label == "Use this destination"

        play_there(scenario, found, self._with(home, MemoryKeyring()))

    @staticmethod
    def _with(home: Path, keyring: MemoryKeyring) -> Machine:
        return replace(machine(home), passwords=keyring)


def test_a_password_is_in_no_file_picture_or_log(
    home: Path, found: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    log = home / "run.log"
    seen: list[str] = []

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "DestinationScreen")
        await pilot.press("ctrl+n")
        await shown(pilot, "Nothing answers")
        seen.append(app.export_screenshot())
        monkeypatch.setattr(connecting, "probe", lambda dsn, **_: probed())
        await pilot.press("ctrl+n")
        await until(pilot, lambda: screen.state.target is not None)
        seen.extend((app.export_screenshot(), repr(app.state), repr(screen), str(app.tree)))
        await pilot.press("ctrl+n")
        await until(pilot, lambda: app.screen is not screen)

    state = WizardState(prefill=Prefill(postgres_url=f"postgresql://me:{CANARY}@127.0.0.1:1/db"))
    with logging_to(log, Mask()):
        app = play_there(scenario, found, machine(home), state=state)
    assert app.state.target is not None
    assert app.state.target.dsn.parameters["password"] == CANARY, "it was really used"
    seen.extend(capfd.readouterr())
    seen.extend(file.read_bytes().decode(errors="replace") for file in home.rglob("*") if file.is_file())
    assert not [text for text in seen if CANARY in text]
