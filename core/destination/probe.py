"""Tests a connection: which server answers, what is missing, and which rows it has already. It writes nothing.

``create_database`` is the one exception; it runs when the operator asks for a missing database.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import psycopg
from psycopg import sql

from vestige_tui.core.destination import inspection
from vestige_tui.core.destination.catalog import count_rows
from vestige_tui.core.destination.connection import Connection, behind_pooler, connect
from vestige_tui.core.destination.server_errors import explain_connecting, explained, first_line
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, RefusedError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature

STATEMENT_TIMEOUT = 5
"""Seconds that one query may take; the rows of a table that takes longer are not counted."""

_MAINTENANCE = ("postgres", "template1")


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the role may do: create tables in the schema, temporary tables, and extensions in the database."""

    create: bool
    temporary: bool
    extension: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """What a test of a connection found.

    ``tls`` is the protocol of the connection, None where it is not encrypted; ``local``: it ends on this machine.
    ``pgvector`` is the version in the database or, unless ``pgvector_installed``, the one that can be installed; None
    where the server has none. ``rows`` counts the rows of each existing table of a copy, None where that took too long.
    ``refusals`` are the reasons why a copy would not start.
    """

    server_version: str
    database: str
    user: str
    tls: str | None
    local: bool
    pgvector: str | None
    pgvector_installed: bool
    privileges: Privileges
    standby: bool
    pooled: bool
    schema: str | None
    rows: Mapping[str, int | None]
    registered: ModelSignature | None
    refusals: tuple[RefusedError, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether a copy into it could start."""
        return not self.refusals

    @property
    def memories(self) -> int:
        """How many memories the destination has, 0 where they could not be counted."""
        return self.rows.get("knowledge_nodes") or 0


def probe(dsn: Dsn, waits: Waits = DEFAULT_WAITS) -> Probe:
    """Test a connection. Raises ``DestinationError`` where there is none; what prevents a copy is a refusal."""
    with _connected(dsn, waits) as connection, explained(dsn, state=DataState.NOTHING_CHANGED):
        refusals: list[RefusedError] = []
        destination = _inspect(connection, refusals)
        with _careful(connection):
            schema = destination.schema if destination is not None else _value(connection, "SELECT current_schema()")
            version, installed = _pgvector(connection)
            privileges = _privileges(connection, schema)
            standby = bool(_value(connection, "SELECT pg_is_in_recovery()"))
            tls = _value(connection, "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        return Probe(
            server_version=(connection.info.parameter_status("server_version") or "?").split()[0],
            database=connection.info.dbname,
            user=connection.info.user,
            tls=(tls or "TLS") if connection.pgconn.ssl_in_use else None,
            local=ends_here(connection.info.host, connection.info.hostaddr),
            pgvector=version,
            pgvector_installed=installed,
            privileges=privileges,
            standby=standby,
            pooled=destination.pooled if destination is not None else behind_pooler(connection),
            schema=schema,
            rows=_count_rows(connection, destination) if destination is not None else {},
            registered=destination.registered if destination is not None else None,
            refusals=tuple(refusals),
        )


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


def ends_here(host: str, address: str) -> bool:
    """Whether a connection ends on this machine: at a socket in the file system, or at a loopback address. A forwarder
    that listens there, such as a tunnel, may send everything on.

    ``host`` and ``address`` are what libpq says of it.
    """
    if host.startswith(("/", "@")):
        return True
    try:
        found = ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback


@contextmanager
def _connected(dsn: Dsn, waits: Waits) -> Iterator[Connection]:
    try:
        connection = connect(dsn, waits=waits)
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


@contextmanager
def _careful(connection: Connection) -> Iterator[None]:
    """A read-only transaction in which no query takes long."""
    with connection.transaction():
        connection.execute("SET TRANSACTION READ ONLY")
        connection.execute(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}s'")
        yield


def _inspect(connection: Connection, refusals: list[RefusedError]) -> inspection.Destination | None:
    """The destination as a copy sees it; what a copy would refuse is added to ``refusals``."""
    destination = None
    try:
        destination = inspection.inspect(connection)
        inspection.check_fit(destination, destination.registered)
        inspection.check_stamp(connection, destination, destination.registered)
        inspection.check_writable(connection, destination, destination.registered)
    except RefusedError as refusal:
        refusals.append(refusal)
    return destination


def _pgvector(connection: Connection) -> tuple[str | None, bool]:
    """Its version, and whether it is installed in this database."""
    row = connection.execute(
        "SELECT default_version, installed_version FROM pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    return (None, False) if row is None else (row[1] or row[0], row[1] is not None)


def _privileges(connection: Connection, schema: str | None) -> Privileges:
    row = connection.execute(
        """SELECT coalesce(has_schema_privilege(%(schema)s, 'CREATE'), false),
                  has_database_privilege(current_database(), 'TEMPORARY')""",
        {"schema": schema},
    ).fetchone()
    create, temporary = row or (False, False)
    return Privileges(create, temporary, inspection.may_create_extension(connection))


def _count_rows(connection: Connection, destination: inspection.Destination) -> dict[str, int | None]:
    counts: dict[str, int | None] = {}
    for name in destination.tables:
        try:
            with _careful(connection):
                counts[name] = count_rows(connection, destination.schema, name)
        except (psycopg.errors.QueryCanceled, psycopg.errors.InsufficientPrivilege):
            counts[name] = None
    return counts


def _value(connection: Connection, query: str) -> str | None:
    row = connection.execute(query).fetchone()
    return row[0] if row else None
