"""Writes batches to the destination: whole where possible, row by row where the server refuses one of the rows.

Into a plain table that was empty, each batch is one binary ``COPY``, a transaction by itself. Elsewhere batches travel
in groups: one ``COPY`` fills a temporary staging table with a group, then each batch is one transaction with one
``INSERT … SELECT … ON CONFLICT DO NOTHING``, all of them sent in one pipeline. A batch that the server refuses is
halved under savepoints until the refused rows stand alone; the others arrive.

Behind a pooler, where a session ends with its transaction, staging table and batch share one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import accumulate, chain

import psycopg
from psycopg import sql
from psycopg.pq import ExecStatus

from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.keys import KeyLookup
from vestige_tui.core.destination.row_errors import dropped_row, refused_row
from vestige_tui.core.destination.schema import column_type, identifiers
from vestige_tui.core.destination.server_errors import is_row_error, may_have_committed
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.batches import BatchResult
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.records import Packed, Record
from vestige_tui.core.rows.tables import Table

Records = Sequence[Record]
CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"
"""Else a deferred constraint would undo a batch after it was reported as inserted."""

Refused = dict[int, psycopg.Error]
"""The errors of refused rows, by position in the staging table."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The server's answer to a staged batch: rows inserted, and errors of refused rows."""

    inserted: int = 0
    refused: Refused = field(default_factory=dict)


class TableWriter:
    """Writes the records of one table over one connection in autocommit mode.

    Every method raises ``psycopg.Error`` for an error that is not a row's. Then nothing of the current batch was kept,
    unless the connection broke during its commit.
    """

    def __init__(self, connection: Connection, destination: Destination, table: Table) -> None:
        self._connection = connection
        self._table = table
        self._width = len(table.columns)
        self._found = destination.tables[table.name]
        self._pooled = destination.pooled
        self._limited = destination.limited
        self._straight = table.name not in destination.populated and self._found.takes_copy(table)
        self._has_stage = False
        self._lookup = KeyLookup(destination, table, self._found.key)
        name = f"vestige_tui_{table.name}"
        stage = sql.Identifier("pg_temp", name)
        target = sql.Identifier(destination.schema, table.name)
        columns, key = identifiers(table.column_names), identifiers(self._found.key)
        self._create_stage = sql.SQL("CREATE TEMPORARY TABLE {} (ord integer, {}) ON COMMIT {}").format(
            sql.Identifier(name),
            sql.SQL(", ").join(
                sql.SQL("{} {}").format(
                    sql.Identifier(column.name), column_type(column, destination.vector_schema or "")
                )
                for column in table.columns
            ),
            sql.SQL("DROP" if self._pooled else "PRESERVE ROWS"),
        )
        self._empty_stage = sql.SQL("TRUNCATE {}").format(stage)
        self._copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(stage)
        self._copy_straight = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(target, columns)
        self._insert_from = sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(target, columns, columns, stage)
        self._on_conflict = sql.SQL("ON CONFLICT ({}) DO NOTHING").format(key)
        self._select_missing = sql.SQL(
            "SELECT s.ord FROM {} s WHERE NOT EXISTS (SELECT FROM {} t WHERE ({}) = ({})) AND "
        ).format(
            stage,
            target,
            sql.SQL(", ").join(sql.Identifier("t", name) for name in self._found.key),
            sql.SQL(", ").join(sql.Identifier("s", name) for name in self._found.key),
        )

    def write(self, batches: Sequence[Records]) -> Iterator[BatchResult]:
        """Write each batch in one transaction, with all rows that the server takes; yields results that are certain."""
        if self._straight:
            return map(self._write_straight, batches)
        if self._pooled or not self._staged(batches):
            return map(self._write_alone, batches)
        return self._insert_staged(batches)

    def _staged(self, batches: Sequence[Records]) -> bool:
        """Copy a group into the staging table; False where one of its rows cannot even be staged."""
        self._make_stage()
        try:
            self._send([*chain.from_iterable(batches)])
        except psycopg.Error as error:
            if not is_row_error(error):
                raise
            return False
        return True

    # Numbers are written into these statements: with parameters, a % in a schema's name would be taken for one.

    def _insert(self, low: int, high: int) -> sql.Composed:
        return sql.SQL("{} WHERE ord >= {} AND ord < {} {}").format(
            self._insert_from, sql.Literal(low), sql.Literal(high), self._on_conflict
        )

    def _make_stage(self) -> None:
        if not self._pooled and not self._has_stage:
            self._connection.execute(self._create_stage)
            self._has_stage = True

    def _write_straight(self, records: Records) -> BatchResult:
        """Copy one batch into a table that was empty; a batch that is refused goes over the staging table after all."""
        if not records:
            return BatchResult()
        try:
            with self._unlimited(nullcontext()):
                arrived = self._copy_rows(self._copy_straight, self._packed(records))
        except psycopg.Error as error:
            if not is_row_error(error):
                raise
            self._make_stage()
            return self._write_alone([*records])
        if isinstance(records, Packed) and arrived == len(records):
            return BatchResult(arrived)  # none of them has a problem
        lost: set[int] = set()
        if arrived < len(records):
            positions = [self._table.position(name) for name in self._found.key]
            keys = [[record.fields[position] for record in records] for position in positions]
            lost = self._lookup.missing(self._connection, keys)
        return self._summary(records, 0, _Outcome(arrived), lost)

    def _unlimited(self, otherwise: AbstractContextManager[object]) -> AbstractContextManager[object]:
        """A transaction without time limits where each has to lift them, else ``otherwise``."""
        return unlimited(self._connection) if self._limited else otherwise

    def _send(self, records: Records) -> None:
        rows = [(copy_format.int4(ord_), *record.fields) for ord_, record in enumerate(records)]
        self._copy_rows(self._copy, copy_format.rows(rows, 1 + self._width))

    def _packed(self, records: Records) -> bytes:
        if isinstance(records, Packed):
            return records.packed
        return copy_format.rows([record.fields for record in records], self._width)

    def _copy_rows(self, statement: sql.Composed, packed: bytes) -> int:
        """Carry out a COPY; returns how many rows the server took."""
        with self._connection.cursor() as cursor:
            try:
                with cursor.copy(statement) as copy:
                    copy.write(copy_format.stream(packed))
            except ValueError:  # psycopg expects one answer, and a server that ends the session gives two
                if not self._connection.broken:
                    raise
                raise psycopg.OperationalError("the server ended the session") from None
            return cursor.rowcount

    def _insert_staged(self, batches: Sequence[Records]) -> Iterator[BatchResult]:
        """Insert each batch from the staging table in a transaction of its own, for the price of one round trip.

        The end of a transaction has no answer of its own: whether the last one before a broken
        connection was committed is unknown.
        """
        starts = [*accumulate((len(records) for records in batches[:-1]), initial=0)]
        answers = [(self._connection.cursor(), self._connection.cursor()) for _ in batches]
        failure: psycopg.Error | None = None
        try:
            with self._connection.pipeline() as pipeline:
                for low, records, (inserted, checked) in zip(starts, batches, answers, strict=True):
                    inserted.execute(self._insert(low, low + len(records)))
                    checked.execute(CHECK_NOW)
                    pipeline.sync()  # ends the transaction
        except psycopg.Error as error:
            if not is_row_error(error):
                failure = error
        outcomes: list[_Outcome] = []
        for low, records, (inserted, checked) in zip(starts, batches, answers, strict=True):
            if checked.pgresult is not None and checked.pgresult.status == ExecStatus.COMMAND_OK:
                outcomes.append(_Outcome(inserted.rowcount))
            elif failure is not None:
                break
            else:  # refused, or not sent any more after another one was
                with self._connection.transaction():
                    outcomes.append(self._insert_under_savepoints(records, low))
        if failure is not None:
            if may_have_committed(failure):
                outcomes = outcomes[:-1]
            yield from self._summaries(batches, starts, outcomes, certain=False)
            raise failure
        yield from self._summaries(batches, starts, outcomes)
        self._connection.execute(self._empty_stage)

    def _write_alone(self, records: Records) -> BatchResult:
        """Stage and insert one batch in one transaction; halve it where a row cannot even be staged."""
        if not records:
            return BatchResult()
        try:
            with self._unlimited(self._connection.transaction()):
                if self._pooled:
                    self._connection.execute(self._create_stage)
                self._send(records)
                (result,) = self._summaries([records], [0], [self._insert_under_savepoints(records, 0)])
                if not self._pooled:
                    self._connection.execute(self._empty_stage)
                return result
        except psycopg.Error as error:
            if not is_row_error(error):
                raise
            if len(records) == 1:
                return self._summary(records, 0, _Outcome(refused={0: error}), set())
        middle = len(records) // 2
        return self._write_alone(records[:middle]) + self._write_alone(records[middle:])

    def _insert_under_savepoints(self, records: Records, low: int) -> _Outcome:
        """Insert a staged batch inside a transaction, under savepoints."""
        self._connection.execute(CHECK_NOW)
        refused: Refused = {}
        inserted = self._halve(low, low + len(records), refused)
        return _Outcome(inserted, refused)

    def _halve(self, low: int, high: int, refused: Refused) -> int:
        """Insert the staged rows from ``low`` up to ``high``, halving where the server refuses; collects the errors."""
        try:
            with self._connection.transaction():
                return self._connection.execute(self._insert(low, high)).rowcount
        except psycopg.Error as error:
            if not is_row_error(error):
                raise
            if high - low == 1:
                refused[low] = error
                return 0
        middle = (low + high) // 2
        return self._halve(low, middle, refused) + self._halve(middle, high, refused)

    def _summaries(
        self, batches: Sequence[Records], starts: Sequence[int], outcomes: Sequence[_Outcome], *, certain: bool = True
    ) -> list[BatchResult]:
        """The results of the batches that have an outcome.

        A row neither inserted nor refused must be at the destination already; ``certain`` checks that, which needs a
        connection.
        """
        done = [*zip(starts, batches, outcomes, strict=False)]
        short = [
            (low, low + len(records))
            for low, records, outcome in done
            if outcome.inserted + len(outcome.refused) < len(records)
        ]
        lost = self._lost(short) if short and certain else set()
        return [self._summary(records, low, outcome, lost) for low, records, outcome in done]

    def _lost(self, ranges: Sequence[tuple[int, int]]) -> set[int]:
        """Staged rows within these ranges that are not at the destination, for whatever reason."""
        within = sql.SQL(" OR ").join(
            sql.SQL("ord >= {} AND ord < {}").format(sql.Literal(low), sql.Literal(high)) for low, high in ranges
        )
        return {row[0] for row in self._connection.execute(sql.SQL("{}({})").format(self._select_missing, within))}

    def _summary(self, records: Records, low: int, outcome: _Outcome, lost: set[int]) -> BatchResult:
        problems: list[RowError] = []
        repaired = failed = 0
        for ord_, record in enumerate(records, start=low):
            if ord_ in outcome.refused:
                problems.append(refused_row(self._table, self._found, record, outcome.refused[ord_]))
            elif ord_ in lost:
                problems.append(dropped_row(self._table, record))
            else:
                problems.extend(record.problems)
                repaired += bool(record.problems)
                continue
            failed += 1
        present = len(records) - outcome.inserted - failed
        return BatchResult(outcome.inserted, repaired, failed, present, tuple(problems))
