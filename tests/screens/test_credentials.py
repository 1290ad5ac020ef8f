"""Passwords: where they are kept, and that they are nowhere else."""

from __future__ import annotations

import os
import threading
import time

import keyring
import pytest
from keyring.backends.chainer import ChainerBackend
from keyring.errors import KeyringLocked

from tests.support.keyrings import MemoryBackend, named, use_memory_backend
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.secret import Secret
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState, why_not
from vestige_tui.user.credentials import SERVICE, Keyring, with_stored_password

ACCOUNT = "me@db.example:5432/vestige"


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> MemoryBackend:
    """The keyring of this machine, for one test."""
    return use_memory_backend(monkeypatch)


def test_a_password_is_kept_given_back_and_forgotten(backend: MemoryBackend) -> None:
    passwords = Keyring()
    assert passwords.unsuitable() is None
    assert backend.calls == 0
    assert passwords.forget(ACCOUNT).state is KeyringState.NONE
    assert passwords.set(ACCOUNT, Secret("canary-7f3a")).state is KeyringState.DONE
    assert backend.kept == {(SERVICE, ACCOUNT): "canary-7f3a"}
    assert passwords.get(ACCOUNT) == KeyringAnswer(KeyringState.FOUND, Secret("canary-7f3a"))
    assert passwords.forget(ACCOUNT).state is KeyringState.DONE
    assert passwords.get(ACCOUNT) == KeyringAnswer(KeyringState.NONE)


def test_an_error_is_reported_without_the_password(backend: MemoryBackend) -> None:
    backend.error = RuntimeError("bad: canary-7f3a")
    passwords = Keyring()
    for answer in (passwords.set(ACCOUNT, Secret("canary-7f3a")), passwords.get(ACCOUNT), passwords.forget(ACCOUNT)):
        assert why_not(answer) == "The keyring failed (RuntimeError)."


def test_a_dismissed_prompt_is_the_last_one_of_a_visit(backend: MemoryBackend) -> None:
    passwords = Keyring()
    backend.error = KeyringLocked("dismissed")
    assert passwords.get(ACCOUNT).state is KeyringState.LOCKED
    for answer in (passwords.get("another"), passwords.set(ACCOUNT, Secret("x")), passwords.forget(ACCOUNT)):
        assert why_not(answer) == "The keyring is locked, and was not unlocked."
    assert backend.calls == 1
    backend.error = None
    passwords.begin_visit()
    assert passwords.get(ACCOUNT).state is KeyringState.NONE
    assert passwords.get(ACCOUNT).state is KeyringState.NONE, "it is open now"


def test_a_silent_keyring_is_asked_once_and_heard_late(backend: MemoryBackend) -> None:
    backend.kept[SERVICE, ACCOUNT] = "x"
    backend.let_go = threading.Event()
    passwords = Keyring(seconds=0.05)
    try:
        assert passwords.get(ACCOUNT) == KeyringAnswer(KeyringState.SILENT, seconds=0.05)
        assert passwords.set(ACCOUNT, Secret("y")).state is KeyringState.SILENT
        assert backend.calls == 1
    finally:
        backend.let_go.set()
    deadline = time.monotonic() + 10
    while (answer := passwords.get(ACCOUNT)).state is KeyringState.SILENT and time.monotonic() < deadline:
        pass
    assert answer == KeyringAnswer(KeyringState.FOUND, Secret("x"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("keyring.backends.fail.Keyring", "No keyring is found here ({})."),
        ("keyring.backends.null.Keyring", "The keyring is switched off ({})."),
        ("keyrings.alt.file.PlaintextKeyring", "Unsuitable keyring: {} keeps passwords in a file."),
        (
            "keyrings.cryptfile.cryptfile.CryptFileKeyring",
            "Unsuitable keyring: {} asks for its password on the terminal.",
        ),
        ("of.a.stranger.Vault", "Unsuitable keyring: {} is not one of the system's."),
    ],
)
def test_an_unsuitable_keyring_is_named_and_not_used(monkeypatch: pytest.MonkeyPatch, name: str, sentence: str) -> None:
    weak = named(name)
    chain = ChainerBackend()  # type: ignore[no-untyped-call]
    passwords = Keyring()
    for chosen, members in ((weak, ()), (chain, (weak,))):
        monkeypatch.setattr(ChainerBackend, "backends", members)
        monkeypatch.setattr(keyring.core, "_keyring_backend", chosen)
        for answer in (passwords.unsuitable(), passwords.get(ACCOUNT), passwords.set(ACCOUNT, Secret("x"))):
            assert answer is not None
            assert why_not(answer) == sentence.format(name)
    assert weak.calls == 0
    monkeypatch.setattr(ChainerBackend, "backends", (weak, named("keyring.backends.kwallet.DBusKeyring")))
    assert passwords.get(ACCOUNT).state is KeyringState.NONE, "the suitable one of a chain is used"


@pytest.mark.parametrize(
    ("parameters", "account"),
    [
        ({"user": "me", "host": "db.example", "dbname": "vestige"}, ACCOUNT),
        ({"user": "me", "host": "db", "port": "6543"}, "me@db:6543/me"),
        ({"user": "me"}, "me@localhost:5432/me"),
        ({"user": "me", "service": "home", "dbname": "vestige"}, "me@service=home/vestige"),
    ],
)
def test_the_account_names_the_destination(parameters: dict[str, str], account: str) -> None:
    assert Keyring().account(Dsn(parameters)) == account


def test_the_account_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGHOST": "db.example", "PGUSER": "me", "PGDATABASE": "vestige"}.items():
        monkeypatch.setitem(os.environ, name, value)
    assert Keyring().account(Dsn({})) == ACCOUNT


class TestTheCommandsPassword:
    """The keyring's password for a command, which has no field to type one into."""

    def test_it_is_looked_for_once_and_only_when_asked_for(self, backend: MemoryBackend) -> None:
        backend.kept[SERVICE, ACCOUNT] = "canary-7f3a"
        dsn = with_stored_password(Dsn.parse(f"postgresql://{ACCOUNT}"), Keyring())
        assert backend.calls == 0
        assert "password" not in dsn.all_parameters
        assert dsn.late_password is not None
        assert dsn.late_password.look() == dsn.late_password.look() == Secret("canary-7f3a")
        assert backend.calls == 1
        assert dsn.with_parameters(dbname="x").all_parameters["password"] == "canary-7f3a"
        assert "canary" not in f"{dsn!r}{dsn.masked}{dsn.mask('said: canary-7f3a')}"

    def test_a_keyring_that_does_not_say_ends_the_command(self, backend: MemoryBackend) -> None:
        backend.error = KeyringLocked("dismissed")
        dsn = with_stored_password(Dsn.parse(f"postgresql://{ACCOUNT}"), Keyring())
        assert dsn.late_password is not None
        with pytest.raises(DestinationError, match="The server wants a password. The keyring is locked") as caught:
            dsn.late_password.look()
        assert "PGPASSWORD" in caught.value.remedy


def test_a_secret_does_not_say_itself() -> None:
    secret = Secret("canary-7f3a")
    assert (repr(secret), str(secret), f"{secret}") == ("***", "***", "***")
    assert repr([secret]) == "[***]"
