"""Bringing batches into the destination: whole when possible, row by row where one of them is at fault.

Behind a pooler, where a session ends with its transaction, the staging table is made anew in each.

A batch is one transaction: binary ``COPY`` into a temporary staging table, then ``INSERT … SELECT … ON CONFLICT DO
NOTHING`` from there. When the server refuses it, the batch is sent again and halved under savepoints until the rows
at fault stand alone; the others arrive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from vestige_tui.core import wire
from vestige_tui.core.destination.catalog import Destination, FoundTable
from vestige_tui.core.destination.connect import Connection
from vestige_tui.core.destination.failures import is_row_fault
from vestige_tui.core.destination.faults import refused_row
from vestige_tui.core.destination.schema import column_type, identifiers
from vestige_tui.core.report import RowError
from vestige_tui.core.source.reader import Record
from vestige_tui.core.tables import Table


@dataclass(slots=True)
class Written:
    """What became of a batch: rows inserted, how many of those were mended, and the errors of all its rows."""

    inserted: int = 0
    repaired: int = 0
    failed: int = 0
    errors: list[RowError] = field(default_factory=list)

    def add(self, other: Written) -> Written:
        """Both together."""
        return Written(
            self.inserted + other.inserted,
            self.repaired + other.repaired,
            self.failed + other.failed,
            self.errors + other.errors,
        )


class TableWriter:
    """Writes the records of one table over one connection in autocommit mode.

    Every method raises ``psycopg.Error`` when the batch's fault is not a row's: then nothing of that batch was kept,
    unless the connection broke while it was being committed.
    """

    def __init__(self, connection: Connection, destination: Destination, table: Table) -> None:
        found = destination.tables[table.name]
        self._connection = connection
        self._table = table
        self._found: FoundTable = found
        self._stage = sql.Identifier("pg_temp", f"vestige_tui_{table.name}")
        target = sql.Identifier(destination.schema, table.name)
        columns = identifiers(table.column_names)
        self._copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(self._stage)
        self._insert = sql.SQL(
            "INSERT INTO {} ({}) SELECT {} FROM {} WHERE ord >= %s AND ord < %s ON CONFLICT ({}) DO NOTHING"
        ).format(target, columns, columns, self._stage, identifiers(found.key))
        self._present = sql.SQL("SELECT s.ord FROM {} s JOIN {} t USING ({}) WHERE s.ord = ANY (%s)").format(
            self._stage, target, identifiers(found.key)
        )
        self._pooled = destination.pooled
        self._create_stage = self._staging_table(destination)
        if not self._pooled:
            connection.execute(self._create_stage)

    def _staging_table(self, destination: Destination) -> sql.Composed:
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(column.name), column_type(column, destination.vector_schema or ""))
            for column in self._table.columns
        ]
        return sql.SQL("CREATE TEMPORARY TABLE {} (ord integer, {}) ON COMMIT {}").format(
            sql.Identifier(f"vestige_tui_{self._table.name}"),
            sql.SQL(", ").join(columns),
            sql.SQL("DROP" if self._pooled else "DELETE ROWS"),
        )

    def write(self, records: Sequence[Record]) -> Written:
        """One transaction with all rows that the server takes."""
        if not records:
            return Written()
        try:
            with self._connection.transaction():
                self._send(records)
                present = self._already_there(records)
                inserted = self._take(0, len(records))
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            return self._write_apart(records)
        return self._summary(records, inserted, present, {})

    def _write_apart(self, records: Sequence[Record]) -> Written:
        """The same for a batch in which some row is at fault."""
        try:
            with self._connection.transaction():
                self._send(records)
                present = self._already_there(records)
                faults: dict[int, psycopg.Error] = {}
                inserted = self._take_apart(0, len(records), faults)
        except psycopg.Error as error:  # the COPY itself: the row cannot even be staged
            if not is_row_fault(error):
                raise
            if len(records) == 1:
                return self._summary(records, 0, frozenset(), {0: error})
            middle = len(records) // 2
            return self.write(records[:middle]).add(self.write(records[middle:]))
        return self._summary(records, inserted, present, faults)

    def _send(self, records: Sequence[Record]) -> None:
        if self._pooled:
            self._connection.execute(self._create_stage)
        width = len(self._table.columns) + 1
        with self._connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            rows = [wire.row([wire.int4(ord_), *record.fields], width) for ord_, record in enumerate(records)]
            copy.write(b"".join((wire.HEADER, *rows, wire.TRAILER)))

    def _take(self, low: int, high: int) -> int:
        return self._connection.execute(self._insert, (low, high)).rowcount

    def _take_apart(self, low: int, high: int, faults: dict[int, psycopg.Error]) -> int:
        """Insert the staged rows from ``low`` up to ``high``, halving where the server refuses; collects the faults."""
        try:
            with self._connection.transaction():
                return self._take(low, high)
        except psycopg.Error as error:
            if not is_row_fault(error):
                raise
            if high - low == 1:
                faults[low] = error
                return 0
        middle = (low + high) // 2
        return self._take_apart(low, middle, faults) + self._take_apart(middle, high, faults)

    def _already_there(self, records: Sequence[Record]) -> frozenset[int]:
        """Which of the mended rows are at the destination already: only the others count as repaired."""
        mended = [ord_ for ord_, record in enumerate(records) if record.problems]
        if not mended:
            return frozenset()
        return frozenset(row[0] for row in self._connection.execute(self._present, (mended,)))

    def _summary(
        self, records: Sequence[Record], inserted: int, present: frozenset[int], faults: dict[int, psycopg.Error]
    ) -> Written:
        written = Written(inserted=inserted, failed=len(faults))
        for ord_, record in enumerate(records):
            if ord_ in faults:
                written.errors.append(refused_row(self._table, self._found, record, faults[ord_]))
            elif record.problems:
                written.errors.extend(record.problems)
                written.repaired += ord_ not in present
        return written
