"""Compares source and destination in step, in the order of the destination's keys."""

from __future__ import annotations

import gc
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import sql

from vestige_tui.core.destination.catalog import count_rows
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, TABLES, USERS, Table
from vestige_tui.core.verify.cuts import Cut, span_of
from vestige_tui.core.verify.expectation import Block, Expectation, Key
from vestige_tui.core.verify.judging import Judge, Verdict
from vestige_tui.core.verify.result import MOST_DIFFERENCES, Comparison, Difference, Expected, TableComparison
from vestige_tui.core.verify.snapshot import Snapshot
from vestige_tui.core.verify.stored import StoredRows, StoredTable, check_comparable

_BLOCK = 2_000
"""Rows that are compared at once."""

_ORDERED = (PgType.UUID, PgType.TEXT)
"""Types by which both sides can be read in one order."""


def _nothing(*_: object) -> None:
    """Watch nothing."""


def compare(
    expectation: Expectation,
    snapshot: Snapshot,
    destination: Destination,
    *,
    since: str | None = None,
    tables: Collection[str] | None = None,
    start: Cut | None = None,
    end: Cut | None = None,
    judge_missing: bool = True,
    found: Callable[[Sequence[Difference]], None] = _nothing,
    progress: Callable[[str, TableComparison], None] = _nothing,
    stop: Callable[[], None] = _nothing,
) -> Comparison:
    """Compare every value of every row of the source with the destination.

    ``since`` is what ``pg_snapshot_xmax`` gave at the start of the copy that is verified: older rows were there before.
    ``tables`` restricts the comparison; so do ``start`` and ``end``, which is not part of it. Without
    ``judge_missing``, every row that the destination lacks counts as missing, and none is listed. ``found`` gets every
    difference, in the order of tables and keys; ``progress`` the counts of a table so far, about every block; ``stop``
    is called as often, and raises ``Cancelled``.

    Raises ``RefusedError`` where the tables cannot be compared, ``psycopg.Error``, ``sqlite3.Error``, and as
    ``Watchdog.step`` does. ``snapshot`` must not be used by anything else meanwhile.
    """
    check_comparable(destination)
    listing = _Listing(found)
    compared: dict[str, TableComparison] = {}
    expected: tuple[Expected, ...] = ()
    with _fewer_collections():
        for table in TABLES:
            span = span_of(table, start, end)
            if span is None or (tables is not None and table.name not in tables):
                continue
            run = _TableRun(expectation, snapshot, destination, table, listing, span)
            for counts in run.compare(since, judge_missing, stop):
                compared[table.name] = counts
                progress(table.name, counts)
            expected += run.expected
    return Comparison(compared, tuple(listing.kept), listing.omitted, complete=tables is None, expected=expected)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Python's garbage collector looks through millions of new tuples and finds no cycle. Called rarely, it leaves a
    verification a tenth of its time: 0.70 instead of 0.78 of a copy's (``make bench``, race ``verify``).
    """
    usual = gc.get_threshold()
    gc.set_threshold(200_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@dataclass(slots=True)
class _Listing:
    """Hands on every difference, and keeps the first."""

    found: Callable[[Sequence[Difference]], None]
    kept: list[Difference] = field(default_factory=list)
    omitted: int = 0

    def add(self, differences: Sequence[Difference]) -> None:
        """More differences, after those before in the order of tables and keys."""
        kept = differences[: MOST_DIFFERENCES - len(self.kept)]
        self.kept += kept
        self.omitted += len(differences) - len(kept)
        if differences:
            self.found(differences)


class _TableRun:
    """The comparison of one table."""

    def __init__(  # noqa: PLR0917  (only ``compare`` makes one)
        self,
        expectation: Expectation,
        snapshot: Snapshot,
        destination: Destination,
        table: Table,
        listing: _Listing,
        span: tuple[Key | None, Key | None],
    ) -> None:
        self.expected: tuple[Expected, ...] = ()
        self._expectation = expectation
        self._snapshot = snapshot
        self._destination = destination
        self._table = table
        self._listing = listing
        self._span = span
        self._counts: Counter[str] = Counter()

    def compare(self, since: str | None, judge_missing: bool, stop: Callable[[], None]) -> Iterator[TableComparison]:
        """Yields the counts so far after each block, and at the end."""
        if self._expectation.count(self._table.name):
            yield from self._compare_rows(since, judge_missing, stop)
        elif self._table.name in self._destination.tables:
            with self._snapshot.watchdog.step(cancellable=True):
                self._counts["extra"] = count_rows(
                    self._snapshot.connection, self._destination.schema, self._table.name
                )
        if self._table is USERS and self._has_made_user():
            self._counts["extra"] -= 1
            self.expected = (Expected.BOOTSTRAP_USER,)
        yield self._so_far()

    def _compare_rows(
        self, since: str | None, judge_missing: bool, stop: Callable[[], None]
    ) -> Iterator[TableComparison]:
        """The server finds the rows of one block while those of the last one are judged and more are read."""
        key = common_key(self._destination, self._table)
        first, last = self._span
        stored = StoredTable(self._snapshot, self._destination, self._table, key, since, first=first, last=last)

        def absent(block: Block, place: int) -> bool:
            found = tuple(column[place] for column in block.key_columns)
            return self._expectation.may_be_absent(self._table.name, found, key) is not None

        judge = Judge(self._table, key, self._expectation.dimension, absent if judge_missing else None, self._made())
        waiting: tuple[Block, Future[StoredRows]] | None = None
        with ThreadPoolExecutor(1, "stored rows") as beside:
            for block in self._expectation.blocks(self._table.name, _BLOCK, first=first, last=last, key=key):
                stop()
                self._counts["left_out"] += len(block.left_out)
                coming = (block, beside.submit(stored.find, block.key_columns)) if len(block) else None
                if waiting is not None:
                    self._add(judge.judge(waiting[0], waiting[1].result()))
                    yield self._so_far()
                waiting = coming
            if waiting is not None:
                self._add(judge.judge(waiting[0], waiting[1].result()))
        self._counts["extra"] += stored.rest()

    def _add(self, verdict: Verdict) -> None:
        self._counts.update(
            equal=verdict.equal,
            different=verdict.different,
            missing=verdict.missing,
            left_out=verdict.left_out,
            extra=verdict.extra,
        )
        self._listing.add(verdict.differences)

    def _so_far(self) -> TableComparison:
        compared = self._counts["equal"] + self._counts["different"]
        source = self._counts["left_out"] + compared + self._counts["missing"]
        return TableComparison(source=source, compared=compared, **self._counts)

    def _made(self) -> tuple[str, ...] | None:
        """The key of the default owner of memories where the source has none that can arrive: a copy makes it."""
        return (BOOTSTRAP_USER_ID,) if self._table is USERS and self._expectation.made_user is not None else None

    def _has_made_user(self) -> bool:
        """Whether the destination has a default owner of memories that the source lacks, as a copy makes it."""
        made = self._expectation.made_user
        if USERS.name not in self._destination.tables or made is None:
            return False
        query = sql.SQL(
            "SELECT FROM {} WHERE id = {} AND handle::text = {} AND display_name::text = {} AND metadata = {}::jsonb"
        ).format(
            sql.Identifier(self._destination.schema, USERS.name),
            *map(sql.Literal, (BOOTSTRAP_USER_ID, made["handle"], made["display_name"], json.dumps(made["metadata"]))),
        )
        with self._snapshot.watchdog.step(cancellable=True):
            return self._snapshot.connection.execute(query).rowcount > 0


def common_key(destination: Destination, table: Table) -> tuple[str, ...]:
    """The columns by which both sides are read: the table's key, and what a wider key at the destination adds to it,
    where both sides can be read in the order of that.
    """
    own = destination.key_of(table)
    wider = (name for name in own if name not in table.key)
    return (*table.key, *(name for name in wider if table.columns[table.position(name)].type in _ORDERED))
