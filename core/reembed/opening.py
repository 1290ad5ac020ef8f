"""The frame of every run on a store: its sessions, its report, and what an error means for the data."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import LiteralString

import psycopg

from vestige_tui.core.destination.checks import require, server_refusals
from vestige_tui.core.destination.inspection import inspect
from vestige_tui.core.destination.server_errors import explain_connecting, explained
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.errors import Cancelled, MigrationError
from vestige_tui.core.facts import DataState
from vestige_tui.core.reembed import events, preflight
from vestige_tui.core.reembed.events import ReembedPhase
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.recorder import Recorder
from vestige_tui.core.reembed.report import Action, ReembedOutcome
from vestige_tui.core.reembed.state import look

log = logging.getLogger(__name__)

_SESSIONS = 2
"""Connections that a run can use: one writes, the other reads and observes."""


@contextmanager
def recorded(recorder: Recorder) -> Iterator[None]:
    """One run: its time, its end, and what an error means for the data, go into the report."""
    report = recorder.report
    started = time.monotonic()
    log.info("reembed: %s at %s, model %s", report.action, report.url, report.target)
    try:
        yield
    except Cancelled:
        report.outcome = ReembedOutcome.CANCELLED
    except MigrationError as error:
        error.state = _meaning(error, recorder)
        error.report = report
        report.failure = error.what
        log.error("reembed: %s", error.what)
        raise
    finally:
        report.duration_secs = time.monotonic() - started
        log.info("reembed: %s embedded=%d rows_updated=%d", report.outcome, report.embedded, report.rows_updated)


def _meaning(error: MigrationError, recorder: Recorder) -> DataState:
    """What an error means for the data, by how far the run had come."""
    unknown = error.state is DataState.LAST_BATCH_UNKNOWN
    match recorder.phase:
        case ReembedPhase.CHECK:
            return DataState.STORE_UNCHANGED
        case ReembedPhase.SWAP if unknown:
            return DataState.SWAP_UNKNOWN
        case ReembedPhase.REMOVE:
            return DataState.SWAPPED if recorder.report.action is not Action.ABANDON else DataState.EMBEDDED_KEPT
        case _ if recorder.report.action is Action.ONLY_MISSING:
            return DataState.MISSING_KEPT
    return DataState.EMBEDDED_KEPT


@contextmanager
def opened(plan: ReembedPlan, recorder: Recorder, waits: Waits) -> Iterator[Job]:
    """The sessions of a run, at a store that was inspected. Errors of psycopg are put into words."""
    dsn = plan.postgres_url
    sessions = Sessions(dsn, recorder.cancel, waits, read_only=plan.dry_run)
    recorder.enter(ReembedPhase.CHECK)
    with ExitStack() as stack, explained(dsn):
        try:
            control = stack.enter_context(sessions.open())
        except psycopg.Error as error:
            raise explain_connecting(error, dsn) from None
        others: tuple[Session, ...] = ()
        with control.watchdog.step():
            destination = inspect(control.connection)
            require(server_refusals(destination))
            store = preflight.store_of(destination)
        if not plan.dry_run:
            others = tuple(stack.enter_context(sessions.open_more(control, min(plan.max_connections, _SESSIONS))))[1:]
        report = recorder.report
        report.server_version, report.pgvector_version = destination.server.version, destination.pgvector_version
        yield Job(sessions, control, others, store, destination, recorder)


_VECTORS: LiteralString = "SELECT count(*) FROM {memories} k WHERE k.{embedding} IS NOT NULL"


def say_swapped(job: Job) -> None:
    """Count what is in place now, and say what the vectors put aside hold."""
    report = job.recorder.report
    with job.control.watchdog.step():
        ((report.rows_updated,),) = job.connection.execute(job.store.sql(_VECTORS)).fetchall()
        report.disk_held = look(job.connection).disk
    job.recorder.emit(events.Swapped(report.rows_updated, report.disk_held))
