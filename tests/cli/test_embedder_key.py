"""The key of an embedder's server: where it is looked for, and a keyring that does not answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest

from vestige_tui.core.errors import UsageError
from vestige_tui.core.secret import Secret
from vestige_tui.user import embedder_key as keys
from vestige_tui.user.time_limit import within

URL = "https://api.example.com:8443/v1"


@dataclass
class Stored:
    """A keyring with one key; ``hangs``: it waits for a prompt that nobody answers."""

    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    answered: threading.Event = field(default_factory=threading.Event)

    def get(self, account: str) -> Secret | None:
        self.asked.append(account)
        if self.hangs:
            self.answered.wait(30)
        return Secret("from the keyring")


def test_where_a_key_comes_from() -> None:
    stored = Stored()
    found = keys.embedder_key(URL, stored, {})
    assert found is not None
    assert found.reveal() == "from the keyring"
    assert stored.asked == ["embedder@api.example.com:8443"]
    given = keys.embedder_key(URL, stored, {keys.KEY_VARIABLE: " given "})
    assert given is not None
    assert given.reveal() == "given"
    assert keys.embedder_key("http://127.0.0.1:11434/v1", stored, {}) is None
    assert len(stored.asked) == 1


def test_a_keyring_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "KEYRING_SECONDS", 0.05)
    stored = Stored(hangs=True)
    try:
        with pytest.raises(UsageError, match="has not answered") as caught:
            keys.embedder_key(URL, stored, {})
    finally:
        stored.answered.set()
    assert keys.KEY_VARIABLE in caught.value.remedy


def test_an_error_of_the_question_comes_out() -> None:
    def fail() -> None:
        raise OSError("no daemon")

    with pytest.raises(OSError, match="no daemon"):
        within(5, fail, name="keyring")
