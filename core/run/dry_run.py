"""The dry run's own step, in place of writing: what a copy would do, what it could not add, and what it would take."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from vestige_tui.core import notices
from vestige_tui.core.destination.completeness import enforceable, missing_beforehand
from vestige_tui.core.destination.connection import unlimited
from vestige_tui.core.destination.index_forecast import forecast
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.lock import check_lockable
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.events import Phase
from vestige_tui.core.explain import REFERENCES_PENDING
from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.missing import Cause, Reason
from vestige_tui.core.rows.records import Form
from vestige_tui.core.rows.tables import KNOWLEDGE_NODES, TABLES
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.copy_mending import foretell_mending
from vestige_tui.core.run.destination_steps import Agreement
from vestige_tui.core.run.estimate import estimate
from vestige_tui.core.run.findings import Findings
from vestige_tui.core.run.index_foretelling import vectors_to_copy
from vestige_tui.core.run.preview import Preview
from vestige_tui.core.run.table_pass import Transfer
from vestige_tui.core.run.verification import Work
from vestige_tui.core.source.opening import explained
from vestige_tui.core.verify.snapshot import open_snapshot


def preview(run: Run, transfer: Transfer, agreement: Agreement, session: Session) -> None:
    """Read everything and write nothing: the server holds this transaction to that.

    Raises the agreement's ``refusal`` when all is read.
    """
    run.progress.begin(Phase.PREVIEW)
    destination = agreement.destination
    if destination.pending:
        run.recorder.notice(REFERENCES_PENDING)
    check_lockable(run.sessions, session, destination)
    transfer = replace(transfer, pending={table.name for table in TABLES}, form=Form.COLUMNS)
    transfer.announce()
    with unlimited(session.connection):
        sink = Preview(session, destination, transfer.seen_keys, run.progress)
        found_by_key = transfer.run(TABLES, sink, sink)
        foretell_mending(run, transfer, destination, session, sink)
        if agreement.refusal is not None:  # the role may not even read what is to be counted
            raise agreement.refusal
        dimension = agreement.model.dimension if agreement.model else None
        stamped = replace(destination, dimension=destination.dimension or dimension)
        with session.watchdog.step(long=True):
            _foretell_missing(run, sink, stamped, session)
            index = _foretell_index(transfer, stamped, session)
    if destination.populated and run.plan.verify:
        _compare_present(run, transfer, agreement, session)
    elif found_by_key:
        run.recorder.notice(notices.found_by_keys(found_by_key))
    read = run.progress.read.total()
    run.recorder.estimated(estimate(run.progress.inserted, read, transfer.source.size, dimension, index))


def _foretell_index(transfer: Transfer, destination: Destination, session: Session) -> IndexEstimate | None:
    """How long a copy would build the vector index; None where it would not."""
    rows = min(vectors_to_copy(transfer), transfer.progress.arrived(KNOWLEDGE_NODES.name))
    return forecast(session.connection, destination, rows)


def _foretell_missing(run: Run, sink: Preview, destination: Destination, session: Session) -> None:
    """Tell which indexes and foreign keys a copy could not add, and which rows are in their way."""
    causes: dict[str, Cause] = {}
    for pending in enforceable(destination):
        if (error := sink.dangling(pending)) is not None:
            run.recorder.problem(error)
            causes[pending.name] = Cause(Reason.ROWS_IN_THE_WAY)
    run.recorder.incomplete(missing_beforehand(session.connection, destination, causes))


def _compare_present(run: Run, transfer: Transfer, agreement: Agreement, session: Session) -> None:
    """Tell which of the rows that are at the destination already have other values there."""
    findings = Findings(only=run.only, mending=run.progress.mended)
    populated = agreement.destination.populated
    with explained(run.plan.sqlite_path), open_snapshot(session) as snapshot:
        work = Work.of(
            transfer.reading,
            agreement.destination,
            agreement.model,
            run.sessions,
            run.recorder,
            plan=run.plan,
            tables=populated,
        )
        comparison = work.compare(snapshot, found=partial(findings.take, was_there=True), judge_missing=False)
    run.recorder.compared_before(findings, comparison)
