"""The specification's own algorithm: one INSERT a row, a savepoint each, one transaction a batch, indexes in place.

It is written as one writes it with psycopg: transactions and savepoints are its blocks, values are Python objects, and
a statement is prepared by itself after its fifth time. Rows are read and converted as the tool does it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from pgvector.psycopg import register_vector
from psycopg import pq, sql
from psycopg.adapt import Transformer
from psycopg.types import TypeInfo
from psycopg.types.json import Jsonb

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
from vestige_tui.core.tables import TABLES, PgType, Table


class Inserting(Protocol):
    """Writes the rows of one table."""

    def write(self, records: Sequence[Record]) -> None:
        """One transaction."""
        ...


def run(task: Task) -> Measured:
    """Copy ``task.source``."""
    return copy(task, _Inserting)


def copy(task: Task, inserting_into: Callable[[Connection, Destination, Table], Inserting]) -> Measured:
    """Copy ``task.source``, each table by its own writer."""
    watch = Stopwatch()
    with watch, open_source(task.source) as reading, connect(task) as writing:
        watch.phase("prepare")
        source = describe_open(reading, task.source)
        destination = prepared(writing, source.model)
        build_indexes(writing, destination, hnsw=task.hnsw)
        watch.phase(COPY)
        for table in TABLES:
            started = time.monotonic()
            inserting = inserting_into(writing, destination, table)
            for batch in sound_batches(reading, source, table, task.batch_size):
                inserting.write(batch)
                watch.batches += 1
            watch.tables[table.name] = time.monotonic() - started
    return watch.measured()


def insertion(destination: Destination, table: Table, places: Sequence[sql.Composable]) -> sql.Composed:
    """The statement for one row, with ``places`` for its values."""
    return sql.SQL("INSERT INTO {} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING").format(
        sql.Identifier(destination.schema, table.name),
        identifiers(table.column_names),
        sql.SQL(", ").join(places),
        identifiers(destination.key_of(table)),
    )


class _Inserting:
    """Writes through psycopg's cursors."""

    def __init__(self, connection: Connection, destination: Destination, table: Table) -> None:
        register_vector(connection)
        self._connection = connection
        self._statement = insertion(destination, table, [sql.Placeholder()] * len(table.columns))
        self._loaders = [_loader(connection, column.type) for column in table.columns]

    def write(self, records: Sequence[Record]) -> None:
        """One transaction."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for record in records:
                values = [
                    None if field == wire.NULL else load(field[4:])
                    for load, field in zip(self._loaders, record.fields, strict=True)
                ]
                with self._connection.transaction():
                    cursor.execute(self._statement, values)


def _loader(connection: Connection, kind: PgType) -> Callable[[bytes], Any]:
    """What makes the Python object of a type from its binary form, as psycopg does it with the results of a query."""
    element = TypeInfo.fetch(connection, kind.sql.removesuffix("[]"))
    if element is None:
        raise SystemExit(f"the server has no type {kind.sql}")
    oid = element.array_oid if kind.sql.endswith("[]") else element.oid
    load = Transformer(connection).get_loader(oid, pq.Format.BINARY).load
    return (lambda data: Jsonb(load(data))) if kind is PgType.JSONB else load
