"""A process that is suspended, killed or silent: what counts as waiting, and what a session that it leaves is taken for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support.disturbances import PATIENCE, outlast, wait_until
from tests.support.hostile import ROOT
from tests.support.runs import assert_equal_everywhere, copy, counts
from tests.support.servers import Database
from tests.support.sources import Sources
from vestige_tui.core.destination import inspection
from vestige_tui.core.destination.connection import CLIENT_CHECK_MS
from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.lock_holder import LOCK_CLASS
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.destination.watchdog import RunningTime, Watchdog
from vestige_tui.core.errors import Cancelled, DestinationBusyError, DestinationError
from vestige_tui.core.facts import IDLE_SECONDS, Activity, LockHolder
from vestige_tui.core.report import Outcome

HNSW = "idx_knowledge_nodes_embedding_hnsw"


# The clock


def test_time_in_which_the_process_does_not_run_is_not_counted() -> None:
    moments = iter([100.0, 100.1, 100.3, 340.3, 340.4])
    running = RunningTime(lambda: next(moments))
    seen = []
    for _ in range(4):
        running.tick()
        seen.append(round(running.seconds, 6))
    assert seen == [0.1, 0.3, 1.3, 1.4]  # four minutes count as one second


@pytest.mark.parametrize(("steps", "cut"), [([0.1, 0.1, 500.0], False), ([0.9], True)], ids=["suspended", "running"])
def test_only_running_time_is_patience(database: Database, steps: list[float], cut: bool) -> None:
    """A jump of the clock is no sign of a server that does not answer; many ticks are."""
    moments = (1_000 + sum(steps[min(place, len(steps) - 1)] if place < len(steps) or len(steps) == 1 else 0.01
               for place in range(number)) for number in count())  # fmt: skip
    with database.connect() as connection:
        watchdog = Watchdog(connection, threading.Event(), Waits(answer=4.0, clock=lambda: next(moments)))
        with watchdog:
            if cut:
                with pytest.raises(DestinationError, match="has not answered for 4 seconds"), watchdog.step():
                    connection.execute("SELECT pg_sleep(20)")
            else:
                with watchdog.step():
                    connection.execute("SELECT pg_sleep(1.5)")
                assert watchdog.now < 4


# Copies in a process of their own

_COPY = """
import json, os, sys
from pathlib import Path
from vestige_tui.core.run import copier
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.plan import CopyPlan

source, url, options = json.loads(sys.argv[1])
plan = CopyPlan(Path(source), Dsn.parse(url), **options)
print(copier.run_sqlite_to_postgres(plan, waits=Waits(answer=2.0)).outcome)
"""


@contextmanager
def copying(source: Path, database: Database, **options: int) -> Iterator[subprocess.Popen[str]]:
    """A copy in another process, which waits two seconds for an answer."""
    arguments = json.dumps([str(source), database.url, options])
    with subprocess.Popen(
        [sys.executable, "-c", _COPY, arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def locking(database: Database, table: str, mode: str) -> Iterator[psycopg.Connection]:
    """A table that another client keeps locked until it commits."""
    with database.connect() as other:
        other.execute("BEGIN")
        other.execute(f"LOCK TABLE {table} IN {mode} MODE".encode())
        yield other


def sessions(database: Database, condition: str = "true") -> int:
    """How many sessions of copies there are."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = %s AND "
    return int(database.value(query + condition, ("vestige-tui",)))


WAITING = "wait_event_type = 'Lock'"


def test_a_copy_that_was_suspended_goes_on(sources: Sources, copied_database: Database) -> None:
    """By Ctrl-Z, for longer than it waits for an answer."""
    source = sources.seed()
    copied_database.execute("DELETE FROM edges")
    with copying(source, copied_database) as process, locking(copied_database, "edges", "SHARE") as other:
        wait_until(lambda: sessions(copied_database, WAITING) > 0)
        process.send_signal(signal.SIGSTOP)
        outlast(3)
        other.execute("COMMIT")
        wait_until(lambda: sessions(copied_database, WAITING) == 0)
        process.send_signal(signal.SIGCONT)
        output, _ = process.communicate(timeout=PATIENCE)
    assert output == "clean\n"
    assert copied_database.value("SELECT count(*) FROM edges") == 20


@pytest.mark.parametrize("max_connections", [1, 4])
def test_a_copy_that_was_killed_while_it_built_an_index(
    sources: Sources, copied_database: Database, max_connections: int
) -> None:
    """The server notices that its client is gone, even where it waits; the next run is kept out that long at most."""
    source = sources.seed()
    copied_database.execute(f"DROP INDEX {HNSW}")
    with (
        copying(source, copied_database, max_connections=max_connections) as process,
        locking(copied_database, "knowledge_nodes", "ROW EXCLUSIVE") as other,
    ):
        wait_until(lambda: sessions(copied_database, f"{WAITING} AND query LIKE '%%CREATE INDEX%%'") == 1)
        process.kill()
        process.wait()
        threading.Timer(4, other.execute, ("COMMIT",)).start()
        assert copy(source, copied_database).outcome is Outcome.CLEAN
    assert_equal_everywhere(source, copied_database)
    assert copied_database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (HNSW,)) is True


# Who holds the lock


@contextmanager
def holding(database: Database) -> Iterator[psycopg.Connection]:
    """The lock of a copy, held by a session like one of its."""
    dsn = database.dsn.with_parameters(application_name="vestige-tui")
    with psycopg.connect(dsn.conninfo(), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, hashtext('public'))", (LOCK_CLASS,))
        yield connection


def refused_copy(source: Path, database: Database, waits: Waits = DEFAULT_WAITS) -> DestinationBusyError:
    """Why a copy does not start there."""
    with pytest.raises(DestinationBusyError) as caught:
        copy(source, database, waits=waits)
    return caught.value


def test_a_live_copy_is_named(sources: Sources, tcp_database: Database) -> None:
    with holding(tcp_database) as connection:
        pid = connection.info.backend_pid
        error = refused_copy(sources.seed(), tcp_database)
        (started,) = connection.execute(
            "SELECT to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS') FROM pg_stat_activity"
            " WHERE pid = pg_backend_pid()"
        ).fetchone() or ("",)
        port = connection.execute("SELECT client_port FROM pg_stat_activity WHERE pid = pg_backend_pid()").fetchone()
    assert error.holder is not None
    assert (error.holder.pid, error.holder.user) == (pid, "postgres")
    assert (error.holder.address, (error.holder.port,)) == ("127.0.0.1", port)
    assert error.holder.activity is Activity.IDLE
    assert error.what == (
        f"Another copy or re-embedding is writing to this destination: session {pid} of postgres, connected "
        f"from 127.0.0.1 port {error.holder.port} since {started} UTC. It is at work."
    )
    assert error.remedy == "Wait until it has finished, then run this one again."
    assert copy(sources.seed(), tcp_database).outcome is Outcome.CLEAN


class Pauses(threading.Event):
    """The operator's wish to stop, and a clock that only its waiting moves. ``act`` happens at ``when``, in seconds."""

    def __init__(self, when: float, act: Callable[[Pauses], object]) -> None:
        super().__init__()
        self.now = 0.0
        self._when, self._act = when, act

    def wait(self, timeout: float | None = None) -> bool:
        """Let time pass, and nothing else."""
        self.now += timeout or 0.0
        if self.now >= self._when:
            self._when = float("inf")
            self._act(self)
        return self.is_set()


@contextmanager
def taking(database: Database, pauses: Pauses) -> Iterator[None]:
    """Take the lock of a copy, on that clock, while another one holds it over two sessions."""
    on_clock = Sessions(database.dsn, pauses, Waits(clock=lambda: pauses.now))
    company = database.dsn.with_parameters(application_name="vestige-tui")
    with (
        psycopg.connect(company.conninfo()),
        Sessions(database.dsn, threading.Event()).open() as control,
        locked(on_clock, control, inspection.inspect(control.connection)),
    ):
        yield


def test_a_killed_copy_whose_server_has_not_noticed_it_yet(database: Database) -> None:
    """For up to two seconds its session looks alive: idle, and not alone."""
    with holding(database) as connection:
        pid = connection.info.backend_pid

        def notice(_: Pauses) -> None:
            connection.close()
            wait_until(lambda: not sessions(database, f"pid = {pid}"))

        pauses = Pauses(2.25, notice)
        with taking(database, pauses):
            assert pauses.now == 2.25


def test_a_live_copy_is_refused_when_that_time_is_over(database: Database) -> None:
    pauses = Pauses(float("inf"), threading.Event.set)
    with holding(database), pytest.raises(DestinationBusyError) as caught, taking(database, pauses):
        pass
    assert pauses.now == DEFAULT_WAITS.lock_grace > CLIENT_CHECK_MS / 1_000
    assert caught.value.holder is not None
    assert caught.value.what.endswith("It is at work.")


def test_the_wish_to_stop_counts_from_the_first_moment(database: Database) -> None:
    pauses = Pauses(0.5, threading.Event.set)
    with holding(database), pytest.raises(Cancelled), taking(database, pauses):
        pass
    assert pauses.now == 0.5


@pytest.mark.parametrize("has_company", [False, True])
def test_a_session_at_work_whose_client_has_no_other(sources: Sources, database: Database, has_company: bool) -> None:
    """It is waited for, and then taken for one that a killed copy left; a copy that lives watches its own build."""
    source = sources.seed()
    company = database.dsn.with_parameters(application_name="vestige-tui")
    with holding(database) as connection, psycopg.connect(company.conninfo()) as other:
        pid = connection.info.backend_pid
        if not has_company:
            other.close()
        old_enough = "clock_timestamp() - backend_start > interval '1.1 seconds'"
        wait_until(lambda: sessions(database, old_enough) == 1 + has_company)

        def work() -> None:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute("SELECT pg_sleep(60)")

        sleeper = threading.Thread(target=work)
        sleeper.start()
        wait_until(lambda: sessions(database, "state = 'active' AND query LIKE '%%pg_sleep%%'") == 1)
        started = time.monotonic()
        error = refused_copy(source, database, Waits(abandoned_session=0.5))
        took = time.monotonic() - started
        connection.cancel_safe()
        sleeper.join()
    assert error.holder is not None
    assert (error.holder.activity, error.holder.abandoned) == (Activity.WORKING, not has_company)
    if has_company:
        assert error.what.startswith("Another copy or re-embedding is writing to this destination: session ")
    else:
        assert took > 0.5
        assert error.what.startswith("An earlier copy still holds this destination, and its program seems to be gone:")
        assert f"SELECT pg_terminate_backend({pid})" in error.remedy


def test_a_session_that_begins_another_statement_is_alive(sources: Sources, database: Database) -> None:
    """Also where it has no other: a copy over one connection brings batch after batch."""
    enough = threading.Event()
    with holding(database) as connection:

        def work() -> None:
            while not enough.is_set():
                connection.execute("SELECT pg_sleep(0.6)")

        worker = threading.Thread(target=work)
        worker.start()
        wait_until(lambda: sessions(database, "state = 'active' AND query LIKE '%%pg_sleep%%'") == 1)
        error = refused_copy(sources.seed(), database, Waits(abandoned_session=20))
        enough.set()
        worker.join()
    assert error.what.startswith("Another copy or re-embedding is writing to this destination: session ")


def test_a_session_that_ends_while_it_is_waited_for(sources: Sources, database: Database) -> None:
    with holding(database) as connection:

        def work() -> None:
            with suppress(psycopg.OperationalError):  # the statement ends its own session, so that it is never idle
                connection.execute("SELECT pg_sleep(1), pg_terminate_backend(pg_backend_pid())")

        worker = threading.Thread(target=work)
        worker.start()
        wait_until(lambda: sessions(database, "state = 'active' AND query LIKE '%%pg_sleep%%'") == 1)
        assert copy(sources.seed(), database, waits=Waits(lock_grace=0)).outcome is Outcome.CLEAN
        worker.join()


def test_waiting_for_a_session_ends_with_the_wish_to_stop(sources: Sources, database: Database) -> None:
    cancel = threading.Event()
    with holding(database) as connection:
        sleeper = threading.Thread(target=lambda: connection.execute("SELECT pg_sleep(4)"), daemon=True)
        sleeper.start()
        wait_until(lambda: sessions(database, "state = 'active' AND query LIKE '%%pg_sleep%%'") == 1)

        def stop() -> None:
            wait_until(lambda: sessions(database, "query LIKE '%%a.backend_start%%'") > 0)
            cancel.set()

        stopper = threading.Thread(target=stop)
        stopper.start()
        report = copy(sources.seed(), database, cancel=cancel, waits=Waits(lock_grace=0, abandoned_session=60))
        assert sleeper.is_alive(), "the copy waited until the session was done"
        sleeper.join()
        stopper.join()
    assert report.outcome is Outcome.CANCELLED
    assert sum(counts(report, "inserted").values()) == 0


def holder(
    activity: Activity, *, seconds: float = 1.0, fraction: float | None = None, alone: bool = False
) -> LockHolder:
    """One that a socket file leads to."""
    return LockHolder(7, "ada", "2026-02-13 10:11:12 UTC", None, None, activity, 1e9, seconds, fraction, alone)


@pytest.mark.parametrize(
    ("found", "words", "remedy"),
    [
        (
            holder(Activity.INDEXING, fraction=0.426),
            "It is building an index (43% done).",
            "Wait until it has finished",
        ),
        (holder(Activity.INDEXING), "It is building an index.", "Wait until it has finished"),
        (
            holder(Activity.WAITING),
            "It is waiting for a lock that another session holds.",
            "Wait until it has finished",
        ),
        (holder(Activity.UNKNOWN), "since 2026-02-13 10:11:12 UTC.", "Wait until it has finished"),
        (holder(Activity.IDLE, alone=True), "It is at work.", "Wait until it has finished"),
        (
            holder(Activity.IDLE, seconds=IDLE_SECONDS + 3_600, alone=True),
            "It has had nothing to do for 3,660 seconds.",
            "See whether that copy is still running there: it may be suspended. If it is not, end that session: "
            "SELECT pg_terminate_backend(7). Then run this one again.",
        ),
        (
            holder(Activity.INDEXING, fraction=0.9, alone=True),
            "its program seems to be gone: session 7 of ada, connected since 2026-02-13 10:11:12 UTC. "
            "It is building an index (90% done).",
            "Wait until the server has ended it, or end that session: SELECT pg_terminate_backend(7). "
            "Then run this one again.",
        ),
    ],
)
def test_words_for_every_holder(found: LockHolder, words: str, remedy: str) -> None:
    error = DestinationBusyError(found)
    assert error.what.endswith(words)
    assert error.remedy.startswith(remedy)


def test_a_role_that_may_not_see_the_other_session(sources: Sources, copied_database: Database) -> None:
    from tests.support.roles import DML, role

    source = sources.seed()
    with (
        role(copied_database, DML) as dsn,
        holding(copied_database) as connection,
        pytest.raises(DestinationBusyError) as caught,
    ):
        pid = connection.info.backend_pid
        copy(source, dsn)
    assert caught.value.holder is not None
    assert caught.value.holder.activity is Activity.UNKNOWN
    assert f"session {pid} of " in caught.value.what
    assert caught.value.remedy.startswith("Wait until it has finished")
