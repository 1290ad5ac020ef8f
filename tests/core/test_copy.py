"""The verification section of the specification, on a real server: whatever is in a source arrives, exactly."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from tests.support.destination import fingerprint, read_tables
from tests.support.expected import expected_tables, floats
from tests.support.runs import COUNTER_OF, TABLES, assert_equal_everywhere, copy, counts, only_error
from tests.support.servers import Database, Server
from tests.support.sources import Sources, edit, memory_ids, query, signature
from vestige_tui.core.destination.connection import connect
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import Kind
from vestige_tui.sample import SampleSpec

SEED_COUNTS = {
    "users": 4,
    "groups": 2,
    "group_memberships": 4,
    "knowledge_nodes": 250,
    "scheduling": 250,
    "edges": 50,
    "review_events": 50,
    "domains": 5,
}
"""Rows of the specification's example, the bootstrap user among the users."""


# The example of the specification, steps 1 to 10


@pytest.mark.parametrize("batch_size", [1, 7, 500])
def test_every_row_and_column_arrives_exactly(seed_source: Path, bare_database: Database, batch_size: int) -> None:
    report = copy(seed_source, bare_database, batch_size=batch_size)

    assert report.memories_copied == 250
    assert report.scheduling_rows == 250
    assert report.edges_copied == 50
    assert report.review_events_copied == 50
    assert report.users_copied == 4
    assert report.groups_copied == 2
    assert report.group_memberships_copied == 4
    assert report.domains_copied == 5
    assert report.errors == []
    assert report.notices == []
    assert report.outcome is Outcome.CLEAN
    assert counts(report, "read") == counts(report, "source") == SEED_COUNTS
    assert counts(report, "inserted") == SEED_COUNTS
    for field in ("already_present", "failed", "repaired"):
        assert counts(report, field) == dict.fromkeys(TABLES, 0)
    assert_equal_everywhere(seed_source, bare_database)


def test_the_example_is_not_trivial(seed_source: Path) -> None:
    """The comparison above means something only where the source has some of everything."""
    memories = list(expected_tables(seed_source)["knowledge_nodes"].values())
    vectors = [row["embedding"] for row in memories]
    assert vectors.count(None) > 0
    assert {len(vector) for vector in vectors if vector} == {256 * 4}
    assert len({vector for vector in vectors if vector}) > 200
    for column in ("tags", "metadata", "shared_with_groups", "codebase", "domains", "domain_scores"):
        assert {bool(row[column]) for row in memories} == {True, False}, column
    assert {row["visibility"] for row in memories} == {"private", "group", "public"}
    assert len({row["owner_user_id"] for row in memories}) == 4
    assert len({row["node_type"] for row in memories}) > 3
    assert any(row["created_at"] != row["updated_at"] for row in memories)
    assert any(not row["content"].isascii() for row in memories)
    assert any("\n" in row["content"] for row in memories)


def test_vectors_arrive_bit_for_bit_whatever_their_bits_are(small_source: Path, database: Database) -> None:
    """Zeros of both signs, denormals, the largest and smallest floats, and bits at random."""
    rng = random.Random(7)
    blobs = [
        bytes.fromhex("00000000000000800100000001000080ffff7f7fffff7fff000080000000803f"),
        bytes.fromhex("ffff7f00ffff7f800000007fcdcccc3dabaaaa3edb0f494054f82dc000000000"),
    ]
    while len(blobs) < 20:
        blob = rng.randbytes(32)
        if all(number == number and abs(number) != float("inf") for number in floats(blob)):
            blobs.append(blob)
    ids = memory_ids(small_source)
    for memory, blob in zip(ids, blobs, strict=False):
        edit(small_source, "UPDATE knowledge_nodes SET embedding = ? WHERE id = ?", (blob, memory))

    assert copy(small_source, database).outcome is Outcome.CLEAN
    found = read_tables(database)["knowledge_nodes"]
    for memory, blob in zip(ids, blobs, strict=False):
        assert found[(UUID(memory),)]["embedding"] == blob


def test_copying_again_inserts_nothing(seed_source: Path, database: Database) -> None:
    first = copy(seed_source, database)
    before = fingerprint(database)
    second = copy(seed_source, database, batch_size=64, max_connections=1)

    assert second.counters() == first.counters()
    assert second.errors == []
    assert second.outcome is Outcome.CLEAN
    assert counts(second, "inserted") == dict.fromkeys(TABLES, 0)
    assert counts(second, "already_present") == SEED_COUNTS
    assert database.value("SELECT count(*) FROM knowledge_nodes") == 250
    assert fingerprint(database) == before


def test_malformed_groups_are_reported_and_the_memory_is_copied_without_any(
    seed_source: Path, database: Database, other_database: Database
) -> None:
    copy(seed_source, database)
    ((private,), *_) = query(seed_source, "SELECT id FROM knowledge_nodes WHERE shared_with_groups = '[]'")
    edit(seed_source, "UPDATE knowledge_nodes SET shared_with_groups = '[not json' WHERE id = ?", (private,))

    again = copy(seed_source, database)
    error = only_error(again)
    assert (error.table, error.row, error.field, error.copied) == (
        "knowledge_nodes",
        private,
        "shared_with_groups",
        True,
    )
    assert error.kind is Kind.MALFORMED_JSON
    assert again.outcome is Outcome.ERRORS
    assert again.memories_copied == 250
    assert (again.tables["knowledge_nodes"].inserted, again.tables["knowledge_nodes"].repaired) == (0, 0)
    groups = "SELECT shared_with_groups FROM knowledge_nodes WHERE id = %s"
    assert database.value(groups, (private,)) == []

    fresh = copy(seed_source, other_database)
    assert fresh.errors == again.errors
    assert (fresh.tables["knowledge_nodes"].inserted, fresh.tables["knowledge_nodes"].repaired) == (250, 1)
    assert other_database.value(groups, (private,)) == []
    assert other_database.value("SELECT count(*) FROM knowledge_nodes") == 250


def test_what_has_arrived_is_never_overwritten(small_source: Path, copied_database: Database) -> None:
    """Neither a later change in the source nor an edit at the destination is undone by another run."""
    first, second, *_ = memory_ids(small_source)
    ((shared, groups), *_) = query(
        small_source, "SELECT id, shared_with_groups FROM knowledge_nodes WHERE shared_with_groups <> '[]'"
    )
    edit(small_source, "UPDATE knowledge_nodes SET content = 'changed in the source' WHERE id = ?", (first,))
    edit(small_source, "UPDATE knowledge_nodes SET shared_with_groups = 'broken' WHERE id = ?", (shared,))
    copied_database.execute(f"UPDATE knowledge_nodes SET content = 'changed there' WHERE id = '{second}'")
    before = fingerprint(copied_database)

    assert only_error(copy(small_source, copied_database)).row == shared
    assert fingerprint(copied_database) == before
    kept = copied_database.value("SELECT shared_with_groups FROM knowledge_nodes WHERE id = %s", (shared,))
    assert [str(group) for group in kept] == json.loads(groups)


def test_a_partly_filled_destination_is_completed(small_source: Path, copied_database: Database) -> None:
    gone = memory_ids(small_source)[5:15]
    events_gone = copied_database.value(
        "SELECT count(*) FROM review_events WHERE memory_id = ANY(%s::text[]::uuid[])", (gone,)
    )
    edges_gone = copied_database.value(
        "SELECT count(*) FROM edges WHERE source_id = ANY(%(ids)s::text[]::uuid[])"
        " OR target_id = ANY(%(ids)s::text[]::uuid[])",
        {"ids": gone},
    )
    copied_database.rows("DELETE FROM knowledge_nodes WHERE id = ANY(%s::text[]::uuid[]) RETURNING 1", (gone,))

    report = copy(small_source, copied_database, batch_size=3)
    assert edges_gone
    assert events_gone
    assert counts(report, "inserted") == dict.fromkeys(TABLES, 0) | {
        "knowledge_nodes": 10,
        "scheduling": 10,
        "edges": edges_gone,
        "review_events": events_gone,
    }
    assert report.outcome is Outcome.CLEAN
    assert_equal_everywhere(small_source, copied_database)


# The dry run


def test_a_dry_run_counts_and_writes_nothing(seed_source: Path, bare_database: Database) -> None:
    before = fingerprint(bare_database)
    report = copy(seed_source, bare_database, dry_run=True)

    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert counts(report, "source") == counts(report, "read") == SEED_COUNTS
    assert {name: getattr(report, COUNTER_OF[name]) for name in TABLES} == SEED_COUNTS
    assert report.errors == []
    assert report.estimate is not None
    assert report.estimate.seconds > 0
    assert 250 * 256 * 4 < report.estimate.size < 100_000_000
    assert fingerprint(bare_database) == before
    assert read_tables(bare_database) == {}
    assert before["objects"] == []
    assert [name for name, _ in before["extensions"]] == ["plpgsql"]


def test_a_dry_run_predicts_the_copy(small_source: Path, copied_database: Database) -> None:
    gone = memory_ids(small_source)[::3]
    copied_database.rows("DELETE FROM knowledge_nodes WHERE id = ANY(%s::text[]::uuid[]) RETURNING 1", (gone,))
    edit(small_source, "UPDATE knowledge_nodes SET metadata = '{' WHERE id = ?", (gone[0],))
    edit(small_source, "UPDATE knowledge_nodes SET tags = 'none' WHERE id = ?", (memory_ids(small_source)[1],))
    edit(small_source, "UPDATE knowledge_nodes SET content = '' WHERE id = ?", (gone[1],))
    edit(small_source, "DELETE FROM scheduling WHERE memory_id = ?", (gone[1],))
    edit(small_source, "DELETE FROM edges WHERE ? IN (source_id, target_id)", (gone[1],))
    edit(small_source, "DELETE FROM review_events WHERE memory_id = ?", (gone[1],))
    before = fingerprint(copied_database)
    preview = copy(small_source, copied_database, dry_run=True, batch_size=4)
    assert fingerprint(copied_database) == before

    real = copy(small_source, copied_database, batch_size=4)
    for field in ("source", "read", "inserted", "already_present", "failed", "repaired"):
        assert counts(preview, field) == counts(real, field), field
    assert preview.errors == real.errors  # of the tags of a row that is there, neither speaks
    assert {(error.row, error.field, error.kind, error.copied) for error in preview.errors} == {
        (gone[0], "metadata", Kind.MALFORMED_JSON, True),
        (gone[1], "content", Kind.EMPTY_CONTENT, False),
    }
    assert (real.tables["knowledge_nodes"].inserted, real.tables["knowledge_nodes"].repaired) == (9, 1)


def test_the_server_itself_refuses_writes_in_a_dry_run(database: Database) -> None:
    with (
        connect(database.dsn, read_only=True) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("CREATE TABLE t ()")


def test_a_dry_run_looks_where_a_copy_would_write(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search path may come from PGOPTIONS; what makes a dry run read-only must not push that aside."""
    database.execute("CREATE SCHEMA memory")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=memory,public")
    copy(small_source, database)
    assert database.value("SELECT count(*) FROM memory.knowledge_nodes") == 30

    report = copy(small_source, database, dry_run=True)
    assert counts(report, "inserted") == dict.fromkeys(TABLES, 0)


# Where it goes


def test_model_is_registered_and_the_column_stamped(seed_source: Path, database: Database) -> None:
    report = copy(seed_source, database)
    model = signature(256)
    assert report.source.model == report.destination.model == model
    assert database.rows("SELECT id, name, dimension, hash FROM embedding_model") == [(1, *_parts(model))]
    assert database.value("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'embedding'"
                          " AND attrelid = 'knowledge_nodes'::regclass") == "vector(256)"  # fmt: skip


def _parts(model: object) -> tuple[object, ...]:
    return tuple(getattr(model, name) for name in ("name", "dimension", "hash"))


def test_full_text_column_finds_content_type_and_tags(small_source: Path, database: Database) -> None:
    first, *_ = memory_ids(small_source)
    edit(
        small_source,
        "UPDATE knowledge_nodes SET content = 'The zebras were running', node_type = 'anecdote', tags = '[\"stripe\"]'"
        " WHERE id = ?",
        (first,),
    )
    copy(small_source, database)
    assert database.value("SELECT search_vec::text FROM knowledge_nodes WHERE id = %s", (first,)) == (
        "'anecdot':5B 'run':4A 'stripe':6C 'zebra':2A"
    )


@pytest.mark.parametrize("schema", ["memory", 'Odd "Schema"', "100 %s"])
def test_another_schema_and_pgvector_somewhere_else(small_source: Path, bare_database: Database, schema: str) -> None:
    """Tables go to the first schema of the search path, even where pgvector's own is not on it."""
    quoted = '"' + schema.replace('"', '""') + '"'
    bare_database.execute(
        f"CREATE SCHEMA {quoted}",
        "CREATE SCHEMA extensions",
        "CREATE EXTENSION vector WITH SCHEMA extensions",
        f"ALTER DATABASE {bare_database.name} SET search_path = {quoted}",
    )
    report = copy(small_source, bare_database)
    assert report.outcome is Outcome.CLEAN
    assert_equal_everywhere(small_source, bare_database, schema)
    assert bare_database.rows("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    assert copy(small_source, bare_database).tables["knowledge_nodes"].inserted == 0
    assert copy(small_source, bare_database, dry_run=True).tables["knowledge_nodes"].already_present == 30


def test_a_memory_without_scheduling_or_vector(small_source: Path, database: Database) -> None:
    edit(small_source, "DELETE FROM scheduling")
    edit(small_source, "UPDATE knowledge_nodes SET embedding = NULL")
    report = copy(small_source, database)
    assert report.outcome is Outcome.CLEAN
    assert report.scheduling_rows == 0
    assert_equal_everywhere(small_source, database)


def test_an_empty_source(sources: Sources, database: Database) -> None:
    source = sources.seed(SampleSpec(memories=0, edges=0, review_events=0, users=0, groups=0, memberships=0, domains=0))
    report = copy(source, database)
    assert report.outcome is Outcome.CLEAN
    assert counts(report, "source") == dict.fromkeys(TABLES, 0) | {"users": 1}
    assert_equal_everywhere(source, database)
    assert copy(source, database, dry_run=True).outcome is Outcome.CLEAN


def test_timestamps_in_all_forms_keep_their_instant(small_source: Path, database: Database) -> None:
    """Nanoseconds are cut, not rounded; an offset is applied; an empty text is no date."""
    first, second, third, *_ = memory_ids(small_source)
    for memory, created in (
        (first, "2026-02-13T10:11:12.999999999+00:00"),
        (second, "2026-02-13T23:30:00.5-05:30"),
        (third, "1969-12-31 23:59:59"),
    ):
        edit(small_source, "UPDATE knowledge_nodes SET created_at = ? WHERE id = ?", (created, memory))
    edit(small_source, "UPDATE scheduling SET last_review = '', next_review = NULL WHERE memory_id = ?", (first,))
    database.execute(f"ALTER DATABASE {database.name} SET TimeZone = 'Asia/Kolkata'")

    assert copy(small_source, database).outcome is Outcome.CLEAN
    created_at = "SELECT created_at FROM knowledge_nodes WHERE id = %s"
    assert database.value(created_at, (first,)) == datetime(2026, 2, 13, 10, 11, 12, 999_999, tzinfo=UTC)
    assert database.value(created_at, (second,)) == datetime(2026, 2, 14, 5, 0, 0, 500_000, tzinfo=UTC)
    assert database.value(created_at, (third,)) == datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert database.rows("SELECT last_review, next_review FROM scheduling WHERE memory_id = %s", (first,)) == [
        (None, None)
    ]


def test_postgresql_16(small_source: Path, server16: Server) -> None:
    """The oldest server that is supported."""
    with server16.database("template0") as database:
        assert copy(small_source, database).outcome is Outcome.CLEAN
        assert_equal_everywhere(small_source, database)
        again = copy(small_source, database)
        assert again.tables["knowledge_nodes"].already_present == 30
        assert again.destination.server_version is not None
        assert again.destination.server_version.startswith("16.")
