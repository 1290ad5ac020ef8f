"""The SQL with which an administrator makes a role, its database and pgvector in it, ready to paste into ``psql``."""

from __future__ import annotations

from psycopg import sql

_STATEMENTS = """\
-- In psql, as a superuser, on a server that has the package of pgvector.
CREATE ROLE {role} LOGIN;
CREATE DATABASE {database}
    OWNER {role} ENCODING 'UTF8' TEMPLATE template0;
\\connect {target}
CREATE EXTENSION IF NOT EXISTS vector;  -- pgvector: only a superuser may add it
-- Asks for the new password twice, and sends only its digest.
\\password {role}
"""
"""The password comes last: its prompt takes whatever is pasted after it."""


def creation_sql(role: str, database: str) -> str:
    """The statements that make ``role``, and ``database`` for it to own, in short lines.

    They hold no password: ``\\password`` asks for it. Raises ``ValueError`` for a name with a control character, which
    nothing can paste.
    """
    for name in (role, database):
        if not name.isprintable() or not name:
            raise ValueError("a name of a role or database that cannot be pasted")
    quoted = {"role": sql.Identifier(role).as_string(), "database": sql.Identifier(database).as_string()}
    return _STATEMENTS.format(**quoted, target=_target(database))


def _target(database: str) -> str:
    """The database for ``\\connect``, which takes even a quoted name with "=" or "://" for a connection string."""
    if "=" not in database and "://" not in database:
        return sql.Identifier(database).as_string()
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = f"dbname='{value}'"
    return f"-reuse-previous=on {sql.Identifier(conninfo).as_string()}"
