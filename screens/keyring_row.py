"""The keyring in the wizard: what it has for a destination, as far as that is known, and what can be done with it.

Nothing is read from it before a server wants a password and none was typed: reading may open its prompt.
"""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalGroup
from textual.message import Message
from textual.widgets import Button, Label

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.secret import Secret
from vestige_tui.screens.background import ask
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState, why_not
from vestige_tui.screens.machine import PasswordStore
from vestige_tui.screens.widgets.choice import Tick
from vestige_tui.screens.widgets.text import plain


class KeyringRow(VerticalGroup):
    """Whether to remember a password, whether to forget the stored one, and a line that says how it is with both."""

    class Read(Message):
        """The keyring was asked for the password of an account. ``answer`` is that, or why it is not known."""

        def __init__(self, account: str, answer: KeyringAnswer) -> None:
            super().__init__()
            self.account = account
            self.answer = answer

    class Forgotten(Message):
        """The password of an account is no longer stored."""

    class _Answered(Message):
        def __init__(self, question: str, account: str, outcome: KeyringAnswer | MigrationError | None) -> None:
            super().__init__()
            self.question = question
            self.account = account
            if isinstance(outcome, MigrationError):
                outcome = KeyringAnswer(KeyringState.FAILED, name=type(outcome).__name__)
            self.answer = outcome

    def __init__(self, passwords: PasswordStore) -> None:
        super().__init__(id="keyring")
        self._passwords = passwords
        self._account = ""
        self._usable = True

    def compose(self) -> ComposeResult:
        """A line of what can be done, and one of what is known."""
        with Horizontal(id="keyring-row"):
            yield Tick(_REMEMBER, compact=True, id="remember")
            yield Button("Forget it", compact=True, id="forget")
        yield Label(id="account")

    def on_mount(self) -> None:
        """Find out whether there is a keyring."""
        self._passwords.begin_visit()
        ask(self, self._passwords.unsuitable, lambda found: self._Answered(_SUITS, "", found), name="keyring")

    @property
    def remember(self) -> bool:
        """Whether a typed password is to be stored."""
        return self.query_one(Tick).value

    def show_account(self, account: str, *, named: bool = True) -> None:
        """Another destination: what is stored for it is not known, and nothing without one that the operator names."""
        if account != self._account:
            self._account = account
            self._show_with_account(_PLACE)
            self._offer(stored=None if named else False)

    def read(self, account: str) -> None:
        """Ask for a password; ``Read`` follows, after some seconds at most."""
        self.show_account(account)
        self._ask(_READ, lambda: self._passwords.get(account), "Asking the keyring: {place}…")

    def store(self, account: str, password: Secret) -> None:
        """Store a password in place of another one."""
        self.show_account(account)
        self._ask(_STORE, lambda: self._passwords.set(account, password), "Storing it in the keyring: {place}…")

    @on(Button.Pressed, "#forget")
    def forget(self, event: Button.Pressed) -> None:
        """Remove the stored password."""
        event.stop()
        account = self._account
        self._ask(_FORGET, lambda: self._passwords.forget(account), "Removing it from the keyring: {place}…")

    def show_stored(self, *, refused: bool = False) -> None:
        """A password is stored for this destination; where the server has refused it, a typed one is to replace it."""
        self._show_with_account("Refused by the server, from the keyring: {place}" if refused else _STORED)
        self._offer(stored=True, replace=refused)

    def _ask(self, question: str, call: Callable[[], KeyringAnswer], text: str) -> None:
        account = self._account
        self._show_with_account(text)
        ask(self, call, lambda outcome: self._Answered(question, account, outcome), name=f"keyring {question}")

    @on(_Answered)
    def _answered(self, event: _Answered) -> None:
        event.stop()
        answer = event.answer
        if event.question == _SUITS:
            if answer is not None:
                self._say_unusable(answer)
        elif event.account == self._account and answer is not None:
            self._say(event.question, answer)
            if event.question == _READ:
                self.post_message(self.Read(event.account, answer))
            elif event.question == _FORGET and answer.state in (KeyringState.DONE, KeyringState.NONE):
                self.post_message(self.Forgotten())

    def _say(self, question: str, answer: KeyringAnswer) -> None:
        """Say what came of a question."""
        if answer.state is KeyringState.UNSUITABLE:
            self._say_unusable(answer)
        elif (why := why_not(answer)) and question == _READ:
            self._show(f"! {why} Unlock it and test again, or type the password.")
        elif why:
            self._show(f"! {_NOT_DONE[question]} {why}")
        else:
            self._show_with_account(_SAID[question, answer.state])
            self._offer(stored=answer.state is KeyringState.FOUND or question == _STORE)

    def _say_unusable(self, answer: KeyringAnswer) -> None:
        self._usable = answer.state is not KeyringState.UNSUITABLE
        self._show(why_not(answer) if self._usable else f"{why_not(answer)} Passwords last for this run only.")
        self._offer(stored=None if self._usable else False)

    def _offer(self, *, stored: bool | None, replace: bool = False) -> None:
        """Offer what can be done; ``stored`` is None where that is not known: what may be there can be forgotten."""
        tick = self.query_one(Tick)
        tick.label = _UPDATE if stored else _REMEMBER
        tick.value = replace
        tick.disabled = not self._usable
        self.query_one("#forget").display = stored is not False and self._usable

    def _show_with_account(self, text: str) -> None:
        """Show a sentence about the account; of a keyring that is not used, only the reason is shown."""
        if self._usable:
            self._show(text.format(place=f"{self._passwords.service}, {self._account}"))

    def _show(self, text: str) -> None:
        self.query_one("#account", Label).update(plain(text))


_SUITS, _READ, _STORE, _FORGET = "suits", "read", "store", "forget"
_REMEMBER, _UPDATE = "Remember password", "Update the stored password"
_PLACE = "keyring: {place}"
_STORED = "Stored in the keyring: {place}"
_SAID = {
    (_READ, KeyringState.FOUND): _STORED,
    (_READ, KeyringState.NONE): "The keyring has none: {place}",
    (_STORE, KeyringState.DONE): _STORED,
    (_FORGET, KeyringState.DONE): "Removed from the keyring: {place}",
    (_FORGET, KeyringState.NONE): "The keyring had none: {place}",
}
_NOT_DONE = {_STORE: "Not stored.", _FORGET: "It could not be removed."}
