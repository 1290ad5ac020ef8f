"""Building the missing indexes, and enforcing pending foreign keys, beside the writers of the last tables."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import errors

from vestige_tui.core import events, notices
from vestige_tui.core.destination import completeness, foreign_keys, indexes
from vestige_tui.core.destination.autovacuum import step_aside
from vestige_tui.core.destination.build_observer import BuildObserver
from vestige_tui.core.destination.foreign_keys import PendingForeignKey
from vestige_tui.core.destination.index_forecast import PROGRESS_POWER
from vestige_tui.core.destination.indexes import HNSW
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.server_errors import refusal
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.facts import Shortage
from vestige_tui.core.missing import Cause, MissingPart, PartKind, Reason
from vestige_tui.core.rows.tables import Index
from vestige_tui.core.run.progress import Progress


class IndexBuilder:
    """Builds the missing indexes and enforces the pending foreign keys. What is cancelled is rolled back, and left to
    the next run.
    """

    def __init__(self, session: Session, destination: Destination, progress: Progress, waits: Waits) -> None:
        self._session = session
        self._destination = destination
        self._progress = progress
        self._recorder = progress.recorder
        self._waits = waits
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
            self._progress.stop_if_cancelled()
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
            indexes.build(self._session.connection, self._destination, index, self._waits.tables_in_use, self._note)

    def _note(self, shortage: Shortage) -> None:
        self._recorder.notice(notices.index_takes_longer(shortage))

    def _enforce(self, foreign_key: PendingForeignKey) -> None:
        """Enforce a foreign key, and try again while other sessions use its tables."""
        again = False
        while not self._try_to_enforce(foreign_key, again=again):
            again = True
            self._progress.stop_if_cancelled()
            self._recorder.emit(events.Waiting(foreign_key.tables, self._give_up - self._session.watchdog.now))
            time.sleep(self._waits.enforce_attempt)

    def _try_to_enforce(self, foreign_key: PendingForeignKey, *, again: bool) -> bool:
        """Whether no other session was in the way; ``again``: one was, and it may have been autovacuum.

        Raises its error where one has been in the way for too long.
        """
        connection, watchdog = self._session
        try:
            with watchdog.step(long=True):
                if again:
                    step_aside(connection, self._destination.schema, foreign_key.tables)
                foreign_keys.enforce(connection, self._destination, foreign_key)
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            self._give_up = min(self._give_up, watchdog.now + self._waits.tables_in_use)
            if watchdog.now > self._give_up:
                raise
            return False
        except errors.ForeignKeyViolation:
            self._left[foreign_key.name] = Cause(Reason.ROWS_IN_THE_WAY)
            with watchdog.step(long=True):
                self._recorder.problem(foreign_keys.dangling_rows(connection, self._destination, foreign_key))
        return True

    def missing(self) -> tuple[MissingPart, ...]:
        """The indexes and foreign keys that are missing now."""
        with self._session.watchdog.step():
            return completeness.missing_after(self._session.connection, self._destination, self._left)

    @contextmanager
    def in_background(self, filling: set[str]) -> Iterator[threading.Event]:
        """Build while the block runs. Indexes of ``filling`` tables and foreign keys wait for the yielded event."""
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
            failure = self._failure  # the cause, while the error of the block may be a consequence
            self._abandoned = True
            self._session.watchdog.interrupt()  # the copy has failed, and an index could take long
            full.set()
            self._thread.join()
            if failure is not None:
                raise failure from None
            raise
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def watch(self, observer: BuildObserver) -> None:
        """Until all is built, look from another connection how far the server is, and whether it is working at all."""
        watchdog = self._session.watchdog
        last_seen_working = free = watchdog.now
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(self._waits.look)
            if not self._thread.is_alive():
                return
            if self._destination.pooled:  # the session behind a pooler is unknown
                continue
            seen = observer.look(self._session.connection)
            if seen is None:
                continue
            if seen.working:
                last_seen_working = watchdog.now
            if not seen.waiting:
                free = watchdog.now
            watchdog.silent_since(last_seen_working)
            self._emit_waiting(watchdog.now - free)
            if seen.fraction is not None:
                self._emit_progress(seen.fraction)

    def _emit_waiting(self, seconds: float) -> None:
        """Report that an index waits for another session; ``_enforce`` does so for a foreign key."""
        part = self._current[0] if self._current is not None else None
        if seconds > 0 and isinstance(part, Index):
            self._recorder.emit(events.Waiting((part.table,), max(0.0, self._waits.tables_in_use - seconds)))

    def _emit_progress(self, fraction: float) -> None:
        current = self._current
        if current is not None:
            part, position = current
            if part is HNSW:  # the more vectors it has, the longer each takes
                fraction = fraction**PROGRESS_POWER
            self._recorder.emit(events.IndexProgress(part.name, position, len(self._missing), fraction))
