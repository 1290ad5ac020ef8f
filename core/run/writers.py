"""Several writers at work on one source: reading and converting go on while the server takes in what came before.

One thread, the run's own, reads; it puts groups of batches into a short queue. Each writer thread has a connection of
its own and takes the next group. Tables that refer to others are begun only when those are finished.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from queue import Full, Queue
from types import TracebackType
from typing import NamedTuple, TypeVar

from vestige_tui.core.destination.bootstrap import add_bootstrap_user
from vestige_tui.core.destination.foreign_keys import ForeignKeyChecks
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.keys import KeyLookups, look_up, skip_present
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.destination.writer import TableWriter
from vestige_tui.core.errors import Cancelled
from vestige_tui.core.rows.batches import BatchResult, FinishedBatch, KeyBatch, RowBatch, rejected
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.run.progress import Progress

GROUP_BATCHES = 8
GROUP_BYTES = 1_000_000
"""How many batches travel together at most, each still a transaction of its own: round trips are paid by the group."""

WAITING_GROUPS = 2
"""Groups that are ready for a writer: reading is quick, and each costs memory."""


B = TypeVar("B", bound=KeyBatch | RowBatch)


class _Task(NamedTuple):
    table: Table
    batches: Sequence[KeyBatch | RowBatch]


def useful_writers(rows: Iterable[int], batch_size: int) -> int:
    """How many writers have work to do: the first, and another one for every full group of batches.

    ``rows`` is how many rows each table has. To open a connection takes longer than to write a few batches.
    """
    return 1 + sum(-(-number // batch_size) for number in rows) // GROUP_BATCHES


def grouped(batches: Iterable[B]) -> Iterator[list[B]]:
    """Batches in groups that travel together."""
    group: list[B] = []
    size = 0
    for batch in batches:
        group.append(batch)
        size += batch.size
        if len(group) == GROUP_BATCHES or size >= GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


class Writers:
    """Writes batches over several connections while the block runs."""

    def __init__(self, sessions: Sequence[Session], destination: Destination, progress: Progress) -> None:
        self._first = sessions[0]
        self._destination = destination
        self._progress = progress
        self._queue: Queue[_Task | None] = Queue(maxsize=WAITING_GROUPS)
        self._failure: BaseException | None = None
        self._stopped = False
        self._finished: list[FinishedBatch] = []
        self._threads = [
            threading.Thread(target=self._work, args=(session,), name=f"writer-{number}", daemon=True)
            for number, session in enumerate(sessions, start=1)
        ]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped = error is not None  # what is still queued is not written
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if isinstance(error, Cancelled) and self._failure not in (None, error):
            raise self._failure from None  # it knows whether a commit was in flight

    def write(self, table: Table, batches: Iterable[KeyBatch | RowBatch]) -> None:
        """Queue a table's batches in groups; raises what stopped a writer, or ``Cancelled``."""
        for group in grouped(batches):
            self._put(_Task(table, group))

    def finish(self) -> list[FinishedBatch]:
        """Wait until all that was queued is written, and return the batches since the last call. Raises what stopped a
        writer, or ``Cancelled``.
        """
        self._wait()
        finished, self._finished = self._finished, []
        return finished

    def _wait(self) -> None:
        self._queue.join()
        self._check()

    def add_bootstrap_user(self) -> str | None:
        """Add the bootstrap user where it is missing; its handle then."""
        with self._first.watchdog.step():
            return add_bootstrap_user(self._first.connection, self._destination)

    def _put(self, task: _Task) -> None:
        while True:
            self._check()
            try:
                self._queue.put(task, timeout=0.1)
            except Full:
                continue
            break
        if task.table.unique:  # of two rows that want one name the earlier gets it, whichever writer is the quicker
            self._wait()

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._progress.stop_if_cancelled()

    def _work(self, session: Session) -> None:
        writer = _Writer(session, self._destination)
        while (task := self._queue.get()) is not None:
            try:
                if self._failure is None and not self._stopped and not self._progress.cancel.is_set():
                    self._carry_out(task, writer)
            except BaseException as error:  # carried to the run's own thread, which raises it
                self._failure = self._failure or error
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _carry_out(self, task: _Task, writer: _Writer) -> None:
        for number, result in writer.carry_out(task):
            finished = FinishedBatch(task.table.name, number, result)
            self._progress.batch_done(finished)
            self._finished.append(finished)


class _Writer:
    """One writer: its session, and what it has made ready there for each table."""

    def __init__(self, session: Session, destination: Destination) -> None:
        self._session = session
        self._destination = destination
        self._writers: dict[str, TableWriter] = {}
        self._lookups = KeyLookups(destination)
        self._foreign_keys = ForeignKeyChecks(session.connection, destination, self._lookups)

    def carry_out(self, task: _Task) -> Iterator[tuple[int, BatchResult]]:
        """Look up or write these batches; the number and the result of each, as soon as it is certain."""
        rows = [batch for batch in task.batches if isinstance(batch, RowBatch)]
        keys = [batch for batch in task.batches if isinstance(batch, KeyBatch)]
        return self._look_up(task.table, keys) if keys else self._write(task.table, rows)

    def _look_up(self, table: Table, batches: Sequence[KeyBatch]) -> Iterator[tuple[int, BatchResult]]:
        with self._session.watchdog.step():
            results = look_up(self._session.connection, self._lookups.by_key(table), batches)
        yield from zip((batch.number for batch in batches), results, strict=True)

    def _write(self, table: Table, batches: Sequence[RowBatch]) -> Iterator[tuple[int, BatchResult]]:
        with self._session.watchdog.step():
            found = skip_present(self._session.connection, self._lookups.by_key(table), batches)
        with self._session.watchdog.step():
            remaining = self._foreign_keys.reject_orphans(table, [batch for batch, _ in found])
        known = [rejected(batch) + present for batch, (_, present) in zip(remaining, found, strict=True)]
        if not any(batch.records for batch in remaining):
            yield from ((batch.number, result) for batch, result in zip(remaining, known, strict=True))
            return
        with self._session.watchdog.step():
            written = self._writer(table).write([batch.records for batch in remaining])
        for batch, result in zip(remaining, known, strict=True):
            with self._session.watchdog.step():
                sent = next(written)
            yield batch.number, result + sent
        with self._session.watchdog.step():
            for _ in written:
                pass

    def _writer(self, table: Table) -> TableWriter:
        if table.name not in self._writers:
            self._writers[table.name] = TableWriter(self._session.connection, self._destination, table)
        return self._writers[table.name]
