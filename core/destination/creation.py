"""The SQL with which an administrator makes a role, its database and pgvector in it, ready to paste into ``psql``."""

from __future__ import annotations

from psycopg import sql

from vestige_tui.core.facts import NameFault

_BEGIN = "-- In psql, as a superuser, on a server that has the package of pgvector.\n"
_ROLE = "CREATE ROLE {role} LOGIN;\n"
_DATABASE = """\
CREATE DATABASE {database}
    OWNER {role} ENCODING 'UTF8' TEMPLATE template0;
\\connect {target}
CREATE EXTENSION IF NOT EXISTS vector;  -- pgvector: only a superuser may add it
"""
_LAST = """\
-- Asks for the new password twice, and sends only its digest.
\\password {role}
"""
"""It comes last: its prompt takes whatever is pasted after it."""

_SUPERUSER = "postgres"
"""The role that every server has."""

_LONGEST = 63  # bytes; a longer name is cut off, and who logs in with it is unknown


class RefusedNameError(ValueError):
    """No role or database can be made with a name."""

    def __init__(self, fault: NameFault) -> None:
        super().__init__(fault.name)
        self.fault = fault


def creation_sql(role: str, database: str) -> str:
    """The statements that make ``role``, and ``database`` for it to own, in short lines.

    They hold no password: ``\\password`` asks for it. The superuser that every server has is not made, and keeps its
    password. Raises ``RefusedNameError``.
    """
    for name in (role, database):
        if not name.isprintable() or not name:
            raise RefusedNameError(NameFault.UNPRINTABLE)
        if len(name.encode()) > _LONGEST:
            raise RefusedNameError(NameFault.TOO_LONG)
    if role.startswith("pg_") or role in ("public", "none"):
        raise RefusedNameError(NameFault.RESERVED)
    statements = _BEGIN + (_DATABASE if role == _SUPERUSER else _ROLE + _DATABASE + _LAST)
    quoted = {"role": sql.Identifier(role).as_string(), "database": sql.Identifier(database).as_string()}
    return statements.format(**quoted, target=_target(database))


def _target(database: str) -> str:
    """The database for ``\\connect``, which takes even a quoted name with "=" or "://" for a connection string."""
    if "=" not in database and "://" not in database:
        return sql.Identifier(database).as_string()
    value = database.replace("\\", "\\\\").replace("'", "\\'")
    conninfo = f"dbname='{value}'"
    return f"-reuse-previous=on {sql.Identifier(conninfo).as_string()}"
