"""``run_sqlite_to_postgres``: the whole copy, step by step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial

import psycopg

from vestige_tui.core import events, notices
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.prepare import prepare
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.transactions import next_transaction
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import Cancelled, MigrationError
from vestige_tui.core.events import Phase, Watcher
from vestige_tui.core.explain import REFERENCES_PENDING
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import DestinationReport, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.records import Form
from vestige_tui.core.rows.seen_keys import SeenKeys
from vestige_tui.core.rows.tables import TABLES
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.copy_mending import mend_present
from vestige_tui.core.run.copy_verification import Checked, verify_copy
from vestige_tui.core.run.destination_steps import (
    Agreement,
    agree_with_destination,
    check_destination,
    connected,
    note_findings,
)
from vestige_tui.core.run.dry_run import preview
from vestige_tui.core.run.failure import say_what_it_means
from vestige_tui.core.run.index_foretelling import foretell_index
from vestige_tui.core.run.loading import load
from vestige_tui.core.run.progress import Progress
from vestige_tui.core.run.recorder import Recorder
from vestige_tui.core.run.source_hashes import hashing_around
from vestige_tui.core.run.source_steps import readable_source
from vestige_tui.core.run.table_pass import Transfer
from vestige_tui.core.run.writers import useful_writers
from vestige_tui.core.source.guarantees import Guarantees
from vestige_tui.core.source.opening import identity
from vestige_tui.core.verify.receipt_making import receipt_of_copy

log = logging.getLogger(__name__)


def run_sqlite_to_postgres(
    plan: CopyPlan,
    embedder: Embedder | None = None,
    *,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    only: Mapping[str, Collection[str]] | None = None,
    waits: Waits = DEFAULT_WAITS,
) -> MigrationReport:
    """Copy a Vestige database into PostgreSQL, or with ``plan.dry_run`` tell what a copy would do.

    ``embedder`` names the model that the destination is for; without one, the destination's registered model counts,
    or else the source's own. Setting ``cancel`` ends the run after the batch in flight, with outcome ``cancelled``.
    ``only`` restricts the run to rows of the source by table and label (``RowError.row``), to try failed ones again.
    ``waits`` are the time limits of the run.

    Raises ``RefusedError``, ``SourceError`` or ``DestinationError``; the error's ``report`` tells what was done.
    """
    report = MigrationReport(
        plan,
        SourceReport(str(plan.sqlite_path)),
        DestinationReport(plan.postgres_url.masked),
        tables={table.name: TableReport() for table in TABLES},
    )
    cancel = cancel or threading.Event()
    recorder = Recorder(report, on_event)
    run = Run(
        plan,
        embedder.model_signature() if embedder else None,
        only,
        Sessions(plan.postgres_url, cancel, waits, read_only=plan.dry_run),
        Progress(recorder, cancel),
    )
    checked = Checked()
    started = time.monotonic()
    _log_start(plan)
    try:
        wanted = plan.receipt and not plan.dry_run
        with hashing_around(plan.sqlite_path, cancel, wanted=wanted, at_once=plan.allow_source_upgrade) as hashes:
            checked = _carry_out(run)
        report.conclude()
    except Cancelled as end:
        report.outcome = Outcome.CANCELLED
        if end.unknown:
            recorder.notice(notices.NO_ANSWER)
    except MigrationError as error:
        say_what_it_means(error, run.progress)
        report.failure = error.what
        error.report = report
        log.error("migrate: %s", error.what)
        raise
    finally:
        recorder.settle()
        report.duration_ms = round((time.monotonic() - started) * 1000)
        _log_end(report)
    if checked.taken is not None:
        report.receipt = receipt_of_copy(report, checked.schema, checked.taken, hashes.before, hashes.after)
    return report


def _carry_out(run: Run) -> Checked:
    """The steps of the specification, in its order, and the comparison."""
    path = run.plan.sqlite_path
    run.progress.begin(Phase.SOURCE)
    before = identity(path)
    with readable_source(run, partial(check_destination, run)) as (reading, source):
        run.progress.begin(Phase.DESTINATION)
        with connected(run.sessions) as control, closing(SeenKeys()) as seen_keys:
            agreement = agree_with_destination(run, source, control)
            note_findings(run, source, agreement)
            transfer = Transfer(
                run.progress,
                reading,
                source,
                agreement.model,
                agreement.dimension,
                run.plan.batch_size,
                agreement.destination.key_of,
                agreement.destination.populated,
                seen_keys,
                Guarantees(reading, source.sources),
                agreement.vectors,
                run.only,
            )
            if run.plan.dry_run:
                preview(run, transfer, agreement, control)
                checked = Checked()
            else:
                checked = _copy(run, transfer, agreement, control)
    if identity(path) != before:
        run.recorder.notice(notices.source_replaced(path))
    return checked


def _copy(run: Run, transfer: Transfer, agreement: Agreement, control: Session) -> Checked:
    """Prepare the destination, load it, mend what repairs alter there, and compare every value.

    The source's read transaction lasts until the last step is done; the destination's lock and the opened sessions last
    until all is loaded.
    """
    with locked(run.sessions, control, agreement.destination):
        run.progress.begin(Phase.PREPARE)
        with control.watchdog.step():
            destination = prepare(control.connection, agreement.destination, agreement.model)
        transfer = replace(transfer, pending=destination.unchecked, populated=destination.populated, form=Form.PACKED)
        run.progress.begin(Phase.COPY)
        transfer.announce()
        foretell_index(run, transfer, destination, control)
        with control.watchdog.step():
            since = next_transaction(control.connection)
        wanted = min(run.plan.max_connections, useful_writers(transfer.planned().values(), run.plan.batch_size))
        with run.sessions.open_more(control, wanted, pooled=destination.pooled) as opened:
            if len(opened) < wanted:
                run.recorder.notice(notices.fewer_connections(len(opened), wanted))
            found_by_key = _load(run, transfer, destination, opened)
        mend_present(run, transfer, destination, control)
    checked = verify_copy(run, transfer.reading, agreement.model, destination, control, since=since)
    if found_by_key and not checked.verified:
        run.recorder.notice(notices.found_by_keys(found_by_key))
    return checked


def _load(run: Run, transfer: Transfer, destination: Destination, opened: Sequence[Session]) -> int:
    """Fill the tables, then complete indexes and foreign keys; how many rows were found by their keys alone."""
    try:
        loaded = load(transfer, run.sessions, opened, destination)
    except (Cancelled, MigrationError, psycopg.Error):
        if destination.pending:
            run.recorder.notice(REFERENCES_PENDING)
        raise
    run.recorder.incomplete(loaded.missing)
    return loaded.found_by_key


def _log_start(plan: CopyPlan) -> None:
    log.info("migrate: starting sqlite -> postgres copy")
    log.info("migrate: source: %s?mode=ro", plan.sqlite_path.absolute().as_uri())
    log.info("migrate: destination: %s", plan.postgres_url.masked)
    for name in ("batch_size", "max_connections", "allow_source_upgrade", "upgrade_copy", "allow_stale_source"):
        log.info("migrate: %s: %s", name, getattr(plan, name))
    log.info("migrate: dry_run: %s", plan.dry_run)
    log.info("migrate: repairs: %d", len(plan.repairs.entries))


def _log_end(report: MigrationReport) -> None:
    counts = " ".join(f"{name}={count}" for name, count in report.counters().items())
    log.info(
        "migrate: %s %s errors=%d duration_ms=%d",
        "complete" if report.outcome.finished else report.outcome,
        counts,
        len(report.errors),
        report.duration_ms,
    )
