"""Roles that may do less than the owner of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg import sql

from tests.support.servers import Database
from vestige_tui.core.dsn import Dsn

DML = "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}"


@contextmanager
def role(database: Database, *grants: str) -> Iterator[Dsn]:
    """A role that may do what is granted; ``{role}`` and ``{database}`` stand for their names.

    It logs in as the owner of the database does: with the same password, where there is one.
    """
    name = f"{database.name}_role"
    password = database.dsn.parameters.get("password")
    login = "LOGIN" if password is None else f"LOGIN PASSWORD {sql.Literal(password).as_string()}"
    names = {"role": name, "database": database.name}
    database.execute(f"CREATE ROLE {name} {login}", *(grant.format(**names) for grant in grants))
    try:
        yield database.dsn.with_parameters(user=name)
    finally:
        database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
