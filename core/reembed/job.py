"""What every step of a re-embedding works with, and how it takes a short lock beside other sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from psycopg import errors, sql

from vestige_tui.core.destination.autovacuum import step_aside
from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.registry import read_registered
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.errors import DestinationError, RefusedError
from vestige_tui.core.events import Waiting
from vestige_tui.core.facts import DataState
from vestige_tui.core.reembed.recorder import Recorder
from vestige_tui.core.reembed.store import MEMORIES, SETTING, Store

LOCK_MS = 250
"""How long one attempt waits for a lock: others queue behind it. Where two sessions wait for each other, this one gives
up before the server's ``deadlock_timeout`` (1 s) ends the other one.
"""

BRIEFLY = sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_MS)
"""The statement by which the rest of a transaction waits for a lock only so long."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job:
    """One run on one store. ``control`` holds the lock of the run and writes; ``others`` read and observe."""

    sessions: Sessions
    control: Session
    others: tuple[Session, ...]
    store: Store
    destination: Destination
    recorder: Recorder

    @property
    def connection(self) -> Connection:
        """The connection that writes."""
        return self.control.connection

    @contextmanager
    def transaction(self, session: Session | None = None) -> Iterator[Connection]:
        """A transaction that waits for locks only briefly, in a step of the watchdog. For ``patiently``.

        It runs in ``control``, or in another ``session``.
        """
        connection, watchdog = session or self.control
        with watchdog.step(), unlimited(connection):
            connection.execute(BRIEFLY)
            yield connection

    @contextmanager
    def unseen(self, session: Session | None = None) -> Iterator[Connection]:
        """The same for updates of memories: our trigger keeps their ``updated_at``."""
        with self.transaction(session) as connection:
            connection.execute("SELECT set_config(%s, 'on', true)", (SETTING,))
            yield connection

    def check_registered(self, connection: Connection) -> None:
        """See that the store has the model that it had when the run began, and keep it for the rest of a transaction.

        Raises ``RefusedError`` where another session has changed it.
        """
        found, expected = read_registered(connection, self.store.schema), self.destination.registered
        if found != expected:
            raise RefusedError(
                f"Another session has changed the registered model meanwhile: it is {found or 'none'} now, and was "
                f"{expected or 'none'} when this run began.",
                remedy="Find out which program did that. --abandon removes what this run has made.",
            )

    def alter(self, statements: Iterable[sql.Composed]) -> None:
        """Alter the table of memories in one transaction. Raises as ``patiently``."""
        joined = sql.SQL(";\n").join(statements)

        def attempt(_: int) -> None:
            with self.transaction() as connection:
                connection.execute(joined)

        self.patiently(attempt, exclusively=(MEMORIES,))

    def patiently(self, attempt: Callable[[int], T], *, exclusively: Sequence[str] = ()) -> T:
        """What an attempt returns that waits for locks only briefly; it is repeated while other sessions hold them.

        ``exclusively``: the tables on which it needs a lock that autovacuum does not share; that steps aside first.
        Between two attempts those that waited behind this one get their turn. Raises ``DestinationError`` where others
        hold their locks for too long.
        """
        waits, watchdog = self.sessions.waits, self.control.watchdog
        give_up = watchdog.now + waits.short_lock
        number = 0
        while True:
            try:
                if exclusively:
                    with watchdog.step():
                        step_aside(self.connection, self.store.schema, exclusively)
                return attempt(number)
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                left = give_up - watchdog.now
                if left <= 0:
                    raise _in_use(waits.short_lock) from None
            self.recorder.stop_if_cancelled()
            self.recorder.emit(Waiting((MEMORIES,), left))
            self.recorder.cancel.wait(waits.enforce_attempt)
            number += 1


def _in_use(seconds: float) -> DestinationError:
    return DestinationError(
        f"Other sessions have held locks on {MEMORIES} for {seconds:,.0f} seconds, and this run needs one briefly.",
        state=DataState.EMBEDDED_KEPT,
        remedy="Find them in pg_stat_activity: often it is a transaction that was never ended. Then run again.",
    )
