"""One moment of the destination, which every query of a verification sees."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import LiteralString

from psycopg import IsolationLevel

from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.destination.watchdog import Watchdog

_OWN_FUNCTIONS: LiteralString = "SET LOCAL search_path TO pg_catalog, pg_temp"
"""A database's search path may lead to functions and operators of the same names that do not tell the truth."""

_SETTINGS: LiteralString = """
    SELECT set_config('jit', 'off', true),  -- compiling a query takes longer than the rows of a table
           set_config('cursor_tuple_fraction', '1', true),  -- all rows are read, not the first few
           set_config('TimeZone', 'UTC', true), set_config('DateStyle', 'ISO, YMD', true),  -- of timestamps as text
           CASE WHEN has_function_privilege('pg_export_snapshot()', 'EXECUTE') THEN pg_export_snapshot() END"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A transaction that sees one moment and writes nothing.

    By its ``name``, transactions of other connections join it; None where this role may not export snapshots.
    """

    connection: Connection
    watchdog: Watchdog
    name: str | None


@contextmanager
def open_snapshot(session: Session, name: str | None = None) -> Iterator[Snapshot]:
    """A new snapshot while the block runs, or the one of that ``name``. The server itself refuses every write.

    The session is in autocommit mode before and after. Raises ``psycopg.Error``, and as ``Watchdog.step`` does.
    """
    connection, watchdog = session
    before = connection.isolation_level, connection.read_only
    connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
    try:
        with ExitStack() as stack:
            with watchdog.step():
                transaction = unlimited(connection, name)
                transaction.__enter__()

            def leave(
                kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
            ) -> bool | None:
                with watchdog.step():  # the end of a transaction needs an answer, too
                    return transaction.__exit__(kind, error, trace)

            stack.push(leave)
            with watchdog.step():
                connection.execute(_OWN_FUNCTIONS)
                row = connection.execute(_SETTINGS).fetchone()
            yield Snapshot(connection, watchdog, row[-1] if row else None)
    finally:
        if not connection.closed:
            connection.isolation_level, connection.read_only = before
