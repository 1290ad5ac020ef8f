"""Has autovacuum step aside from a table, before a lock that it does not share.

The server cancels autovacuum's work on a table for a session that has waited ``deadlock_timeout`` for a lock on it. A
run waits less than that for a strong lock: readers and writers queue behind it, and of two sessions that wait for each
other this run has to give up first. So it waits longer beforehand, in SHARE UPDATE EXCLUSIVE mode, which autovacuum
does not share while readers and writers do. That is a transaction of its own for each table: a session that waits so
long must hold nothing that others wait for. Autovacuum comes back after ``autovacuum_naptime`` (1 min) at the earliest.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import LiteralString

from psycopg import errors, sql

from vestige_tui.core.destination.connection import Connection, unlimited

_MARGIN_MS = 500
"""For autovacuum to notice that it is cancelled."""

_LONGEST_MS = 30_000
"""An attempt waits no longer, whatever the administrator has set; autovacuum then works on."""

SOONER: LiteralString = """
    SELECT pg_catalog.set_config('deadlock_timeout', '100ms', true)
    WHERE pg_catalog.has_parameter_privilege('deadlock_timeout', 'SET')
      AND pg_catalog.current_setting('deadlock_timeout')::pg_catalog.interval > '100ms'"""
"""The statement by which autovacuum steps aside after 0.1 s for the rest of a transaction, if the role may set that: it
is a superuser, or was granted it. Where this session and another one wait for each other, it is then this one that the
server ends.
"""

_LIMIT: LiteralString = """
    SELECT pg_catalog.set_config('lock_timeout', least({longest}, {margin} + 1000 * extract(
        epoch FROM pg_catalog.current_setting('deadlock_timeout')::pg_catalog.interval
    ))::pg_catalog.int8::pg_catalog.text, true)"""


def long_enough() -> sql.Composed:
    """The statements by which the rest of a transaction waits for a lock until autovacuum has stepped aside."""
    return sql.SQL(";\n").join((sql.SQL(SOONER), sql.SQL(_LIMIT).format(longest=_LONGEST_MS, margin=_MARGIN_MS)))


def step_aside(connection: Connection, schema: str, tables: Iterable[str]) -> None:
    """Have autovacuum leave these tables. Where it works on one, that takes ``deadlock_timeout``, or 0.1 s by
    ``SOONER``; else no time.

    A table that the role may not lock is passed over: that takes UPDATE, DELETE or TRUNCATE. Raises ``psycopg.Error``:
    ``LockNotAvailable`` where the lock could not be had, as autovacuum against wraparound does not step aside, nor does
    another session that changes the table.
    """
    for table in tables:
        lock = sql.SQL("LOCK TABLE ONLY {} IN SHARE UPDATE EXCLUSIVE MODE").format(sql.Identifier(schema, table))
        with suppress(errors.InsufficientPrivilege), unlimited(connection):
            connection.execute(sql.SQL(";\n").join((long_enough(), lock)))
