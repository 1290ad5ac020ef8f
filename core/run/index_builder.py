"""The writing part of a run: rows over several connections, and indexes beside them as soon as their table is full;
last of all, references that were not enforced until then.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import ConnectionPool, PoolTimeout

from vestige_tui.core import events
from vestige_tui.core.destination import completeness, foreign_keys, indexes
from vestige_tui.core.destination.connection import Connection, connect
from vestige_tui.core.destination.foreign_keys import PendingForeignKey
from vestige_tui.core.destination.indexes import Observed
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.server_errors import refusal
from vestige_tui.core.destination.watchdog import Session, Watchdog
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.events import Phase
from vestige_tui.core.missing import Cause, MissingPart, PartKind, Reason
from vestige_tui.core.rows.tables import Index
from vestige_tui.core.run.recorder import Recorder
from vestige_tui.core.run.table_pass import Transfer, stages
from vestige_tui.core.run.writers import Writers

EXTRA_CONNECTION_WAIT = 5.0
"""Seconds to wait for each connection beyond the first; without it the run goes on with those it has."""

PROGRESS_INTERVAL = 0.5
"""Seconds between two looks at how far an index is."""

RECONNECT_PAUSE = 5.0
"""Seconds between two attempts to get a connection from which to look."""

LOCK_PATIENCE = 30.0
"""Seconds for which a run waits until no other session is at work with the tables any more: for each index, and for all
references together.
"""

LOCK_PAUSE = 0.2
"""Seconds between two attempts, in which those who waited behind this one get their turn."""


@contextmanager
def sessions(
    pool: ConnectionPool[Connection], control: Session, wanted: int, recorder: Recorder
) -> Iterator[Sequence[Session]]:
    """Up to ``wanted`` connections, ``control`` first; a server that has fewer to give gets by with those."""
    with ExitStack() as stack:
        found = [control]
        while len(found) < wanted:
            try:
                connection = stack.enter_context(pool.connection(timeout=EXTRA_CONNECTION_WAIT))
            except PoolTimeout:
                recorder.notice(f"The server gave {len(found)} of {wanted} connections; the copy takes longer.")
                break
            found.append(Session(connection, stack.enter_context(Watchdog(connection, recorder.cancel))))
        yield found


def load(transfer: Transfer, found: Sequence[Session], destination: Destination, dsn: Dsn) -> tuple[MissingPart, ...]:
    """Bring every table over, build the indexes that are missing, those of full tables beside the last tables, and have
    the references enforced that are not yet. Returns what is missing then.
    """
    recorder = transfer.recorder
    control, *others = found
    *first, last = stages()
    with Writers(found, destination, recorder) as writers:
        for tables in (*first, *(() if others else (last,))):
            transfer.run(tables, writers)
    builder = Builder(control, destination, recorder)
    filling = last if others else ()
    observer = Observer(others, dsn, recorder)
    with builder.in_background({table.name for table in filling}) as full, closing(observer):
        if others:
            with Writers(others, destination, recorder) as writers:
                transfer.run(last, writers)
        recorder.emit(events.PhaseStarted(Phase.INDEXES))
        full.set()
        builder.watch(observer)
    return builder.missing()


class Observer:
    """Looks from a connection of its own how far another one is.

    It takes the first of ``others``, or else opens one, and another one in place of one that breaks. Whoever made it
    closes it.
    """

    def __init__(self, others: Sequence[Session], dsn: Dsn, recorder: Recorder) -> None:
        self._dsn = dsn
        self._recorder = recorder
        self._session = others[0] if others else None
        self._opened = ExitStack()
        self._next_attempt = 0.0

    def close(self) -> None:
        """Close what it has opened."""
        self._opened.close()

    def look(self, builder: Connection) -> Observed | None:
        """What it sees of the session of ``builder``, None where the server has no connection to give just now.

        Raises ``Cancelled``, or ``DestinationError`` where the server does not answer.
        """
        try:
            session = self._connected()
            if session is None:
                return None
            with session.watchdog.step():
                return indexes.observe(session.connection, builder)
        except psycopg.errors.ConnectionTimeout:
            return Observed(working=False, fraction=None)  # nobody is there
        except psycopg.OperationalError:
            return None

    def _connected(self) -> Session | None:
        """A session that is not broken; after a failure it takes a while until the next attempt."""
        if self._session is not None and self._session.connection.closed:
            self._session = None
            self._opened.close()
        if self._session is None and time.monotonic() >= self._next_attempt:
            self._next_attempt = time.monotonic() + RECONNECT_PAUSE
            connection = self._opened.enter_context(connect(self._dsn))
            self._session = Session(connection, self._opened.enter_context(Watchdog(connection, self._recorder.cancel)))
        return self._session


class Builder:
    """Builds the indexes that are missing, and has the references enforced that are not yet; what is cancelled is
    rolled back, and the next run does it.
    """

    def __init__(self, session: Session, destination: Destination, recorder: Recorder) -> None:
        self._session = session
        self._destination = destination
        self._recorder = recorder
        self._failure: BaseException | None = None
        self._abandoned = False
        self._current: tuple[Index | PendingForeignKey, int] | None = None
        self._thread: threading.Thread | None = None
        self._give_up = float("inf")
        self._left: dict[str, Cause] = {}
        with session.watchdog.step():
            self._missing: Sequence[Index | PendingForeignKey] = (
                *indexes.missing_indexes(session.connection, destination),
                *foreign_keys.pending(destination),
            )

    def _carry_out(self, chosen: Sequence[Index | PendingForeignKey]) -> None:
        """Build or enforce these, one after the other."""
        for part in chosen:
            self._recorder.stop_if_cancelled()
            if self._abandoned:
                return
            self._current = part, self._missing.index(part) + 1
            self._emit_progress(0.0)
            kind = PartKind.INDEX if isinstance(part, Index) else PartKind.FOREIGN_KEY
            try:
                if isinstance(part, Index):
                    self._build(part)
                else:
                    self._enforce(part)
            except psycopg.Error as error:
                cause = refusal(error, kind)
                if cause is None:
                    raise
                self._left[part.name] = cause
            self._emit_progress(1.0)
        self._current = None

    def _build(self, index: Index) -> None:
        with self._session.watchdog.step(long=True):
            indexes.build(self._session.connection, self._destination, index, LOCK_PATIENCE)

    def _enforce(self, foreign_key: PendingForeignKey) -> None:
        """Have a foreign key enforced, trying again while another session is at work with its tables."""
        while not self._try_to_enforce(foreign_key):
            self._recorder.stop_if_cancelled()
            tables = dict.fromkeys((foreign_key.table, foreign_key.foreign_key.table))
            self._recorder.emit(events.Waiting(tuple(tables), self._give_up - self._session.watchdog.now))
            time.sleep(LOCK_PAUSE)

    def _try_to_enforce(self, foreign_key: PendingForeignKey) -> bool:
        """Whether no other session was in the way. Raises its error where that has been so for too long."""
        watchdog = self._session.watchdog
        try:
            with watchdog.step(long=True):
                foreign_keys.enforce(self._session.connection, self._destination, foreign_key)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self._give_up = min(self._give_up, watchdog.now + LOCK_PATIENCE)
            if watchdog.now > self._give_up:
                raise
            return False
        except errors.ForeignKeyViolation:
            self._left[foreign_key.name] = Cause(Reason.ROWS_IN_THE_WAY)
            with watchdog.step(long=True):
                self._recorder.problem(
                    foreign_keys.dangling_rows(self._session.connection, self._destination, foreign_key)
                )
        return True

    def missing(self) -> tuple[MissingPart, ...]:
        """What is not at the destination after all that."""
        with self._session.watchdog.step():
            return completeness.missing_after(self._session.connection, self._destination, self._left)

    @contextmanager
    def in_background(self, filling: set[str]) -> Iterator[threading.Event]:
        """Build while the block runs; the indexes of ``filling`` tables, and all references, wait until the yielded
        event is set.
        """
        full = threading.Event()

        def work() -> None:
            try:
                first = [part for part in self._missing if isinstance(part, Index) and part.table not in filling]
                self._carry_out(first)
                full.wait()
                self._carry_out([part for part in self._missing if part not in first])
            except BaseException as error:  # carried to the run's own thread, which raises it
                self._failure = error

        self._thread = threading.Thread(target=work, name="builder", daemon=True)
        self._thread.start()
        try:
            yield full
        except BaseException:
            failure = self._failure  # what ended the build knows more than who found out
            self._abandoned = True
            self._session.watchdog.interrupt()  # nobody waits for an index of a copy that has failed
            full.set()
            self._thread.join()
            if failure is not None:
                raise failure from None
            raise
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def watch(self, observer: Observer) -> None:
        """Until all is built, look from another connection how far the server is, and whether it is at work at all."""
        watchdog = self._session.watchdog
        seen_at_work = free = watchdog.now
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(PROGRESS_INTERVAL)
            if not self._thread.is_alive():
                return
            if self._destination.pooled:  # a pooler does not tell which session it lent
                continue
            seen = observer.look(self._session.connection)
            if seen is None:
                continue
            if seen.working:
                seen_at_work = watchdog.now
            if not seen.waiting:
                free = watchdog.now
            watchdog.silent_since(seen_at_work)
            self._tell_of_waiting(watchdog.now - free)
            if seen.fraction is not None:
                self._emit_progress(seen.fraction)

    def _tell_of_waiting(self, seconds: float) -> None:
        """Tell that an index has been waiting for another session; ``_enforce`` tells it of a foreign key."""
        part = self._current[0] if self._current is not None else None
        if seconds > 0 and isinstance(part, Index):
            self._recorder.emit(events.Waiting((part.table,), max(0.0, LOCK_PATIENCE - seconds)))

    def _emit_progress(self, fraction: float) -> None:
        current = self._current
        if current is not None:
            part, position = current
            self._recorder.emit(events.IndexProgress(part.name, position, len(self._missing), fraction))
