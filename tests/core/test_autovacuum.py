"""Steps that need a table for themselves for a moment, while autovacuum works on it and would do so for long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.test_enforcing import at_reference
from tests.core.test_references import WANTED, references
from tests.core.test_repairs_of_copied_rows import emptied
from tests.support.clusters import Cluster
from tests.support.disturbances import wait_until
from tests.support.embedders import HashEmbedder
from tests.support.reembedding import assert_embedded, nothing_else_changes, reembed, state_of
from tests.support.roles import DML, role
from tests.support.runs import copy
from tests.support.servers import Database, Server
from vestige_tui.core.destination.autovacuum import long_enough, step_aside
from vestige_tui.core.destination.connection import connect
from vestige_tui.core.destination.waits import DEFAULT_WAITS
from vestige_tui.core.reembed.actions import finish
from vestige_tui.core.reembed.events import Event, PhaseStarted, ReembedPhase
from vestige_tui.core.reembed.report import ReembedOutcome
from vestige_tui.core.reembed.state import Stage
from vestige_tui.core.reembed.store import VECTORS
from vestige_tui.core.report import Outcome

MEMORIES = "knowledge_nodes"
SHORT = replace(DEFAULT_WAITS, tables_in_use=6, short_lock=6)
"""Limits that are over long before autovacuum is done."""

_SETTINGS = {
    "autovacuum": "on",
    "autovacuum_naptime": "1s",
    "autovacuum_vacuum_threshold": "2000000000",  # other tables are left alone
    "autovacuum_vacuum_insert_threshold": "-1",
    "autovacuum_analyze_threshold": "2000000000",
}
_SLOW = {"threshold": 0, "scale_factor": 0, "cost_delay": 100, "cost_limit": 1}
_PAGES = 60
_HEAP = """
    SELECT oid, oid::regclass::text FROM pg_class WHERE oid = (
        SELECT CASE WHEN %s THEN reltoastrelid ELSE oid END FROM pg_class WHERE oid = %s::regclass)"""
_SIZE = "SELECT pg_relation_size(%s) / current_setting('block_size')::integer"
_WORKING = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'autovacuum worker' AND query LIKE %s)"


class Autovacuum:
    """Autovacuum of a cluster that is otherwise without it."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def occupy(
        self, database: Database, table: str = MEMORIES, *, change: str = "id = id", toast: bool = False
    ) -> None:
        """Have it begin to work on a table, or on its TOAST table: once, and a page takes it 0.4 s.

        ``change``: an assignment that makes a new version of what it works on.
        """
        names = [f"autovacuum_vacuum_{name}" for name in _SLOW]
        slow = {f"{'toast.' if toast else ''}{name}": value for name, value in zip(names, _SLOW.values(), strict=True)}
        with database.connect() as connection:
            connection.execute(f"ALTER TABLE {MEMORIES} RESET ({', '.join(names)})".encode())
            pairs = ", ".join(f"{name} = {value}" for name, value in slow.items())
            connection.execute(f"ALTER TABLE {table} SET ({pairs})".encode())
            ((heap, name),) = connection.execute(_HEAP, (toast, table)).fetchall()
            with connection.transaction(force_rollback=True):
                while connection.execute(_SIZE, (heap,)).fetchall() < [(_PAGES,)]:
                    connection.execute(f"UPDATE {table} SET {change}".encode())
        self._set(_SETTINGS)
        wait_until(lambda: self.works_on(name))
        self._set({"autovacuum": "off"})

    def works_on(self, table: str) -> bool:
        """Whether it works on a table."""
        with self._cluster.administer() as connection:
            return connection.execute(_WORKING, (f"autovacuum: VACUUM %{table}",)).fetchall() == [(True,)]

    def _set(self, settings: dict[str, str]) -> None:
        with self._cluster.administer() as connection:
            for name, value in settings.items():
                connection.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            connection.execute("SELECT pg_reload_conf()")

    def reset(self) -> None:
        """Leave the cluster as it was."""
        with self._cluster.administer() as connection:
            for name in _SETTINGS:
                connection.execute(f"ALTER SYSTEM RESET {name}".encode())
            connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def autovacuum(cluster: Cluster) -> Iterator[Autovacuum]:
    """Autovacuum of the cluster, for this test."""
    autovacuum = Autovacuum(cluster)
    try:
        yield autovacuum
    finally:
        autovacuum.reset()


@pytest.mark.usefixtures("can_enforce_later")
def test_foreign_keys(autovacuum: Autovacuum, small_source: Path, tcp_database: Database) -> None:
    """Of a copy: it comes to tables that were just filled. Memories are referred to, schedules refer to them."""
    for_memories = at_reference("scheduling_memory_id_fkey", lambda: autovacuum.occupy(tcp_database))
    report = copy(small_source, tcp_database, on_event=for_memories, waits=SHORT)
    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert references(tcp_database) == WANTED


def test_mending(autovacuum: Autovacuum, small_source: Path, copied_tcp_database: Database) -> None:
    """The trigger that dates memories is switched off."""
    memories, repairs = emptied(small_source, copied_tcp_database)
    autovacuum.occupy(copied_tcp_database)
    report = copy(small_source, copied_tcp_database, repairs=repairs, waits=SHORT)
    assert (report.outcome, report.mended) == (Outcome.CLEAN, {MEMORIES: len(memories)})


def test_re_embedding(autovacuum: Autovacuum, copied_tcp_database: Database) -> None:
    """The second column and its trigger come, both columns are exchanged, and all parts are removed."""
    store, embedder = copied_tcp_database, HashEmbedder(1_024)

    def watch(event: Event) -> None:
        if event in (PhaseStarted(ReembedPhase.FILL), PhaseStarted(ReembedPhase.SWAP)):
            autovacuum.occupy(store)

    with nothing_else_changes(store):
        assert reembed(store, embedder, on_event=watch, waits=SHORT).outcome is ReembedOutcome.CLEAN
        assert_embedded(store, embedder)
        autovacuum.occupy(store, VECTORS, change="embedding = embedding + embedding", toast=True)
        assert finish(store.dsn, waits=SHORT).outcome is ReembedOutcome.CLEAN
        assert state_of(store).stage is Stage.NONE


def test_memories_without_a_vector(autovacuum: Autovacuum, copied_tcp_database: Database) -> None:
    """A trigger is created for a while, and dropped. Indexes are dropped by the same function."""
    store = copied_tcp_database
    ((name, dimension),) = store.rows("SELECT name, dimension FROM embedding_model")
    store.execute("UPDATE knowledge_nodes SET embedding = NULL")
    autovacuum.occupy(store)
    report = reembed(store, HashEmbedder(dimension, name), only_missing=True, waits=SHORT)
    assert report.rows_updated > 0
    assert state_of(store).stage is Stage.NONE


def test_what_a_role_may_not_lock_is_passed_over(autovacuum: Autovacuum, copied_tcp_database: Database) -> None:
    """Who owns the referring table can enforce a foreign key without any right to lock the other one. The time after
    which autovacuum steps aside is the server's setting.
    """
    database = copied_tcp_database
    database.execute(f"ALTER DATABASE {database.name} SET deadlock_timeout = '2500ms'")
    with role(database, DML) as dsn:
        database.execute(f"ALTER TABLE scheduling OWNER TO {dsn.parameters['user']}")
        autovacuum.occupy(database, "scheduling", change="memory_id = memory_id")
        with connect(dsn) as connection:
            step_aside(connection, "public", (MEMORIES, "scheduling"))
        wait_until(lambda: not autovacuum.works_on("scheduling"))
        query = "SELECT autovacuum_count FROM pg_stat_all_tables WHERE relname = 'scheduling'"
        assert database.value(query) == 0, "it was done"
        database.execute("ALTER TABLE scheduling OWNER TO CURRENT_USER")


@pytest.mark.parametrize(
    ("deadlock_timeout", "expected"), [("250ms", "750ms"), ("1s", "1500ms"), ("1min", "30s"), ("2h", "30s")]
)
def test_how_long_a_lock_is_waited_for(server: Server, deadlock_timeout: str, expected: str) -> None:
    if not server.is_superuser:
        pytest.skip("only a superuser may change deadlock_timeout")
    with server.administer() as connection, connection.transaction():
        connection.execute(f"SET LOCAL deadlock_timeout = '{deadlock_timeout}'".encode())
        connection.execute("SET LOCAL ROLE pg_monitor")
        connection.execute(long_enough())
        assert connection.execute("SHOW lock_timeout").fetchone() == (expected,)
        connection.execute("RESET ROLE")
        connection.execute(long_enough())
        shown = [
            connection.execute(f"SHOW {name}".encode()).fetchone() for name in ("deadlock_timeout", "lock_timeout")
        ]
        assert shown == [("100ms",), ("600ms",)], "who may set it waits no longer"
