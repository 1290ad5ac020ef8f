"""Which keyrings are used, and whether one is locked.

The package ``keyring`` takes whatever a machine has installed or its configuration names. Some of that keeps passwords
in plain files, and some asks for its own password on the terminal, where the wizard is.
"""

from __future__ import annotations

from contextlib import closing
from enum import Enum, auto
from typing import TYPE_CHECKING

from vestige_tui.screens.keyring_answer import Unsuitable

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SECRET_SERVICE = "keyring.backends.SecretService"  # noqa: S105  (the name of a module)
SUITABLE = frozenset(
    {
        SECRET_SERVICE,
        "keyring.backends.libsecret",
        "keyring.backends.kwallet",
        "keyring.backends.macOS",
        "keyring.backends.Windows",
    }
)
"""The modules of the backends that are used: the system's own keyrings."""

_UNSUITABLE = {
    "keyring.backends.fail.Keyring": Unsuitable.ABSENT,
    "keyring.backends.null.Keyring": Unsuitable.SWITCHED_OFF,
    "keyrings.alt.file.PlaintextKeyring": Unsuitable.PLAIN_FILE,
    "keyrings.cryptfile.file.PlaintextKeyring": Unsuitable.PLAIN_FILE,
    "keyrings.alt.file.EncryptedKeyring": Unsuitable.ASKS_ON_TERMINAL,
    "keyrings.cryptfile.file.EncryptedKeyring": Unsuitable.ASKS_ON_TERMINAL,
    "keyrings.cryptfile.cryptfile.CryptFileKeyring": Unsuitable.ASKS_ON_TERMINAL,
}
"""Those of which the reason is known."""


class UnsuitableKeyring(Exception):
    """The keyring of this machine is not used; ``name`` is its class."""

    def __init__(self, name: str, reason: Unsuitable) -> None:
        super().__init__(name)
        self.name = name
        self.reason = reason


class Lock(Enum):
    """What a keyring says of itself before it is asked for a password. Asking that opens no prompt."""

    OPEN = auto()
    LOCKED = auto()
    NOTHING_THERE = auto()
    """It has no collection of passwords yet; to create one it asks for a new password."""

    UNKNOWN = auto()
    """It does not say."""


def suitable_backend() -> KeyringBackend:
    """The keyring of this machine; of several, the first suitable one. Raises ``UnsuitableKeyring``.

    Slow, and it may wait for a daemon.
    """
    import keyring
    from keyring.backends.chainer import ChainerBackend

    chosen = keyring.get_keyring()
    members = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    for backend in members:
        if type(backend).__module__ in SUITABLE:
            return backend
    first = members[0] if members else chosen
    name = f"{type(first).__module__}.{type(first).__qualname__}"
    raise UnsuitableKeyring(name, _UNSUITABLE.get(name, Unsuitable.UNKNOWN))


def lock_of(backend: KeyringBackend) -> Lock:
    """Whether a keyring is locked. Only the Secret Service says so without a prompt."""
    if type(backend).__module__ != SECRET_SERVICE:
        return Lock.UNKNOWN
    import secretstorage

    path = getattr(backend, "preferred_collection", secretstorage.collection.DEFAULT_COLLECTION)
    with closing(secretstorage.dbus_init()) as bus:
        try:
            return Lock.LOCKED if secretstorage.Collection(bus, path).is_locked() else Lock.OPEN
        except secretstorage.ItemNotFoundException:
            return Lock.NOTHING_THERE
