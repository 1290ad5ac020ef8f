"""A trial of Vestige's settings: connects with exactly those, and reads one memory."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime

import psycopg

from vestige_tui.core.destination.connection import Connection, connect
from vestige_tui.core.destination.server_errors import explain_connecting, first_line
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.facts import Obstacle
from vestige_tui.core.handover.settings import VestigeSettings
from vestige_tui.core.secret import Secret

_ONE = "SELECT content, created_at, vector_dims(embedding) FROM knowledge_nodes ORDER BY created_at DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class FoundMemory:
    """A memory: the beginning of its content, when it was made, and the elements of its vector, if it has one."""

    start: str = field(repr=False)
    created: datetime
    dimension: int | None


@dataclass(frozen=True, slots=True)
class Trial:
    """What answered. ``memory`` is the newest of the ``memories``, None where there is none.

    ``password_added``: the settings alone were refused, and a password that is not among them was needed.
    ``registered`` is the model of the vectors there.
    """

    version: str
    database: str
    user: str
    memories: int
    memory: FoundMemory | None
    registered: str | None
    password_added: bool = False


def try_settings(settings: VestigeSettings, password: Secret | None = None) -> Trial:
    """Connect and look, in a read-only transaction. Raises ``DestinationError``, and ``UsageError`` for no URL.

    ``password`` is used only where the server asks for one that neither the settings nor libpq's places have.
    """
    dsn = Dsn.parse(settings.url)
    try:
        return _look(dsn)
    except DestinationError as error:
        if password is None or error.obstacle is not Obstacle.NO_PASSWORD:
            raise
    return replace(_look(dsn.with_parameters(password=password.reveal())), password_added=True)


def _look(dsn: Dsn) -> Trial:
    try:
        connection = connect(dsn, read_only=True)
    except psycopg.Error as error:
        raise explain_connecting(error, dsn) from None
    with closing(connection):
        try:
            with connection.transaction():
                return _found(connection)
        except psycopg.errors.UndefinedTable:
            raise DestinationError(
                "The connection works, but there is no table of memories where it leads.",
                remedy="Vestige looks in the schemas of search_path: set it for this user or this database.",
            ) from None
        except psycopg.errors.UndefinedFunction:
            raise DestinationError(
                "The connection works, but the type vector is not found where it leads.",
                remedy="Put the schema of the extension pgvector on the search_path of this user or database.",
            ) from None
        except psycopg.Error as error:
            raise DestinationError(
                f"The connection works, but no memory can be read: {first_line(error, dsn)}",
                remedy="Let the owner of the tables grant this user SELECT on them.",
            ) from None


def _found(connection: Connection) -> Trial:
    info = connection.info
    (memories,) = connection.execute("SELECT count(*) FROM knowledge_nodes").fetchone() or (0,)
    row = connection.execute(_ONE).fetchone()
    registered = connection.execute("SELECT name FROM embedding_model WHERE id = 1").fetchone()
    version = (info.parameter_status("server_version") or "").split(" ")[0]
    memory = FoundMemory(*row) if row else None
    return Trial(version, info.dbname, info.user, memories, memory, registered[0] if registered else None)
