"""Opening connections: with time limits everywhere, so that nothing hangs without a word."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg_pool import ConnectionPool

from vestige_tui.core.destination.dsn import Dsn
from vestige_tui.core.destination.failures import explain_connecting

Connection = psycopg.Connection[tuple[Any, ...]]

CONNECT_TIMEOUT = 10
"""Seconds to wait for a server, where neither the connection string nor ``PGCONNECT_TIMEOUT`` says otherwise."""


def conninfo(dsn: Dsn) -> str:
    """The connection string that is really used: the operator's settings, with ours where theirs are silent."""
    return dsn.conninfo(
        application_name="vestige-tui",
        connect_timeout=os.environ.get("PGCONNECT_TIMEOUT", CONNECT_TIMEOUT),
        client_encoding="utf8",
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=4,
        tcp_user_timeout=30_000,  # milliseconds until unacknowledged data means a dead link
    )


@contextmanager
def open_pool(dsn: Dsn, *, max_connections: int, read_only: bool = False) -> Iterator[ConnectionPool[Connection]]:
    """Up to ``max_connections`` connections in autocommit mode; the first one is tried before anything else.

    ``read_only`` makes the server itself refuse every write. Raises ``DestinationError``.
    """
    try:
        psycopg.connect(conninfo(dsn), autocommit=True).close()  # a pool only says that it got no connection, not why
    except psycopg.Error as error:
        raise explain_connecting(error, dsn) from None
    with ConnectionPool(
        conninfo(dsn),  # kept in no variable, where a traceback could show it
        min_size=1,
        max_size=max_connections,
        kwargs={"autocommit": True, "prepare_threshold": None},
        reconnect_timeout=CONNECT_TIMEOUT,
        timeout=2 * CONNECT_TIMEOUT,
        configure=_refuse_writes if read_only else None,
        open=True,
    ) as pool:
        yield pool


def _refuse_writes(connection: Connection) -> None:
    """Let the server refuse every write: by the session's default, and in every transaction that psycopg opens."""
    if not behind_pooler(connection):  # there the session is lent, and its settings would go to somebody else
        connection.execute("SET default_transaction_read_only = on")
    connection.read_only = True


def behind_pooler(connection: Connection) -> bool:
    """Whether something like PgBouncer sits between: the process that answers is not the one that was connected to.

    Behind it a session may change between two transactions, so neither temporary tables nor session locks hold.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid
