"""Tables that are at the destination already: which of them fit, and what happens when they change meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.destination import fingerprint
from tests.support.refusing import assert_is_explained, nothing_changes
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources
from vestige_tui.core import events
from vestige_tui.core.errors import (
    DestinationError,
    ModelMismatchError,
    RefusedError,
    SchemaMismatchError,
)
from vestige_tui.core.missing import Reason
from vestige_tui.core.report import Outcome
from vestige_tui.sample import SampleSpec

# Tables that are there already and do not fit


DIFFERENCES = {
    "missing column": (
        ["ALTER TABLE knowledge_nodes DROP COLUMN codebase"],
        ["knowledge_nodes.codebase is missing (text)"],
    ),
    "other type": (
        ["ALTER TABLE scheduling ALTER COLUMN reps DROP DEFAULT, ALTER COLUMN reps TYPE text"],
        ["scheduling.reps is text, the copy needs integer"],
    ),
    "time without zone": (
        ["ALTER TABLE review_events ALTER COLUMN occurred_at TYPE timestamp"],
        ["review_events.occurred_at is timestamp without time zone, the copy needs timestamp with time zone"],
    ),
    "json instead of jsonb": (
        ["ALTER TABLE users ALTER COLUMN metadata DROP DEFAULT, ALTER COLUMN metadata TYPE json"],
        ["users.metadata is json, the copy needs jsonb"],
    ),
    "column that must be filled": (
        ["ALTER TABLE knowledge_nodes ADD COLUMN tenant text NOT NULL DEFAULT 'x'",
         "ALTER TABLE knowledge_nodes ALTER COLUMN tenant DROP DEFAULT"],
        ["knowledge_nodes.tenant is an extra column that must be filled"],
    ),
    "other primary key": (
        ["ALTER TABLE review_events DROP CONSTRAINT review_events_pkey, ADD COLUMN n serial PRIMARY KEY"],
        ["review_events has the primary key (n), the copy needs (id)"],
    ),
    "smaller primary key": (
        ["ALTER TABLE edges DROP CONSTRAINT edges_pkey", "DELETE FROM edges", "ALTER TABLE edges ADD PRIMARY KEY (source_id)"],
        ["edges has the primary key (source_id), the copy needs (source_id, target_id)"],
    ),
    "no primary key": (
        ["ALTER TABLE domains DROP CONSTRAINT domains_pkey"],
        ["domains has the primary key (none), the copy needs (id)"],
    ),
    "primary key that can wait": (
        ["ALTER TABLE domains DROP CONSTRAINT domains_pkey, ADD PRIMARY KEY (id) DEFERRABLE"],
        ["domains has a DEFERRABLE primary key"],
    ),
    "no table at all": (
        ["DROP TABLE domains", "CREATE INDEX domains ON users (handle)"],
        ["domains.id is missing (text)", "domains.label is missing (text)", "domains.centroid is missing (vector)",
         "domains.top_terms is missing (text[])", "domains.memory_count is missing (integer)",
         "domains.created_at is missing (timestamp with time zone)", "domains has the primary key (none)"],
    ),
    "all at once": (
        ["ALTER TABLE groups DROP COLUMN handle", "ALTER TABLE edges DROP COLUMN weight",
         "ALTER TABLE domains ALTER COLUMN label TYPE bytea USING label::bytea"],
        ["groups.handle is missing (text)", "edges.weight is missing (double precision)",
         "domains.label is bytea, the copy needs text"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DIFFERENCES)
def test_tables_that_do_not_fit(small_source: Path, copied_database: Database, case: str) -> None:
    statements, differences = DIFFERENCES[case]
    copied_database.execute(*statements)
    for dry_run in (False, True):
        with nothing_changes(copied_database), pytest.raises(SchemaMismatchError) as caught:
            copy(small_source, copied_database, dry_run=dry_run)
        error = caught.value
        assert_is_explained(error)
        assert len(error.differences) == len(differences)
        for said, difference in zip(error.differences, differences, strict=True):
            assert said.startswith(difference)
            assert said in error.what
        assert "schema public" in error.what


def test_vectors_of_another_dimension_at_the_destination(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "DELETE FROM embedding_model",
        "TRUNCATE knowledge_nodes CASCADE",
        "ALTER TABLE knowledge_nodes ALTER COLUMN embedding TYPE vector(16)",
    )
    with nothing_changes(copied_database), pytest.raises(SchemaMismatchError) as caught:
        copy(small_source, copied_database)
    assert_is_explained(caught.value)
    assert caught.value.differences == ("knowledge_nodes.embedding is vector(16), the source needs vector(8)",)


def test_tables_of_another_program(small_source: Path, database: Database) -> None:
    """A database that somebody uses for something else: ``users`` is no rare name."""
    database.execute(
        "CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE)",
        "INSERT INTO users (email) VALUES ('ada@example.com')",
    )
    with nothing_changes(database), pytest.raises(SchemaMismatchError) as caught:
        copy(small_source, database)
    assert_is_explained(caught.value)
    assert "users.id is integer, the copy needs uuid" in caught.value.differences
    assert "users.handle is missing (text)" in caught.value.differences
    assert any(text.startswith("users.email is an extra column") for text in caught.value.differences)


def test_a_registry_of_another_form(small_source: Path, database: Database) -> None:
    """The table of the embedding model is compared like the others, not stumbled over."""
    database.execute("CREATE TABLE embedding_model (id int PRIMARY KEY, model text NOT NULL)")
    with nothing_changes(database), pytest.raises(SchemaMismatchError) as caught:
        copy(small_source, database)
    assert_is_explained(caught.value)
    assert "embedding_model.name" in caught.value.what


def test_edges_keyed_by_their_type_too(small_source: Path, copied_database: Database) -> None:
    """The conflict target follows the destination's own primary key."""
    copied_database.execute(
        "TRUNCATE edges",
        "ALTER TABLE edges DROP CONSTRAINT edges_pkey, ADD PRIMARY KEY (source_id, target_id, edge_type)",
    )
    preview = copy(small_source, copied_database, dry_run=True)
    assert preview.tables["edges"].inserted == 20
    first = copy(small_source, copied_database)
    assert (first.outcome, first.tables["edges"].inserted) == (Outcome.CLEAN, 20)
    again = copy(small_source, copied_database)
    assert (again.outcome, again.tables["edges"].already_present) == (Outcome.CLEAN, 20)
    assert copy(small_source, copied_database, dry_run=True).tables["edges"].already_present == 20


def test_tables_that_differ_and_fit_all_the_same(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "ALTER TABLE knowledge_nodes ADD COLUMN tenant text NOT NULL DEFAULT 'x'",
        "ALTER TABLE knowledge_nodes ADD COLUMN note text",
        "ALTER TABLE domains ADD COLUMN n bigint GENERATED ALWAYS AS IDENTITY",
        "ALTER TABLE scheduling ALTER COLUMN reps TYPE bigint",
        "ALTER TABLE groups ALTER COLUMN handle TYPE varchar(200)",
        "ALTER TABLE edges ALTER COLUMN weight DROP NOT NULL",
        "ALTER TABLE domains DROP CONSTRAINT domains_pkey, ADD PRIMARY KEY (id) INCLUDE (label)",
        "DROP TABLE review_events",
        "TRUNCATE knowledge_nodes, users, groups, domains CASCADE",
    )
    report = copy(small_source, copied_database)
    assert report.outcome is Outcome.CLEAN
    assert (report.memories_copied, report.tables["knowledge_nodes"].inserted) == (30, 30)
    assert copied_database.value("SELECT count(*) FROM review_events") == 15
    assert copied_database.rows("SELECT DISTINCT tenant, note FROM knowledge_nodes") == [("x", None)]
    copied_database.execute("DELETE FROM domains WHERE id = (SELECT min(id) FROM domains)")
    domains = copy(small_source, copied_database).tables["domains"]
    assert (domains.already_present, domains.inserted) == (2, 1)


def test_a_role_that_has_every_name_quoted(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(f"ALTER DATABASE {copied_database.name} SET quote_all_identifiers = on")
    assert copy(small_source, copied_database).outcome is Outcome.CLEAN


# What somebody does between the look at the destination and the first write

OTHER_16 = (
    "ALTER TABLE knowledge_nodes ALTER COLUMN embedding TYPE vector(16)",
    "INSERT INTO embedding_model (id, name, dimension, hash) VALUES (1, 'other', 16, 'h')",
)


@pytest.mark.parametrize(
    "changes",
    [
        OTHER_16,
        ("INSERT INTO embedding_model (id, name, dimension, hash) VALUES (1, 'other', 8, 'h')",),
        ("DROP TABLE knowledge_nodes CASCADE",),
        ("DROP TABLE scheduling",),
        ("DROP TABLE embedding_model",),
    ],
    ids=["another model", "another model of that dimension", "no memories", "no scheduling", "no registry"],
)
def test_a_destination_that_changes_before_the_first_write(
    sources: Sources, small_source: Path, database: Database, changes: tuple[str, ...]
) -> None:
    empty = sources.seed(SampleSpec(memories=0, edges=0, review_events=0, register_model=False), name="empty.db")
    copy(empty, database)
    after: list[object] = []

    def meddle(event: events.Event) -> None:
        if event == events.PhaseStarted(events.Phase.PREPARE):
            database.execute(*changes)
            after.append(fingerprint(database))

    with pytest.raises((RefusedError, DestinationError)) as caught:
        copy(small_source, database, on_event=meddle)
    assert caught.value.report is not None
    assert after == [fingerprint(database)]
    if "INSERT" in changes[-1]:
        with pytest.raises(ModelMismatchError):
            copy(small_source, database)
    else:
        report = copy(small_source, database)
        assert {part.reason for part in report.incomplete} <= {Reason.ABSENT}  # CASCADE took foreign keys along
        assert (report.outcome is Outcome.INCOMPLETE) == ("CASCADE" in changes[-1])


@pytest.mark.parametrize("change", ["DELETE FROM embedding_model", "UPDATE embedding_model SET name = 'other'"])
def test_a_registered_model_that_changes_before_the_first_write(
    small_source: Path, copied_database: Database, change: str
) -> None:
    copied_database.execute("DELETE FROM knowledge_nodes")

    def meddle(event: events.Event) -> None:
        if event == events.PhaseStarted(events.Phase.PREPARE):
            copied_database.execute(change)

    with pytest.raises(RefusedError, match="Somebody has changed"):
        copy(small_source, copied_database, on_event=meddle)
    assert copied_database.value("SELECT count(*) FROM knowledge_nodes") == 0
    if change.startswith("DELETE"):
        assert copy(small_source, copied_database).outcome is Outcome.CLEAN
    else:
        with pytest.raises(ModelMismatchError):
            copy(small_source, copied_database)
