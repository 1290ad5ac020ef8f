"""Keeps the trigger that dates a memory anew from doing so while a row is mended.

An owner may switch a trigger off for one transaction. That locks writers out until its end, and never readers, and
nothing is left behind if the transaction breaks off.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
from psycopg import sql

from vestige_tui.core.destination.connection import Connection

_FIND: LiteralString = r"""
    SELECT t.tgname::text, t.tgenabled = 'A', pg_has_role(c.relowner, 'USAGE')
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = $1::regclass AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
      AND t.tgtype & 19 = 19 -- BEFORE UPDATE FOR EACH ROW
      AND (p.prosrc ~* '^\s*BEGIN\s+NEW\.updated_at\s*:?=\s*[a-z_.]+(\(\))?\s*;\s*RETURN\s+NEW\s*;\s*END\s*;?\s*$'
           OR p.proname = 'moddatetime' AND t.tgnargs = 1 AND t.tgargs = 'updated_at\000'::bytea)"""
"""Triggers that set ``updated_at`` and do nothing else: Vestige's, whatever its name, and that of ``moddatetime``."""


def cannot_be_avoided(connection: Connection, table: sql.Identifier) -> bool:
    """Whether a trigger that dates rows anew cannot be switched off by this role. Raises ``psycopg.Error``."""
    return not all(owned for _, _, owned in _found(connection, table))


@contextmanager
def without_touching(connection: Connection, table: sql.Identifier) -> Iterator[None]:
    """Inside a transaction: switch off what sets ``updated_at`` of a table and does nothing else.

    Only the owner of the table can; for another role nothing is switched off. Raises ``psycopg.Error``.
    """
    ours = [(name, always) for name, always, owned in _found(connection, table) if owned]
    for name, _ in ours:
        connection.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(table, sql.Identifier(name)))
    yield
    for name, always in ours:
        state = sql.SQL("ENABLE ALWAYS" if always else "ENABLE")
        connection.execute(sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(table, state, sql.Identifier(name)))


def _found(connection: Connection, table: sql.Identifier) -> list[tuple[str, bool, bool]]:
    """Such triggers: the name, whether it fires always, and whether this role is the owner."""
    with psycopg.RawCursor(connection) as cursor:
        return cursor.execute(_FIND, [table.as_string(None)]).fetchall()
