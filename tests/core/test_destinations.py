"""Destinations that differ: each works, or is refused before anything is written, with the reason and the remedy."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.clusters import Cluster
from tests.support.disturbances import arrived, interrupted
from tests.support.hostile import foretold_and_copied
from tests.support.refusing import assert_copied, refused
from tests.support.roles import role
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core.errors import (
    DestinationError,
    SchemaMismatchError,
)
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind

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


def test_tables_further_down_the_search_path(sources: Sources, copied_tcp_database: Database) -> None:
    """Memories that are visible are added to, though the first schema of the path is another one."""
    source = sources.seed()
    copied_tcp_database.execute(
        "CREATE SCHEMA empty", f"ALTER DATABASE {copied_tcp_database.name} SET search_path = empty, public"
    )
    assert foretold_and_copied(source, copied_tcp_database).tables["knowledge_nodes"].already_present == 30
    assert copied_tcp_database.rows("SELECT 1 FROM pg_class WHERE relnamespace = 'empty'::regnamespace") == []


# Tables that were made by others


def test_a_key_with_the_type_of_the_edge(sources: Sources, copied_tcp_database: Database) -> None:
    """Two edges of two types between the same memories are two rows there."""
    source = sources.seed()
    first, second, *_ = memory_ids(source)
    copied_tcp_database.execute(
        "TRUNCATE edges",
        "ALTER TABLE edges DROP CONSTRAINT edges_pkey",
        "ALTER TABLE edges ADD PRIMARY KEY (source_id, target_id, edge_type)",
    )
    edit(source, "CREATE TABLE loose AS SELECT * FROM edges")
    edit(source, "DROP TABLE edges")
    edit(source, "ALTER TABLE loose RENAME TO edges")
    edit(source, "DELETE FROM edges")
    for kind in ("causal", "temporal", "causal"):
        edit(source, "INSERT INTO edges VALUES (?, ?, ?, 0.5, '2026-01-01T00:00:00Z')", (first, second, kind))
    report = foretold_and_copied(source, copied_tcp_database, batch_size=1)
    assert (report.edges_copied, report.tables["edges"].failed) == (2, 1)
    assert [error.kind for error in report.errors] == [Kind.DUPLICATE_ID]
    assert sorted(copied_tcp_database.rows("SELECT edge_type FROM edges")) == [("causal",), ("temporal",)]
    assert foretold_and_copied(source, copied_tcp_database).tables["edges"].already_present == 2


@pytest.mark.parametrize("batch_size", [1, 5, 500])
def test_references_that_are_checked_at_the_end(
    sources: Sources, copied_tcp_database: Database, batch_size: int
) -> None:
    """A row that refers to nothing would only be refused when its batch is committed, after it was counted."""
    source = sources.seed()
    copied_tcp_database.execute(
        "TRUNCATE edges",
        "ALTER TABLE edges ALTER CONSTRAINT edges_source_id_fkey DEFERRABLE INITIALLY DEFERRED",
    )
    edit(source, "UPDATE edges SET source_id = '99999999-9999-4999-8999-999999999999' WHERE rowid IN (3, 11)")
    report = foretold_and_copied(source, copied_tcp_database, batch_size=batch_size)
    assert {error.kind for error in report.errors} == {Kind.MISSING_REFERENCE}
    assert (report.edges_copied, report.tables["edges"].failed) == (18, 2)
    assert copied_tcp_database.value("SELECT count(*) FROM edges") == 18


def test_a_trigger_that_fires_at_the_end(sources: Sources, copied_tcp_database: Database) -> None:
    source = sources.seed()
    chosen = memory_ids(source)[3]
    copied_tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = '{chosen}' THEN RAISE EXCEPTION 'no'; END IF; RETURN NULL; END $$",
        "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON knowledge_nodes DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(source, copied_tcp_database, batch_size=7)
    memories = [error for error in report.errors if error.table == "knowledge_nodes"]
    assert [(error.row, error.kind, error.copied) for error in memories] == [(chosen, Kind.REFUSED_BY_SERVER, False)]
    assert report.memories_copied == copied_tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 29


@pytest.mark.parametrize(
    "column",
    ["note text", "note text NOT NULL DEFAULT ''", "n bigint GENERATED ALWAYS AS IDENTITY",
     "long bigint GENERATED ALWAYS AS (length(content)) STORED", '"Odd ""name""" timestamptz DEFAULT now()'],
)  # fmt: skip
def test_more_columns_than_are_known(sources: Sources, copied_tcp_database: Database, column: str) -> None:
    source = sources.seed()
    copied_tcp_database.execute("TRUNCATE knowledge_nodes CASCADE", f"ALTER TABLE knowledge_nodes ADD COLUMN {column}")
    assert foretold_and_copied(source, copied_tcp_database).outcome is Outcome.CLEAN
    assert_copied(source, copied_tcp_database)


def test_a_column_that_no_copy_can_fill(sources: Sources, copied_tcp_database: Database) -> None:
    source = sources.seed()
    copied_tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE", "ALTER TABLE knowledge_nodes ADD COLUMN tenant text NOT NULL"
    )
    for dry_run in (False, True):
        error = refused(source, copied_tcp_database.dsn, copied_tcp_database, dry_run=dry_run)
        assert isinstance(error, SchemaMismatchError)
        assert error.differences == (
            "knowledge_nodes.tenant is an extra column that must be filled, and a copy has nothing for it",
        )


def test_rules_that_only_the_destination_has(sources: Sources, copied_tcp_database: Database) -> None:
    """A further check and a unique constraint cost the rows that break them, in words without their values."""
    source = sources.seed()
    first, *_ = memory_ids(source)
    copied_tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "ALTER TABLE knowledge_nodes ADD CONSTRAINT short CHECK (length(content) < 20000)",
        "ALTER TABLE knowledge_nodes ADD CONSTRAINT once UNIQUE (codebase, node_type)",
    )
    edit(source, "UPDATE knowledge_nodes SET codebase = NULL")
    edit(source, "UPDATE knowledge_nodes SET codebase = 'x', node_type = 'y' WHERE rowid IN (7, 8)")
    edit(source, "UPDATE knowledge_nodes SET content = ? WHERE id = ?", ("canary " * 4_000, first))
    report = copy(source, copied_tcp_database, max_connections=1)
    memories = [error for error in report.errors if error.table == "knowledge_nodes"]
    assert {(error.kind, error.copied) for error in memories} == {
        (Kind.VALUE_NOT_ALLOWED, False), (Kind.ALREADY_TAKEN, False),
    }  # fmt: skip
    assert report.memories_copied == 28
    assert "canary" not in report.to_json()


@pytest.mark.parametrize("partitioned", [False, True])
def test_a_key_with_a_time_in_it(sources: Sources, copied_tcp_database: Database, partitioned: bool) -> None:
    """As a table that is partitioned by time needs it."""
    source = sources.seed()
    if partitioned:
        columns = "id, memory_id, occurred_at, retrievability_before, retrievability_after, rating, kind, metadata"
        copied_tcp_database.execute(
            "ALTER TABLE review_events RENAME TO old_events",
            "CREATE TABLE review_events (LIKE old_events INCLUDING DEFAULTS, PRIMARY KEY (id, occurred_at))"
            " PARTITION BY RANGE (occurred_at)",
            "CREATE TABLE early PARTITION OF review_events FOR VALUES FROM (MINVALUE) TO ('2025-08-01')",
            "CREATE TABLE late PARTITION OF review_events FOR VALUES FROM ('2025-08-01') TO (MAXVALUE)",
            f"INSERT INTO review_events SELECT {columns} FROM old_events LIMIT 5",
        )
    else:
        copied_tcp_database.execute(
            "ALTER TABLE review_events DROP CONSTRAINT review_events_pkey",
            "ALTER TABLE review_events ADD PRIMARY KEY (id, occurred_at)",
            "DELETE FROM review_events WHERE id > '80000000-0000-4000-8000-000000000000'",
        )
    report = foretold_and_copied(source, copied_tcp_database)
    assert report.review_events_copied == 15
    assert 0 < report.tables["review_events"].inserted < 15
    assert_copied(source, copied_tcp_database)


def test_a_trigger_that_swallows_rows(sources: Sources, copied_tcp_database: Database) -> None:
    """A row that the destination drops without an error is not there, and is not counted as if it were."""
    source = sources.seed()
    chosen = memory_ids(source)[3]
    copied_tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF NEW.id = '{chosen}' THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER swallow BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    report = copy(source, copied_tcp_database)
    assert copied_tcp_database.value("SELECT count(*) FROM knowledge_nodes") == 29
    assert report.memories_copied == 29
    assert chosen in {error.row for error in report.errors if error.table == "knowledge_nodes"}


def test_a_trigger_that_raises_a_code_of_its_own(sources: Sources, copied_tcp_database: Database) -> None:
    """Its message may quote the memory; it costs that memory alone, and is repeated nowhere."""
    source = sources.seed()
    chosen = memory_ids(source)[3]
    copied_tcp_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.id = '{chosen}' THEN RAISE EXCEPTION 'canary %', NEW.content USING ERRCODE = 'VT001'; END IF;"
        " RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(source, copied_tcp_database)
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
def test_tables_that_no_copy_could_fill(
    sources: Sources, copied_tcp_database: Database, change: str, words: str
) -> None:
    source = sources.seed()
    copied_tcp_database.execute("TRUNCATE knowledge_nodes CASCADE", change)
    for dry_run in (True, False):
        assert words in refused(source, copied_tcp_database.dsn, copied_tcp_database, dry_run=dry_run).what


def test_a_database_that_cannot_hold_every_letter(sources: Sources, cluster: Cluster) -> None:
    with cluster.database("ENCODING 'LATIN1' LOCALE 'C'") as database:
        assert "LATIN1" in refused(sources.seed(), database.dsn, database).what


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
        f" $$ BEGIN IF NEW.id = '{late}' THEN PERFORM pg_cancel_backend(pg_backend_pid()); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER sleep BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION sleep()",
    )
    if populated:
        tcp_database.execute(
            "INSERT INTO knowledge_nodes (id, content) VALUES ('99999999-9999-4999-8999-999999999999', 'x')"
        )
    error = interrupted(
        DestinationError, lambda: copy(source, tcp_database, batch_size=5, max_connections=max_connections)
    )
    assert "was cancelled" in error.what
    assert isinstance(error.report, MigrationReport)
    there = arrived(tcp_database) - populated
    assert error.report.tables["knowledge_nodes"].inserted == there
    assert f"{there} of 60 memories" in error.means
