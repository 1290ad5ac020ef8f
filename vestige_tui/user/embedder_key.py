"""The key of a server that embeds: from the environment, or else from the keyring. Never from a flag."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

from vestige_tui.core.errors import UsageError
from vestige_tui.core.reembed.embedders.address import Address
from vestige_tui.core.secret import Secret
from vestige_tui.screens.keyring_answer import KeyringAnswer, KeyringState, why_not

KEY_VARIABLE = "VESTIGE_EMBEDDER_API_KEY"


class Keys(Protocol):
    """Where keys are stored."""

    def get(self, account: str) -> KeyringAnswer:
        """What is stored; waits for a few seconds at most."""
        ...


def key_account(address: Address) -> str:
    """The user name under which a keyring holds the key of a server, such as ``embedder@api.example.com``."""
    return f"embedder@{address.host}" + (f":{address.port}" if address.port else "")


def embedder_key(url: str, keys: Keys, environment: Mapping[str, str] = os.environ) -> Secret | None:
    """The key for the server at ``url``; None where there is none. A keyring has a few seconds to answer.

    A server on this machine seldom has one: only the environment is asked. Raises ``UsageError`` for an unusable URL,
    and where the keyring is locked or does not answer.
    """
    address = Address.parse(url)
    if given := environment.get(KEY_VARIABLE, "").strip():
        return Secret(given)
    if address.is_local:
        return None
    answer = keys.get(key_account(address))
    if answer.state in (KeyringState.LOCKED, KeyringState.SILENT):
        raise UsageError(
            why_not(answer),
            remedy=f"Unlock it and try again, or set {KEY_VARIABLE}: it comes before the keyring.",
        )
    return answer.password
