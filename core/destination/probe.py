"""Tests a connection: which server answers, what is missing, and which rows it has already. It writes nothing.

``create_database`` is the one exception; it runs when the operator asks for a missing database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql

from vestige_tui.core.destination.catalog import count_rows
from vestige_tui.core.destination.checks import all_refusals, without_unneeded
from vestige_tui.core.destination.connection import Connection, connect
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.destination.server_errors import explain_connecting, explained, first_line
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, RefusedError
from vestige_tui.core.facts import DataState

STATEMENT_TIMEOUT = 5
"""Seconds that one query may take; the rows of a table that takes longer are not counted."""

_MAINTENANCE = ("postgres", "template1")

_WAITS = Waits(first_answer=10.0)
"""An operator waits for this test: it gives a full pooler less time than a run does."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What a test of a connection found: the destination as a run would inspect it.

    ``rows`` counts the rows of each table that exists, None where that took too long. ``refusals`` are the reasons why
    a copy would not start.
    """

    destination: Destination
    rows: Mapping[str, int | None]
    refusals: tuple[RefusedError, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a copy into it could start."""
        return not self.refusals


def probe(dsn: Dsn, waits: Waits = _WAITS, *, rows: Mapping[str, int] | None = None) -> Probe:
    """Test a connection; ``rows`` is how many a source has for each table (None: it is not known).

    Raises ``DestinationError`` where there is no connection; what prevents a copy is a refusal.
    """
    with _connected(dsn, waits) as connection, explained(dsn, state=DataState.NOTHING_CHANGED):
        destination = inspect(connection)
        if rows is not None:
            destination = without_unneeded(destination, rows)
        return Probe(destination, _count_rows(connection, destination), all_refusals(connection, destination))


def create_database(dsn: Dsn) -> str:
    """Create the database that ``dsn`` names, empty and in UTF-8, and return its name. Raises ``DestinationError``."""
    name = database_name(dsn)
    statement = sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
    with _maintaining(dsn) as connection:
        try:
            connection.execute(statement)
        except psycopg.errors.DuplicateDatabase:
            pass  # another session was faster, which is as good
        except psycopg.Error as error:
            raise DestinationError(
                f"The database {name} could not be created: {first_line(error, dsn)}",
                remedy="Let the server's administrator create it (createdb --encoding=UTF8 NAME), "
                "and make your user its owner.",
            ) from None
    return name


def database_name(dsn: Dsn) -> str:
    """The database that libpq connects to: the named one, else the one with the user's name."""
    defaults = {option.keyword.decode(): option.val for option in psycopg.pq.Conninfo.get_defaults()}
    for keyword in ("dbname", "user"):
        if named := dsn.parameters.get(keyword):
            return named
        if known := defaults.get(keyword):
            return known.decode()
    return _MAINTENANCE[0]


@contextmanager
def _connected(dsn: Dsn, waits: Waits) -> Iterator[Connection]:
    try:
        connection = connect(dsn, read_only=True, waits=waits)
    except psycopg.Error as error:
        raise explain_connecting(error, dsn) from None
    with connection:
        yield connection


@contextmanager
def _maintaining(dsn: Dsn) -> Iterator[Connection]:
    """A connection to a database that every server has."""
    for database in _MAINTENANCE:
        try:
            connection = connect(dsn.with_parameters(dbname=database))
        except psycopg.Error as error:
            failure = explain_connecting(error, dsn)
            continue
        with connection:
            yield connection
        return
    raise failure


def _count_rows(connection: Connection, destination: Destination) -> dict[str, int | None]:
    counts: dict[str, int | None] = {}
    for name in destination.tables:
        try:
            with connection.transaction():
                connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}s'")
                counts[name] = count_rows(connection, destination.schema, name)
        except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege):
            counts[name] = None
    return counts
