"""The specification's own algorithm: one INSERT a row, a savepoint each, one transaction a batch, indexes in place.

All that is not said there is made as quick as it can be: rows are read and converted as the tool does it, statements
are prepared, and values are bound in binary, without a detour through Python objects.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import cast

from psycopg import pq, sql

from bench.contenders.destination import build_indexes, connect, prepared
from bench.files import sound_batches
from bench.stopwatch import COPY, Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core import wire
from vestige_tui.core.destination.catalog import Destination
from vestige_tui.core.destination.connect import Connection
from vestige_tui.core.destination.schema import identifiers
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.records import Record
from vestige_tui.core.tables import TABLES, Table

_PREPARED = b"bench_insert"


def run(task: Task) -> Measured:
    """Copy ``task.source``."""
    watch = Stopwatch()
    with watch, open_source(task.source) as reading, connect(task) as writing:
        watch.phase("prepare")
        source = describe_open(reading, task.source)
        destination = prepared(writing, source.model)
        build_indexes(writing, destination, hnsw=task.hnsw)
        watch.phase(COPY)
        for table in TABLES:
            started = time.monotonic()
            inserting = _Inserting(writing, destination, table)
            for batch in sound_batches(reading, source, table, task.batch_size):
                inserting.write(batch)
                watch.batches += 1
            watch.tables[table.name] = time.monotonic() - started
    return watch.measured()


class _Inserting:
    """Writes the rows of one table."""

    def __init__(self, connection: Connection, destination: Destination, table: Table) -> None:
        self._link = connection.pgconn
        self._formats = [pq.Format.BINARY] * len(table.columns)
        places = sql.SQL(", ").join(sql.SQL(f"${number}") for number in range(1, len(table.columns) + 1))
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING").format(
            sql.Identifier(destination.schema, table.name),
            identifiers(table.column_names),
            places,
            identifiers(destination.key_of(table)),
        )
        self._done(self._link.exec_(b"DEALLOCATE ALL"))
        self._done(self._link.prepare(_PREPARED, statement.as_bytes(connection)))

    def write(self, records: Sequence[Record]) -> None:
        """One transaction."""
        self._done(self._link.exec_(b"BEGIN"))
        for record in records:
            values = cast(list[bytes], [None if field == wire.NULL else field[4:] for field in record.fields])
            self._done(self._link.exec_(b"SAVEPOINT one_row"))
            self._done(self._link.exec_prepared(_PREPARED, values, self._formats))
            self._done(self._link.exec_(b"RELEASE SAVEPOINT one_row"))
        self._done(self._link.exec_(b"COMMIT"))

    def _done(self, result: pq.abc.PGresult) -> None:
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise SystemExit(f"the server refused a statement: {result.get_error_message()}")
