"""What follows a re-embedding: bring the old vectors back, drop them, or remove what an unfinished run has made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.autovacuum import long_enough
from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.reembed import events, guard, index, notices, preflight, swap
from vestige_tui.core.reembed.events import ReembedPhase, Watcher
from vestige_tui.core.reembed.job import BRIEFLY, Job
from vestige_tui.core.reembed.opening import opened, recorded, say_swapped
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.reading import NOT_STAGED
from vestige_tui.core.reembed.recorder import Recorder
from vestige_tui.core.reembed.report import Action, ReembedOutcome, ReembedReport
from vestige_tui.core.reembed.state import ReembedState, Stage, look
from vestige_tui.core.reembed.store import COLUMN, Store

Step = Callable[[Job, ReembedState], None]


def rollback(
    dsn: Dsn, *, on_event: Watcher = events.ignore, cancel: threading.Event | None = None, waits: Waits = DEFAULT_WAITS
) -> ReembedReport:
    """Bring the old vectors back into place, with their model. The new ones are kept as those of an unfinished run."""
    return _carry_out(_roll_back, dsn, waits, _recorder(Action.ROLLBACK, dsn, on_event, cancel))


def finish(
    dsn: Dsn, *, on_event: Watcher = events.ignore, cancel: threading.Event | None = None, waits: Waits = DEFAULT_WAITS
) -> ReembedReport:
    """Drop the old vectors, and everything else that the run has made for itself."""
    return _carry_out(_remove, dsn, waits, _recorder(Action.FINISH, dsn, on_event, cancel))


def abandon(
    dsn: Dsn, *, on_event: Watcher = events.ignore, cancel: threading.Event | None = None, waits: Waits = DEFAULT_WAITS
) -> ReembedReport:
    """Remove what an unfinished run has made. Memories keep the vectors they have."""
    return _carry_out(_remove, dsn, waits, _recorder(Action.ABANDON, dsn, on_event, cancel))


_WRONG = {
    (Action.FINISH, Stage.UNFINISHED): (
        "The new vectors are not in place yet: there is nothing to finish.",
        "Run migrate reembed again to go on, or --abandon to remove what was made.",
    ),
    (Action.FINISH, Stage.LEFTOVERS): (
        "Parts of a re-embedding are left, and it is not known whether it was swapped.",
        "Remove them with --abandon.",
    ),
    (Action.ROLLBACK, Stage.UNFINISHED): (
        "The old vectors are in place: there is nothing to bring back.",
        "Run migrate reembed again to go on, or --abandon to remove what was made.",
    ),
    (Action.ROLLBACK, Stage.LEFTOVERS): (
        "Parts of a re-embedding are left, and it is not known whether it was swapped.",
        "Remove them with --abandon.",
    ),
    (Action.ABANDON, Stage.SWAPPED): (
        "The new vectors are in place, and the old ones beside them.",
        "Drop the old ones with --finish, or bring them back with --rollback.",
    ),
}


_CHECKS = {
    Action.ROLLBACK: preflight.check_swap,
    Action.FINISH: preflight.check_removal,
    Action.ABANDON: preflight.check_removal,
}


def _recorder(action: Action, dsn: Dsn, watcher: Watcher, cancel: threading.Event | None) -> Recorder:
    return Recorder(ReembedReport(action, dsn.masked), watcher, cancel or threading.Event())


def _carry_out(step: Step, dsn: Dsn, waits: Waits, recorder: Recorder) -> ReembedReport:
    report = recorder.report
    plan = ReembedPlan(dsn, max_connections=1)
    with recorded(recorder), opened(plan, recorder, waits) as job, locked(job.sessions, job.control, job.destination):
        with job.control.watchdog.step():
            job.check_registered(job.connection)
            state = look(job.connection)
            _CHECKS[report.action](job.connection, job.destination, job.store)
        report.previous = job.destination.registered
        if state.stage is Stage.NONE:
            report.outcome = ReembedOutcome.UNCHANGED
            recorder.notice(notices.nothing_left())
            return report
        if (report.action, state.stage) in _WRONG:
            what, remedy = _WRONG[report.action, state.stage]
            raise RefusedError(what, remedy=remedy)
        step(job, state)
        report.outcome = ReembedOutcome.CLEAN
    return report


_WITHOUT_OLD: LiteralString = """
    SELECT count(*) FROM {memories} k WHERE k.{embedding} IS NULL AND {has_text} AND {edited}"""


def _roll_back(job: Job, state: ReembedState) -> None:
    """Have the index of the old vectors, which may have been dropped first, before they come back."""
    report = job.recorder.report
    report.target = state.previous
    old = state.previous
    if old is not None:
        job.recorder.enter(ReembedPhase.INDEX)
        index.build(job, old.dimension, concurrently=False)
    job.recorder.enter(ReembedPhase.SWAP)
    swap.swap_back(job, old)
    job.recorder.phase = ReembedPhase.REMOVE
    with job.control.watchdog.step():
        ((report.without_vector,),) = job.connection.execute(
            job.store.sql(_WITHOUT_OLD, edited=job.store.sql(NOT_STAGED))
        ).fetchall()
    say_swapped(job)
    job.recorder.notice(notices.rolled_back(report.disk_held or 0))
    if report.without_vector:
        job.recorder.notice(notices.without_old_vector(report.without_vector))


def _restore_index(job: Job) -> None:
    """Build the index of the vectors in place again, where a run has dropped it first."""
    with job.control.watchdog.step():
        names = preflight.hnsw_indexes(job.connection, job.store, COLUMN)
    if not names and job.destination.dimension is not None:
        job.recorder.enter(ReembedPhase.INDEX)
        index.build(job, job.destination.dimension, concurrently=False, column=COLUMN)


def _removals(store: Store) -> Iterator[sql.Composed]:
    """The statements that remove all parts.

    Side tables come first and with time: autovacuum may work on the TOAST table, which the server alone can lock.
    """
    yield long_enough()
    yield store.sql("DROP TABLE IF EXISTS {vectors}")
    yield store.sql("DROP TABLE IF EXISTS {state}")
    yield BRIEFLY
    yield from guard.removal(store)
    yield store.sql("ALTER TABLE {memories} DROP COLUMN IF EXISTS {shadow}")


def _remove(job: Job, state: ReembedState) -> None:
    """Remove all parts in one transaction."""
    report = job.recorder.report
    report.target = state.target
    if report.action is Action.ABANDON:
        _restore_index(job)
    job.recorder.enter(ReembedPhase.REMOVE)
    job.alter(_removals(job.store))
    report.disk_held = 0
    if state.shadow:
        job.recorder.notice(notices.space_is_not_returned())
