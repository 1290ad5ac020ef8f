"""PostgreSQL clusters that a test may stop, kill, replicate and fill: on loopback, from the wheel of the tests."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from tests.support.folders import data_folder
from tests.support.servers import Connection, Database, create_cluster, run_program, server_programs
from vestige_tui.core.destination.programs import Programs
from vestige_tui.core.dsn import Dsn

_numbers = itertools.count(1)

StopMode = Literal["smart", "fast", "immediate"]

_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_senders": "4",
    "dynamic_shared_memory_type": "sysv",  # /dev/shm is small in many containers
    "max_connections": "60",
}


def programs() -> Programs:
    """PostgreSQL's programs, of the version that the tests run on."""
    return server_programs()


def free_port() -> int:
    """A port of the loopback interface without a listener."""
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


@dataclass
class Cluster:
    """One data folder and its port; the server on it is started and stopped by the test."""

    folder: Path
    port: int

    @property
    def data(self) -> Path:
        """The data folder itself."""
        return self.folder / "data"

    @property
    def dsn(self) -> Dsn:
        """The superuser's way in, over TCP."""
        return Dsn({"host": "127.0.0.1", "port": str(self.port), "user": "postgres", "dbname": "postgres"})

    @contextmanager
    def database(self, options: str = "", *, template: str = "template0") -> Iterator[Database]:
        """A new database, empty or equal to another one without connections; dropped at the end.

        The server may be restarted in between. ``options``: of SQL.
        """
        name = f"vestige_cluster_{next(_numbers)}"
        with self.administer() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY {options}".encode())
        try:
            yield Database(name, self.dsn.with_parameters(dbname=name))
        finally:
            with self.administer() as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    @contextmanager
    def administer(self) -> Iterator[Connection]:
        """A superuser's connection to the maintenance database."""
        with psycopg.connect(self.dsn.conninfo(connect_timeout=10), autocommit=True) as connection:
            yield connection

    def run(self, program: str, *arguments: str, check: bool = True) -> None:
        """Run one of PostgreSQL's programs in the cluster's folder, as the account that owns it."""
        run_program(programs(), self.folder, program, *arguments, check=check)

    def create(self, settings: Sequence[str] = ()) -> None:
        """Make a new cluster in the folder."""
        create_cluster(programs(), self.folder)
        self.configure([f"{name} = {value}" for name, value in _SETTINGS.items()])
        self.configure(settings)

    def configure(self, lines: Sequence[str]) -> None:
        """Add to the configuration; it counts from the next start."""
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-c listen_addresses=127.0.0.1,::1 -p {self.port} -k {self.folder}"  # ::1 where there is IPv6
        self.run("pg_ctl", "start", "-w", "-t", "60", "-D", "data", "-l", "server.log", "-o", options)

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop it: ``fast`` rolls back and says goodbye, ``immediate`` is what a loss of power does."""
        self.run("pg_ctl", "stop", "-w", "-t", "60", "-m", mode, "-D", "data")

    def restart(self, mode: StopMode) -> None:
        """Stop and start at once."""
        self.stop(mode)
        self.start()


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """A new cluster whose server runs; stopped and deleted at the end."""
    with data_folder("cluster", programs()) as folder:
        cluster = Cluster(folder, free_port())
        cluster.create()
        cluster.start()
        yield cluster
