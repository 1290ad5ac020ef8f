"""The bootstrap user: the default owner of memories, which every Vestige database has.

The source's own row counts. So a copy adds this user after the source's users, and only where the id is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, count

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, USERS

HANDLE = "local"


def add_bootstrap_user(connection: Connection, destination: Destination) -> str | None:
    """Add the bootstrap user where it is missing and return its handle, else None. Raises ``psycopg.Error``."""
    users = sql.Identifier(destination.schema, USERS.name)
    if _exists(connection, users, "id", BOOTSTRAP_USER_ID):
        return None
    handle = free_handle(lambda candidate: handle_taken(connection, destination, candidate))
    insert = sql.SQL("INSERT INTO {} (id, handle, display_name) VALUES ({}, {}, 'Local User') ON CONFLICT DO NOTHING")
    connection.execute(insert.format(users, sql.Literal(BOOTSTRAP_USER_ID), sql.Literal(handle)))
    return handle


def free_handle(taken: Callable[[str], bool]) -> str:
    """``local``, or the first of ``local-2``, ``local-3``, … that no other user has."""
    candidates = chain([HANDLE], (f"{HANDLE}-{number}" for number in count(2)))
    return next(candidate for candidate in candidates if not taken(candidate))


def handle_taken(connection: Connection, destination: Destination, handle: str) -> bool:
    """Whether a user of the destination has this handle."""
    return _exists(connection, sql.Identifier(destination.schema, USERS.name), "handle", handle)


def _exists(connection: Connection, users: sql.Identifier, column: str, value: str) -> bool:
    query = sql.SQL("SELECT FROM {} WHERE {} = {}").format(users, sql.Identifier(column), sql.Literal(value))
    return connection.execute(query).rowcount > 0
