"""Tables that are at the destination already: which of them fit, and what happens when they change meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.destination import fingerprint
from tests.support.refusing import assert_is_explained, nothing_changes
from tests.support.roles import DML, role
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit
from vestige_tui.core import events
from vestige_tui.core.errors import (
    DestinationError,
    ModelMismatchError,
    RefusedError,
    SchemaMismatchError,
)
from vestige_tui.core.missing import Reason
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind
from vestige_tui.sample import SampleSpec

# Tables that are there already and do not fit


FILLING = (
    "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN NEW.search_vec := to_tsvector('english', NEW.content); RETURN NEW; END $$",
    "CREATE TRIGGER fill BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION fill()",
)
"""What fills the full-text column where it is not generated."""

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
    "no full-text column": (
        ["ALTER TABLE knowledge_nodes DROP COLUMN search_vec"],
        ["knowledge_nodes.search_vec is missing (tsvector, generated for the full-text search)"],
    ),
    "full-text column of another type": (
        ["ALTER TABLE knowledge_nodes DROP COLUMN search_vec, ADD COLUMN search_vec text"],
        ["knowledge_nodes.search_vec is text, the full-text search needs tsvector"],
    ),
    "full-text column that stays empty": (
        ["ALTER TABLE knowledge_nodes ALTER COLUMN search_vec DROP EXPRESSION"],
        ["knowledge_nodes.search_vec is neither generated nor filled by a BEFORE INSERT trigger"],
    ),
    "full-text column whose trigger is disabled": (
        ["ALTER TABLE knowledge_nodes ALTER COLUMN search_vec DROP EXPRESSION", *FILLING,
         "ALTER TABLE knowledge_nodes DISABLE TRIGGER fill"],
        ["knowledge_nodes.search_vec is neither generated nor filled by a BEFORE INSERT trigger"],
    ),
    "full-text column whose trigger fills it later": (
        ["ALTER TABLE knowledge_nodes ALTER COLUMN search_vec DROP EXPRESSION", FILLING[0],
         "CREATE TRIGGER fill BEFORE UPDATE ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION fill()",
         "CREATE TRIGGER once BEFORE INSERT ON knowledge_nodes EXECUTE FUNCTION fill()"],
        ["knowledge_nodes.search_vec is neither generated nor filled by a BEFORE INSERT trigger"],
    ),
    "whole seconds": (
        ["ALTER TABLE knowledge_nodes ALTER COLUMN created_at TYPE timestamptz(0)"],
        ["knowledge_nodes.created_at is timestamp(0) with time zone, the copy needs timestamp with time zone"],
    ),
    "milliseconds": (
        ["ALTER TABLE scheduling ALTER COLUMN next_review TYPE timestamptz(3)"],
        ["scheduling.next_review is timestamp(3) with time zone, the copy needs timestamp with time zone"],
    ),
    "limited text": (
        ["ALTER TABLE domains ALTER COLUMN label TYPE varchar(200)"],
        ["domains.label is character varying(200), the copy needs text"],
    ),
    "padded text": (
        ["ALTER TABLE domains ALTER COLUMN label TYPE char(200)"],
        ["domains.label is character(200), the copy needs text"],
    ),
    "decimal numbers": (
        ["ALTER TABLE edges ALTER COLUMN weight TYPE numeric(6, 2)"],
        ["edges.weight is numeric(6,2), the copy needs double precision"],
    ),
    "short floats": (
        ["ALTER TABLE edges ALTER COLUMN weight TYPE real"],
        ["edges.weight is real, the copy needs double precision"],
    ),
    "bits": (
        ["ALTER TABLE scheduling ALTER COLUMN reps DROP DEFAULT, ALTER COLUMN reps TYPE bit(8) USING reps::bit(8)"],
        ["scheduling.reps is bit(8), the copy needs integer"],
    ),
    "limited items": (
        ["DROP INDEX idx_knowledge_nodes_codebase", "ALTER TABLE domains ALTER COLUMN top_terms DROP DEFAULT",
         "ALTER TABLE domains ALTER COLUMN top_terms TYPE varchar(20)[]"],
        ["domains.top_terms is character varying(20)[], the copy needs text[]"],
    ),
    "centroids of one dimension": (
        ["ALTER TABLE domains ALTER COLUMN centroid TYPE vector(8)"],
        ["domains.centroid is vector(8), the copy needs vector"],
    ),
    "domain of limited text": (
        ["CREATE DOMAIN short AS varchar(200)", "CREATE DOMAIN shorter AS short",
         "ALTER TABLE domains ALTER COLUMN label TYPE shorter"],
        ["domains.label is character varying(200) (domain shorter), the copy needs text"],
    ),
    "domain with a check": (
        ["CREATE DOMAIN named AS text CHECK (VALUE <> '')", "ALTER TABLE domains ALTER COLUMN label TYPE named"],
        ["domains.label is of the domain named, whose checks may refuse what a copy brings"],
    ),
    "domain without NULL": (
        ["CREATE DOMAIN present AS text NOT NULL", "UPDATE users SET display_name = ''",
         "ALTER TABLE users ALTER COLUMN display_name TYPE present"],
        ["users.display_name allows no NULL, the copy needs it for rows that have none"],
    ),
    "domain of another type": (
        ["CREATE DOMAIN tally AS numeric", "ALTER TABLE scheduling ALTER COLUMN stability TYPE tally"],
        ["scheduling.stability is numeric (domain tally), the copy needs double precision"],
    ),
    "ids by a loose collation": (
        ["CREATE COLLATION loose (provider = libc, locale = 'C')",
         "UPDATE pg_collation SET collisdeterministic = false WHERE collname = 'loose'",  # as those of ICU can be

         "ALTER TABLE domains ALTER COLUMN id TYPE text COLLATE loose"],
        ["domains.id has a collation that takes different texts for equal"],
    ),
    "names that need not be unique": (
        ["ALTER TABLE users DROP CONSTRAINT users_handle_key", "CREATE UNIQUE INDEX ON users (handle) WHERE handle > ''",
         "ALTER TABLE groups DROP CONSTRAINT groups_handle_key", "CREATE INDEX ON groups (handle)"],
        ["users.handle is not unique, which the copy needs", "groups.handle is not unique, which the copy needs"],
    ),
    "no check of who may see": (
        ["ALTER TABLE knowledge_nodes DROP CONSTRAINT knowledge_nodes_visibility_check"],
        ["knowledge_nodes.visibility has no CHECK, the copy needs one that allows private, group, public"],
    ),
    "nothing to refer to": (
        ["DROP TABLE edges, review_events, scheduling", "ALTER TABLE knowledge_nodes DROP CONSTRAINT knowledge_nodes_pkey",
         "ALTER TABLE knowledge_nodes ADD PRIMARY KEY (id, created_at)"],
        ["knowledge_nodes is not unique by (id), and the tables that are missing have to refer to it by that"],
    ),
    "registry of another form": (
        ["DELETE FROM embedding_model", "ALTER TABLE embedding_model DROP CONSTRAINT embedding_model_pkey",
         "ALTER TABLE embedding_model ADD COLUMN tenant text NOT NULL"],
        ["embedding_model.tenant is an extra column that must be filled", "embedding_model.id is not unique"],
    ),
    "registry of short names": (
        ["ALTER TABLE embedding_model ALTER COLUMN name TYPE varchar(80)"],
        ["embedding_model.name is character varying(80), the copy needs text"],
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
    with nothing_changes(copied_database):
        for dry_run in (False, True):
            with pytest.raises(SchemaMismatchError) as caught:
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
    """A database in use for something else: ``users`` is no rare name."""
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


STAMPS = {
    "vectors of another dimension": (
        "INSERT INTO knowledge_nodes (id, content, embedding)"
        " VALUES ('99999999-9999-4999-8999-999999999999', 'x', '[1,2,3]')",
        "knowledge_nodes.embedding holds vectors of 3 dimensions, the source needs vector(8)",
    ),
    "a view": (
        "CREATE VIEW spaces AS SELECT embedding FROM knowledge_nodes",
        "the view spaces uses knowledge_nodes.embedding, which has to become vector(8)",
    ),
}


@pytest.mark.parametrize("case", STAMPS)
@pytest.mark.parametrize("dry_run", [False, True])
def test_vectors_that_cannot_be_given_a_dimension(
    small_source: Path, sources: Sources, database: Database, case: str, dry_run: bool
) -> None:
    """Of a destination in which no model is registered yet."""
    statement, difference = STAMPS[case]
    copy(
        sources.seed(SampleSpec(memories=0, edges=0, review_events=0, register_model=False), name="empty.db"), database
    )
    database.execute(statement)
    with nothing_changes(database), pytest.raises(SchemaMismatchError) as caught:
        copy(small_source, database, dry_run=dry_run)
    assert caught.value.differences == (difference,)


OWN_RULES = {
    "a check": ("ALTER TABLE domains ADD CONSTRAINT short CHECK (length(label) < 1000)", "domains: CHECK short"),
    "a check of a known column": (
        "ALTER TABLE knowledge_nodes ADD CONSTRAINT hidden CHECK (visibility IN ('private', 'group', 'public', 'x'))",
        "knowledge_nodes: CHECK hidden",
    ),
    "a unique index": ("CREATE UNIQUE INDEX one_text ON domains (label, id)", "domains: unique one_text"),
    "a partial one": ("CREATE UNIQUE INDEX one ON domains (label) WHERE false", "domains: unique index one"),
    "a foreign key": (
        "ALTER TABLE domains ADD CONSTRAINT parent FOREIGN KEY (label) REFERENCES domains NOT VALID",
        "domains: foreign key parent",
    ),
}


@pytest.mark.parametrize("case", OWN_RULES)
def test_rules_of_the_owner_are_named(small_source: Path, copied_database: Database, case: str) -> None:
    """They are no difference. What they do to a row no preview can foretell; so both runs say that they are there."""
    statement, named = OWN_RULES[case]
    copied_database.execute(statement)
    for dry_run in (True, False):
        notices = copy(small_source, copied_database, dry_run=dry_run).notices
        assert notices[0] == (
            "The destination has rules of its own, which may refuse or change rows as they arrive; a preview cannot "
            f"foretell that. {named}."
        )


def test_a_trigger_that_changes_rows_is_named(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.label := upper(NEW.label); RETURN NEW; END $$",
        "CREATE TRIGGER shout BEFORE INSERT ON domains FOR EACH ROW EXECUTE FUNCTION shout()",
        "CREATE TRIGGER quiet BEFORE INSERT ON domains FOR EACH ROW EXECUTE FUNCTION shout()",
        "ALTER TABLE domains DISABLE TRIGGER quiet",
        "DELETE FROM domains",
    )
    (notice,) = copy(small_source, copied_database, dry_run=True).notices
    assert notice.endswith("foretell that. domains: trigger shout.")
    assert copy(small_source, copied_database).notices[0] == notice


def test_a_trigger_that_fills_the_full_text_column(small_source: Path, copied_database: Database) -> None:
    """It may do what the generated column would; both runs name it."""
    copied_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "ALTER TABLE knowledge_nodes ALTER COLUMN search_vec DROP EXPRESSION",
        *FILLING,
    )
    (notice,) = copy(small_source, copied_database, dry_run=True).notices
    assert notice.endswith("foretell that. knowledge_nodes: trigger fill.")
    report = copy(small_source, copied_database)
    assert (report.outcome, report.notices[0]) == (Outcome.CLEAN, notice)
    assert copied_database.value("SELECT count(*) FROM knowledge_nodes WHERE search_vec <> ''") == 30


def test_row_level_security_is_named(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "ALTER TABLE domains ENABLE ROW LEVEL SECURITY", "CREATE POLICY everyone ON domains USING (true)"
    )
    with role(copied_database, DML) as dsn:
        assert copy(small_source, dsn, dry_run=True).notices[0].endswith("domains: row-level security.")
    assert not any("rules of its own" in notice for notice in copy(small_source, copied_database).notices)


@pytest.mark.parametrize("max_connections", [1, 4])
def test_references_that_the_server_does_not_look_up(
    sources: Sources, copied_database: Database, max_connections: int
) -> None:
    """Of tables without their foreign keys: the copy looks instead, and both runs say the same."""
    source = sources.seed()
    edit(source, "UPDATE edges SET target_id = '99999999-9999-4999-8999-999999999999' WHERE rowid = 6")
    copied_database.execute(
        "TRUNCATE edges", "ALTER TABLE edges DROP CONSTRAINT edges_target_id_fkey",
        "ALTER TABLE scheduling DROP CONSTRAINT scheduling_memory_id_fkey",
    )  # fmt: skip
    preview = copy(source, copied_database, dry_run=True)
    report = copy(source, copied_database, max_connections=max_connections)
    assert [(error.kind, error.field, error.copied) for error in report.errors] == [
        (Kind.MISSING_REFERENCE, "target_id", False)
    ]
    assert preview.errors == report.errors
    assert (preview.tables["edges"].inserted, report.tables["edges"].inserted) == (19, 19)
    assert copied_database.value("SELECT count(*) FROM edges") == 19


def test_a_role_for_which_no_reference_is_checked(small_source: Path, copied_database: Database) -> None:
    """By session_replication_role, as restoring a dump sometimes leaves it behind."""
    copied_database.execute(f"ALTER DATABASE {copied_database.name} SET session_replication_role = replica")
    with nothing_changes(copied_database), pytest.raises(RefusedError, match="session_replication_role is replica"):
        copy(small_source, copied_database)


def test_a_role_that_may_not_refer_to_the_tables_that_are_there(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("DROP TABLE edges")
    grants = (DML, "GRANT CREATE, USAGE ON SCHEMA public TO {role}")
    with role(copied_database, *grants) as dsn, nothing_changes(copied_database):
        for dry_run in (False, True):
            with pytest.raises(RefusedError, match=r"make tables that refer to knowledge_nodes \(GRANT REFERENCES\)"):
                copy(small_source, dsn, dry_run=dry_run)


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
        "ALTER TABLE groups ALTER COLUMN handle TYPE varchar",
        "ALTER TABLE edges ALTER COLUMN created_at TYPE timestamptz(6)",
        "CREATE DOMAIN words AS text",
        "ALTER TABLE domains ALTER COLUMN label TYPE words",
        "ALTER TABLE domains ALTER COLUMN label SET DEFAULT 'none'",
        'ALTER TABLE users ALTER COLUMN display_name TYPE text COLLATE "C"',
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


# Changes between the inspection of the destination and the first write

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
    assert isinstance(caught.value.report, MigrationReport)
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

    with pytest.raises(RefusedError, match="Another session has changed"):
        copy(small_source, copied_database, on_event=meddle)
    assert copied_database.value("SELECT count(*) FROM knowledge_nodes") == 0
    if change.startswith("DELETE"):
        assert copy(small_source, copied_database).outcome is Outcome.CLEAN
    else:
        with pytest.raises(ModelMismatchError):
            copy(small_source, copied_database)
