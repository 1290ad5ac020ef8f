"""Verification: every value at the destination is compared with what the source says, after a copy or by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

from vestige_tui.core import events
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import Cancelled, ModelMismatchError
from vestige_tui.core.events import Phase, Watcher
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.report import DestinationReport, SourceReport
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.destination_steps import connected, look
from vestige_tui.core.run.model_check import agree, check_presented
from vestige_tui.core.run.recorder import source_report
from vestige_tui.core.run.source_hashes import hashing_around
from vestige_tui.core.run.source_steps import check_stale, note_waiting_writer
from vestige_tui.core.run.surveying import surveyed
from vestige_tui.core.run.tally import Tally
from vestige_tui.core.run.verification_record import recorded
from vestige_tui.core.source.describe import SourceDescription, describe_open, with_repairs
from vestige_tui.core.source.opening import Reading, open_source
from vestige_tui.core.source.opening import explained as explained_source
from vestige_tui.core.verify.compare import compare
from vestige_tui.core.verify.cuts import Cut
from vestige_tui.core.verify.digests import Taken, take
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.receipt_making import receipt_of_verification
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import Comparison, Difference
from vestige_tui.core.verify.second.comparison import Watchers, compare_in_two, place_to_share
from vestige_tui.core.verify.second.messages import Task
from vestige_tui.core.verify.snapshot import Snapshot, open_snapshot

Found = Callable[[Sequence[Difference]], None]


def run_verification(
    plan: VerificationPlan,
    embedder: Embedder | None = None,
    *,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    waits: Waits = DEFAULT_WAITS,
) -> VerificationReport:
    """Compare every value of a Vestige database with a PostgreSQL database; nothing is written to either.

    ``embedder`` names the model that the destination is for, as for a copy. Setting ``cancel`` ends the comparison,
    with outcome ``cancelled``. A source from before V15 is read as it is, with the values that an upgrade gives it.

    Raises ``RefusedError``, ``SourceError`` or ``DestinationError``, and ``MigrationError`` where a second process that
    shares the work has ended early; the error's ``report`` tells what was found.
    """
    report = VerificationReport(plan, SourceReport(str(plan.sqlite_path)), DestinationReport(plan.postgres_url.masked))
    cancel = cancel or threading.Event()
    verification = _Verification(
        report,
        embedder.model_signature() if embedder else None,
        Announcer(report.notices, on_event),
        Sessions(plan.postgres_url, cancel, waits, read_only=True),
    )
    with recorded(report), hashing_around(plan.sqlite_path, cancel, wanted=plan.receipt) as hashes:
        verification.carry_out()
    if verification.taken is not None:
        taken, schema = verification.taken, verification.schema
        report.receipt = receipt_of_verification(report, schema, taken, hashes.before, hashes.after)
    return report


@dataclass(slots=True)
class _Verification:
    """One verification by itself; ``presented`` is the model of the embedder that the operator names.

    ``taken`` are the digests for a receipt of what is in ``schema``.
    """

    report: VerificationReport
    presented: ModelSignature | None
    announcer: Announcer
    sessions: Sessions
    taken: Taken | None = None
    schema: str = ""

    def carry_out(self) -> None:
        """Open both ends, see that they belong together, and compare."""
        plan = self.report.plan
        self._begin(Phase.SOURCE)
        with open_source(plan.sqlite_path) as reading:
            source = describe_open(reading, plan.sqlite_path)
            self.report.source = source_report(source)
            check_stale(source, self.announcer, allowed=plan.allow_stale_source)
            note_waiting_writer(plan.sqlite_path, reading, self.announcer)
            check_presented(source, self.presented)
            source = with_repairs(reading, source, plan.repairs, to_read=False)
            self.report.repaired_by_operator, self.report.left_out_by_operator = source.repaired, source.left_out
            self._begin(Phase.DESTINATION)
            with connected(self.sessions) as session:
                destination, model = self._agree(source, session)
                self._begin(Phase.VERIFY)
                with explained_source(plan.sqlite_path):
                    self._compare(reading, session, destination, model)

    def _begin(self, phase: Phase) -> None:
        if self.sessions.cancel.is_set():
            raise Cancelled
        self.announcer.emit(events.PhaseStarted(phase))

    def _agree(self, source: SourceDescription, session: Session) -> tuple[Destination, ModelSignature | None]:
        """Inspect the destination; source and destination must speak of one embedding model."""
        destination = look(session, source.rows, self.report.destination, self.announcer)
        try:
            self.report.destination.model = model = agree(source, self.presented, destination.registered)
        except ModelMismatchError as error:
            error.remedy = (
                "Vectors of two models cannot be compared. After a re-embedding they differ by design: verify before "
                "it, or once migrate reembed --rollback has brought the old ones back."
            )
            raise
        return destination, model

    def _compare(
        self, reading: Reading, session: Session, destination: Destination, model: ModelSignature | None
    ) -> None:
        """Compare all tables; what was found until then stays in the report where that ends early."""
        work = Work.of(reading, destination, model, self.sessions, self.announcer, plan=self.report.plan)
        try:
            with open_snapshot(session) as snapshot:
                self.report.comparison = work.compare(snapshot)
                if self.report.plan.receipt:
                    self.taken = take_digests(snapshot, destination)
                    self.schema = destination.schema
        except Exception:
            self.report.comparison = work.tally.so_far()
            raise


def take_digests(snapshot: Snapshot, destination: Destination) -> Taken:
    """The digests of all tables, for a receipt; they can be cancelled. Raises ``psycopg.Error``."""
    return take(snapshot.connection, destination, step=partial(snapshot.watchdog.step, cancellable=True))


@dataclass(frozen=True, slots=True)
class Work:
    """One comparison: the expectation, the destination, and the tally of what is found.

    ``model`` names the model of the vectors.
    """

    plan: CopyPlan | VerificationPlan
    reading: Reading
    expectation: Expectation
    destination: Destination
    model: str | None
    sessions: Sessions
    tally: Tally
    tables: frozenset[str] | None = None

    @classmethod
    def of(
        cls,
        reading: Reading,
        destination: Destination,
        model: ModelSignature | None,
        sessions: Sessions,
        announcer: Announcer,
        *,
        plan: CopyPlan | VerificationPlan,
        tables: Collection[str] | None = None,
    ) -> Work:
        """Compare what ``reading`` sees, with vectors as the ``model`` of both sides makes them; or only ``tables``.

        Of the ``plan`` count the source's path and the repairs.
        """
        dimension = model.dimension if model else destination.dimension
        name = model.name if model else None
        expectation = surveyed(reading, partial(Expectation, model=name, dimension=dimension, repairs=plan.repairs))
        chosen = None if tables is None else frozenset(tables)
        totals = {one: expectation.count(one) for one in BY_NAME if chosen is None or one in chosen}
        tally = Tally(totals, announcer.emit)
        return cls(plan, reading, expectation, destination, name, sessions, tally, chosen)

    def compare(
        self, snapshot: Snapshot, *, since: str | None = None, found: Found | None = None, judge_missing: bool = True
    ) -> Comparison:
        """Compare every value. ``since``, ``found`` and ``judge_missing`` are those of ``compare``.

        Raises ``Cancelled``, ``MigrationError`` and ``psycopg.Error``.
        """
        sides = self.expectation, snapshot, self.destination
        watchers = Watchers(found or self.tally.found, self.tally.progress, self._stop)
        start = place_to_share(*sides, BY_NAME if self.tables is None else self.tables)
        if start is not None and snapshot.name is not None:
            task = self._task(snapshot.name, start, since, judge_missing=judge_missing)
            return compare_in_two(*sides, reading=self.reading, task=task, watchers=watchers)
        return compare(
            *sides,
            since=since,
            tables=self.tables,
            judge_missing=judge_missing,
            found=watchers.found,
            progress=watchers.progress,
            stop=watchers.stop,
        )

    def _task(self, snapshot: str, start: Cut, since: str | None, *, judge_missing: bool) -> Task:
        """What a second process is to compare."""
        return Task(
            source=self.reading.path,
            shown=self.plan.sqlite_path,
            dsn=self.sessions.dsn.for_other_process(),
            snapshot=snapshot,
            destination=self.destination,
            model=self.model,
            dimension=self.expectation.dimension,
            repairs=self.plan.repairs,
            start=start,
            since=since,
            tables=self.tables,
            judge_missing=judge_missing,
            surveys=self.expectation.surveys,
            waits=replace(self.sessions.waits, clock=time.monotonic),
        )

    def _stop(self) -> None:
        if self.sessions.cancel.is_set():
            raise Cancelled
