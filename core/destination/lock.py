"""One copy at a time: an advisory lock keeps a second one out of the same schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import LiteralString

import psycopg

from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.lock_holder import LOCK_CLASS, find_holder
from vestige_tui.core.destination.server_errors import explain_connecting, full_pool
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.watchdog import Watchdog
from vestige_tui.core.errors import Cancelled, DestinationBusyError, DestinationError, RefusedError
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
    with _lent(sessions) as holder:
        with holder.watchdog.step():
            _take(holder.connection, _TRANSACTION_LOCK, destination.schema, sessions)
        _require_another(control, sessions)
        yield


def check_lockable(sessions: Sessions, control: Session, destination: Destination) -> None:
    """Refuse what ``locked`` would refuse of a pooler, without taking the lock. Raises ``RefusedError``."""
    if destination.pooled:
        with _lent(sessions):
            _require_another(control, sessions)


@contextmanager
def _lent(sessions: Sessions) -> Iterator[Session]:
    """A session in a transaction, for which a pooler lends it a connection while the block runs."""
    with ExitStack() as stack:
        try:
            session = stack.enter_context(sessions.open())
        except psycopg.Error as error:
            raise explain_connecting(error, sessions.dsn) from None
        with session.watchdog.step():
            stack.enter_context(unlimited(session.connection))
        yield session


def _require_another(control: Session, sessions: Sessions) -> None:
    """Refuse a pooler that has no connection for ``control`` while the holder of the lock has one."""
    waits = replace(sessions.waits, answer=sessions.waits.extra_connection)
    try:
        with Watchdog(control.connection, sessions.cancel, waits) as watchdog, watchdog.step():
            control.connection.execute("SELECT 1")
    except DestinationError:
        pass  # no answer in time
    except psycopg.Error as error:
        if full_pool(error) is None:
            raise
    else:
        return
    raise RefusedError(
        "The pooler lends one connection to the server, and no second one beside it.",
        remedy="A copy through a pooler needs two at once, whatever --max-connections says: one holds the lock that "
        "keeps other copies out, the other writes. Enlarge the pool of this database and user to two or more "
        "(PgBouncer: pool_size), wait until other clients are done, or connect to the server itself.",
    )


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
