"""One copy at a time: an advisory lock keeps a second one out of the same schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import LiteralString

from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.lock_holder import LOCK_CLASS, find_holder
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.errors import Cancelled, DestinationBusyError
from vestige_tui.core.facts import LockHolder

_SESSION_LOCK: LiteralString = "SELECT pg_try_advisory_lock(%s, hashtext(%s))"
_TRANSACTION_LOCK: LiteralString = "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))"


@contextmanager
def locked(sessions: Sessions, control: Session, destination: Destination) -> Iterator[None]:
    """Keep a second copy out while the block runs. Raises ``DestinationBusyError`` where one is running.

    The session that writes holds the lock, so that it lasts as long as the writing. Behind a pooler a transaction holds
    it, on a connection of its own.
    """
    if not destination.pooled:
        with control.watchdog.step():
            _take(control.connection, _SESSION_LOCK, destination.schema, sessions)
        yield
        return
    with sessions.open() as (holder, watchdog), ExitStack() as held:
        with watchdog.step():
            held.enter_context(unlimited(holder))
            _take(holder, _TRANSACTION_LOCK, destination.schema, sessions)
        yield


def _take(connection: Connection, query: LiteralString, schema: str, sessions: Sessions) -> None:
    """Take the lock. Its holder is judged only after a while: just after a kill its session looks as alive as any.

    Where the session then seems to have lost its client, wait until the server ends it. A session that begins another
    statement meanwhile still has its client.
    """
    waits = sessions.waits
    judged = waits.clock() + waits.lock_grace
    first: LockHolder | None = None
    while not _try(connection, query, schema):
        if waits.clock() >= judged:
            holder = find_holder(connection, schema)
            if holder is not None:  # else it was just released
                first = first or holder
                if holder.changed != first.changed:
                    holder = replace(holder, alone=False)
            if waits.clock() > judged + waits.abandoned_session or not (holder is None or holder.abandoned):
                raise DestinationBusyError(holder)
        if sessions.cancel.wait(waits.lock_attempt):
            raise Cancelled


def _try(connection: Connection, query: LiteralString, schema: str) -> bool:
    row = connection.execute(query, (LOCK_CLASS, schema)).fetchone()
    return bool(row and row[0])
