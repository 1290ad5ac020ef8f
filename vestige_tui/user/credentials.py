"""Passwords in the system keyring, and nowhere else.

Service ``vestige-tui``, user name ``user@host:port/database``. The package ``keyring`` is loaded at its first use: it
is slow, and may wait for a daemon. Everything else works without a keyring; ``problem`` says why there is none.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vestige_tui.core.secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from vestige_tui.core.dsn import Dsn

SERVICE = "vestige-tui"
_RECOMMENDED = 1  # keyring's own limit; backends of a lower priority keep passwords in plain files
_T = TypeVar("_T")


class Keyring:
    """The keyring of this user, if there is one."""

    service = SERVICE

    def account(self, dsn: Dsn) -> str:
        """``user@host:port/database``, with the environment and libpq's defaults for what is missing."""
        values, environment = dsn.parameters, os.environ
        user = values.get("user") or environment.get("PGUSER") or getpass.getuser()
        host = values.get("host") or values.get("hostaddr") or environment.get("PGHOST") or "localhost"
        port = values.get("port") or environment.get("PGPORT") or "5432"
        return f"{user}@{host}:{port}/{values.get('dbname') or environment.get('PGDATABASE') or user}"

    def problem(self) -> str | None:
        """Why no passwords can be kept, or None."""
        try:
            backend = _backend()
        except Exception as error:  # a backend may be any installed module
            return f"The keyring of this machine cannot be used ({type(error).__name__})."
        return None if backend is not None else "This machine has no keyring."

    def get(self, account: str) -> Secret | None:
        """The stored password; None if there is none, or the keyring does not answer."""
        found: list[str | None] = []
        self._try(lambda backend: found.append(backend.get_password(SERVICE, account)))
        return Secret(found[0]) if found and found[0] is not None else None

    def set(self, account: str, password: Secret) -> str | None:
        """Store a password. Returns why that failed."""
        return self._try(lambda backend: backend.set_password(SERVICE, account, password.reveal()))

    def forget(self, account: str) -> str | None:
        """Remove a password. Returns why that failed."""
        return self._try(
            lambda backend: (
                backend.delete_password(SERVICE, account)
                if backend.get_password(SERVICE, account) is not None
                else None
            )
        )

    def _try(self, action: Callable[[KeyringBackend], object]) -> str | None:
        """Use the keyring. Errors are reported by type only: a message might quote the password."""
        try:
            backend = _backend()
            if backend is None:
                return self.problem()
            action(backend)
        except Exception as error:
            return f"The keyring did not do it ({type(error).__name__}); it may be locked."
        return None


def _backend() -> KeyringBackend | None:
    import keyring
    from keyring.backends.chainer import ChainerBackend

    backend = keyring.get_keyring()
    members = backend.backends if isinstance(backend, ChainerBackend) else [backend]
    trusted = [member for member in members if member.priority >= _RECOMMENDED]
    return trusted[0] if trusted else None
