"""The indexes of the shadow column: the one for searching, and the small one that finds what is missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import LiteralString

import psycopg
from psycopg import sql

from vestige_tui.core import notices
from vestige_tui.core.destination import indexes
from vestige_tui.core.destination.build_observer import BuildObserver
from vestige_tui.core.destination.build_resources import MEMORY, Resources, build_with_fallback
from vestige_tui.core.destination.catalog import count_rows
from vestige_tui.core.destination.connection import unlimited
from vestige_tui.core.destination.indexes import HNSW, HNSW_NAME
from vestige_tui.core.errors import Cancelled, DestinationError
from vestige_tui.core.events import IndexProgress, Waiting
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.preflight import hnsw_indexes
from vestige_tui.core.reembed.state import look
from vestige_tui.core.reembed.store import HNSW_SHADOW, MEMORIES, SHADOW, UNFILLED

_UNFILLED: LiteralString = "CREATE INDEX {how} {name} ON {memories} (id) WHERE {shadow} IS NULL"


def build(job: Job, dimension: int, *, concurrently: bool, column: str = SHADOW) -> bool:
    """Build the vector index of a column, unless it is there and valid. Returns whether one can be built.

    ``concurrently``: other sessions may write meanwhile. The time goes into the report. Raises ``psycopg.Error``.
    """
    destination = replace(job.destination, dimension=dimension)
    expression = indexes.hnsw_expression(destination, column)
    if expression is None:
        return False
    with job.control.watchdog.step():
        if hnsw_indexes(job.connection, job.store, column, valid=True):
            return True
    name = HNSW_SHADOW if column == SHADOW else HNSW_NAME
    statement = indexes.hnsw_statement(destination, name, expression, concurrently=concurrently)
    drop_invalid(job)
    started = time.monotonic()
    with _watched(job, HNSW_NAME):

        def attempt(resources: Resources) -> None:
            if resources is not Resources.ALL:
                drop_invalid(job)
            _execute(job, statement, resources.limit(_settings(job, dimension)), concurrently=concurrently)

        build_with_fallback(attempt, lambda shortage: job.recorder.notice(notices.index_takes_longer(shortage)))
    job.recorder.report.index_rebuild_secs += time.monotonic() - started
    return True


def build_unfilled(job: Job, *, concurrently: bool) -> None:
    """Build the small index, by which a swap finds in an instant whether a memory is missing."""
    how = sql.SQL("CONCURRENTLY" if concurrently else "")
    with job.control.watchdog.step():
        if look(job.connection).unfilled:
            return
    drop_invalid(job)
    statement = job.store.sql(_UNFILLED, how=how, name=sql.Identifier(UNFILLED))
    _execute(job, statement, {}, concurrently=concurrently)


def drop_invalid(job: Job) -> None:
    """Drop the indexes that an interrupted concurrent build has left."""
    with job.control.watchdog.step():
        state = look(job.connection)
    broken = [name for name, valid in ((HNSW_SHADOW, state.index), (UNFILLED, state.unfilled)) if valid is False]
    drop(job, broken)


def drop(job: Job, names: list[str]) -> None:
    """Drop indexes, waiting for a moment without other sessions."""
    if not names:
        return
    listed = sql.SQL(", ").join(sql.Identifier(job.store.schema, name) for name in names)
    job.alter([sql.SQL("DROP INDEX IF EXISTS {}").format(listed)])


def _settings(job: Job, dimension: int) -> Mapping[str, str]:
    """Memory and processors for the build, as a copy asks for them."""
    destination = replace(job.destination, dimension=dimension)
    with job.control.watchdog.step():
        rows = count_rows(job.connection, destination.schema, HNSW.table)
        return indexes.hnsw_settings(job.connection, destination, rows)


def _execute(job: Job, statement: sql.Composed, settings: Mapping[str, str], *, concurrently: bool) -> None:
    """Run a build: in a transaction, or (concurrently) outside of any, with settings of the session."""
    job.recorder.stop_if_cancelled()
    connection = job.connection
    with job.control.watchdog.step(long=True):
        if not concurrently:
            with unlimited(connection):
                for name, value in settings.items():
                    connection.execute("SELECT set_config(%s, %s, true)", (name, value))
                connection.execute(statement)
            return
        connection.execute(sql.SQL("RESET {}").format(sql.Identifier(MEMORY)))  # of an attempt before
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        connection.execute(statement)


@contextmanager
def _watched(job: Job, name: str) -> Iterator[None]:
    """Announce from another session how far a build is, and whether it waits for other sessions."""
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(job, name, done), name="observer", daemon=True)
    job.recorder.emit(IndexProgress(name, 1, 1))
    if job.others:
        watcher.start()
    try:
        yield
    finally:
        done.set()
        if job.others:
            watcher.join()
    job.recorder.emit(IndexProgress(name, 1, 1, 1.0))


def _watch(job: Job, name: str, done: threading.Event) -> None:
    waits, watchdog = job.sessions.waits, job.control.watchdog
    observer = BuildObserver(job.others, job.sessions)
    working = watchdog.now
    with suppress(Cancelled, DestinationError, psycopg.Error):  # the build's own step ends the run
        while not done.wait(waits.look):
            seen = observer.look(job.connection)
            if seen is None:
                continue
            if seen.working or seen.waiting:
                working = watchdog.now
            watchdog.silent_since(working)
            if seen.waiting:
                job.recorder.emit(Waiting((MEMORIES,), waits.short_lock))
            elif seen.fraction is not None:
                job.recorder.emit(IndexProgress(name, 1, 1, seen.fraction))
    observer.close()
