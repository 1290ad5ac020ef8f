"""The specification's own algorithm: one INSERT a row, a savepoint each, one transaction a batch, indexes in place.

It is written as one writes it with psycopg: transactions and savepoints are its blocks, and values are Python objects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pgvector.psycopg import register_vector
from psycopg import pq, sql
from psycopg.adapt import Transformer
from psycopg.types import TypeInfo
from psycopg.types.json import Jsonb

from bench.contenders.row_by_row import copy, insertion
from bench.tasks import Measured, Task
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import Table


def run(task: Task) -> Measured:
    """Copy ``task.source``."""
    return copy(task, PsycopgWriter)


class PsycopgWriter:
    """Writes the rows of one table through psycopg's cursors."""

    def __init__(self, connection: Connection, destination: Destination, table: Table) -> None:
        register_vector(connection)
        self._connection = connection
        self._statement = insertion(connection, destination, table, [sql.Placeholder()] * len(table.columns))
        self._loaders = [_loader(connection, column.type) for column in table.columns]

    def write(self, records: Sequence[Record]) -> None:
        """One transaction."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for record in records:
                values = [
                    None if field == copy_format.NULL else load(field[4:])
                    for load, field in zip(self._loaders, record.fields, strict=True)
                ]
                with self._connection.transaction():
                    cursor.execute(self._statement, values, prepare=True)


def _loader(connection: Connection, kind: PgType) -> Callable[[bytes], Any]:
    """What makes the Python object of a type from its binary form, as psycopg does it with the results of a query."""
    element = TypeInfo.fetch(connection, kind.sql.removesuffix("[]"))
    if element is None:
        raise SystemExit(f"the server has no type {kind.sql}")
    oid = element.array_oid if kind.sql.endswith("[]") else element.oid
    load = Transformer(connection).get_loader(oid, pq.Format.BINARY).load
    return (lambda data: Jsonb(load(data))) if kind is PgType.JSONB else load
