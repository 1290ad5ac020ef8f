"""Passwords: where they are kept, and that they are nowhere else."""

from __future__ import annotations

import os

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.secret import Secret
from vestige_tui.user.credentials import SERVICE, Keyring

ACCOUNT = "me@db.example:5432/vestige"


class _Backend(KeyringBackend):
    """A keyring in memory; ``broken`` lets every call fail with the password in its message."""

    priority = 5

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.broken = broken

    def get_password(self, service: str, username: str) -> str | None:
        self._fail("?")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._fail(password)
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._fail("?")
        del self.kept[service, username]

    def _fail(self, detail: str) -> None:
        if self.broken:
            raise RuntimeError(f"locked: {detail}")


class _PlainFile(_Backend):
    priority = 0.5  # type: ignore[assignment]


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> _Backend:
    """The keyring of this machine, for one test."""
    used = _Backend()
    monkeypatch.setattr(keyring.core, "_keyring_backend", used)
    return used


def test_a_password_is_kept_given_back_and_forgotten(backend: _Backend) -> None:
    passwords = Keyring()
    assert passwords.problem() is None
    assert passwords.set(ACCOUNT, Secret("canary-7f3a")) is None
    assert backend.kept == {(SERVICE, ACCOUNT): "canary-7f3a"}
    stored = passwords.get(ACCOUNT)
    assert stored is not None
    assert stored.reveal() == "canary-7f3a"
    assert passwords.forget(ACCOUNT) is None
    assert passwords.get(ACCOUNT) is None


def test_forgetting_what_is_not_there_is_no_problem(backend: _Backend) -> None:
    assert Keyring().forget(ACCOUNT) is None


def test_a_locked_keyring_is_reported_without_the_password(backend: _Backend) -> None:
    backend.broken = True
    said = Keyring().set(ACCOUNT, Secret("canary-7f3a"))
    assert said is not None
    assert "RuntimeError" in said
    assert "canary" not in said
    assert Keyring().get(ACCOUNT) is None


@pytest.mark.parametrize("weak", [fail.Keyring(), _PlainFile()])  # type: ignore[no-untyped-call]
def test_a_machine_without_a_safe_keyring_says_so(monkeypatch: pytest.MonkeyPatch, weak: KeyringBackend) -> None:
    monkeypatch.setattr(keyring.core, "_keyring_backend", weak)
    passwords = Keyring()
    assert passwords.problem() == "This machine has no keyring."
    assert passwords.get(ACCOUNT) is None
    assert passwords.set(ACCOUNT, Secret("x")) == "This machine has no keyring."


@pytest.mark.parametrize(
    ("parameters", "account"),
    [
        ({"user": "me", "host": "db.example", "dbname": "vestige"}, ACCOUNT),
        ({"user": "me", "host": "db", "port": "6543"}, "me@db:6543/me"),
        ({"user": "me"}, "me@localhost:5432/me"),
    ],
)
def test_the_account_names_the_destination(parameters: dict[str, str], account: str) -> None:
    assert Keyring().account(Dsn(parameters)) == account


def test_the_account_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "db.example", "PGUSER": "me", "PGDATABASE": "vestige"}.items():
        monkeypatch.setitem(os.environ, name, value)
    assert Keyring().account(Dsn({})) == ACCOUNT


def test_a_secret_does_not_say_itself() -> None:
    secret = Secret("canary-7f3a")
    assert (repr(secret), str(secret), f"{secret}") == ("***", "***", "***")
    assert repr([secret]) == "[***]"
