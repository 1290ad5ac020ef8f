"""The specification's algorithm without what psycopg adds: each statement is sent through libpq itself.

The INSERT is prepared, and values are bound in binary, without Python objects. Each answer is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from psycopg import pq, sql

from bench.contenders.row_by_row import copy, insertion
from bench.tasks import Measured, Task
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import Table

_PREPARED = b"bench_insert"


def run(task: Task) -> Measured:
    """Copy ``task.source``."""
    return copy(task, LibpqWriter)


class LibpqWriter:
    """Writes the rows of one table through libpq."""

    def __init__(self, connection: Connection, destination: Destination, table: Table) -> None:
        self._link = connection.pgconn
        self._formats = [pq.Format.BINARY] * len(table.columns)
        places = [sql.SQL(f"${number}") for number in range(1, len(table.columns) + 1)]
        self._done(self._link.exec_(b"DEALLOCATE ALL"))
        self._done(self._link.prepare(_PREPARED, insertion(connection, destination, table, places)))

    def write(self, records: Sequence[Record]) -> None:
        """One transaction."""
        self._done(self._link.exec_(b"BEGIN"))
        for record in records:
            values = cast(list[bytes], [None if field == copy_format.NULL else field[4:] for field in record.fields])
            self._done(self._link.exec_(b"SAVEPOINT one_row"))
            self._done(self._link.exec_prepared(_PREPARED, values, self._formats))
            self._done(self._link.exec_(b"RELEASE SAVEPOINT one_row"))
        self._done(self._link.exec_(b"COMMIT"))

    def _done(self, result: pq.abc.PGresult) -> None:
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise SystemExit(f"the server refused a statement: {result.get_error_message()}")
