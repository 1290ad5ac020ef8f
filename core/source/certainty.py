"""What can be said of all rows of a table before one of them is read: one question to SQLite, not one for each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from vestige_tui.core.source.describe import quoted
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.tables import PgType, Reference

_CANONICAL_LENGTH = 36


def may_repeat(connection: sqlite3.Connection, source: ResolvedSource) -> bool:
    """Whether two rows of a table could have the same canonical key.

    They cannot where the source itself keeps the key's columns unique and every id in them is spelled canonically: in
    lower case, and so long that only the form with hyphens is left.
    Text may become equal when what PostgreSQL cannot store is replaced, or a number in its place becomes text.
    """
    table = source.table
    if any(table.columns[table.position(name)].type is not PgType.UUID for name in table.key):
        return True
    columns = [source.expressions[table.position(name)] for name in table.key]
    if not _is_unique(connection, source.source.table, columns):
        return True
    ids = [
        expression
        for expression, name in zip(columns, table.key, strict=True)
        if expression and table.columns[table.position(name)].type is PgType.UUID
    ]
    return any(
        _exists(
            connection,
            f"FROM {quoted(source.source.table)} n"
            f" WHERE length({expression}) <> {_CANONICAL_LENGTH} OR {expression} <> lower({expression})"
            f" OR {expression} IS NULL",
        )
        for expression in ids
    )


def all_found(
    connection: sqlite3.Connection, source: ResolvedSource, reference: Reference, parent: ResolvedSource
) -> bool:
    """Whether what every row of a table refers to is in the source too, spelled in the very same way.

    SQLite may use indexes for this: what it says is enough to skip looking up, not to leave a row out.
    """
    if len(reference.columns) > 1:
        return False
    (value,), (key,) = (
        [one.expressions[one.table.position(name)] for name in names]
        for one, names in ((source, reference.columns), (parent, parent.table.key))
    )
    if value is None or key is None:
        return False
    return not _exists(
        connection,
        f"FROM {quoted(source.source.table)} n WHERE {value} IS NULL"
        f" OR {value} NOT IN (SELECT {key} FROM {quoted(parent.source.table)} n)",
    )


def _is_unique(connection: sqlite3.Connection, table: str, expressions: Sequence[str | None]) -> bool:
    """Whether a unique index of the source covers some of these columns and no other."""
    indexes = connection.execute(
        'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (table,)
    ).fetchall()
    for (index,) in indexes:
        covered = {
            f"n.{quoted(name or '')}"
            for (name,) in connection.execute("SELECT name FROM pragma_index_info(?)", (index,))
        }
        if covered <= set(expressions):
            return True
    return False


def _exists(connection: sqlite3.Connection, clauses: str) -> bool:
    (value,) = connection.execute(f"SELECT EXISTS (SELECT 1 {clauses})").fetchone()
    return bool(value)
