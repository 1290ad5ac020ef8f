"""Backends of the package ``keyring`` for tests, which keep passwords in memory."""

from __future__ import annotations

import threading

import keyring
import pytest
from keyring.backend import KeyringBackend


class MemoryBackend(KeyringBackend):
    """A keyring in memory; ``error`` is what every call raises, and ``let_go`` what it waits for."""

    priority = 5

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None
        self.let_go: threading.Event | None = None
        self.calls = 0

    def get_password(self, service: str, username: str) -> str | None:
        self._answer()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._answer()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._answer()
        del self.kept[service, username]

    def _answer(self) -> None:
        self.calls += 1
        if self.let_go is not None:
            self.let_go.wait(30)
        if self.error is not None:
            raise self.error


def named(name: str) -> MemoryBackend:
    """A keyring whose class has this full name."""
    module, _, cls = name.rpartition(".")
    made: type[MemoryBackend] = type(cls, (MemoryBackend,), {"__module__": module, "__qualname__": cls})
    return made()


def use_memory_backend(monkeypatch: pytest.MonkeyPatch) -> MemoryBackend:
    """Make one that counts as suitable the keyring of this machine, for the length of a test."""
    used = named("keyring.backends.macOS.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", used)
    return used
