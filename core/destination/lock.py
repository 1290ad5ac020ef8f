"""One copy at a time: an advisory lock keeps a second one out of the same schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg

from vestige_tui.core.destination.catalog import Destination
from vestige_tui.core.destination.connect import Connection, conninfo
from vestige_tui.core.destination.dsn import Dsn
from vestige_tui.core.destination.watchdog import Link, Watchdog
from vestige_tui.core.errors import DestinationBusyError

LOCK_CLASS = 0x56455354
"""First half of the advisory lock's key ("VEST" in ASCII); the second half is the hash of the schema's name."""

_SESSION_LOCK: LiteralString = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
_TRANSACTION_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))"


@contextmanager
def locked(dsn: Dsn, control: Link, destination: Destination, cancel: threading.Event) -> Iterator[None]:
    """Keep a second copy out while the block runs. Raises ``DestinationBusyError`` where one is running.

    The lock belongs to the connection that writes, so it lasts as long as the writing can. Behind a pooler a
    transaction has to hold it, on a connection of its own.
    """
    if not destination.pooled:
        with control.watchdog.step():
            _take(control.connection, _SESSION_LOCK, destination.schema)
        yield
        return
    with psycopg.connect(conninfo(dsn), prepare_threshold=None) as holder, Watchdog(holder, cancel) as watchdog:
        with watchdog.step():
            holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            _take(holder, _TRANSACTION_LOCK, destination.schema)
        yield


def _take(connection: Connection, query: LiteralString, schema: str) -> None:
    row = connection.execute(query, (LOCK_CLASS, schema)).fetchone()
    if not row or not row[0]:
        raise DestinationBusyError(
            "Another copy is writing to this destination.",
            remedy="Wait until it has finished, then run this one again.",
        )
