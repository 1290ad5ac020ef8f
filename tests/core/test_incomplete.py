"""Copies that bring all rows, and leave an index or a foreign key missing: what they say, and that a dry run agrees."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.core.test_references import at
from tests.support.refusing import assert_copied
from tests.support.roles import DML, role
from tests.support.runs import copy
from tests.support.servers import Database, Server
from tests.support.sources import edit, memory_ids
from vestige_tui.core.destination import indexes as builds
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.events import Phase
from vestige_tui.core.explain import Tense, shortfalls
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind

HNSW = "idx_knowledge_nodes_embedding_hnsw"

FOREIGN_KEYS = {
    "group_memberships_user_id_fkey": "group_memberships",
    "group_memberships_group_id_fkey": "group_memberships",
    "knowledge_nodes_owner_user_id_fkey": "knowledge_nodes",
    "scheduling_memory_id_fkey": "scheduling",
    "edges_source_id_fkey": "edges",
    "edges_target_id_fkey": "edges",
    "review_events_memory_id_fkey": "review_events",
}
"""All seven, and their tables."""


def index(name: str, table: str, reason: Reason) -> MissingPart:
    return MissingPart(PartKind.INDEX, name, table, reason)


def foreign_key(name: str, reason: Reason) -> MissingPart:
    return MissingPart(PartKind.FOREIGN_KEY, name, FOREIGN_KEYS[name], reason)


def foretold_and_done(source: Path, destination: Database | Dsn) -> MigrationReport:
    """A copy, after a dry run that foretold its outcome and what would be missing."""
    preview = copy(source, destination, dry_run=True)
    report = copy(source, destination)
    assert (preview.outcome, preview.incomplete) == (report.outcome, report.incomplete)
    return report


@pytest.mark.usefixtures("can_enforce_later")
def test_a_session_that_is_idle_in_a_transaction(small_source: Path, database: Database) -> None:
    """It has looked at every table, and goes home for the night: no foreign key can be enforced."""
    tables = sorted({*FOREIGN_KEYS.values(), "users", "groups"})
    with psycopg.connect(database.dsn.conninfo()) as idle:
        look = at(Phase.INDEXES, lambda: idle.execute("; ".join(f"SELECT FROM {table}" for table in tables)))
        report = copy(small_source, database, on_event=look, waits=Waits(tables_in_use=0.5))
    assert report.outcome is Outcome.INCOMPLETE
    assert set(report.incomplete) == {foreign_key(name, Reason.TABLES_IN_USE) for name in FOREIGN_KEYS}
    assert report.notices == []
    assert json.loads(report.to_json())["incomplete"][0] == {
        "kind": "foreign_key",
        "name": report.incomplete[0].name,
        "table": report.incomplete[0].table,
        "reason": "tables_in_use",
        "sqlstate": None,
    }
    again = copy(small_source, database)
    assert (again.outcome, again.incomplete) == (Outcome.CLEAN, ())


def test_an_index_that_is_left_to_the_owner_of_the_table(small_source: Path, copied_tcp_database: Database) -> None:
    """Also where no row is written."""
    copied_tcp_database.execute(f"DROP INDEX {HNSW}", "DROP INDEX idx_edges_edge_type")
    with role(copied_tcp_database, DML) as dsn:
        report = foretold_and_done(small_source, dsn)
        assert sum(table.inserted for table in report.tables.values()) == 0
        copied_tcp_database.execute("DELETE FROM knowledge_nodes")
        again = foretold_and_done(small_source, dsn)
    wanted = (
        index("idx_edges_edge_type", "edges", Reason.NOT_OWNER),
        index(HNSW, "knowledge_nodes", Reason.NOT_OWNER),
    )
    for run in (report, again):
        assert (run.outcome, run.incomplete) == (Outcome.INCOMPLETE, wanted)
    assert again.tables["knowledge_nodes"].inserted == 30
    assert_copied(small_source, copied_tcp_database)
    assert foretold_and_done(small_source, copied_tcp_database).outcome is Outcome.CLEAN  # its owner builds them


def test_an_invalid_index_that_is_left_to_the_owner(
    small_source: Path, server: Server, copied_database: Database
) -> None:
    if not server.is_superuser:
        pytest.skip("only a superuser can change the catalog")
    copied_database.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{HNSW}'::regclass")
    with role(copied_database, DML) as dsn:
        report = foretold_and_done(small_source, dsn)
    assert report.incomplete == (index(HNSW, "knowledge_nodes", Reason.NOT_OWNER),)


def test_an_owner_that_may_create_nothing_in_the_schema(small_source: Path, copied_tcp_database: Database) -> None:
    """PostgreSQL asks for that right too."""
    copied_tcp_database.execute("DROP INDEX idx_edges_edge_type")
    with role(copied_tcp_database, DML, "ALTER TABLE edges OWNER TO {role}") as dsn:
        report = foretold_and_done(small_source, dsn)
        copied_tcp_database.execute("ALTER TABLE edges OWNER TO CURRENT_USER")
    assert report.incomplete == (index("idx_edges_edge_type", "edges", Reason.NOT_OWNER),)


def test_an_index_that_cannot_be_built(small_source: Path, copied_database: Database) -> None:
    """A value that was there before is too long for it; a dry run does not look at all values there."""
    long = "".join(random.Random(3).choices(string.ascii_letters, k=60_000))
    copied_database.execute(
        "DROP INDEX idx_knowledge_nodes_node_type",
        f"INSERT INTO knowledge_nodes (content, node_type, id) VALUES ('x', '{long}', gen_random_uuid())",
    )
    report = copy(small_source, copied_database)
    assert report.outcome is Outcome.INCOMPLETE
    assert report.incomplete == (index("idx_knowledge_nodes_node_type", "knowledge_nodes", Reason.VALUE_TOO_LARGE),)


REFUSALS = ("P0001", "XX000", "0A000", "55000", "42501", "22023", "23514", "57014", "58030")


@pytest.fixture
def refusing(server: Server, database: Database) -> Callable[[str, str], None]:
    """Has an event trigger refuse a command with a SQLSTATE, from now on."""
    if not server.is_superuser:
        pytest.skip("only a superuser makes event triggers")

    def refuse(command: str, state: str) -> None:
        database.execute(
            "DROP EVENT TRIGGER IF EXISTS refuse",
            "CREATE OR REPLACE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE 'secret words' USING ERRCODE = '{state}'; END $$",
            f"CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('{command}') EXECUTE FUNCTION refuse()",
        )

    return refuse


def test_an_event_trigger_that_refuses_every_index(
    small_source: Path, database: Database, refusing: Callable[[str, str], None]
) -> None:
    """All rows are there, and so the copy has not failed, whatever the server says; it is quoted by its code alone.
    The first of these runs copies, each next one finds every row there and no index.
    """
    known = {"42501": Reason.NOT_OWNER, "22023": Reason.VALUE_TOO_LARGE}
    for state in REFUSALS:
        refuse = partial(refusing, "CREATE INDEX", state)
        if state != REFUSALS[0]:  # by now the tables are there
            refuse()
        report = copy(small_source, database, on_event=at(Phase.INDEXES, refuse))
        assert report.outcome is Outcome.INCOMPLETE
        assert {part.kind for part in report.incomplete} == {PartKind.INDEX}
        wanted = (known[state], None) if state in known else (Reason.REFUSED_BY_SERVER, state)
        assert {(part.reason, part.sqlstate) for part in report.incomplete} == {wanted}
        (said,) = shortfalls(report.incomplete, Tense.DONE)
        assert (f"(SQLSTATE {state})" in said.headline) == (state not in known)
        assert "secret words" not in report.to_json() + said.headline + said.remedy
    again = copy(small_source, database)
    assert (again.outcome, again.incomplete) == (Outcome.INCOMPLETE, report.incomplete)
    database.execute("DROP EVENT TRIGGER refuse")
    assert copy(small_source, database).outcome is Outcome.CLEAN


@pytest.mark.usefixtures("can_enforce_later")
@pytest.mark.parametrize("state", ["P0001", "XX000", "22023"])
def test_an_event_trigger_that_refuses_to_enforce_foreign_keys(
    small_source: Path, database: Database, refusing: Callable[[str, str], None], state: str
) -> None:
    report = copy(small_source, database, on_event=at(Phase.INDEXES, lambda: refusing("ALTER TABLE", state)))
    wanted = {MissingPart(PartKind.FOREIGN_KEY, *key, Reason.REFUSED_BY_SERVER, state) for key in FOREIGN_KEYS.items()}
    assert (report.outcome, set(report.incomplete)) == (Outcome.INCOMPLETE, wanted)
    assert set(copy(small_source, database).incomplete) == wanted
    database.execute("DROP EVENT TRIGGER refuse")
    assert copy(small_source, database).outcome is Outcome.CLEAN


@pytest.mark.parametrize("error", [psycopg.errors.DiskFull, psycopg.errors.AdminShutdown, psycopg.OperationalError])
def test_what_ends_a_run_is_no_missing_index(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch, error: type[psycopg.Error]
) -> None:
    def end(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch, pytest.raises(DestinationError):
        patch.setattr(builds, "build", end)
        copy(small_source, database)
    assert copy(small_source, database).outcome is Outcome.CLEAN


def test_a_foreign_key_that_the_tables_were_made_without(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey")
    report = foretold_and_done(small_source, copied_database)
    assert report.outcome is Outcome.INCOMPLETE
    assert report.incomplete == (foreign_key("edges_target_id_fkey", Reason.ABSENT),)


def test_a_foreign_key_to_another_table_is_not_the_one(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey",
        "CREATE TABLE elsewhere (id uuid PRIMARY KEY)",
        "INSERT INTO elsewhere SELECT id FROM knowledge_nodes",
        "ALTER TABLE edges ADD CONSTRAINT edges_target_id_fkey FOREIGN KEY (target_id) REFERENCES elsewhere",
    )
    report = foretold_and_done(small_source, copied_database)
    assert report.incomplete == (foreign_key("edges_target_id_fkey", Reason.ABSENT),)


def test_a_foreign_key_of_another_name_is_enough(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("ALTER TABLE edges RENAME CONSTRAINT edges_target_id_fkey TO other")
    assert foretold_and_done(small_source, copied_database).outcome is Outcome.CLEAN


def test_a_foreign_key_that_is_not_valid(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey",
        "ALTER TABLE edges ADD CONSTRAINT mine FOREIGN KEY (target_id) REFERENCES knowledge_nodes NOT VALID",
    )
    report = foretold_and_done(small_source, copied_database)
    assert report.outcome is Outcome.INCOMPLETE
    assert report.incomplete == (MissingPart(PartKind.FOREIGN_KEY, "mine", "edges", Reason.NOT_VALID),)


@pytest.mark.usefixtures("can_enforce_later")
def test_a_foreign_key_that_others_suspended(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("ALTER TABLE edges ALTER CONSTRAINT edges_source_id_fkey NOT ENFORCED")
    report = foretold_and_done(small_source, copied_database)
    assert report.incomplete == (foreign_key("edges_source_id_fkey", Reason.NOT_ENFORCED),)


@pytest.mark.parametrize("table", ["edges", "knowledge_nodes"])
def test_foreign_keys_whose_triggers_are_disabled(small_source: Path, copied_database: Database, table: str) -> None:
    """They are valid in the catalog, and the server checks nothing: on the side of the rows, or of what they refer to."""
    copied_database.execute("DELETE FROM edges", f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    edit(small_source, "UPDATE edges SET target_id = '00000000-0000-4000-8000-000000000000' WHERE rowid = 1")
    with_errors = foretold_and_done(small_source, copied_database)
    assert [error.kind for error in with_errors.errors] == [Kind.MISSING_REFERENCE]
    edit(small_source, "DELETE FROM edges WHERE rowid = 1")
    report = foretold_and_done(small_source, copied_database)
    assert report.outcome is Outcome.INCOMPLETE
    names = {part.name for part in report.incomplete}
    assert {part.reason for part in report.incomplete} == {Reason.SWITCHED_OFF}
    assert {"edges_source_id_fkey", "edges_target_id_fkey"} <= names
    assert ("scheduling_memory_id_fkey" in names) == (table == "knowledge_nodes")
    copied_database.execute(
        *(statement for said in shortfalls(report.incomplete, Tense.DONE) for statement in said.sql)
    )
    assert foretold_and_done(small_source, copied_database).outcome is Outcome.CLEAN


def test_rows_with_errors_count_for_more(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey")
    edit(small_source, "UPDATE knowledge_nodes SET id = 'note-7' WHERE id = ?", (memory_ids(small_source)[3],))
    report = foretold_and_done(small_source, copied_database)
    assert report.outcome is Outcome.ERRORS
    assert report.incomplete == (foreign_key("edges_target_id_fkey", Reason.ABSENT),)


def test_an_index_that_another_session_drops(small_source: Path, copied_database: Database) -> None:
    """Between the look at the indexes and the end of the run."""
    drop = at(Phase.INDEXES, lambda: copied_database.execute("DROP INDEX idx_edges_edge_type"))
    report = copy(small_source, copied_database, on_event=drop)
    assert report.incomplete == (index("idx_edges_edge_type", "edges", Reason.REMOVED),)
