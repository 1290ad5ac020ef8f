"""A standby, and PgBouncer in transaction mode."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg
import pytest

from tests.support.clusters import Cluster, free_port, programs
from tests.support.destination import fingerprint
from tests.support.differences import differing
from tests.support.disturbances import completed, interrupted, outlast, wait_until
from tests.support.embedders import HashEmbedder
from tests.support.folders import data_folder, give_away
from tests.support.hostile import foretold_and_copied
from tests.support.reembedding import reembed
from tests.support.runs import TABLES, assert_equal_everywhere, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, signature
from vestige_tui.core import events
from vestige_tui.core.destination import indexes as builds
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.destination.programs import identity, server_user
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationBusyError, DestinationError, RefusedError
from vestige_tui.core.explain import OBSTACLES
from vestige_tui.core.facts import DataState, Obstacle
from vestige_tui.core.mending import MendState
from vestige_tui.core.notices import fewer_connections
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.reembed.actions import finish
from vestige_tui.core.reembed.embedders.treatment import from_values
from vestige_tui.core.repairs.document import Repair, Repairs
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.run.mending import current, mend
from vestige_tui.core.run.receipt_check import run_receipt_check
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.search.answers import By, Meaning, Question
from vestige_tui.core.search.searcher import Searcher
from vestige_tui.core.verify.result import VerificationOutcome

HNSW = "idx_knowledge_nodes_embedding_hnsw"


# A standby


@pytest.fixture(scope="module")
def standby(cluster: Cluster) -> Iterator[Cluster]:
    """A server that follows the cluster's, as a read replica does."""
    with data_folder("standby", programs()) as folder:
        other = Cluster(folder, free_port())
        source = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres"]
        other.run("pg_basebackup", *source, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
        other.configure(["hot_standby = on"])
        other.start()
        yield other


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_standby(sources: Sources, cluster: Cluster, standby: Cluster, dry_run: bool) -> None:
    dsn = standby.dsn
    before = fingerprint(Database("postgres", dsn))
    with pytest.raises(RefusedError) as caught:
        copy(sources.seed(), dsn, dry_run=dry_run)
    assert "standby" in caught.value.what
    assert "primary" in caught.value.remedy
    assert caught.value.state is DataState.NOTHING_CHANGED
    assert fingerprint(Database("postgres", dsn)) == before


def test_a_standby_is_verified(sources: Sources, cluster: Cluster, standby: Cluster) -> None:
    """It is only read: by the source, and by the receipt of the copy to its primary."""
    source = sources.seed()
    with cluster.database() as database:
        receipt = copy(source, database, receipt=True).receipt
        assert receipt is not None
        with cluster.administer() as connection:
            ((written,),) = connection.execute("SELECT pg_current_wal_lsn()::text").fetchall()
        replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_until(lambda: bool(Database("postgres", standby.dsn).value(replayed, (written,))))
        dsn = standby.dsn.with_parameters(dbname=database.name)
        report = run_verification(VerificationPlan(source, dsn, receipt=True))
        assert (report.outcome, report.receipt is not None) == (VerificationOutcome.EQUAL, True)
        assert run_receipt_check(source, receipt, dsn).outcome is VerificationOutcome.EQUAL
        with Searcher(dsn) as searcher:
            assert len(searcher.ask(Question("")).found) == 10


# PgBouncer in transaction mode


@pytest.fixture(scope="module")
def pooler(cluster: Cluster) -> Iterator[Dsn]:
    """PgBouncer in front of the cluster; ``dbname`` chooses the database."""
    with pgbouncer(cluster) as dsn:
        yield dsn


@contextmanager
def pgbouncer(
    cluster: Cluster,
    *,
    mode: str = "transaction",
    pool_size: int = 8,
    clients: int = 50,
    database: str = "",
    **others: int,
) -> Iterator[Dsn]:
    """PgBouncer in this mode on loopback, with that many connections to the server.

    ``database`` adds to how it connects there, ``others`` are more settings of its own.
    """
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is not installed (apt install pgbouncer)")
    port = free_port()
    settings = cluster.folder / f"pgbouncer-{port}.ini"
    settings.write_text(
        f"""[databases]
* = host=127.0.0.1 port={cluster.port} user=postgres {database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
default_pool_size = {pool_size}
max_client_conn = {clients}
{chr(10).join(f"{name} = {value}" for name, value in ({"query_wait_timeout": 3} | others).items())}
logfile = {cluster.folder}/pgbouncer-{port}.log
"""
    )
    give_away(settings)
    account = server_user(cluster.folder)
    with subprocess.Popen([program, "-q", str(settings)], cwd=cluster.folder, **identity(account)) as process:
        try:
            dsn = cluster.dsn.with_parameters(port=str(port))
            wait_until(lambda: answers(dsn))
            yield dsn
        finally:
            process.terminate()


def answers(dsn: Dsn) -> bool:
    """Whether PgBouncer is up."""
    try:
        psycopg.connect(dsn.conninfo(connect_timeout=2)).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def pooled(pooler: Dsn, tcp_database: Database) -> Database:
    """An empty database behind PgBouncer; the server's own connections to it are closed before it is dropped."""
    return replace(tcp_database, dsn=pooler.with_parameters(dbname=tcp_database.name))


@pytest.mark.parametrize("batch_size", [1, 500])
def test_through_a_pooler(sources: Sources, tcp_database: Database, pooled: Database, batch_size: int) -> None:
    """Sessions change between two transactions there; everything arrives, broken rows are reported, and nothing stays."""
    source = sources.seed(replace(SMALL_SPEC, memories=60))
    edit(source, "UPDATE knowledge_nodes SET metadata = '{' WHERE rowid = 5")
    edit(source, "UPDATE edges SET target_id = '99999999-9999-4999-8999-999999999999' WHERE rowid = 6")
    report = foretold_and_copied(source, pooled, batch_size=batch_size)
    assert [error.kind for error in report.errors] == [Kind.MALFORMED_JSON, Kind.MISSING_REFERENCE]
    assert (report.memories_copied, report.edges_copied) == (60, 19)
    assert tcp_database.value("SELECT count(*) FROM pg_class WHERE starts_with(relname, 'vestige_tui_')") == 0
    assert tcp_database.value("SELECT count(*) FROM pg_index WHERE indexrelid = %s::regclass", (HNSW,)) == 1
    again = copy(source, pooled, batch_size=batch_size)
    assert counts(again, "inserted") == dict.fromkeys(TABLES, 0)
    assert again.memories_copied == 60
    repairs = Repairs((Repair("knowledge_nodes", report.errors[0].row, {"metadata": {"a": 1}}),))
    assert copy(source, pooled, batch_size=batch_size, repairs=repairs, verify=False).mended == {"knowledge_nodes": 1}
    shown = current(pooled.dsn, [differing(report.errors[0])])
    assert [each.state for each in mend(source, pooled.dsn, shown).fields] == [MendState.MENDED]
    assert tcp_database.value("SELECT count(*) FROM knowledge_nodes WHERE metadata = '{}'") > 0


def test_a_search_through_a_pooler(sources: Sources, tcp_database: Database, pooled: Database) -> None:
    """By words and by meaning; the settings of a search end with its transaction."""
    assert copy(sources.seed(), tcp_database).memories_copied == SMALL_SPEC.memories
    id_, content = tcp_database.rows("SELECT id::text, content FROM knowledge_nodes WHERE content ~ '[a-z]{6}'")[0]
    stored = tcp_database.value("SELECT embedding::text FROM knowledge_nodes WHERE id = %s", (id_,))
    meaning = Meaning(from_values(json.loads(stored)), signature(8))
    with Searcher(pooled.dsn) as searcher:
        answer = searcher.ask(Question(f'"{content}"', By.BOTH), meaning)
    assert (answer.found[0].id, answer.found[0].found_by) == (id_, (By.WORDS, By.MEANING))
    assert pooled.value("SELECT current_setting('hnsw.ef_search')") == "40"
    assert pooled.value("SELECT current_setting('default_transaction_read_only')") == "off"


def test_a_dry_run_through_a_pooler(sources: Sources, tcp_database: Database, pooled: Database) -> None:
    """Nothing is written, and no setting of it is left to the next user of the session."""
    source = sources.seed()
    before = fingerprint(tcp_database)
    assert copy(source, pooled, dry_run=True).tables["knowledge_nodes"].inserted == 30
    assert fingerprint(tcp_database) == before
    copy(source, pooled)
    tcp_database.execute("DELETE FROM edges")
    assert copy(source, pooled, dry_run=True).tables["edges"].inserted == 20
    sessions = [psycopg.connect(pooled.dsn.conninfo(), autocommit=True) for _ in range(5)]
    for session in sessions:
        session.execute("BEGIN")
    for session in sessions:
        assert session.execute("SHOW default_transaction_read_only").fetchone() == ("off",)
        session.execute("ROLLBACK")
        session.close()


def test_the_server_refuses_what_a_dry_run_would_write(
    sources: Sources, pooled: Database, tcp_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind a pooler, were there a mistake in the dry run."""
    source = sources.seed()
    copy(source, tcp_database)
    from vestige_tui.core.run import preview

    def write(self: preview.TablePreview, records: object) -> object:
        self._preview._connection.execute("DELETE FROM edges")
        raise AssertionError("written")

    monkeypatch.setattr(preview.TablePreview, "write", write)
    for database in (pooled, tcp_database):
        with pytest.raises(DestinationError, match="accepts no writes"):
            copy(source, database, dry_run=True)
    assert tcp_database.value("SELECT count(*) FROM edges") == 20


@pytest.mark.parametrize(("first", "second"), [("pooler", "pooler"), ("pooler", "server"), ("server", "pooler")])
def test_a_second_copy_through_a_pooler(
    sources: Sources, tcp_database: Database, pooled: Database, first: str, second: str
) -> None:
    """Whichever way the two come, the second one is kept out until the first one is through."""
    ways = {"pooler": pooled, "server": tcp_database}
    source, other = sources.seed(), sources.seed(name="other.db")
    refusals: list[str] = []

    def start_another(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes" and not refusals:
            with pytest.raises(DestinationBusyError) as caught:
                copy(other, ways[second])
            refusals.append(caught.value.what)

    report = copy(source, ways[first], on_event=start_another, batch_size=5)
    assert (report.outcome, report.verified) == (Outcome.CLEAN, True)
    (refusal,) = refusals
    assert refusal.startswith("Another copy or re-embedding is writing to this destination: session ")
    assert copy(other, ways[second]).tables["knowledge_nodes"].already_present == 30


def test_cancelled_through_a_pooler(sources: Sources, tcp_database: Database, pooled: Database) -> None:
    source = sources.seed(replace(SMALL_SPEC, memories=120))
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes":
            cancel.set()

    report = copy(source, pooled, on_event=watch, cancel=cancel, batch_size=5)
    assert report.outcome is Outcome.CANCELLED
    assert tcp_database.value("SELECT count(*) FROM knowledge_nodes") == report.memories_copied
    assert copy(source, pooled).memories_copied == 120


@pytest.mark.parametrize("waits_long", [False, True])
def test_a_pool_of_one_is_refused(sources: Sources, cluster: Cluster, tcp_database: Database, waits_long: bool) -> None:
    """The lock takes it for as long as a copy lasts, so that none is left for the rows, whatever --max-connections says.
    The pooler says so (08P01), or lets its client wait.
    """
    source = sources.seed()
    with pgbouncer(cluster, pool_size=1, query_wait_timeout=60 if waits_long else 1) as pooler:
        dsn = pooler.with_parameters(dbname=tcp_database.name)
        for dry_run in (False, True):
            with pytest.raises(RefusedError, match="no second one beside it") as caught:
                copy(source, dsn, max_connections=1, dry_run=dry_run, waits=Waits(extra_connection=0.5))
            assert caught.value.state is DataState.NOTHING_CHANGED
            assert "one holds the lock that keeps other copies out, the other writes" in caught.value.remedy
    assert tcp_database.value("SELECT count(*) FROM pg_class WHERE relname = 'knowledge_nodes'") == 0


@pytest.mark.parametrize("max_connections", [1, 4])
def test_a_pool_of_two_will_do(
    sources: Sources,
    cluster: Cluster,
    tcp_database: Database,
    monkeypatch: pytest.MonkeyPatch,
    max_connections: int,
) -> None:
    """No writer waits for the connection on which an index is built: the pooler would turn it away."""
    build = builds.build

    def take_longer(connection: psycopg.Connection, *arguments: Any) -> None:
        monkeypatch.setattr(builds, "build", build)  # the others as ever
        connection.execute("SELECT pg_sleep(1.5)")
        build(connection, *arguments)

    monkeypatch.setattr(builds, "build", take_longer)
    tcp_database.execute(f"ALTER DATABASE {tcp_database.name} SET idle_in_transaction_session_timeout = 250")
    source = sources.seed()
    with pgbouncer(cluster, pool_size=2, query_wait_timeout=1) as pooler:
        report = copy(
            source,
            pooler.with_parameters(dbname=tcp_database.name),
            max_connections=max_connections,
            waits=Waits(lent_connection=0.5),
        )
    assert (report.outcome, report.verified) == (Outcome.CLEAN, True)
    assert report.notices == ([fewer_connections(1, 2)] if max_connections > 1 else [])


def test_a_full_pooler_is_said_to_be_that(sources: Sources, cluster: Cluster, tcp_database: Database) -> None:
    """Not a lost connection, and no firewall."""
    source = sources.seed()
    with pgbouncer(cluster, pool_size=1, clients=2, query_wait_timeout=1) as pooler:
        dsn = pooler.with_parameters(dbname=tcp_database.name)
        with psycopg.connect(dsn.conninfo()) as other:
            other.execute("SELECT 1")  # in a transaction, to its end
            with psycopg.connect(dsn.conninfo()):
                assert _obstacle(lambda: probe(dsn)) is Obstacle.CLIENTS_FULL
            assert _obstacle(lambda: probe(dsn)) is Obstacle.POOL_FULL
            assert _obstacle(lambda: copy(source, dsn)) is Obstacle.POOL_FULL
            other.rollback()
            assert _obstacle(lambda: copy(source, dsn)) is Obstacle.CLIENTS_FULL, "none for the lock"
            other.execute("SELECT 1")
            assert _obstacle(lambda: probe(dsn, Waits(first_answer=0.3))) is Obstacle.NO_FIRST_ANSWER
    assert tcp_database.value("SELECT count(*) FROM pg_class WHERE relname = 'knowledge_nodes'") == 0


def _obstacle(attempt: Callable[[], object]) -> Obstacle | None:
    with pytest.raises(DestinationError) as caught:
        attempt()
    assert caught.value.obstacle is not None
    assert OBSTACLES[caught.value.obstacle][0] in caught.value.what
    return caught.value.obstacle


# Settings behind a pooler, where a SET lasts for a transaction at most

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")


def limits(database: Database) -> list[str]:
    """Those of ``LIMITS`` that this server has."""
    return [name for (name,) in database.rows("SELECT name FROM pg_settings WHERE name = ANY (%s)", ([*LIMITS],))]


@pytest.mark.parametrize("of", ["the pooler", "the database", "the connection string", "the environment"])
def test_text_arrives_as_it_is_through_a_pooler(
    sources: Sources, cluster: Cluster, tcp_database: Database, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    """Whatever encoding is asked for, in every session that is lent."""
    source = sources.seed()
    edit(source, "UPDATE knowledge_nodes SET content = 'Grüße, 語 and 🧠 ' || rowid, tags = '[\"größe\"]'")
    if of == "the database":
        tcp_database.execute(f"ALTER DATABASE {tcp_database.name} SET client_encoding = latin1")
    with pgbouncer(cluster, database="client_encoding=LATIN1" if of == "the pooler" else "") as pooler:
        dsn = pooler.with_parameters(dbname=tcp_database.name)
        if of == "the connection string":
            dsn = pooler.with_parameters(dbname=tcp_database.name, client_encoding="latin1")
        elif of == "the environment":
            monkeypatch.setenv("PGCLIENTENCODING", "latin1")
        assert copy(source, dsn, dry_run=True).tables["knowledge_nodes"].inserted == 30
        assert copy(source, dsn, batch_size=7).outcome is Outcome.CLEAN
        assert copy(source, dsn).tables["domains"].already_present == 3
    assert_equal_everywhere(source, replace(tcp_database, dsn=tcp_database.dsn.with_parameters(client_encoding="utf8")))


@pytest.mark.parametrize("populated", [False, True])
def test_limits_of_the_role_through_a_pooler(
    sources: Sources, tcp_database: Database, pooled: Database, monkeypatch: pytest.MonkeyPatch, populated: bool
) -> None:
    """They are lifted in each transaction that may take long: rows, indexes, references, the lock, the dry run."""
    source = sources.seed(replace(SMALL_SPEC, memories=60))
    late = memory_ids(source)[40]
    if populated:
        copy(source, tcp_database)
        tcp_database.execute(f"DELETE FROM knowledge_nodes WHERE id = '{late}'", f"DROP INDEX {HNSW}")
    else:
        copy(sources.seed(replace(SMALL_SPEC, memories=0, edges=0, review_events=0), name="empty.db"), tcp_database)
        tcp_database.execute("DROP INDEX idx_edges_edge_type")
    tcp_database.execute(
        "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = '{late}' THEN PERFORM pg_sleep(1); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER sleep BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION sleep()",
        *(f"ALTER DATABASE {tcp_database.name} SET {name} = 500" for name in limits(tcp_database)),
    )

    def dawdle(event: events.Event) -> None:
        if isinstance(event, events.TableFinished) and event.table == "users":
            outlast(1)

    preview = copy(source, pooled, dry_run=True, on_event=dawdle)
    report = copy(source, pooled, batch_size=5, on_event=dawdle)
    # the empty sample's domains count other memories
    assert (report.outcome, report.errors) == (Outcome.CLEAN if populated else Outcome.DIFFERENT, [])
    assert report.verified
    assert report.tables["knowledge_nodes"].inserted == preview.tables["knowledge_nodes"].inserted
    assert report.tables["knowledge_nodes"].inserted == (1 if populated else 60)
    tcp_database.execute("DROP TRIGGER sleep ON knowledge_nodes")
    assert tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 60
    assert tcp_database.value("SELECT count(*) FROM pg_index WHERE indexrelid = %s::regclass", (HNSW,)) == 1


def test_no_setting_is_left_to_who_gets_the_session_next(
    sources: Sources, tcp_database: Database, pooled: Database
) -> None:
    lasting = limits(tcp_database)
    tcp_database.execute(*(f"ALTER DATABASE {tcp_database.name} SET {name} = 7000" for name in lasting))
    copy(sources.seed(), pooled)
    others = [
        psycopg.connect(pooled.dsn.conninfo()) for _ in range(5)
    ]  # each in a transaction, so each another session
    for other in others:
        rows = other.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY (%s)",
            ([*lasting, "client_connection_check_interval", "default_transaction_isolation"],),
        ).fetchall()
        assert dict(rows) == dict.fromkeys(lasting, "7000") | {
            "client_connection_check_interval": "0", "default_transaction_isolation": "read committed"
        }  # fmt: skip
        other.rollback()
        other.close()


def test_a_limit_of_the_pooler_is_named(
    sources: Sources, cluster: Cluster, tcp_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No session can lift it, and it ends every run: so no sentence says that the next one completes the index."""
    build = builds.build

    def take_time(connection: psycopg.Connection, *arguments: object) -> None:
        connection.execute("SELECT pg_sleep(20)")

    source = sources.seed()
    with pgbouncer(cluster, query_timeout=1) as pooler:
        monkeypatch.setattr(builds, "build", take_time)
        with pytest.raises(DestinationError, match="longer than its query_timeout allows") as caught:
            copy(source, pooler.with_parameters(dbname=tcp_database.name))
    assert "the next run would meet the same limit" in caught.value.means
    assert "connect to the server itself" in caught.value.remedy
    monkeypatch.setattr(builds, "build", build)
    assert copy(source, tcp_database).outcome is Outcome.CLEAN


@pytest.mark.parametrize("way", ["pooler", "server"])
def test_a_session_that_ends_while_rows_arrive(
    sources: Sources, tcp_database: Database, pooled: Database, way: str
) -> None:
    """In the middle of a COPY: behind a pooler psycopg gets two answers to it, the server's and the pooler's."""
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$",
        "CREATE TRIGGER leave BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION leave()",
    )
    error = interrupted(DestinationError, lambda: copy(source, pooled if way == "pooler" else tcp_database))
    assert "lost" in error.what or "ended the session" in error.what
    tcp_database.execute("DROP TRIGGER leave ON knowledge_nodes")
    assert completed(source, tcp_database).memories_copied == 30


def test_no_re_embedding_through_a_pooler(sources: Sources, tcp_database: Database, cluster: Cluster) -> None:
    """A client cannot tell session mode from transaction mode: both are refused, with the reason and a remedy."""
    copy(sources.seed(), tcp_database)
    before = fingerprint(tcp_database)
    for mode in ("session", "transaction"):
        with pgbouncer(cluster, mode=mode) as pooler:
            dsn = pooler.with_parameters(dbname=tcp_database.name)
            runs: tuple[Callable[[], object], ...] = (
                partial(reembed, dsn, HashEmbedder(16)),
                partial(reembed, dsn, HashEmbedder(16), dry_run=True),
                partial(reembed, dsn, HashEmbedder(8), only_missing=True),
                partial(finish, dsn),
            )
            for run in runs:
                with pytest.raises(RefusedError, match="goes through a pooler") as caught:
                    run()
                assert "connect to the server itself" in caught.value.what
                assert caught.value.state is DataState.STORE_UNCHANGED
    assert fingerprint(tcp_database) == before
