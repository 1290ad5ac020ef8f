"""The floor: what PostgreSQL itself needs over one connection, with nothing to read, check or convert.

Ready-made binary files go through one ``COPY`` a table straight into the tool's schema, then the indexes are built.
With ``foreign_keys_last`` the server enforces foreign keys after the rows, as the tool has it.
"""

from __future__ import annotations

import time

from psycopg import sql

from bench.contenders.destination import build_indexes, connect, enforce_foreign_keys, prepared
from bench.files import copy_file
from bench.stopwatch import COPY, INDEXES, Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.schema import identifiers
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.source.describe import describe

_CHUNK = 1 << 20  # bytes


def run(task: Task, *, foreign_keys_last: bool = False) -> Measured:
    """Load ``task.files``."""
    model = describe(task.source).model
    watch = Stopwatch()
    with watch, connect(task) as connection:
        watch.phase("prepare")
        destination = prepared(connection, model, foreign_keys_last=foreign_keys_last)
        watch.phase(COPY)
        for table in TABLES:
            started = time.monotonic()
            _load(connection, destination.schema, table, task)
            watch.tables[table.name] = time.monotonic() - started
        watch.phase(INDEXES)
        build_indexes(connection, destination, hnsw=task.hnsw)
        if foreign_keys_last:
            enforce_foreign_keys(connection, destination)
    return watch.measured()


def _load(connection: Connection, schema: str, table: Table, task: Task) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(schema, table.name), identifiers(table.column_names)
    )
    with (
        copy_file(task.files, table).open("rb") as file,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
