"""Who may connect to the embedded server: its owner alone, among all users of a machine.

At a socket the server asks the system who connects (``peer``). Over TCP, which any local user can reach, it asks for a
password, which is generated and kept in a file that its owner alone can read, in the form of libpq's passfile.
The rules are PostgreSQL's ``pg_hba.conf`` and ``pg_ident.conf``.
"""

from __future__ import annotations

import os
import secrets
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from vestige_tui.core import system
from vestige_tui.core.destination.programs import STAND_IN, SystemUser
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.files import replacing
from vestige_tui.core.secret import Secret

ADDRESS = "127.0.0.1"
SUPERUSER = "postgres"
RULES, IDENTITIES, PASSFILE = "pg_hba.conf", "pg_ident.conf", "passfile"

ON_SOCKETS = not system.is_windows()
"""Whether a server listens on a socket by default: on Windows neither ``peer`` nor Vestige's driver knows sockets."""

_HEADER = "# Written by vestige-tui: only the owner of this server may connect.\n"
_BEFORE = f"{RULES}.before"
_AT_SOCKET = "local all all peer map=owner\nlocal replication all peer map=owner\n"
_OVER_TCP = f"host all all {ADDRESS}/32 scram-sha-256\n"


@dataclass(frozen=True, slots=True)
class Login:
    """How a client logs in over TCP: the port and the password of the superuser."""

    port: int
    password: Secret

    @classmethod
    def new(cls) -> Login:
        """A generated password, and a port that is free now."""
        return cls(_free_port(), Secret(secrets.token_urlsafe(32)))

    @classmethod
    def read(cls, data_dir: Path) -> Login | None:
        """That of a cluster; None where it has none, or its file holds something else. Raises ``OSError``."""
        try:
            address, port, _, user, password = passfile(data_dir).read_text(encoding="ascii").strip().split(":")
            return cls(int(port), Secret(password)) if (address, user) == (ADDRESS, SUPERUSER) else None
        except (FileNotFoundError, ValueError):
            return None

    def at_free_port(self) -> Login:
        """The same at another port where this one is taken."""
        return self if _is_free(self.port) else Login(_free_port(), self.password)

    def keep(self, data_dir: Path) -> None:
        """Write it into the cluster's folder. Raises ``OSError``."""
        with replacing(passfile(data_dir)) as partial:
            partial.write_text(f"{ADDRESS}:{self.port}:*:{SUPERUSER}:{self.password.reveal()}\n", encoding="ascii")
            owner = _owner(data_dir)
            if owner is not None:
                os.chown(partial, *owner)


def passfile(data_dir: Path) -> Path:
    """The file with the password of a server that listens on TCP; libpq reads it."""
    return data_dir / PASSFILE


def check_owner(data_dir: Path) -> None:
    """Leave the servers of others alone: raise ``DestinationError`` where the folder is another user's.

    As root, ours are also those of its stand-in. What root wrote into the folder of another user, or beside it, that
    user could neither change nor remove.
    """
    user = system.user_id()
    try:
        owner = data_dir.stat().st_uid
    except OSError:  # none yet; or it cannot be used, which is said where that is tried
        return
    if user is None:
        return
    import pwd

    mine = {user} if user else {0, pwd.getpwnam(STAND_IN).pw_uid}
    if owner not in mine:
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = str(owner)
        raise DestinationError(
            f"The embedded PostgreSQL in {data_dir} belongs to the user {name}.",
            remedy="Run this as that user, or give the URL of another server.",
        )


def guard(data_dir: Path, *, tcp: bool, server: SystemUser | None, new: bool = False) -> bool:
    """Write the rules of a ``new`` cluster, or of one whose rules trust anyone. Returns whether they have changed.

    ``server`` is the user that the server runs as, None for this one. Other rules that an owner has set stay as they
    are. Raises ``OSError``.
    """
    present = (data_dir / RULES).read_text(errors="replace")
    ours = new or present.startswith(_HEADER)
    if not ours and not _trusting(present):
        return False
    wanted = {
        RULES: _HEADER + (_OVER_TCP if tcp else _AT_SOCKET),
        IDENTITIES: _HEADER + ("" if tcp else _map(data_dir)),
    }
    changed = {name: text for name, text in wanted.items() if (data_dir / name).read_text(errors="replace") != text}
    if not ours:
        changed = {_BEFORE: present} | changed
    for name, text in changed.items():
        with replacing(data_dir / name) as partial:
            partial.write_text(text)
            if server is not None:
                os.chown(partial, *server)
    return bool(changed)


def _trusting(rules: str) -> bool:
    lines = (line.partition("#")[0].split() for line in rules.splitlines())
    return any("trust" in fields for fields in lines)


def _map(data_dir: Path) -> str:
    """The users of the system who may connect, as any role: the owner, and root, who may read the files in any case."""
    user = system.user_id()
    if user is None:
        return ""
    import pwd

    owner = _owner(data_dir)
    names = [pwd.getpwuid(uid).pw_name for uid in {0, user} | ({owner.user} if owner is not None else set())]
    return "".join(f'owner "{name}" all\n' for name in sorted(names))


def _owner(data_dir: Path) -> SystemUser | None:
    """The user of the system whose server it is, if that is another one than this process's: root works for them.

    A server that root has made for itself belongs to a stand-in, who owns the files and nothing else.
    """
    if system.user_id() != 0:
        return None
    import pwd

    status = data_dir.stat()
    return None if status.st_uid in (0, pwd.getpwnam(STAND_IN).pw_uid) else SystemUser(status.st_uid, status.st_gid)


def _free_port() -> int:
    with closing(socket.socket()) as reserved:
        reserved.bind((ADDRESS, 0))
        return int(reserved.getsockname()[1])


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as tried:
        if not system.is_windows():  # or else what is left of closed connections would count; on Windows it never does
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((ADDRESS, port))
        except OSError:
            return False
        return True
