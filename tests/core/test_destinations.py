"""Destinations that differ: each works, or is refused before anything is written, with the reason and the remedy."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from tests.support.clusters import Cluster, free_port, give_away, identity
from tests.support.destination import fingerprint, read_tables
from tests.support.disturbances import arrived, interrupted
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.hostile import foretold_and_copied
from tests.support.runs import TABLES, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.destination.dsn import Dsn
from vestige_tui.core.errors import (
    NOTHING_CHANGED,
    DestinationBusyError,
    DestinationError,
    RefusedError,
    SchemaMismatchError,
)
from vestige_tui.core.kinds import Kind
from vestige_tui.core.report import MigrationReport, Outcome

HNSW = "idx_knowledge_nodes_embedding_hnsw"


def refused(source: Path, dsn: Dsn, owner: Database, *, dry_run: bool = False) -> RefusedError:
    """Why a copy does not start; the database is afterwards what it was before."""
    before = fingerprint(owner)
    with pytest.raises(RefusedError) as caught:
        copy(source, dsn, dry_run=dry_run)
    error = caught.value
    assert fingerprint(owner) == before
    assert error.means == NOTHING_CHANGED
    assert error.remedy
    assert error.report is not None
    assert not any(table.read for table in error.report.tables.values())
    return error


def assert_copied(source: Path, database: Database, schema: str = "public") -> None:
    """Everything is there, in this schema."""
    wanted, found = expected_tables(source), read_tables(database, schema)
    del found["users"][(BOOTSTRAP_USER,)]
    for table in TABLES:
        assert found[table].keys() == wanted[table].keys(), table
        for key, row in wanted[table].items():
            assert found[table][key].items() >= row.items(), (table, key)


# Roles


@contextmanager
def role(database: Database, *grants: str) -> Iterator[Dsn]:
    """A role that may do what is granted; ``{role}`` and ``{database}`` stand for their names."""
    name = f"{database.name}_role"
    names = {"role": name, "database": database.name}
    database.execute(f"CREATE ROLE {name} LOGIN", *(grant.format(**names) for grant in grants))
    try:
        yield database.dsn.with_parameters(user=name)
    finally:
        database.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


DML = "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {role}"


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_role_that_may_make_no_tables(sources: Sources, tcp_database: Database, dry_run: bool) -> None:
    """A dry run needs no such right."""
    tcp_database.execute("CREATE EXTENSION vector")
    with role(tcp_database) as dsn:
        if dry_run:
            assert copy(sources.seed(), dsn, dry_run=True).tables["knowledge_nodes"].inserted == 30
            return
        error = refused(sources.seed(), dsn, tcp_database)
    assert "create tables in schema public" in error.what
    assert "grant" in error.remedy.lower()


def test_a_role_that_may_add_no_extension(sources: Sources, tcp_database: Database) -> None:
    with role(tcp_database, "GRANT CREATE, USAGE ON SCHEMA public TO {role}") as dsn:
        error = refused(sources.seed(), dsn, tcp_database)
    assert "vector" in error.what or "CREATE EXTENSION vector" in error.remedy


@pytest.mark.parametrize("may", ["true", "node_type <> 'fact'"])
def test_a_role_under_row_level_security(sources: Sources, tcp_database: Database, may: str) -> None:
    """COPY does not work there, INSERT does; rows that a policy refuses are told."""
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "ALTER TABLE knowledge_nodes ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY chosen ON knowledge_nodes USING (true) WITH CHECK ({may})",
    )
    with role(tcp_database, DML) as dsn:
        report = copy(source, dsn)
    facts = 0 if may == "true" else sum(error.table == "knowledge_nodes" for error in report.errors)
    assert report.tables["knowledge_nodes"].failed == facts
    assert tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 30 - facts
    assert (facts == 0) == (may == "true")


def test_a_role_that_may_make_no_temporary_tables(sources: Sources, tcp_database: Database) -> None:
    source = sources.seed()
    copy(source, tcp_database)
    with role(tcp_database, DML, "REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC") as dsn:
        error = refused(source, dsn, tcp_database)
    assert "create temporary tables" in error.what
    assert "GRANT TEMPORARY" in error.what


@pytest.mark.parametrize("privilege", ["SELECT", "INSERT"])
@pytest.mark.parametrize("table", ["knowledge_nodes", "edges", "embedding_model"])
def test_a_role_that_may_not_use_a_table(sources: Sources, tcp_database: Database, table: str, privilege: str) -> None:
    source = sources.seed()
    copy(source, tcp_database)
    edit(source, "DELETE FROM edges")
    with role(tcp_database, DML, f"REVOKE {privilege} ON {table} FROM {{role}}") as dsn:
        error = refused(source, dsn, tcp_database)
    assert table in error.what


def test_a_role_that_sees_no_schema(sources: Sources, tcp_database: Database) -> None:
    source = sources.seed()
    tcp_database.execute("CREATE EXTENSION vector", "CREATE SCHEMA memory")
    copy(source, tcp_database.dsn.with_parameters(options="-c search_path=memory,public"))
    with role(tcp_database, "GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA memory TO {role}") as dsn:
        error = refused(source, dsn.with_parameters(options="-c search_path=memory"), tcp_database)
    assert "schema" in error.what


def test_a_role_that_may_only_fill_the_tables(sources: Sources, tcp_database: Database) -> None:
    """All is there and made by somebody else: it works, and says what it may not do."""
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute("DELETE FROM knowledge_nodes", f"DROP INDEX {HNSW}")
    with role(tcp_database, DML) as dsn:
        report = copy(source, dsn)
    assert report.outcome is Outcome.CLEAN
    assert any(HNSW in notice for notice in report.notices)
    assert_copied(source, tcp_database)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_role_whose_transactions_are_read_only(sources: Sources, tcp_database: Database, dry_run: bool) -> None:
    tcp_database.execute("CREATE EXTENSION vector")
    source = sources.seed()
    with role(
        tcp_database,
        "GRANT CREATE, USAGE ON SCHEMA public TO {role}",
        "ALTER ROLE {role} SET default_transaction_read_only = on",
    ) as dsn:
        if dry_run:
            assert copy(source, dsn, dry_run=True).outcome is Outcome.CLEAN
            return
        error = refused(source, dsn, tcp_database)
    assert "default_transaction_read_only" in error.what


# Schemas


def test_the_schema_of_the_role(sources: Sources, tcp_database: Database) -> None:
    """``"$user"`` comes first on every search path by default, once there is such a schema."""
    source = sources.seed()
    with role(tcp_database, "CREATE SCHEMA {role} AUTHORIZATION {role}", "CREATE SCHEMA extensions",
              "CREATE EXTENSION vector WITH SCHEMA extensions", "GRANT USAGE ON SCHEMA extensions TO {role}") as dsn:  # fmt: skip
        report = foretold_and_copied(source, replace(tcp_database, dsn=dsn))
        assert report.outcome is Outcome.CLEAN
        assert_copied(source, tcp_database, dsn.parameters["user"])
        assert tcp_database.rows("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
        assert copy(source, dsn).tables["knowledge_nodes"].already_present == 30


def test_tables_further_down_the_search_path(sources: Sources, tcp_database: Database) -> None:
    """Memories that are visible are added to, though the first schema of the path is another one."""
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute("CREATE SCHEMA empty", f"ALTER DATABASE {tcp_database.name} SET search_path = empty, public")
    assert foretold_and_copied(source, tcp_database).tables["knowledge_nodes"].already_present == 30
    assert tcp_database.rows("SELECT 1 FROM pg_class WHERE relnamespace = 'empty'::regnamespace") == []


# Tables that were made by others


def test_a_key_with_the_type_of_the_edge(sources: Sources, tcp_database: Database) -> None:
    """Two edges of two types between the same memories are two rows there."""
    source = sources.seed()
    copy(source, tcp_database)
    first, second, *_ = memory_ids(source)
    tcp_database.execute("TRUNCATE edges", "ALTER TABLE edges DROP CONSTRAINT edges_pkey",
                         "ALTER TABLE edges ADD PRIMARY KEY (source_id, target_id, edge_type)")  # fmt: skip
    edit(source, "CREATE TABLE loose AS SELECT * FROM edges")
    edit(source, "DROP TABLE edges")
    edit(source, "ALTER TABLE loose RENAME TO edges")
    edit(source, "DELETE FROM edges")
    for kind in ("causal", "temporal", "causal"):
        edit(source, "INSERT INTO edges VALUES (?, ?, ?, 0.5, '2026-01-01T00:00:00Z')", (first, second, kind))
    report = foretold_and_copied(source, tcp_database, batch_size=1)
    assert (report.edges_copied, report.tables["edges"].failed) == (2, 1)
    assert [error.kind for error in report.errors] == [Kind.DUPLICATE_ID]
    assert sorted(tcp_database.rows("SELECT edge_type FROM edges")) == [("causal",), ("temporal",)]
    assert foretold_and_copied(source, tcp_database).tables["edges"].already_present == 2


@pytest.mark.parametrize("batch_size", [1, 5, 500])
def test_references_that_are_checked_at_the_end(sources: Sources, tcp_database: Database, batch_size: int) -> None:
    """A row that refers to nothing would only be refused when its batch is committed, after it was counted."""
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute(
        "TRUNCATE edges",
        "ALTER TABLE edges ALTER CONSTRAINT edges_source_id_fkey DEFERRABLE INITIALLY DEFERRED",
    )
    edit(source, "UPDATE edges SET source_id = '99999999-9999-4999-8999-999999999999' WHERE rowid IN (3, 11)")
    report = foretold_and_copied(source, tcp_database, batch_size=batch_size)
    assert {error.kind for error in report.errors} == {Kind.MISSING_REFERENCE}
    assert (report.edges_copied, report.tables["edges"].failed) == (18, 2)
    assert tcp_database.value("SELECT count(*) FROM edges") == 18


def test_a_trigger_that_fires_at_the_end(sources: Sources, tcp_database: Database) -> None:
    source = sources.seed()
    copy(source, tcp_database)
    chosen = memory_ids(source)[3]
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = '{chosen}' THEN RAISE EXCEPTION 'no'; END IF; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON knowledge_nodes DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(source, tcp_database, batch_size=7)
    memories = [error for error in report.errors if error.table == "knowledge_nodes"]
    assert [(error.row, error.kind, error.copied) for error in memories] == [(chosen, Kind.REFUSED_BY_SERVER, False)]
    assert report.memories_copied == tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 29


@pytest.mark.parametrize(
    "column",
    ["note text", "note text NOT NULL DEFAULT ''", "n bigint GENERATED ALWAYS AS IDENTITY",
     "long bigint GENERATED ALWAYS AS (length(content)) STORED", '"Odd ""name""" timestamptz DEFAULT now()'],
)  # fmt: skip
def test_more_columns_than_are_known(sources: Sources, tcp_database: Database, column: str) -> None:
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute("TRUNCATE knowledge_nodes CASCADE", f"ALTER TABLE knowledge_nodes ADD COLUMN {column}")
    assert foretold_and_copied(source, tcp_database).outcome is Outcome.CLEAN
    assert_copied(source, tcp_database)


def test_a_column_that_nobody_can_fill(sources: Sources, tcp_database: Database) -> None:
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE", "ALTER TABLE knowledge_nodes ADD COLUMN tenant text NOT NULL"
    )
    for dry_run in (False, True):
        error = refused(source, tcp_database.dsn, tcp_database, dry_run=dry_run)
        assert isinstance(error, SchemaMismatchError)
        assert error.differences == (
            "knowledge_nodes.tenant is an extra column that must be filled, and a copy has nothing for it",
        )


def test_rules_that_only_the_destination_has(sources: Sources, tcp_database: Database) -> None:
    """A further check and a unique constraint cost the rows that break them, in words without their values."""
    source = sources.seed()
    copy(source, tcp_database)
    first, *_ = memory_ids(source)
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "ALTER TABLE knowledge_nodes ADD CONSTRAINT short CHECK (length(content) < 20000)",
        "ALTER TABLE knowledge_nodes ADD CONSTRAINT once UNIQUE (codebase, node_type)",
    )
    edit(source, "UPDATE knowledge_nodes SET codebase = NULL")
    edit(source, "UPDATE knowledge_nodes SET codebase = 'x', node_type = 'y' WHERE rowid IN (7, 8)")
    edit(source, "UPDATE knowledge_nodes SET content = ? WHERE id = ?", ("canary " * 4_000, first))
    report = copy(source, tcp_database, max_connections=1)
    memories = [error for error in report.errors if error.table == "knowledge_nodes"]
    assert {(error.kind, error.copied) for error in memories} == {
        (Kind.VALUE_NOT_ALLOWED, False), (Kind.ALREADY_TAKEN, False),
    }  # fmt: skip
    assert report.memories_copied == 28
    assert "canary" not in report.to_json()


# A standby


@pytest.fixture(scope="module")
def standby(cluster: Cluster) -> Iterator[Cluster]:
    """A server that follows the cluster's, as a read replica does."""
    other = Cluster(cluster.folder / "standby", free_port())
    other.folder.mkdir()
    give_away(other.folder)
    source = ["-h", "127.0.0.1", "-p", str(cluster.port), "-U", "postgres"]
    other.run("pg_basebackup", *source, "-D", "data", "-R", "-X", "stream", "-c", "fast", "--no-sync")
    other.configure(["hot_standby = on"])
    other.start()
    try:
        yield other
    finally:
        with suppress(subprocess.SubprocessError):
            other.stop("immediate")
        shutil.rmtree(other.folder, ignore_errors=True)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_standby(sources: Sources, cluster: Cluster, standby: Cluster, dry_run: bool) -> None:
    dsn = standby.dsn
    before = fingerprint(Database("postgres", dsn))
    with pytest.raises(RefusedError) as caught:
        copy(sources.seed(), dsn, dry_run=dry_run)
    assert "standby" in caught.value.what
    assert "primary" in caught.value.remedy
    assert caught.value.means == NOTHING_CHANGED
    assert fingerprint(Database("postgres", dsn)) == before


# PgBouncer in transaction mode


@pytest.fixture(scope="module")
def pooler(cluster: Cluster) -> Iterator[Dsn]:
    """PgBouncer in front of the cluster; ``dbname`` chooses the database."""
    with pgbouncer(cluster, pool_size=8) as dsn:
        yield dsn


@contextmanager
def pgbouncer(cluster: Cluster, *, pool_size: int) -> Iterator[Dsn]:
    """PgBouncer in transaction mode on loopback, with that many connections to the server."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is not installed (apt install pgbouncer)")
    port = free_port()
    settings = cluster.folder / f"pgbouncer-{port}.ini"
    settings.write_text(
        f"""[databases]
* = host=127.0.0.1 port={cluster.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 50
query_wait_timeout = 3
logfile = {cluster.folder}/pgbouncer-{port}.log
"""
    )
    give_away(settings)
    with subprocess.Popen([program, "-q", str(settings)], cwd=cluster.folder, **identity()) as process:
        try:
            dsn = cluster.dsn.with_parameters(port=str(port))
            wait_for(dsn)
            yield dsn
        finally:
            process.terminate()


def wait_for(dsn: Dsn) -> None:
    """Wait until somebody answers."""
    for _ in range(100):
        try:
            psycopg.connect(dsn.conninfo(connect_timeout=2)).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
            continue
        return
    raise AssertionError("PgBouncer does not answer")


@pytest.fixture
def pooled(pooler: Dsn, tcp_database: Database) -> Database:
    """An empty database behind PgBouncer; the server's own connections to it are closed before it is dropped."""
    return replace(tcp_database, dsn=pooler.with_parameters(dbname=tcp_database.name))


@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_through_a_pooler(sources: Sources, tcp_database: Database, pooled: Database, batch_size: int) -> None:
    """Sessions change between two transactions there; everything arrives, broken rows are told, and nothing stays."""
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


def test_a_dry_run_through_a_pooler(sources: Sources, tcp_database: Database, pooled: Database) -> None:
    """Nothing is written, and no setting of it is left to whoever gets the session next."""
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
    from vestige_tui.core import preview

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
    assert report.outcome is Outcome.CLEAN
    assert refusals == ["Another copy is writing to this destination."]
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


@pytest.mark.parametrize("pool_size", [1, 2])
def test_a_pooler_with_next_to_no_connections(
    sources: Sources, cluster: Cluster, tcp_database: Database, pool_size: int
) -> None:
    """The lock takes one for as long as the copy lasts. With none left for the rows, the run says so and ends."""
    source = sources.seed()
    found: list[MigrationReport | Exception] = []
    with pgbouncer(cluster, pool_size=pool_size) as dsn:

        def run() -> None:
            try:
                found.append(copy(source, dsn.with_parameters(dbname=tcp_database.name)))
            except Exception as error:
                found.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive(), "the run hangs"
    if pool_size > 1:
        assert isinstance(found[0], MigrationReport), found[0]
        assert found[0].memories_copied == 30
    else:
        assert isinstance(found[0], DestinationError), found[0]


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_key_with_a_time_in_it(sources: Sources, tcp_database: Database, partitioned: bool) -> None:
    """As a table that is partitioned by time needs it."""
    source = sources.seed()
    copy(source, tcp_database)
    if partitioned:
        columns = "id, memory_id, occurred_at, retrievability_before, retrievability_after, rating, kind, metadata"
        tcp_database.execute(
            "ALTER TABLE review_events RENAME TO old_events",
            "CREATE TABLE review_events (LIKE old_events INCLUDING DEFAULTS, PRIMARY KEY (id, occurred_at))"
            " PARTITION BY RANGE (occurred_at)",
            "CREATE TABLE early PARTITION OF review_events FOR VALUES FROM (MINVALUE) TO ('2025-08-01')",
            "CREATE TABLE late PARTITION OF review_events FOR VALUES FROM ('2025-08-01') TO (MAXVALUE)",
            f"INSERT INTO review_events SELECT {columns} FROM old_events LIMIT 5",
        )
    else:
        tcp_database.execute("ALTER TABLE review_events DROP CONSTRAINT review_events_pkey",
                             "ALTER TABLE review_events ADD PRIMARY KEY (id, occurred_at)",
                             "DELETE FROM review_events WHERE id > '80000000-0000-4000-8000-000000000000'")  # fmt: skip
    report = foretold_and_copied(source, tcp_database)
    assert report.review_events_copied == 15
    assert 0 < report.tables["review_events"].inserted < 15
    assert_copied(source, tcp_database)


def test_a_trigger_that_swallows_rows(sources: Sources, tcp_database: Database) -> None:
    """A row that the destination drops without an error is not there, and is not counted as if it were."""
    source = sources.seed()
    copy(source, tcp_database)
    chosen = memory_ids(source)[3]
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = '{chosen}' THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER swallow BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    report = copy(source, tcp_database)
    assert tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 29
    assert report.memories_copied == 29
    assert chosen in {error.row for error in report.errors if error.table == "knowledge_nodes"}


def test_a_trigger_that_raises_a_code_of_its_own(sources: Sources, tcp_database: Database) -> None:
    """Its message may quote the memory; it costs that memory alone, and is repeated nowhere."""
    source = sources.seed()
    copy(source, tcp_database)
    chosen = memory_ids(source)[3]
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.id = '{chosen}' THEN RAISE EXCEPTION 'canary %', NEW.content USING ERRCODE = 'VT001'; END IF;"
        " RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(source, tcp_database)
    assert report.memories_copied == 29
    assert {error.row for error in report.errors if error.table == "knowledge_nodes"} == {chosen}
    assert "canary" not in report.to_json()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("ALTER TABLE knowledge_nodes DROP COLUMN codebase,"
         " ADD COLUMN codebase text GENERATED ALWAYS AS (node_type) STORED", "codebase is generated"),
        ("CREATE RULE told AS ON INSERT TO edges DO ALSO NOTIFY told", "edges has rules"),
        ("ALTER TABLE knowledge_nodes ALTER COLUMN embedding SET NOT NULL", "embedding allows no NULL"),
    ],
)  # fmt: skip
def test_tables_that_no_copy_could_fill(sources: Sources, tcp_database: Database, change: str, words: str) -> None:
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute("TRUNCATE knowledge_nodes CASCADE", change)
    for dry_run in (True, False):
        assert words in refused(source, tcp_database.dsn, tcp_database, dry_run=dry_run).what


def test_a_database_that_cannot_hold_every_letter(sources: Sources, cluster: Cluster) -> None:
    with cluster.database("ENCODING 'LATIN1' LOCALE 'C'") as database:
        assert "LATIN1" in refused(sources.seed(), database.dsn, database).what


def test_another_user_is_called_local(sources: Sources, tcp_database: Database) -> None:
    """Then there is no bootstrap user, and memories that belong to it stay behind; the dry run says so."""
    source = sources.seed()
    copy(source, tcp_database)
    tcp_database.execute(
        "TRUNCATE knowledge_nodes, users CASCADE",
        "INSERT INTO users (id, handle) VALUES ('99999999-9999-4999-8999-999999999999', 'local')",
    )
    report = foretold_and_copied(source, tcp_database)
    assert report.tables["knowledge_nodes"].failed > 0


@pytest.mark.parametrize("populated", [False, True])
@pytest.mark.parametrize("max_connections", [1, 4])
def test_the_counts_of_a_run_that_the_server_ends(
    sources: Sources, tcp_database: Database, populated: bool, max_connections: int
) -> None:
    """What was committed before, in the same group even, is counted; the rest is not."""
    source = sources.seed(replace(SMALL_SPEC, memories=60))
    copy(source, tcp_database)
    late = memory_ids(source)[40]
    tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = '{late}' THEN PERFORM pg_sleep(20); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER sleep BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION sleep()",
        f"ALTER DATABASE {tcp_database.name} SET statement_timeout = '1500ms'",
    )
    if populated:
        tcp_database.execute(
            "INSERT INTO knowledge_nodes (id, content) VALUES ('99999999-9999-4999-8999-999999999999', 'x')"
        )
    error = interrupted(DestinationError, lambda: copy(
        source, tcp_database, batch_size=5, max_connections=max_connections
    ))  # fmt: skip
    assert "statement_timeout" in error.what
    assert error.report is not None
    there = arrived(tcp_database) - populated
    assert error.report.tables["knowledge_nodes"].inserted == there
    assert f"{there} of 60 memories" in error.means
