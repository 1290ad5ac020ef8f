"""Tables at the destination that do not fit, and that a run has no rows for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hostile import assert_foretold
from tests.support.refusing import nothing_changes
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit
from vestige_tui.core.destination.probe import probe
from vestige_tui.core.errors import SchemaMismatchError
from vestige_tui.core.report import Outcome
from vestige_tui.core.source.describe import describe

VESTIGE_PLAN = (
    "DROP TABLE review_events",
    "CREATE TABLE review_events (id bigserial PRIMARY KEY, memory_id uuid NOT NULL REFERENCES knowledge_nodes,"
    " timestamp timestamptz NOT NULL, rating smallint NOT NULL, prior_state jsonb NOT NULL, new_state jsonb NOT NULL)",
    "CREATE INDEX idx_review_events_ts ON review_events (timestamp)",
    "INSERT INTO review_events (memory_id, timestamp, rating, prior_state, new_state)"
    " SELECT id, now(), 3, '{}', '{}' FROM knowledge_nodes LIMIT 2",
    "DELETE FROM scheduling WHERE memory_id IN (SELECT id FROM knowledge_nodes LIMIT 5)",
)
"""The table of review events as Vestige's own plan has it; and some rows to copy again."""


def without(sources: Sources, *tables: str) -> Path:
    """A source that has no rows for these tables."""
    source = sources.seed()
    for table in tables:
        edit(source, f"DELETE FROM {table}")
    return source


def test_a_table_without_rows_does_not_stand_in_the_way(sources: Sources, copied_database: Database) -> None:
    """Neither the table nor what it lacks: no index or foreign key of it is missing afterwards."""
    source = without(sources, "review_events")
    copied_database.execute(*VESTIGE_PLAN)
    before = copied_database.rows("SELECT * FROM review_events ORDER BY id")
    preview, report = copy(source, copied_database, dry_run=True), copy(source, copied_database)
    assert_foretold(preview, report)
    assert (report.outcome, report.incomplete, report.tables["scheduling"].inserted) == (Outcome.CLEAN, (), 5)
    assert (preview.incomplete, preview.notices) == ((), report.notices[:1])
    assert preview.notices[0].startswith(
        "The destination's table review_events stays as it is: the source has no rows for it. "
        "Others would not fit into it: review_events.id is bigint, the copy needs uuid; "
    )
    assert len(before) == 2
    assert copied_database.rows("SELECT * FROM review_events ORDER BY id") == before
    assert copied_database.rows("SELECT indexname FROM pg_indexes WHERE tablename = 'review_events' ORDER BY 1") == [
        ("idx_review_events_ts",),
        ("review_events_pkey",),
    ]


def test_the_first_copy_into_such_a_database(sources: Sources, database: Database) -> None:
    """The tables that are missing are created beside the one that is set aside."""
    database.execute("CREATE TABLE domains (id serial PRIMARY KEY, host text)")
    source = without(sources, "domains")
    preview, report = copy(source, database, dry_run=True), copy(source, database)
    assert_foretold(preview, report)
    assert (report.outcome, report.memories_copied) == (Outcome.CLEAN, 30)
    assert database.value("SELECT count(*) FROM edges") == 20
    assert copy(source, database).tables["edges"].already_present == 20


NEEDED = {
    "it has rows": ((), ("ALTER TABLE review_events DROP COLUMN kind",)),
    "the memories": (
        ("edges", "review_events", "scheduling", "knowledge_nodes"),
        ("ALTER TABLE knowledge_nodes DROP COLUMN codebase",),
    ),
    "the memories' owners": (
        ("group_memberships", "edges", "review_events", "scheduling", "knowledge_nodes", "users"),
        ("ALTER TABLE users ADD COLUMN email text NOT NULL",),
    ),
    "a table that is missing refers to it": (
        ("group_memberships", "groups"),
        ("DROP TABLE group_memberships", "ALTER TABLE groups DROP COLUMN display_name"),
    ),
    "a table with rows refers to it": (("groups",), ("ALTER TABLE groups DROP COLUMN display_name",)),
}


@pytest.mark.parametrize("case", NEEDED)
def test_a_table_that_is_needed_is_refused(sources: Sources, copied_database: Database, case: str) -> None:
    emptied, statements = NEEDED[case]
    source = without(sources, *emptied)
    copied_database.execute("TRUNCATE users CASCADE", *statements)
    for dry_run in (False, True):
        with nothing_changes(copied_database), pytest.raises(SchemaMismatchError) as caught:
            copy(source, copied_database, dry_run=dry_run)
        assert len(caught.value.differences) == 1


def test_the_connection_test_knows_the_source(sources: Sources, copied_database: Database) -> None:
    copied_database.execute(*VESTIGE_PLAN)
    rows = describe(without(sources, "review_events")).rows
    found = probe(copied_database.dsn, rows=rows)
    assert found.usable
    assert list(found.destination.set_aside) == ["review_events"]
    assert "review_events" not in found.rows
    for unfit in (probe(copied_database.dsn), probe(copied_database.dsn, rows={**rows, "review_events": 1})):
        assert isinstance(unfit.refusals[0], SchemaMismatchError)
