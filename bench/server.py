"""The one server that all contenders load, and a fresh database for each run."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.dsn import Dsn

_COUNT = sql.SQL("SELECT count(*) FROM {}")

_numbers = itertools.count(1)

SETTINGS = (
    "shared_buffers",
    "maintenance_work_mem",
    "max_parallel_maintenance_workers",
    "max_wal_size",
    "checkpoint_timeout",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "data_checksums",
    "autovacuum",
)
"""What of a server's configuration is kept beside the figures."""


@dataclass(frozen=True, slots=True)
class Traces:
    """What has been written so far: rows of permanent tables (inserted, updated, deleted), and bytes of the log.

    ``pg_stat_database`` would also count what a temporary table and the catalogs take.
    """

    rows: int
    wal: int


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one run."""

    dsn: Dsn

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in autocommit mode."""
        with psycopg.connect(self.dsn.conninfo(connect_timeout=10), autocommit=True) as connection:
            yield connection

    def settle(self) -> None:
        """Bring everything to disk, so that no run pays for the one before it."""
        with self.connect() as connection, suppress(psycopg.errors.InsufficientPrivilege):
            connection.execute("CHECKPOINT")

    def vacuum(self) -> None:
        """Set the hint bits: with checksums, the first reader of a new page writes it to the log."""
        with self.connect() as connection:
            connection.execute("VACUUM")

    def contents(self, tables: Iterable[str]) -> dict[str, int]:
        """How many rows each of these tables holds."""
        with self.connect() as connection:
            return {name: _value(connection, _COUNT.format(sql.Identifier(name))) for name in tables}

    def has_hnsw(self) -> bool:
        """Whether a valid vector index is there."""
        query = """SELECT count(*) FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                   JOIN pg_am m ON m.oid = i.relam WHERE m.amname = 'hnsw' AND x.indisvalid"""
        with self.connect() as connection:
            return _value(connection, sql.SQL(query)) > 0

    def traces(self) -> Traces:
        """What has been written so far, once every other connection has gone and left its statistics behind."""
        others = sql.SQL(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        written = sql.SQL(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables"
            " WHERE schemaname NOT LIKE 'pg\\_temp%'"
        )
        with self.connect() as connection:
            for _ in range(100):
                if _value(connection, others) == 0:
                    break
                time.sleep(0.05)
            return Traces(
                rows=_value(connection, written),
                wal=_value(connection, sql.SQL("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint")),
            )


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; ``dsn`` leads to a database of it, with a role that may make others."""

    dsn: Dsn
    embedded: bool

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A new empty database, dropped at the end."""
        name = f"vestige_bench_{os.getpid()}_{next(_numbers)}"
        identifier = sql.Identifier(name)
        with self._administer() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(identifier))
        try:
            yield Database(self.dsn.with_parameters(dbname=name))
        finally:
            with self._administer() as connection:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(identifier))

    def facts(self) -> dict[str, str]:
        """Versions, and the settings on which the figures depend."""
        with self._administer() as connection:
            rows = connection.execute(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY (%s)", (list(SETTINGS),)
            ).fetchall()
            pgvector = connection.execute(
                "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
            ).fetchone()
            version = connection.info.parameter_status("server_version") or "?"
        return {
            "kind": "embedded" if self.embedded else "given",
            "version": version,
            "pgvector": str(pgvector[0]) if pgvector else "none",
            **dict(rows),
        }

    @contextmanager
    def _administer(self) -> Iterator[Connection]:
        with psycopg.connect(self.dsn.conninfo(connect_timeout=10), autocommit=True) as connection:
            yield connection


@contextmanager
def running_server(url: str | None) -> Iterator[Server]:
    """The server that ``url`` names, or else a new embedded one that is gone after the block, settings untouched."""
    if url is not None:
        yield Server(Dsn.parse(url), embedded=False)
        return
    folder = Path(tempfile.mkdtemp(prefix="vestige-bench-"))
    try:
        with EmbeddedServer(folder / "postgres") as embedded:
            yield Server(embedded.dsn.with_parameters(dbname="postgres"), embedded=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _value(connection: Connection, query: sql.SQL | sql.Composed) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
