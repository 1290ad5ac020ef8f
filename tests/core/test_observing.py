"""How an index build is looked at from another connection, which may break or hear nothing."""

from __future__ import annotations

import socket
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.disturbances import outlast, wait_until
from tests.support.runs import copy
from tests.support.servers import Database, Server
from vestige_tui.core.destination import indexes as builds
from vestige_tui.core.destination.build_observer import BuildObserver
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.report import Outcome

HNSW = builds.HNSW_NAME
PRESENT = "SELECT count(*) FROM pg_index WHERE indisvalid AND indexrelid = to_regclass(%s)"


@pytest.mark.parametrize("max_connections", [1, 4])
def test_how_far_an_index_is(small_source: Path, copied_database: Database, max_connections: int) -> None:
    """Seen from another connection, also where the copy has only one."""
    copied_database.execute(f"DROP INDEX {HNSW}")
    observed: list[builds.Observed] = []
    build, observe = builds.build, builds.observe

    def take_time(*arguments: Any) -> None:
        wait_until(lambda: bool(observed))
        build(*arguments)

    def look(*connections: Any) -> builds.Observed:
        observed.append(observe(*connections))
        return observed[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builds, "build", take_time)
        patch.setattr(builds, "observe", look)
        copy(small_source, copied_database, max_connections=max_connections, waits=Waits(look=0.001))
    assert observed
    assert copied_database.value(PRESENT, (HNSW,)) == 1


@pytest.mark.parametrize("max_connections", [1, 4])
def test_a_build_outlives_the_connection_that_observes_it(
    small_source: Path,
    server: Server,
    copied_database: Database,
    max_connections: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one takes its place, as soon as the server has one to give."""
    copied_database.execute(f"DROP INDEX {HNSW}")
    observers: list[int] = []
    build, observe = builds.build, builds.observe

    def wait_for(different: int) -> None:
        wait_until(lambda: len(set(observers)) == different)

    def take_time(*arguments: Any) -> None:
        for number in (1, 2):
            wait_for(number)
            with server.administer() as connection:
                connection.execute(f"ALTER DATABASE {copied_database.name} ALLOW_CONNECTIONS false".encode())
                connection.execute("SELECT pg_terminate_backend(%s, 5000)", (observers[-1],))
                outlast(0.2)
                connection.execute(f"ALTER DATABASE {copied_database.name} ALLOW_CONNECTIONS true".encode())
        wait_for(3)
        build(*arguments)

    def look(observer: psycopg.Connection, builder: psycopg.Connection) -> builds.Observed:
        observers.append(observer.info.backend_pid)
        return observe(observer, builder)

    monkeypatch.setattr(builds, "build", take_time)
    monkeypatch.setattr(builds, "observe", look)
    waits = Waits(look=0.01, reconnect=0.05)
    report = copy(small_source, copied_database, max_connections=max_connections, waits=waits)
    assert report.outcome is Outcome.CLEAN
    assert copied_database.value(PRESENT, (HNSW,)) == 1


def test_an_observer_that_is_only_interrupted_is_kept(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a short ``statement_timeout``: a new one for each look would use up the server's connections."""
    copied_database.execute(f"DROP INDEX {HNSW}")
    observers: list[int] = []
    build = builds.build

    def take_time(*arguments: Any) -> None:
        wait_until(lambda: len(observers) >= 5)
        build(*arguments)

    def be_interrupted(observer: psycopg.Connection, _: psycopg.Connection) -> None:
        observers.append(observer.info.backend_pid)
        with observer.transaction():
            observer.execute("SET LOCAL statement_timeout = 5")
            observer.execute("SELECT pg_sleep(10)")

    monkeypatch.setattr(builds, "build", take_time)
    monkeypatch.setattr(builds, "observe", be_interrupted)
    assert copy(small_source, copied_database, waits=Waits(look=0.01, reconnect=0.0)).outcome is Outcome.CLEAN
    assert len(set(observers)) == 1


def test_a_server_that_does_not_answer_is_not_at_work(
    copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The observer can connect, and gets no answer: a build that is not seen at work has a limit."""
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")  # seconds, the least that libpq takes
    with socket.create_server(("127.0.0.1", 0)) as silent, copied_database.connect() as builder:
        dsn = copied_database.dsn.with_parameters(host="127.0.0.1", port=str(silent.getsockname()[1]))
        with closing(BuildObserver([], Sessions(dsn, threading.Event()))) as observer:
            assert observer.look(builder) == builds.Observed(working=False, fraction=None)
