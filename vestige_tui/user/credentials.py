"""Passwords in the system keyring, and nowhere else.

Service ``vestige-tui``, user name ``user@host:port/database``. The package ``keyring`` is loaded at its first use: it
is slow, and may wait for a daemon. Everything else works without a keyring; ``unsuitable`` says why there is none.
"""

from __future__ import annotations

import dataclasses
import getpass
import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from vestige_tui.core import system
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.facts import DataState, Obstacle
from vestige_tui.core.secret import LatePassword, Secret
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState, why_not
from vestige_tui.user.backends import Lock, UnsuitableKeyring, lock_of, suitable_backend
from vestige_tui.user.time_limit import KEYRING_SECONDS, within

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from vestige_tui.core.dsn import Dsn

SERVICE = "vestige-tui"

Action = Callable[["KeyringBackend"], KeyringAnswer]

_NONE = KeyringAnswer(KeyringState.NONE)
_DONE = KeyringAnswer(KeyringState.DONE)
_LOCKED = KeyringAnswer(KeyringState.LOCKED)


class Keyring:
    """The keyring of this user, if there is one.

    Each question has a thread of its own and ``seconds`` to be answered; while one is unanswered, no other is asked.
    A locked keyring asks its user to unlock it: once a visit at most. Until the next visit it is not asked again,
    unless it says itself that it has been unlocked meanwhile.
    """

    service = SERVICE

    def __init__(self, seconds: float = KEYRING_SECONDS) -> None:
        self._seconds = seconds
        self._one = threading.Lock()
        self._prompted = False

    def begin_visit(self) -> None:
        """The operator is here again: a locked keyring may ask once more."""
        self._prompted = False

    def account(self, dsn: Dsn) -> str:
        """``user@host:port/database``, with the environment and libpq's defaults for what is missing.

        What a service file says is not known here: ``user@service=NAME/database`` then.
        """
        values, environment = dsn.parameters, os.environ
        user = values.get("user") or environment.get("PGUSER") or _login_name()
        database = values.get("dbname") or environment.get("PGDATABASE") or user
        return f"{user}@{_place(values, environment)}/{database}"

    def unsuitable(self) -> KeyringAnswer | None:
        """Why no passwords can be kept, or None. Reads nothing, and opens no prompt."""
        answer = self._ask(lambda _: _DONE, looking=True)
        return None if answer.state is KeyringState.DONE else answer

    def get(self, account: str) -> KeyringAnswer:
        """The stored password: ``FOUND``, ``NONE``, or why that is not known."""
        return self._ask(partial(_get, account=account))

    def set(self, account: str, password: Secret) -> KeyringAnswer:
        """Store a password, in place of another one: ``DONE``, or why not."""
        return self._ask(partial(_set, account=account, password=password), creating=True)

    def forget(self, account: str) -> KeyringAnswer:
        """Remove a password: ``DONE``, ``NONE`` where there was none, or why not."""
        return self._ask(partial(_forget, account=account))

    def _ask(self, action: Action, *, looking: bool = False, creating: bool = False) -> KeyringAnswer:
        latest = time.monotonic() + self._seconds
        silent = KeyringAnswer(KeyringState.SILENT, seconds=self._seconds)
        if not self._one.acquire(timeout=self._seconds):
            return silent

        def question() -> KeyringAnswer:
            try:
                return self._answer(action, looking=looking, creating=creating)
            finally:
                self._one.release()

        try:
            return within(max(latest - time.monotonic(), 0), question, name="keyring")
        except TimeoutError:
            return silent

    def _answer(self, action: Action, *, looking: bool, creating: bool) -> KeyringAnswer:
        """Use the keyring. Errors are reported by type only: a message might quote the password."""
        try:
            backend = suitable_backend()
            if looking:
                return action(backend)
            lock = lock_of(backend)
            if lock is Lock.NOTHING_THERE and not creating:
                return _NONE
            return action(backend) if lock is Lock.OPEN else self._perhaps_prompting(partial(action, backend), lock)
        except UnsuitableKeyring as found:
            return KeyringAnswer(KeyringState.UNSUITABLE, name=found.name, unsuitable=found.reason)
        except Exception as error:  # a backend may be any installed module
            name = type(error).__name__
            return _LOCKED if name in _REFUSALS else KeyringAnswer(KeyringState.FAILED, name=name)

    def _perhaps_prompting(self, action: Callable[[], KeyringAnswer], lock: Lock) -> KeyringAnswer:
        if self._prompted:
            return _LOCKED
        self._prompted = True
        try:
            answer = action()
        except Exception as error:
            self._prompted = lock is not Lock.UNKNOWN or type(error).__name__ in _REFUSALS
            raise
        self._prompted = lock is not Lock.UNKNOWN  # one that does not say whether it is open must be
        return answer


_REFUSALS = ("KeyringLocked", "LockedException", "PromptDismissedException")
"""A prompt was dismissed, or could not be shown; the last two come from below the Secret Service's backend."""


def with_stored_password(dsn: Dsn, keyring: Keyring) -> Dsn:
    """The destination with the password that the keyring has for it, read when the server asks for one.

    Connecting raises ``DestinationError`` then where the keyring does not say whether it has one.
    """

    def find() -> Secret | None:
        answer = keyring.get(keyring.account(dsn))
        if answer.state in (KeyringState.LOCKED, KeyringState.SILENT, KeyringState.FAILED):
            raise DestinationError(
                f"The server wants a password. {why_not(answer)}",
                state=DataState.NOTHING_CHANGED,
                remedy="Unlock it and run this again, or set PGPASSWORD or a passfile, which come before the keyring.",
                obstacle=Obstacle.NO_PASSWORD,
            )
        return answer.password

    return dataclasses.replace(dsn, late_password=LatePassword(find))


def _login_name() -> str:
    """The name of this user; one without a name gets their number."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        number = system.user_id()
        return "user" if number is None else str(number)


def _place(values: Mapping[str, str], environment: Mapping[str, str]) -> str:
    host = values.get("host") or values.get("hostaddr") or environment.get("PGHOST") or environment.get("PGHOSTADDR")
    if not host and (service := values.get("service") or environment.get("PGSERVICE")):
        return f"service={service}"
    return f"{host or 'localhost'}:{values.get('port') or environment.get('PGPORT') or '5432'}"


def _get(backend: KeyringBackend, *, account: str) -> KeyringAnswer:
    password = backend.get_password(SERVICE, account)
    return _NONE if password is None else KeyringAnswer(KeyringState.FOUND, Secret(password))


def _set(backend: KeyringBackend, *, account: str, password: Secret) -> KeyringAnswer:
    backend.set_password(SERVICE, account, password.reveal())
    return _DONE


def _forget(backend: KeyringBackend, *, account: str) -> KeyringAnswer:
    if backend.get_password(SERVICE, account) is None:
        return _NONE
    backend.delete_password(SERVICE, account)
    return _DONE
