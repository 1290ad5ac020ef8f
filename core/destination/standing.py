"""The embedded PostgreSQL on its own: started to go on without vestige-tui, looked at, and stopped."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from vestige_tui.core.destination import postmaster
from vestige_tui.core.destination.astray import check_in_place
from vestige_tui.core.destination.connection import APPLICATION
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.text import count

if TYPE_CHECKING:
    from vestige_tui.core.destination.connection import Connection
    from vestige_tui.core.dsn import Dsn

VERSION_FILE = "PG_VERSION"
_CLIENTS = (
    "SELECT application_name, count(*), min(backend_start) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() GROUP BY 1 ORDER BY 3"
)


@dataclass(frozen=True, slots=True)
class Client:
    """A program that is connected, by the name that it gives itself, which may be empty."""

    name: str
    connections: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """An embedded server as it is now. ``size`` is that of its files in bytes, None where there is no data yet.

    ``dsn`` is None where it does not run. ``kept``: it goes on without clients. ``version`` is empty without data.
    """

    folder: Path
    dsn: Dsn | None
    kept: bool
    version: str
    size: int | None
    started: datetime | None = None
    clients: tuple[Client, ...] = ()


def start(folder: Path) -> Standing:
    """Start the server, if it does not run, so that it goes on. Raises ``MigrationError``."""
    EmbeddedServer(folder).keep()
    return look(folder)


def stop(folder: Path, *, force: bool = False) -> bool:
    """Shut the server down; returns whether it was running. Raises ``MigrationError``.

    A copy or a wizard that uses it makes that a ``RefusedError``, unless ``force`` is set. Other programs are
    disconnected.
    """
    if not _exists(folder):
        check_in_place(folder)
        return False
    return EmbeddedServer(folder).stop(_refuse_while_used if not force else lambda _: None)


def look(folder: Path) -> Standing:
    """What runs on a folder, if anything. Changes nothing. Raises ``MigrationError``."""
    if not _exists(folder):
        check_in_place(folder)
        return Standing(folder, None, kept=False, version="", size=None)
    server = EmbeddedServer(folder)
    with server.visit() as connection:
        size = sum(_sizes(folder))
        running = server.running
        if connection is None or running is None:
            version = (folder / VERSION_FILE).read_text(errors="replace").strip()
            return Standing(folder, None, kept=False, version=version, size=size)
        version = connection.info.parameter_status("server_version") or ""
        (started,) = connection.execute("SELECT pg_postmaster_start_time()").fetchone() or (None,)
        kept = postmaster.is_kept(server.data_dir, running)
        return Standing(folder, server.dsn, kept, version.split()[0], size, started, _clients(connection))


def runs(folder: Path) -> bool:
    """Whether a server runs on a folder."""
    try:
        return postmaster.running_postmaster(folder) is not None
    except OSError:
        return False


def is_kept(folder: Path) -> bool:
    """Whether a server runs on a folder that goes on without clients."""
    try:
        running = postmaster.running_postmaster(folder)
        return running is not None and postmaster.is_kept(folder, running)
    except OSError:
        return False


def _clients(connection: Connection) -> tuple[Client, ...]:
    return tuple(Client(*row) for row in connection.execute(_CLIENTS))


def _refuse_while_used(connection: Connection) -> None:
    ours = sum(client.connections for client in _clients(connection) if client.name == APPLICATION)
    if ours:
        raise RefusedError(
            f"vestige-tui is using the embedded PostgreSQL at the moment: {count(ours, 'connection')}.",
            remedy="Let the copy or the wizard end first, or stop the server all the same with --force. A copy that "
            "is cut off loses nothing that has arrived; running it again brings the rest.",
        )


def _exists(folder: Path) -> bool:
    """Whether there is data of a server, also where this user may not read it."""
    return os.path.lexists(folder) and (not os.access(folder, os.X_OK) or (folder / VERSION_FILE).exists())


def _sizes(folder: Path) -> Iterator[int]:
    for place, _, files in os.walk(folder):
        for file in files:
            try:
                yield (Path(place) / file).lstat().st_size
            except FileNotFoundError:  # the server works on
                continue
