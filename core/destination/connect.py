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

_READ_ONLY = "-c default_transaction_read_only=on"


def conninfo(dsn: Dsn, *, read_only: bool = False) -> str:
    """The connection string that is really used: the operator's settings, with ours where theirs are silent."""
    if read_only:
        dsn = dsn.with_parameters(options=f"{dsn.parameters.get('options', '')} {_READ_ONLY}".strip())
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
    info = _try_out(dsn, read_only)
    with ConnectionPool(
        info,
        min_size=1,
        max_size=max_connections,
        kwargs={"autocommit": True, "prepare_threshold": None},
        reconnect_timeout=CONNECT_TIMEOUT,
        timeout=2 * CONNECT_TIMEOUT,
        configure=_refuse_writes if read_only else None,
        open=True,
    ) as pool:
        yield pool


def _try_out(dsn: Dsn, read_only: bool) -> str:
    """Connect once, since a pool only says that it got no connection, not why; returns the string that works."""
    info = conninfo(dsn, read_only=read_only)
    try:
        try:
            psycopg.connect(info, autocommit=True).close()
        except psycopg.OperationalError as error:
            if "unsupported startup parameter" not in str(error):
                raise
            info = conninfo(dsn)  # PgBouncer; transactions are still opened READ ONLY
            psycopg.connect(info, autocommit=True).close()
    except psycopg.Error as error:
        raise explain_connecting(error, dsn) from None
    return info


def _refuse_writes(connection: Connection) -> None:
    """Every transaction that psycopg opens on this connection is READ ONLY."""
    connection.read_only = True


def behind_pooler(connection: Connection) -> bool:
    """Whether something like PgBouncer sits between: the process that answers is not the one that was connected to.

    Behind it a session may change between two transactions, so neither temporary tables nor session locks hold.
    """
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    return row is not None and row[0] != connection.info.backend_pid
