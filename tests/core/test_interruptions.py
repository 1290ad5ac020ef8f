"""Whatever interrupts a copy: what has arrived stays, one sentence says what happened, and the next run completes it."""

from __future__ import annotations

import os
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from tests.support.clusters import Cluster, StopMode
from tests.support.disturbances import (
    ENFORCING,
    INSERT_MEMORIES,
    MOMENTS,
    PATIENCE,
    STAGING,
    arrived,
    assert_equal,
    completed,
    interrupted,
    wait_until,
)
from tests.support.folders import give_away
from tests.support.hostile import bulk_source, dump
from tests.support.kills import nursery
from tests.support.proxy import COMMIT, Disruption, Proxy, proxy_to
from tests.support.runs import IMPATIENT, TABLES, copy
from tests.support.servers import Database
from tests.support.sizes import sized
from tests.support.sources import SMALL_SPEC, Sources, memory_ids
from vestige_tui.core import events
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.facts import DataState
from vestige_tui.core.report import MigrationReport, Outcome

pytestmark = pytest.mark.filterwarnings("ignore")  # noise of connections that are cut

MEMORIES, DIMENSION = sized(1_500, 5_000), 32
BATCH = MEMORIES // 100
"""A hundred batches of memories, and as many of schedules."""

ENDED = "The server ended the session: it is shutting down, or its administrator ended it."


@dataclass(frozen=True)
class Undisturbed:
    """A large source, and what each table of its copy holds when nothing happens."""

    source: Path
    tables: dict[str, str]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Undisturbed:
    """Memories, copied once without a disturbance, in other batches than the disturbed ones."""
    source = bulk_source(tmp_path_factory.mktemp("bulk") / "vestige.db", MEMORIES, DIMENSION, edges=400, reviews=400)
    with cluster.database() as database:
        assert copy(source, database, batch_size=1_000).outcome is Outcome.CLEAN
        tables = dump(database, TABLES)
    return Undisturbed(source, tables)


# Kill -9


@pytest.mark.long
def test_ten_kills(undisturbed: Undisturbed, tcp_database: Database, seed: int) -> None:
    """At random moments, with one connection and with many; then a run that completes, with the same result as an
    undisturbed one.
    """
    rng = random.Random(seed)
    killed = known = 0
    with nursery() as runs:
        for _ in range(300):
            after = rng.randrange(1, 18 * (killed + 1))  # an undisturbed copy gives about 230 signs
            killed += runs.copy_until(
                undisturbed.source, tcp_database.url, after, rng.random() * 0.02,
                batch_size=BATCH, max_connections=rng.choice([1, 2, 4, 8]),
            )  # fmt: skip
            there = arrived(tcp_database)
            assert there >= known, "rows that had arrived are gone"
            known = there
            if killed == 10:
                break
    assert killed == 10
    report = completed(undisturbed.source, tcp_database, batch_size=BATCH)
    assert report.memories_copied == report.scheduling_rows == MEMORIES
    assert dump(tcp_database, TABLES) == undisturbed.tables


# The server stops


@contextmanager
def stopping(cluster: Cluster, mode: StopMode, after: int) -> Iterator[Callable[[events.Event], None]]:
    """A watcher at whose ``after``-th batch the server begins to stop; it runs again when the block ends.

    On a busy machine a copy would be done before the server is: it waits after a few batches more, and at a new phase.
    """
    stopped: list[threading.Thread] = []
    seen = [0]

    def watch(event: events.Event) -> None:
        batch = isinstance(event, events.TableProgress)
        seen[0] += batch
        if stopped and (not batch or seen[0] > after + 5):
            stopped[0].join()
        elif batch and seen[0] == after:
            stopped.append(threading.Thread(target=cluster.stop, args=(mode,)))
            stopped[0].start()

    try:
        yield watch
    finally:
        if stopped:
            stopped[0].join()
            cluster.start()


@pytest.mark.long
def test_the_server_stops_again_and_again(undisturbed: Undisturbed, cluster: Cluster, tcp_database: Database) -> None:
    """Shut down by its administrator, or as by a loss of power: what was committed stays."""
    rng = random.Random(7)
    modes: list[StopMode] = ["fast", "immediate"] * 5
    for connections, (mode, after) in enumerate(
        zip(modes, [rng.randrange(2, 15) for _ in modes], strict=True), start=1
    ):
        with stopping(cluster, mode, after) as watch:
            error = interrupted(DestinationError, partial(
                copy, undisturbed.source, tcp_database, batch_size=BATCH, max_connections=connections, on_event=watch
            ))  # fmt: skip
        assert error.what in (
            ENDED,
            "The connection to the server was lost.",
            "The server crashed and is restarting.",
            "The server is starting up or shutting down.",
        )
        assert "stays" in error.means or "All rows have arrived" in error.means  # an earlier run left few rows
        assert "run again" in error.remedy
        assert isinstance(error.report, MigrationReport)
        assert arrived(tcp_database) >= error.report.tables["knowledge_nodes"].copied
    completed(undisturbed.source, tcp_database, batch_size=BATCH)
    assert dump(tcp_database, TABLES) == undisturbed.tables


def test_a_restart_between_two_requests(sources: Sources, cluster: Cluster, tcp_database: Database) -> None:
    """Between the check of the destination and the first batch."""

    def restart(event: events.Event) -> None:
        if isinstance(event, events.PhaseStarted) and event.phase is events.Phase.COPY:
            cluster.restart("fast")

    source = sources.seed()
    error = interrupted(DestinationError, lambda: copy(source, tcp_database, on_event=restart))
    assert error.what in (ENDED, "The connection to the server was lost.")
    assert completed(source, tcp_database).memories_copied == 30


def test_one_session_is_ended_by_the_administrator(sources: Sources, tcp_database: Database) -> None:
    def end(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes":
            tcp_database.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'vestige-tui'"
            )

    source = sources.seed(replace(SMALL_SPEC, memories=300))
    error = interrupted(DestinationError, lambda: copy(source, tcp_database, on_event=end, batch_size=5))
    assert error.what in (ENDED, "The connection to the server was lost.")
    assert completed(source, tcp_database).memories_copied == 300


# The link


def with_another_user(sources: Sources, database: Database) -> None:
    """Make the tables, with rows of others among which the source's users have yet to come: over a staging table."""
    other = sources.seed(replace(SMALL_SPEC, memories=1, edges=0, review_events=0), name="other.db")
    assert copy(other, database).outcome is Outcome.CLEAN
    user = "INSERT INTO users (id, handle) VALUES ('99999999-9999-4999-8999-999999999999', 'another')"
    database.execute("TRUNCATE knowledge_nodes, users CASCADE", user)


def prepared(sources: Sources, database: Database, moment: str) -> Path:
    """A source whose copy comes to that moment."""
    if moment == ENFORCING and database.value("SHOW server_version_num") < "180000":
        pytest.skip("this server checks references from the start")
    if moment == STAGING:
        with_another_user(sources, database)
    return sources.seed(replace(SMALL_SPEC, memories=40))


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_link_that_breaks(sources: Sources, tcp_database: Database, proxy: Proxy, moment: str) -> None:
    """Nothing is assumed of what was on its way; the next run looks, breaks in another way, and the last completes."""
    source = prepared(sources, tcp_database, moment)
    half = [Disruption.HALF_CLOSE] if moment in ("sending", "committing") else []
    for disruption in (Disruption.CUT_BEFORE, *half, Disruption.CUT_AFTER):
        proxy.expect(disruption, MOMENTS[moment])
        error = interrupted(DestinationError, partial(copy, source, proxy.dsn, batch_size=10))
        assert proxy.struck.is_set()
        assert error.what == "The connection to the server was lost."
        assert "run again" in error.remedy
        assert isinstance(error.report, MigrationReport)
        assert arrived(tcp_database) >= error.report.tables["knowledge_nodes"].copied
    proxy.behave()
    assert completed(source, replace(tcp_database, dsn=proxy.dsn), batch_size=10).memories_copied == 40
    assert_equal(source, tcp_database)


@pytest.mark.parametrize("marker", [COMMIT, INSERT_MEMORIES], ids=["COMMIT", "batch"])
@pytest.mark.parametrize("max_connections", [1, 4])
def test_a_commit_whose_answer_is_lost(
    sources: Sources, tcp_database: Database, proxy: Proxy, marker: bytes, max_connections: int
) -> None:
    """The server has committed, and the client cannot know: it does not say that the batch was not kept."""
    source = sources.seed(replace(SMALL_SPEC, memories=120))
    proxy.expect(Disruption.CUT_AFTER, marker)
    error = interrupted(
        DestinationError, lambda: copy(source, proxy.dsn, batch_size=120, max_connections=max_connections)
    )
    assert isinstance(error.report, MigrationReport)
    reported = error.report.tables["knowledge_nodes"].copied
    assert "not kept" not in error.means or reported == arrived(tcp_database)
    if marker is INSERT_MEMORIES:
        assert "not known" in error.means
    proxy.behave()
    before = arrived(tcp_database)
    report = completed(source, tcp_database)
    memories = report.tables["knowledge_nodes"]
    assert (memories.already_present, memories.inserted) == (before, 120 - before)
    assert_equal(source, tcp_database)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_link_that_goes_silent(sources: Sources, tcp_database: Database, proxy: Proxy, moment: str) -> None:
    """Neither answer nor end: after a while the run ends with a sentence, whatever it was waiting for."""
    source = prepared(sources, tcp_database, moment)
    for disruption in (Disruption.STALL_BEFORE, Disruption.STALL_AFTER):
        proxy.expect(disruption, MOMENTS[moment])
        try:
            error = interrupted(DestinationError, partial(copy, source, proxy.dsn, batch_size=10, waits=IMPATIENT))
        finally:
            proxy.cut()
        assert proxy.struck.is_set()
        assert "has not answered" in error.what or "was lost" in error.what
    proxy.behave()
    assert completed(source, tcp_database, batch_size=10).memories_copied == 40


# Waiting and limits


def test_a_table_that_another_session_has_locked(sources: Sources, copied_tcp_database: Database) -> None:
    source = sources.seed()
    copied_tcp_database.execute("DELETE FROM edges")
    with copied_tcp_database.connect() as other, other.transaction():
        other.execute("LOCK TABLE edges IN ACCESS EXCLUSIVE MODE")
        error = interrupted(DestinationError, lambda: copy(source, copied_tcp_database, waits=IMPATIENT))
        assert "has not answered" in error.what
        assert "nothing locks the tables" in error.remedy
    wait_until(lambda: arrived(copied_tcp_database, "edges") in (0, 20))
    assert "not kept" not in error.means  # the server got the lock in the end, and may have gone on
    assert completed(source, copied_tcp_database).edges_copied == 20
    assert_equal(source, copied_tcp_database)


def test_a_statement_that_an_administrator_cancels(sources: Sources, copied_tcp_database: Database) -> None:
    source = sources.seed()
    copied_tcp_database.execute("DELETE FROM edges")
    with copied_tcp_database.connect() as other, copied_tcp_database.connect() as administrator, other.transaction():
        other.execute("LOCK TABLE edges IN SHARE MODE")

        def cancel() -> None:
            wait_until(lambda: bool(administrator.execute(cancel_waiting).rowcount))

        cancel_waiting = (
            "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted AND relation = 'edges'::regclass"
        )
        threading.Thread(target=cancel).start()
        error = interrupted(DestinationError, lambda: copy(source, copied_tcp_database))
    assert "was cancelled" in error.what
    assert "stays" in error.means
    assert completed(source, copied_tcp_database).tables["edges"].inserted == 20


@dataclass(frozen=True)
class SmallDisk:
    """A file system for one tablespace, whose size can be changed."""

    folder: Path

    def resize(self, megabytes: int) -> None:
        """Make room, or take it away; what is there stays."""
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", str(self.folder)], check=True)

    def fill(self) -> None:
        """Leave no room at all."""
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(8_192))


@pytest.fixture
def small_disk(cluster: Cluster) -> Iterator[SmallDisk]:
    """A tablespace called ``small`` on a file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    folder = cluster.folder / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        (folder / "space").mkdir()
        for path in (folder, folder / "space"):
            give_away(path)
        with cluster.administer() as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{folder / 'space'}'")
            yield SmallDisk(folder)
            connection.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
        folder.rmdir()


@pytest.mark.long
@pytest.mark.parametrize("when", [events.Phase.COPY, events.Phase.INDEXES])
def test_the_servers_disk_is_full(
    undisturbed: Undisturbed, cluster: Cluster, small_disk: SmallDisk, when: events.Phase
) -> None:
    """In the middle of the rows, or while indexes are built; when there is room again, the next run completes."""

    def fill(event: events.Event) -> None:
        if isinstance(event, events.IndexProgress if when is events.Phase.INDEXES else events.TableProgress):
            small_disk.fill()

    with cluster.database("TABLESPACE small") as database:
        error = interrupted(
            DestinationError, partial(copy, undisturbed.source, database, batch_size=100, on_event=fill)
        )
        assert error.what == "The server's disk is full."
        assert "Make room" in error.remedy
        assert isinstance(error.report, MigrationReport)
        assert arrived(database) >= error.report.tables["knowledge_nodes"].copied
        small_disk.resize(300)
        completed(undisturbed.source, database)
        assert dump(database, TABLES) == undisturbed.tables


# Cancelled


@pytest.mark.parametrize("turn", range(3))
def test_cancelled_at_random_moments(sources: Sources, tcp_database: Database, seed: int, turn: int) -> None:
    """The outcome is ``cancelled``, the report adds up and agrees with the destination, the next run completes."""
    rng = random.Random(seed + turn)
    source = sources.seed(replace(SMALL_SPEC, memories=400))
    cancel = threading.Event()
    after, delay = rng.randrange(1, 90), rng.random() * 0.02
    seen = [0]

    def watch(event: events.Event) -> None:
        seen[0] += 1
        if seen[0] == after:
            threading.Timer(delay, cancel.set).start()

    report = copy(source, tcp_database, on_event=watch, cancel=cancel, batch_size=10)
    if report.outcome is Outcome.CANCELLED:
        for table in ("knowledge_nodes", "scheduling", "edges", "review_events"):
            assert arrived(tcp_database, table) == report.tables[table].copied, table
    assert completed(source, tcp_database).memories_copied == 400
    assert_equal(source, tcp_database)


_ELSEWHERE = (events.Phase.MEND, events.Phase.VERIFY)
"""Phases that have tests of their own: the one is only for repairs, the other leaves the copy finished."""


@pytest.mark.parametrize("phase", [phase for phase in events.Phase if phase not in _ELSEWHERE])
def test_cancelled_in_every_phase(sources: Sources, tcp_database: Database, phase: events.Phase) -> None:
    source = sources.published(13, v15=False)
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.PhaseStarted) and event.phase is phase:
            cancel.set()

    dry_run = phase is events.Phase.PREVIEW
    report = copy(source, tcp_database, on_event=watch, cancel=cancel, upgrade_copy=True, dry_run=dry_run)
    assert report.outcome is Outcome.CANCELLED
    assert copy(source, tcp_database, upgrade_copy=True).memories_copied == 30


def test_cancelled_while_the_link_is_silent(sources: Sources, tcp_database: Database, proxy: Proxy) -> None:
    """The operator does not wait for an answer that never comes."""
    source = sources.seed(replace(SMALL_SPEC, memories=120))
    cancel = threading.Event()
    proxy.expect(Disruption.STALL_BEFORE, INSERT_MEMORIES, at=3)
    found: list[MigrationReport] = []
    run = threading.Thread(
        target=lambda: found.append(
            copy(source, proxy.dsn, cancel=cancel, batch_size=10, waits=Waits(cancel_grace=0.5))
        ),
        daemon=True,
    )
    run.start()
    assert proxy.struck.wait(PATIENCE)
    proxy.stall()
    cancel.set()
    run.join(PATIENCE)
    assert not run.is_alive(), "the run hangs"
    assert found[0].outcome is Outcome.CANCELLED
    proxy.cut()
    proxy.behave()
    assert completed(source, tcp_database).memories_copied == 120


@pytest.mark.parametrize("max_connections", [1, 4])
def test_cancelled_while_an_index_is_built(sources: Sources, tcp_database: Database, max_connections: int) -> None:
    """The server is asked to stop; the index is not there, the rows are, and the next run builds it."""
    source = sources.seed(replace(SMALL_SPEC, memories=120))
    copy(source, tcp_database)
    tcp_database.execute("DROP INDEX idx_knowledge_nodes_embedding_hnsw")
    cancel = threading.Event()
    with tcp_database.connect() as other, other.transaction():
        other.execute("UPDATE knowledge_nodes SET node_type = node_type WHERE false")
        other.execute("LOCK TABLE knowledge_nodes IN ROW EXCLUSIVE MODE")  # building an index has to wait for it
        found: list[MigrationReport] = []
        run = threading.Thread(
            target=lambda: found.append(copy(source, tcp_database, cancel=cancel, max_connections=max_connections)),
            daemon=True,
        )
        run.start()
        wait_until(lambda: waits_for_a_lock(tcp_database))
        cancel.set()
        run.join(PATIENCE)
        assert not run.is_alive(), "the build goes on"
    assert found[0].outcome is Outcome.CANCELLED
    assert found[0].memories_copied == 120
    names = "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'knowledge_nodes'::regclass"
    assert ("idx_knowledge_nodes_embedding_hnsw",) not in tcp_database.rows(names)
    assert completed(source, tcp_database).tables["knowledge_nodes"].already_present == 120
    assert ("idx_knowledge_nodes_embedding_hnsw",) in tcp_database.rows(names)


def waits_for_a_lock(database: Database) -> bool:
    """Whether a session waits for a lock in order to build an index."""
    return bool(
        database.rows(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            " AND query LIKE '%%CREATE INDEX%%'"
        )
    )


def test_an_index_build_that_was_killed(sources: Sources, copied_tcp_database: Database) -> None:
    """The next run finds the index missing, or half built, and builds it."""
    source = sources.seed()
    name = "idx_knowledge_nodes_embedding_hnsw"
    copied_tcp_database.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{name}'::regclass")
    assert copy(source, copied_tcp_database).outcome is Outcome.CLEAN
    assert copied_tcp_database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = %s::regclass", (name,)) is True


def test_the_dsn_of_a_proxy_is_not_that_of_the_server(proxy: Proxy, cluster: Cluster) -> None:
    """Otherwise all of the above would have gone past it."""
    assert isinstance(proxy.dsn, Dsn)
    assert proxy.dsn.parameters["port"] != str(cluster.port)


@pytest.mark.parametrize("disruption", [Disruption.CUT_BEFORE, Disruption.STALL_BEFORE])
@pytest.mark.parametrize("marker", [b"unnest(", b"pg_is_in_recovery"])
def test_a_dry_run_on_a_bad_link(
    small_source: Path, copied_tcp_database: Database, disruption: Disruption, marker: bytes
) -> None:
    """A dry run writes nothing, and no sentence speaks of a batch in flight."""
    with proxy_to(copied_tcp_database.dsn) as proxy:
        proxy.expect(disruption, marker)
        error = interrupted(DestinationError, partial(copy, small_source, proxy.dsn, dry_run=True, waits=IMPATIENT))
        assert error.state is DataState.NOTHING_CHANGED
        proxy.behave()
        assert copy(small_source, proxy.dsn, dry_run=True).tables["knowledge_nodes"].already_present == 30


def test_a_limit_that_is_met_before_anything_has_arrived(sources: Sources, tcp_database: Database) -> None:
    """No sentence says then that what had arrived stays."""
    tcp_database.execute("CREATE EXTENSION vector")
    with tcp_database.connect() as other, other.transaction():  # keeps the catalog busy
        other.execute("LOCK TABLE pg_extension IN ACCESS EXCLUSIVE MODE")
        error = interrupted(DestinationError, partial(copy, sources.seed(), tcp_database, waits=IMPATIENT))
    assert "has not answered" in error.what
    assert error.state is DataState.NOTHING_CHANGED


@pytest.mark.parametrize("batch_size", [500, 2])
def test_cancelled_after_a_commit_whose_answer_is_lost(
    sources: Sources, tcp_database: Database, proxy: Proxy, batch_size: int
) -> None:
    """The report cannot know of that batch, and says so: also where more is waiting to be written."""
    source = sources.seed(replace(SMALL_SPEC, memories=120))
    copy(source, tcp_database)
    waits = Waits(cancel_grace=0.3)
    tcp_database.execute(f"DELETE FROM knowledge_nodes WHERE id <> '{memory_ids(source)[0]}'")
    cancel = threading.Event()
    proxy.expect(Disruption.STALL_AFTER, INSERT_MEMORIES)
    found: list[MigrationReport] = []
    run = threading.Thread(
        target=lambda: found.append(
            copy(source, proxy.dsn, cancel=cancel, max_connections=1, batch_size=batch_size, waits=waits)
        ),
        daemon=True,
    )
    run.start()
    assert proxy.struck.wait(PATIENCE)
    wait_until(lambda: arrived(tcp_database) > 1)
    cancel.set()
    run.join(PATIENCE)
    assert not run.is_alive(), "the run hangs"
    assert found[0].outcome is Outcome.CANCELLED
    assert any("not known" in notice for notice in found[0].notices)
    proxy.cut()


def test_a_watcher_that_fails_costs_the_run_nothing(small_source: Path, tcp_database: Database) -> None:
    reported: list[events.Event] = []

    def watch(event: events.Event) -> None:
        reported.append(event)
        raise ValueError

    assert copy(small_source, tcp_database, on_event=watch).outcome is Outcome.CLEAN
    assert len(reported) == 1
