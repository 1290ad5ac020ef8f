"""The destination step: a PostgreSQL server, or the embedded one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalGroup
from textual.message import Message
from textual.widgets import Button, Static

from vestige_tui.core.destination.probe import Probe, database_name, probe
from vestige_tui.core.dsn import EMBEDDED, Dsn
from vestige_tui.core.errors import DestinationError, MigrationError, UsageError
from vestige_tui.core.explain.connecting import NAME_FAULTS
from vestige_tui.core.facts import NameFault, Obstacle
from vestige_tui.core.secret import Secret
from vestige_tui.screens.background import ask
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.connecting import create_and_try, no_answer, try_embedded, try_server
from vestige_tui.screens.destination_boxes import RowsThere, embedded_facts
from vestige_tui.screens.destination_facts import about_embedded, facts_of, headline
from vestige_tui.screens.dsn_fields import prefilled, with_password, without_secrets
from vestige_tui.screens.keyring_row import KeyringRow
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.new_database import NewDatabaseBox, NewDatabaseDialog, copy_script, script_for
from vestige_tui.screens.server_form import ServerForm
from vestige_tui.screens.state import PasswordOrigin, Target, WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.choice import Choice, Choices
from vestige_tui.screens.widgets.key_values import KeyValues, two_columns
from vestige_tui.screens.widgets.notice import Notice, Tone

PATIENCE = 25
"""Seconds after which a test is given up, whatever it waits for, such as a name server."""


@dataclass(frozen=True, slots=True)
class _Try:
    """A test of a destination; ``stored``: with the password of the keyring."""

    dsn: Dsn
    test: Callable[[Dsn, PasswordOrigin], Target]
    stored: bool = False

    def __call__(self) -> Target:
        return self.test(self.dsn, PasswordOrigin.KEYRING if self.stored else PasswordOrigin.TYPED)

    def with_stored(self, password: Secret) -> _Try:
        """The same with the password that the keyring has."""
        return replace(self, dsn=with_password(self.dsn, password.reveal()), stored=True)


@dataclass(frozen=True, slots=True)
class _Lacking:
    """A test that was refused for want of a password, while the keyring is asked for it."""

    attempt: _Try
    refusal: MigrationError


def _lacks_password(outcome: MigrationError, attempt: _Try) -> bool:
    """Whether the server wants a password, and none was typed."""
    no_password = isinstance(outcome, DestinationError) and outcome.obstacle is Obstacle.NO_PASSWORD
    return no_password and not attempt.dsn.parameters.get("password")


class DestinationScreen(StepScreen):
    """A server or the embedded one, and the test of it."""

    HELP = """
Choose where the memories go, then test the connection. The test only looks: nothing is written.

A PostgreSQL server: one that your machines can reach, version 16 or newer, with the extension pgvector. Paste its URL,
or fill in the fields; the two follow each other. A password in a URL moves into its own field. Without one,
PGPASSWORD, a passfile and the keyring are asked, in this order. The keyring is not asked before the server wants a
password; where it is locked, it may open its own prompt then, once.

An embedded one: vestige-tui brings a PostgreSQL along and runs it for you. Nothing is installed, and
only your own user on this machine can reach it. Good for a try, or for one machine alone.

Remember password puts it into the keyring of your system, under the names that are shown, and nowhere else. Update
the stored password replaces one that no longer fits by what you type. Forget it removes it from there.

SQL (F2) are the lines with which the server's administrator makes the role and the database that the fields name, with
pgvector in it. They are only shown, for you to copy.

Create database, where it is offered, makes an empty database: besides the copy itself, the only thing in
vestige-tui that writes to the server.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "stop_waiting", "Stop waiting"),
        Binding("f2", "new_database", "SQL"),
        Binding("f4", "create", "Create database"),
    ]

    class Answered(Message):
        """A test has ended."""

        def __init__(self, ticket: int, outcome: Target | MigrationError) -> None:
            super().__init__()
            self.ticket = ticket
            self.outcome = outcome

    class Recounted(Message):
        """What is at the destination now, after a run."""

        def __init__(self, outcome: Probe | MigrationError) -> None:
            super().__init__()
            self.outcome = outcome

    def __init__(self, step: Step, state: WizardState, machine: Machine) -> None:
        super().__init__(step, state, machine)
        self._tickets = count(1)
        self._waiting_for: int | None = None
        self._tried: _Try | None = None
        self._lacking: _Lacking | None = None
        self._missing = False

    @property
    def lead(self) -> str:
        """What this step is for."""
        return "Where the memories go. Testing writes nothing."

    @property
    def embedded(self) -> bool:
        """Whether the embedded server is chosen."""
        return self.query_one(Choices).taken == EMBEDDED

    @property
    def primary_label(self) -> str:
        """Test first, then go on."""
        if not self.is_mounted or self.state.target is not None:
            return "Use this destination"
        return "Start and test it" if self.embedded else "Test connection"

    @property
    def primary_ready(self) -> bool:
        """Not while a test runs, nor for a server that is not installed."""
        if self._waiting_for is not None or not self.is_mounted:
            return False
        return not self.embedded or self.machine.embedded.to_install is None

    def primary(self) -> None:
        """Test the destination, or go on with the tested one."""
        if not self.primary_ready:
            return
        target = self.state.target
        if target is None:
            self._test()
        else:
            self.machine.recent.remember_destination(None if target.embedded else target.dsn)
            self.advance(self.state)

    def compose_body(self) -> ComposeResult:
        """The choice, its fields, and the result of the test."""
        target = self.state.target
        embedded = target.embedded if target is not None else prefilled(self.state, self.machine) == EMBEDDED
        yield Choices(
            Choice("A PostgreSQL server", value=not embedded, id="server-choice"),
            Choice("An embedded one, run by vestige-tui", value=embedded, id=EMBEDDED),
            id="kind",
        )
        yield ServerForm(self.machine.environment, self.machine.passwords)
        with VerticalGroup(id="embedded-facts"):
            yield Static(about_embedded(self.machine))
            if self.machine.embedded.to_install is None:
                facts = embedded_facts(self.machine.embedded, self.machine.home, self.state.source)
                yield Static(two_columns(facts), id="embedded-place")
        yield Notice(id="notice")
        with Horizontal(id="answer"):
            yield KeyValues(id="facts", classes="box")
            yield RowsThere()
        yield NewDatabaseBox()

    def extra_buttons(self) -> Iterable[Button]:
        """Shown when the server has no such database."""
        yield Button("Create database", id="create", compact=True)

    def on_mount(self) -> None:
        """Fill in what is known, and show the last test."""
        self.query_one("#facts").border_title = "The server"
        target = self.state.target
        dsn = target.dsn if target is not None and not target.embedded else self._prefilled()
        if dsn is not None:
            kept = target is None or target.password is not PasswordOrigin.KEYRING
            self.query_one(ServerForm).fill(dsn, with_its_password=kept)
        self._show_kind()
        self._show_account()
        if target is not None:
            self._show(target)
            if self.state.report is not None or self.state.failure is not None:
                self._recount(target)
        self.call_after_refresh(self._focus_first)

    def _focus_first(self) -> None:
        """Focus the first empty field, or else the main action."""
        empty = not self.embedded and self.state.target is None and not self.query_one(ServerForm).dsn.parameters
        self.query_one("#url" if empty else "#primary").focus()

    def _prefilled(self) -> Dsn | None:
        named = prefilled(self.state, self.machine)
        try:
            return Dsn.parse(named) if named not in ("", EMBEDDED) else None
        except UsageError as error:
            self.query_one(Notice).explain(error)
            return None

    @on(Choices.Changed, "#kind")
    def _kind_changed(self) -> None:
        self._show_kind()
        self._forget_result()

    def _show_kind(self) -> None:
        self.query_one(ServerForm).display = not self.embedded
        self.query_one("#embedded-facts").display = self.embedded

    def _recount(self, target: Target) -> None:
        """Look again what is there: a run has written since. The answers, and what came of them, stay."""
        rows = self._rows_of_source
        ask(self, lambda: probe(target.dsn, rows=rows), self.Recounted, name="recount")

    @on(Recounted)
    def _recounted(self, event: Recounted) -> None:
        target = self.state.target
        if isinstance(event.outcome, Probe) and target is not None:
            self.query_one(KeyValues).show(facts_of(replace(target, probe=event.outcome)))
            self.query_one(RowsThere).show(self._rows_of_source, event.outcome.rows)

    @on(ServerForm.Edited)
    def _edited(self) -> None:
        self._forget_result()

    @on(ServerForm.Submitted)
    def _submitted(self) -> None:
        self.primary()

    @on(ServerForm.Left)
    def _show_account(self) -> None:
        """Show under which names the keyring has the password of the destination that the fields now describe."""
        dsn = self.query_one(ServerForm).dsn
        self.query_one(KeyringRow).show_account(self.machine.passwords.account(dsn), named=bool(dsn.parameters))

    @on(KeyringRow.Forgotten)
    def _password_forgotten(self) -> None:
        self.query_one(ServerForm).expect_stored(False)
        if self.state.target is not None and self.state.target.password is PasswordOrigin.KEYRING:
            self._forget_result()

    def _forget_result(self) -> None:
        """The fields have changed: the last test no longer holds."""
        self._waiting_for = self._lacking = None
        self._missing = False
        self.query_one(Notice).clear()
        self.query_one(KeyValues).show(())
        if self.state.target is not None:
            self.keep(self.state.with_target(None))
        self.refresh_shell()

    @property
    def _rows_of_source(self) -> Mapping[str, int] | None:
        return self.state.source.rows if self.state.source is not None else None

    def _test(self) -> None:
        rows = self._rows_of_source
        if self.embedded:
            host = self.machine.embedded
            self._wait("Starting the embedded PostgreSQL and looking at it…", "The first time takes some seconds.")
            self._ask(lambda: try_embedded(host, rows), limited=False)
            return
        form = self.query_one(ServerForm)
        if form.problem is not None:
            self.query_one(Notice).explain(form.problem)
            return
        if not form.dsn.parameters:
            self.query_one(Notice).say(Tone.WARNING, "No server is named.", "Paste its URL, or fill in the fields.")
            self.query_one("#url").focus()
            return
        self._wait("Connecting…", f"{without_secrets(form.dsn).masked}, for {PATIENCE} seconds at most.")
        self._try(_Try(form.dsn, lambda dsn, password: try_server(dsn, rows, password)))

    @on(Button.Pressed, "#create")
    def action_create(self) -> None:
        """Create the missing database."""
        rows, dsn = self._rows_of_source, self.query_one(ServerForm).dsn
        self._wait(f"Creating the database {database_name(dsn)}…", "")
        self._try(_Try(dsn, lambda dsn, password: create_and_try(dsn, rows, password)))

    def _try(self, attempt: _Try) -> None:
        self._tried = attempt
        self._ask(attempt)

    def _wait(self, what: str, more: str) -> None:
        self._missing = False
        self.query_one(KeyValues).show(())
        self.query_one(Notice).say(Tone.BUSY, what, more)

    def _ask(self, question: Callable[[], Target], *, limited: bool = True) -> None:
        ticket = self._waiting_for = next(self._tickets)
        ask(self, question, lambda outcome: self.Answered(ticket, outcome), name="connect")
        if limited:
            self.set_timer(PATIENCE, lambda: self.post_message(self.Answered(ticket, no_answer(PATIENCE))))
        self.refresh_shell()

    def action_stop_waiting(self) -> None:
        """Stop waiting for the answer."""
        self._forget_result()

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        if event.ticket != self._waiting_for:
            return
        self._waiting_for = None
        if isinstance(event.outcome, Target):
            self._show(event.outcome)
            self._remember(event.outcome)
        elif self._tried is not None and _lacks_password(event.outcome, self._tried):
            self._read_keyring(_Lacking(self._tried, event.outcome))
        else:
            self._explain(event.outcome)
        self.refresh_shell()

    def _read_keyring(self, lacking: _Lacking) -> None:
        """The test has ended: the server wants a password. What the keyring has is another question."""
        self._lacking = lacking
        self.query_one(Notice).say(
            Tone.NOTE, "The server answers, and wants a password.", "The keyring is asked for it. Or type it now."
        )
        self.query_one(KeyringRow).read(self.machine.passwords.account(lacking.attempt.dsn))

    @on(KeyringRow.Read)
    def _keyring_read(self, event: KeyringRow.Read) -> None:
        """Test again with the stored password, if the destination is still the same and there is one."""
        lacking, self._lacking = self._lacking, None
        if lacking is None:
            return
        if event.answer.password is None:
            self._explain(lacking.refusal)
        else:
            self._wait("Connecting with the password of the keyring…", "")
            self._try(lacking.attempt.with_stored(event.answer.password))
        self.refresh_shell()

    def _remember(self, target: Target) -> None:
        """Store a password that was typed and has worked, if that is wanted."""
        row = self.query_one(KeyringRow)
        if target.password is PasswordOrigin.TYPED and row.remember:
            typed = Secret(target.dsn.parameters["password"])
            row.store(self.machine.passwords.account(target.dsn), typed)

    def _show(self, target: Target) -> None:
        found = target.probe
        notice = self.query_one(Notice)
        if found.usable:
            notice.say(Tone.GOOD, headline(target))
            if target != self.state.target:
                self.keep(self.state.with_target(target))
            self.call_after_refresh(self.query_one("#primary").focus)
        else:
            first, *others = found.refusals
            notice.say(Tone.BAD, first.what, first.remedy, *(f"{each.what}\n{each.remedy}" for each in others))
        self.query_one(KeyValues).show(facts_of(target))
        if target.password is PasswordOrigin.KEYRING:
            self.query_one(KeyringRow).show_stored()
            self.query_one(ServerForm).expect_stored(True)

    def _explain(self, error: MigrationError) -> None:
        self.query_one(Notice).explain(error)
        obstacle = error.obstacle if isinstance(error, DestinationError) else None
        self._missing = obstacle is Obstacle.DATABASE_MISSING
        if obstacle is Obstacle.WRONG_PASSWORD and self._tried is not None and self._tried.stored:
            self.query_one(KeyringRow).show_stored(refused=True)
        if obstacle in (Obstacle.NO_PASSWORD, Obstacle.WRONG_PASSWORD):
            self.query_one("#password").focus()
        elif self._missing:
            self.call_after_refresh(self.query_one("#create").focus)

    def refresh_shell(self) -> None:
        """Also show or hide Create database, and what belongs to the present answer."""
        super().refresh_shell()
        if not self.is_mounted:
            return
        self.query_one("#create").display = self._missing
        target = self.state.target
        self.query_one(RowsThere).show(self._rows_of_source, target.probe.rows if target is not None else None)
        self.query("#embedded-place").set(display=target is None)  # what was found takes its place
        wanted = target is None and not self.embedded
        self.query_one(NewDatabaseBox).show(self.query_one(ServerForm).dsn if wanted else None)

    @property
    def _script(self) -> str | NameFault | None:
        """The SQL for what the form names, or why there is none; None for an embedded server."""
        return None if self.embedded else script_for(self.query_one(ServerForm).dsn)

    def action_new_database(self) -> None:
        """Show the SQL that an administrator needs."""
        script = self._script
        if isinstance(script, NameFault):
            self.app.notify(NAME_FAULTS[script], severity="warning", markup=False)
        elif script is not None:
            self.app.push_screen(NewDatabaseDialog(self.query_one(ServerForm).dsn, script))

    @on(NewDatabaseBox.Copied)
    def _copy_script(self) -> None:
        if isinstance(script := self._script, str):
            copy_script(self.app, script)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        if action == "stop_waiting":
            return self._waiting_for is not None
        if action == "create":
            return self._missing
        if action == "new_database":
            return self.is_mounted and self._script is not None
        return super().check_action(action, parameters)
