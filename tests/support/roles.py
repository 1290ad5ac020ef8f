"""Roles that may do less than the owner of a database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.servers import Database
from vestige_tui.core.dsn import Dsn

DML = "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}"


@contextmanager
def role(database: Database, *grants: str) -> Iterator[Dsn]:
    """A role that may do what is granted; ``{role}`` and ``{database}`` stand for their names."""
    name = f"{database.name}_role"
    names = {"role": name, "database": database.name}
    database.execute(f"CREATE ROLE {name} LOGIN", *(grant.format(**names) for grant in grants))
    try:
        yield database.dsn.with_parameters(user=name)
    finally:
        database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")
