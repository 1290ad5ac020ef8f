"""``run_sqlite_to_postgres``: the whole copy, step by step."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from vestige_tui.core import events, notices
from vestige_tui.core.destination import inspection
from vestige_tui.core.destination.completeness import enforceable, missing_beforehand
from vestige_tui.core.destination.connection import unlimited
from vestige_tui.core.destination.indexes import takes_dimension
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.prepare import prepare
from vestige_tui.core.destination.server_errors import explain_connecting, explained
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import (
    Cancelled,
    DestinationError,
    MigrationError,
    RefusedError,
    StaleSourceError,
    UpgradeNeededError,
)
from vestige_tui.core.events import Phase, Watcher
from vestige_tui.core.explain import REFERENCES_PENDING, STALE_MEANS, stale_source, unknown_hash
from vestige_tui.core.facts import DataState
from vestige_tui.core.missing import Cause, Reason
from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import DestinationReport, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.seen_keys import SeenKeys
from vestige_tui.core.rows.tables import TABLES
from vestige_tui.core.rows.vectors import VectorGroup, settled
from vestige_tui.core.run.loading import load
from vestige_tui.core.run.model_check import agree, check_presented, expected
from vestige_tui.core.run.preview import Preview, estimate
from vestige_tui.core.run.recorder import Recorder
from vestige_tui.core.run.table_pass import Transfer
from vestige_tui.core.source.describe import SourceDescription, describe_open
from vestige_tui.core.source.guarantees import Guarantees
from vestige_tui.core.source.opening import identity, keeps_from_writing, open_source
from vestige_tui.core.source.overview import file_usage
from vestige_tui.core.source.scratch import private_folder
from vestige_tui.core.source.upgrade import check_changeable, upgrade_in_place, upgraded_copy

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
    run = _Run(
        plan,
        embedder.model_signature() if embedder else None,
        Recorder(report, on_event, cancel),
        Sessions(plan.postgres_url, cancel, waits, read_only=plan.dry_run),
        only,
    )
    started = time.monotonic()
    _log_start(plan)
    try:
        run.carry_out()
        report.conclude()
    except Cancelled as end:
        report.outcome = Outcome.CANCELLED
        if end.unknown:
            run.recorder.notice(notices.NO_ANSWER)
    except MigrationError as error:
        run.say_what_it_means(error)
        report.failure = error.what
        error.report = report
        log.error("migrate: %s", error.what)
        raise
    finally:
        run.recorder.settle()
        report.duration_ms = round((time.monotonic() - started) * 1000)
        _log_end(report)
    return report


def _log_start(plan: CopyPlan) -> None:
    log.info("migrate: starting sqlite -> postgres copy")
    log.info("migrate: source: %s?mode=ro", plan.sqlite_path.absolute().as_uri())
    log.info("migrate: destination: %s", plan.postgres_url.masked)
    for name in ("batch_size", "max_connections", "allow_source_upgrade", "upgrade_copy", "allow_stale_source"):
        log.info("migrate: %s: %s", name, getattr(plan, name))
    log.info("migrate: dry_run: %s", plan.dry_run)


def _log_end(report: MigrationReport) -> None:
    counts = " ".join(f"{name}={count}" for name, count in report.counters().items())
    log.info(
        "migrate: %s %s errors=%d duration_ms=%d",
        "complete" if report.outcome.finished else report.outcome,
        counts,
        len(report.errors),
        report.duration_ms,
    )


@dataclass(slots=True)
class _Run:
    """One run: what every step needs to know, and what it has changed so far.

    ``backup`` is that of a source which was upgraded in place, ``refusal`` what stops a copy but not a dry run, which
    reads all the same and ends with it.
    """

    plan: CopyPlan
    presented: ModelSignature | None
    recorder: Recorder
    sessions: Sessions
    only: Mapping[str, Collection[str]] | None
    backup: Path | None = None
    refusal: RefusedError | None = None

    def carry_out(self) -> None:
        """The steps of the specification, in its order."""
        plan = self.plan
        self._phase(Phase.SOURCE)
        before = identity(plan.sqlite_path)
        with self._readable_source() as (reading, source):
            self._phase(Phase.DESTINATION)
            with self._connected() as control, closing(SeenKeys()) as seen_keys:
                destination, model, vectors = self._look_at_destination(source, control)
                self._note_findings(source, destination, model)
                transfer = Transfer(
                    self.recorder,
                    reading,
                    source,
                    model,
                    model.dimension if model else destination.dimension,
                    plan.batch_size,
                    destination.key_of,
                    destination.populated,
                    seen_keys,
                    Guarantees(reading, source.sources),
                    vectors,
                    self.only,
                )
                if plan.dry_run:
                    self._preview(transfer, destination, control)
                else:
                    self._copy(transfer, destination, control)
        if identity(plan.sqlite_path) != before:
            self.recorder.notice(notices.source_replaced(plan.sqlite_path))

    def say_what_it_means(self, error: MigrationError) -> None:
        """Give an error its ``DataState`` and the facts beside it, by how far the run had come."""
        match self.recorder.phase:
            case Phase.COPY:
                if error.state is DataState.NOTHING_CHANGED:
                    error.state = DataState.BATCHES_STAY
                memories = self.recorder.report.tables["knowledge_nodes"]
                error.memories = memories.read, memories.source
            case Phase.INDEXES:
                recurs = isinstance(error, DestinationError) and error.recurs
                error.state = DataState.ROWS_COMPLETE_AT_LIMIT if recurs else DataState.ROWS_COMPLETE
            case Phase.PREPARE if not isinstance(error, RefusedError):
                error.state = DataState.TABLES_ONLY
            case _ if error.state in (DataState.BATCHES_STAY, DataState.LAST_BATCH_UNKNOWN):
                error.state = DataState.NOTHING_CHANGED
        if self.backup is not None:
            error.backup = self.backup

    def _phase(self, phase: Phase) -> None:
        self.recorder.stop_if_cancelled()
        self.recorder.emit(events.PhaseStarted(phase))

    @contextmanager
    def _readable_source(self) -> Iterator[tuple[sqlite3.Connection, SourceDescription]]:
        """The source, opened and described; an old one, as far as that is permitted, after its upgrade."""
        path = self.plan.sqlite_path
        with open_source(path) as reading:
            source = self._look_at_source(reading)
            self._check_stale(source)
            if source.has_v15:
                self._note_waiting_writer(reading)
                check_presented(source, self.presented)
                yield reading, source
                return
        with self._upgraded(source) as upgraded, open_source(upgraded, copy_of=path) as reading:
            source = self._look_at_source(reading)
            self._note_waiting_writer(reading)
            check_presented(source, self.presented)
            yield reading, source

    def _check_stale(self, source: SourceDescription) -> None:
        """Refuse a file that Vestige 4 has moved on from; where that is permitted, say so."""
        if source.stale is None:
            return
        said = stale_source(source.stale, source.modified)
        if not self.plan.allow_stale_source:
            raise StaleSourceError(f"{source.path} is stale. {said} {STALE_MEANS}", source.stale)
        self.recorder.notice(f"The source is stale, and copying it is allowed. {said}")

    def _note_waiting_writer(self, reading: sqlite3.Connection) -> None:
        """Say so where a program has the source open that cannot write to it while this run reads."""
        path = self.plan.sqlite_path
        if not keeps_from_writing(reading, path):
            return
        used = file_usage(path)
        if used.process is not None or (used.side_files and not used.certain):
            self.recorder.notice(notices.writer_waits(used.process))

    @contextmanager
    def _upgraded(self, source: SourceDescription) -> Iterator[Path]:
        """The file to read: the upgraded source, or an upgraded private copy of it. Refuses without permission."""
        plan = self.plan
        if plan.allow_source_upgrade:
            check_changeable(plan.sqlite_path)
        if plan.upgrade_copy or (plan.allow_source_upgrade and plan.dry_run):
            self._phase(Phase.UPGRADE)
            with private_folder() as folder:
                yield upgraded_copy(plan.sqlite_path, folder)
        elif plan.allow_source_upgrade:
            self._phase(Phase.UPGRADE)
            self._check_beforehand(source)
            self.backup = upgrade_in_place(plan.sqlite_path)
            self.recorder.notice(notices.source_upgraded(self.backup))
            yield plan.sqlite_path
        else:
            raise UpgradeNeededError(
                f"{source.path} is a database from before V15: it lacks {', '.join(source.missing_v15)}.",
                remedy="Run again with --upgrade-copy to upgrade a private copy and leave this file untouched, "
                "or with --allow-source-upgrade to upgrade this file itself.",
            )

    def _check_beforehand(self, source: SourceDescription) -> None:
        """What would stop the copy later is found out before the source is changed for it."""
        check_presented(source, self.presented)
        with self._connected() as control:
            destination, *_ = self._look_at_destination(source, control)
            with locked(self.sessions, control, destination):
                pass

    @contextmanager
    def _connected(self) -> Iterator[Session]:
        """The first session at the destination. Errors of psycopg are put into words."""
        dsn = self.plan.postgres_url
        with ExitStack() as stack, explained(dsn):
            try:
                session = stack.enter_context(self.sessions.open())
            except psycopg.Error as error:
                raise explain_connecting(error, dsn) from None
            yield session

    def _look_at_source(self, reading: sqlite3.Connection) -> SourceDescription:
        """Describe it, for the report too."""
        source = describe_open(reading, self.plan.sqlite_path)
        report = self.recorder.report
        report.source = SourceReport(str(source.path), source.layout.value, source.version, source.model, source.stale)
        report.left_behind = source.left_behind
        report.vectors = source.vectors
        report.tables = {table.name: TableReport(source.rows.get(table.name, 0)) for table in TABLES}
        return source

    def _look_at_destination(
        self, source: SourceDescription, control: Session
    ) -> tuple[Destination, ModelSignature | None, tuple[VectorGroup, ...]]:
        """Inspect it, agree on the model, and stop where they do not fit; nothing is written yet."""
        with control.watchdog.step():
            destination = inspection.inspect(control.connection)
            report = self.recorder.report.destination
            report.server_version = destination.server_version
            report.pgvector_version = destination.pgvector_version
            model = report.model = agree(source, self.presented, destination.registered)
            self.recorder.report.vectors = vectors = settled(source.vectors, expected(model, destination.dimension))
            inspection.check_fit(destination, model)
            inspection.check_stamp(control.connection, destination, model)
            if rules := inspection.own_rules(destination):
                self.recorder.notice(notices.own_rules(rules))
            try:
                inspection.check_writable(control.connection, destination, model)
            except RefusedError as refusal:
                if not self.plan.dry_run:
                    raise
                self.refusal = refusal
        return destination, model, vectors

    def _copy(self, transfer: Transfer, destination: Destination, control: Session) -> None:
        """Prepare the destination, then load it."""
        with locked(self.sessions, control, destination):
            self._phase(Phase.PREPARE)
            with control.watchdog.step():
                destination = prepare(control.connection, destination, transfer.model)
            transfer = replace(
                transfer,
                pending=destination.unchecked,
                populated=destination.populated,
                packing=True,
            )
            self._phase(Phase.COPY)
            transfer.announce()
            try:
                with self.sessions.open_more(control, wanted := self.plan.max_connections) as opened:
                    if len(opened) < wanted:
                        self.recorder.notice(notices.fewer_connections(len(opened), wanted))
                    loaded = load(transfer, self.sessions, opened, destination)
                    self.recorder.incomplete(loaded.missing)
                if loaded.found_by_key:  # and not compared
                    self.recorder.notice(notices.found_by_keys(loaded.found_by_key))
            except (Cancelled, MigrationError, psycopg.Error):
                if destination.pending:
                    self.recorder.notice(REFERENCES_PENDING)
                raise

    def _note_findings(self, source: SourceDescription, destination: Destination, model: ModelSignature | None) -> None:
        """Say what the operator should know beforehand: shared names, and what is unusual about model and vectors."""
        for shared in source.shared_names if self.only is None else ():
            self.recorder.notice(notices.shared_name(shared.table, shared.column, shared.kept_as, shared.rows))
        if model is None:
            if source.dimension:
                self.recorder.notice(notices.UNNAMED_MODEL)
            return
        if model.hash == UNKNOWN_HASH:
            self.recorder.notice(unknown_hash(model, registered=destination.registered is not None))
        if not takes_dimension(model.dimension, destination.pgvector_version):
            self.recorder.notice(notices.no_vector_index(model.dimension, destination.pgvector_version))

    def _preview(self, transfer: Transfer, destination: Destination, session: Session) -> None:
        """Read everything, write nothing: the server holds this transaction to that."""
        self._phase(Phase.PREVIEW)
        if destination.pending:
            self.recorder.notice(REFERENCES_PENDING)
        transfer.announce()
        with unlimited(session.connection):
            preview = Preview(session, destination, transfer.seen_keys, self.recorder)
            transfer.run(TABLES, preview)
            dimension = transfer.model.dimension if transfer.model else None
            stamped = replace(destination, dimension=destination.dimension or dimension)
            if self.refusal is not None:  # the role may not even read what is to be counted
                raise self.refusal
            self._foretell_missing(preview, stamped, session)
        report = self.recorder.report
        report.estimate = estimate(report, transfer.source.size, dimension)

    def _foretell_missing(self, preview: Preview, destination: Destination, session: Session) -> None:
        """Tell which indexes and foreign keys a copy could not add, and which rows are in their way there."""
        causes: dict[str, Cause] = {}
        with session.watchdog.step(long=True):
            for marked in enforceable(session.connection, destination):
                if (error := preview.dangling(marked)) is not None:
                    self.recorder.problem(error)
                    causes[marked.name] = Cause(Reason.ROWS_IN_THE_WAY)
            self.recorder.incomplete(missing_beforehand(session.connection, destination, causes))
