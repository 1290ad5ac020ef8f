"""Passwords in the system keyring, and nowhere else.

Service ``vestige-tui``, account ``user@host:port/database``. The package ``keyring`` is loaded at the first use: it
takes a while, and may wait for a daemon. A machine without a keyring works fully; ``problem`` says so in words.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from vestige_tui.screens.machine import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from vestige_tui.core.dsn import Dsn

SERVICE = "vestige-tui"
_RECOMMENDED = 1  # the priority from which keyring recommends a backend; those below keep passwords in plain files
_T = TypeVar("_T")


class Keyring:
    """The keyring of this user, or none."""

    service = SERVICE

    def account(self, dsn: Dsn) -> str:
        """``user@host:port/database``, with libpq's defaults and the environment where the string is silent."""
        values, environment = dsn.parameters, os.environ
        user = values.get("user") or environment.get("PGUSER") or getpass.getuser()
        host = values.get("host") or values.get("hostaddr") or environment.get("PGHOST") or "localhost"
        port = values.get("port") or environment.get("PGPORT") or "5432"
        return f"{user}@{host}:{port}/{values.get('dbname') or environment.get('PGDATABASE') or user}"

    def problem(self) -> str | None:
        """Why no passwords can be kept, or None."""
        try:
            backend = _backend()
        except Exception as error:  # any module on the machine may offer itself as a backend
            return f"The keyring of this machine cannot be used ({type(error).__name__})."
        return None if backend is not None else "This machine has no keyring."

    def get(self, account: str) -> Secret | None:
        """The stored password, None where there is none or the keyring does not answer."""
        found: list[str | None] = []
        self._try(lambda backend: found.append(backend.get_password(SERVICE, account)))
        return Secret(found[0]) if found and found[0] is not None else None

    def set(self, account: str, password: Secret) -> str | None:
        """Store it; returns why that failed."""
        return self._try(lambda backend: backend.set_password(SERVICE, account, password.reveal()))

    def forget(self, account: str) -> str | None:
        """Remove it; returns why that failed."""
        return self._try(
            lambda backend: (
                backend.delete_password(SERVICE, account)
                if backend.get_password(SERVICE, account) is not None
                else None
            )
        )

    def _try(self, action: Callable[[KeyringBackend], object]) -> str | None:
        """Do something with the keyring. Its errors are named by type alone: a message might quote what was sent."""
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
