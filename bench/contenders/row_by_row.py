"""What both forms of the specification's algorithm share: the order of the work, and the statement for one row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Protocol

from psycopg import sql

from bench.contenders.destination import build_indexes, connect, prepared
from bench.files import sound_batches
from bench.stopwatch import COPY, Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.schema import identifiers
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.opening import open_source


class RowWriter(Protocol):
    """Writes the rows of one table."""

    def write(self, records: Sequence[Record]) -> None:
        """One transaction."""
        ...


def copy(task: Task, writer_for: Callable[[Connection, Destination, Table], RowWriter]) -> Measured:
    """Copy ``task.source`` over one connection in autocommit mode, with all indexes in place."""
    watch = Stopwatch()
    with watch, open_source(task.source) as reading, connect(task) as writing:
        watch.phase("prepare")
        source = describe_open(reading, task.source)
        destination = prepared(writing, source.model)
        build_indexes(writing, destination, hnsw=task.hnsw)
        watch.phase(COPY)
        for table in TABLES:
            started = time.monotonic()
            writer = writer_for(writing, destination, table)
            for batch in sound_batches(reading, source, table, task.batch_size):
                writer.write(batch)
                watch.batches += 1
            watch.tables[table.name] = time.monotonic() - started
    return watch.measured()


def insertion(
    connection: Connection, destination: Destination, table: Table, places: Sequence[sql.Composable]
) -> bytes:
    """The statement for one row, with ``places`` for its values."""
    return (
        sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING")
        .format(
            sql.Identifier(destination.schema, table.name),
            identifiers(table.column_names),
            sql.SQL(", ").join(places),
            identifiers(destination.key_of(table)),
        )
        .as_bytes(connection)
    )
