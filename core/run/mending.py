"""Mends what a verification found different: a field at the destination gets the value that the source says.

It is set only while it still holds the value that an operator was shown, and counts as mended only after it was
compared again. Rows that are missing are brought by a copy that is restricted to them (``only``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from vestige_tui.core import events
from vestige_tui.core.destination import checks
from vestige_tui.core.destination.compare_and_set import Answer, Change, FieldSetter, batches
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.server_errors import explained as explained_destination
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import Cancelled, MigrationError
from vestige_tui.core.events import FieldsMended, Watcher
from vestige_tui.core.facts import DataState
from vestige_tui.core.mending import MendedField, MendRefusal, MendState
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.report import DestinationReport, SourceReport
from vestige_tui.core.rows.tables import BY_NAME, TABLES, Table
from vestige_tui.core.run.announcer import Announcer
from vestige_tui.core.run.destination_steps import connected, look
from vestige_tui.core.run.mending_report import MendingOutcome, MendingReport
from vestige_tui.core.source.opening import explained, open_source
from vestige_tui.core.verify.chosen_rows import expected_rows, stored_rows
from vestige_tui.core.verify.compare import common_key
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.literals import expected_literal
from vestige_tui.core.verify.meaning import equal
from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.snapshot import open_snapshot
from vestige_tui.core.verify.stored import Key, check_comparable

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A difference whose two sides an operator has seen, and the digest of the stored value then; None is NULL.

    ``FieldSides.digest`` is that digest, and ``current`` reads those of many differences.
    """

    difference: Difference
    digest: str | None


def current(dsn: Dsn, differences: Sequence[Difference], *, waits: Waits = DEFAULT_WAITS) -> list[Shown]:
    """The differences with the digests of what is stored now: for one answer to all of a kind. Those whose row or field
    is not at the destination are left out.

    Raises ``RefusedError`` or ``DestinationError``.
    """
    found: list[Shown] = []
    sessions = Sessions(dsn, threading.Event(), waits, read_only=True)
    with _nothing_changed(), connected(sessions) as session:
        report = DestinationReport(dsn.masked)
        destination = look(session, {each.table: 1 for each in differences}, report, Announcer([], events.ignore))
        check_comparable(destination)
        with open_snapshot(session) as snapshot:
            for table, name, group in _grouped(differences):
                if table.name not in destination.tables:
                    continue
                key = common_key(destination, table)
                keys = [each.key for each in group if len(each.key) == len(key)]
                there = stored_rows(snapshot, destination, table, [name], key=key, keys=keys)
                found += [Shown(each, there[each.key].digests[name]) for each in group if each.key in there]
    return found


def mend(
    source: Path,
    dsn: Dsn,
    shown: Sequence[Shown],
    *,
    repairs: Repairs = NO_REPAIRS,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    waits: Waits = DEFAULT_WAITS,
) -> MendingReport:
    """Set each field to what the source says, while it still holds the value that was shown, and compare it again.

    ``repairs`` are those that the copy was given. Setting ``cancel`` ends it after the batch in flight.

    Raises ``RefusedError``, ``SourceError`` or ``DestinationError``; the error's ``report`` tells what was done.
    """
    report = MendingReport(SourceReport(str(source)), DestinationReport(dsn.masked))
    cancel = cancel or threading.Event()
    started = time.monotonic()
    log.info("mend: %d fields at %s", len(shown), dsn.masked)
    try:
        _Mending(report, Sessions(dsn, cancel, waits), Announcer(report.notices, on_event), repairs).carry_out(shown)
        report.conclude()
    except Cancelled:
        report.outcome = MendingOutcome.CANCELLED
    except MigrationError as error:
        if not report.fields:
            error.state = DataState.NOTHING_CHANGED
        report.failure = error.what
        error.report = report
        raise
    finally:
        report.duration_ms = round((time.monotonic() - started) * 1000)
        log.info("mend: %s %s", report.outcome, report.counts)
    return report


@dataclass(slots=True)
class _Mending:
    """One mending, step by step."""

    report: MendingReport
    sessions: Sessions
    announcer: Announcer
    repairs: Repairs
    total: int = 0
    done: int = field(default=0)

    def carry_out(self, shown: Sequence[Shown]) -> None:
        """Open both ends, set what can be set, and compare it again."""
        self.total = len(shown)
        path, report = self.report.input, self.report.destination
        with explained(path), open_source(path) as reading, connected(self.sessions) as session:
            tables = {each.difference.table: 1 for each in shown}
            destination = look(session, tables, report, self.announcer)
            checks.require(checks.server_refusals(destination))
            check_comparable(destination)
            report.model = model = destination.registered
            expectation = Expectation(
                reading,
                model=model.name if model else None,
                dimension=model.dimension if model else destination.dimension,
                repairs=self.repairs,
            )
            with (
                explained_destination(self.sessions.dsn),
                locked(self.sessions, session, destination),
            ):
                digests = {(each.difference.table, each.difference.field, each.difference.key): each for each in shown}
                for table, name, group in _grouped([each.difference for each in digests.values()]):
                    some = [digests[(table.name, name, each.key)] for each in group]
                    self._mend(_Field(session, destination, expectation, table, name), some)

    def _mend(self, place: _Field, shown: Sequence[Shown]) -> None:
        """Mend one column of a table."""
        expected = place.expected([each.difference.key for each in shown])
        ready: list[tuple[Shown, Change]] = []
        for each in shown:
            change = place.change(each, expected)
            if isinstance(change, Change):
                ready.append((each, change))
            else:
                self._record(place, [each], [change])
        setter = FieldSetter(
            self.sessions, place.session, place.destination, place.table, place.name, key=place.key, by_digest=True
        )
        for batch in batches(ready, lambda one: one[1].size):
            if self.sessions.cancel.is_set():
                raise Cancelled
            some, answers = [each for each, _ in batch], setter.set([change for _, change in batch])
            self._record(place, some, place.compared_again(some, answers, expected))

    def _record(self, place: _Field, shown: Sequence[Shown], answers: Sequence[Answer]) -> None:
        for each, answer in zip(shown, answers, strict=True):
            self.report.fields.append(MendedField(place.table.name, each.difference.row, place.name, *answer))
        self.done += len(shown)
        self.announcer.emit(FieldsMended(self.done, self.total))


@dataclass(frozen=True, slots=True)
class _Field:
    """One column of one table, at both ends."""

    session: Session
    destination: Destination
    expectation: Expectation
    table: Table
    name: str

    @property
    def key(self) -> tuple[str, ...]:
        return common_key(self.destination, self.table)

    def expected(self, keys: Sequence[Key]) -> dict[Key, object]:
        """What the source says, by key."""
        rows = expected_rows(self.expectation, self.table, [self.name], self.key, keys)
        return {key: row[self.name] for key, row in rows.items()}

    def change(self, shown: Shown, expected: dict[Key, object]) -> Change | Answer:
        """What is to be set, or why nothing can be."""
        key = shown.difference.key
        if self.table.name not in self.destination.tables:
            return Answer(MendState.MISSING)
        if key not in expected or len(key) != len(self.key):
            return Answer(MendState.REFUSED, MendRefusal.NOT_IN_SOURCE)
        kind = self.table.columns[self.table.position(self.name)].type
        try:
            return Change(key, shown.digest, expected_literal(kind, expected[key]))
        except RecursionError:
            return Answer(MendState.REFUSED, MendRefusal.REFUSED_BY_SERVER)

    def compared_again(
        self, shown: Sequence[Shown], answers: Sequence[Answer], expected: dict[Key, object]
    ) -> list[Answer]:
        """The answers, with those of fields that are not equal after all."""
        keys = [
            each.difference.key
            for each, answer in zip(shown, answers, strict=True)
            if answer.state in (MendState.MENDED, MendState.RIGHT)
        ]
        with open_snapshot(self.session) as snapshot:
            there = stored_rows(snapshot, self.destination, self.table, [self.name], key=self.key, keys=keys)
        kind = self.table.columns[self.table.position(self.name)].type
        right = {key for key, row in there.items() if equal(kind, expected[key], row.values[self.name])}
        lost = {key for key in keys if key not in right}
        still = Answer(MendState.REFUSED, MendRefusal.STILL_DIFFERENT)
        return [still if each.difference.key in lost else answer for each, answer in zip(shown, answers, strict=True)]


def _grouped(differences: Sequence[Difference]) -> Iterator[tuple[Table, str, list[Difference]]]:
    """Differences of single fields by table and column, in the order of the tables."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    for each in differences:
        for name in BY_NAME[each.table].column_names if each.field is None else (each.field,):
            groups.setdefault((each.table, name), []).append(replace(each, field=name))
    order = [table.name for table in TABLES]
    for (table, name), group in sorted(groups.items(), key=lambda item: order.index(item[0][0])):
        yield BY_NAME[table], name, group


@contextmanager
def _nothing_changed() -> Iterator[None]:
    try:
        yield
    except MigrationError as error:
        error.state = DataState.NOTHING_CHANGED
        raise
