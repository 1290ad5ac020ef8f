"""Digests of a source's tables, computed from it alone, and those of a destination, computed by the server."""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from tests.support.servers import Connection
from vestige_tui.core.destination.inspection import inspect
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, USERS
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.verify.digests import TableDigest, digests, read_parts
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.source_digests import source_digests


def of_source(path: Path, model: str | None, dimension: int | None) -> dict[str, TableDigest]:
    """By table, for a destination of this model. Every row is announced as it is read."""
    read: dict[str, int] = {}
    with open_source(path) as connection:
        expectation = Expectation(connection, model=model, dimension=dimension)
        found = source_digests(expectation, progress=lambda table, rows: read.update({table.name: rows}))
        assert read == {name: rows for name, rows in expectation.counts.items() if rows}
    return found


def of_destination(connection: Connection, *, without_made_user: bool = False) -> dict[str, TableDigest]:
    """By table; the bootstrap user that a copy has made has a date of its own, and may be left out."""
    destination = inspect(connection)
    found = digests(connection, destination)
    if without_made_user:
        others = sql.SQL("t.id <> {}").format(sql.Literal(BOOTSTRAP_USER_ID))
        found["users"] = TableDigest.of(read_parts(connection, destination, USERS, others))
    return found
