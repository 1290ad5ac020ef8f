"""The key of an embedder's server: where it is looked for, and a keyring that does not answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from vestige_tui.core.errors import UsageError
from vestige_tui.core.secret import Secret
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState
from vestige_tui.user import embedder_key as keys
from vestige_tui.user.time_limit import within

URL = "https://api.example.com:8443/v1"


@dataclass
class Stored:
    """A keyring that has one answer."""

    answer: KeyringAnswer
    asked: list[str] = field(default_factory=list)

    def get(self, account: str) -> KeyringAnswer:
        self.asked.append(account)
        return self.answer


def test_where_a_key_comes_from() -> None:
    stored = Stored(KeyringAnswer(KeyringState.FOUND, Secret("from the keyring")))
    found = keys.embedder_key(URL, stored, {})
    assert found is not None
    assert found.reveal() == "from the keyring"
    assert stored.asked == ["embedder@api.example.com:8443"]
    given = keys.embedder_key(URL, stored, {keys.KEY_VARIABLE: " given "})
    assert given is not None
    assert given.reveal() == "given"
    assert keys.embedder_key("http://127.0.0.1:11434/v1", stored, {}) is None
    assert len(stored.asked) == 1


def test_a_keyring_that_does_not_say() -> None:
    for state, words in ((KeyringState.SILENT, "has not answered"), (KeyringState.LOCKED, "is locked")):
        with pytest.raises(UsageError, match=words) as caught:
            keys.embedder_key(URL, Stored(KeyringAnswer(state)), {})
        assert keys.KEY_VARIABLE in caught.value.remedy
    assert keys.embedder_key(URL, Stored(KeyringAnswer(KeyringState.UNSUITABLE)), {}) is None


def test_an_error_of_the_question_comes_out() -> None:
    def fail() -> None:
        raise OSError("no daemon")

    with pytest.raises(OSError, match="no daemon"):
        within(5, fail, name="keyring")
