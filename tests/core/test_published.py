"""The layouts of published Vestige arrive exactly, in every version."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER
from tests.support.runs import assert_equal_everywhere, copy
from tests.support.servers import Database
from tests.support.sources import SEED_SPEC, Sources, edit, memory_ids, query


@pytest.mark.parametrize(("version", "batch_size"), [(13, 7), (35, 500)])
def test_published_layout_arrives_exactly(sources: Sources, database: Database, version: int, batch_size: int) -> None:
    """All memories, scheduling, edges and vectors; every other non-NULL column is in ``metadata``."""
    source = sources.published(version, SEED_SPEC)
    report = copy(source, database, batch_size=batch_size)

    assert report.errors == []
    assert report.source.layout == "published"
    assert report.memories_copied == report.scheduling_rows == 250
    assert report.edges_copied == 50
    assert report.review_events_copied == report.groups_copied == report.group_memberships_copied == 0
    assert report.users_copied == 1
    assert report.domains_copied == (5 if version >= 16 else 0)
    assert_equal_everywhere(source, database)


@pytest.mark.parametrize("version", [1, 3, 16, 28, 38])
def test_other_published_versions(sources: Sources, database: Database, version: int) -> None:
    source = sources.published(version)
    report = copy(source, database)
    assert report.errors == []
    assert report.edges_copied == (20 if version >= 3 else 0)
    assert_equal_everywhere(source, database)


@pytest.mark.parametrize("version", [13, 35])
def test_published_rows_in_plain_numbers(sources: Sources, database: Database, version: int) -> None:
    """The same once more without the help of ``expected_tables``."""
    source = sources.published(version)
    chosen = memory_ids(source)[4]
    edit(
        source,
        "UPDATE knowledge_nodes SET stability = 12.5, difficulty = 3.25, retention_strength = 0.75, reps = 9,"
        " lapses = 2, last_accessed = '2026-01-02T03:04:05.123456789+00:00', next_review = NULL, source = 'cli',"
        " sentiment_score = -0.5, valid_from = '2025-01-01', flashbulb = 1, summary_parent_id = NULL,"
        ' tags = \'["a", "codebase:quill", "codebase:late"]\' WHERE id = ?',
        (chosen,),
    )
    vector = bytes.fromhex("0000803f000000c0" * 4)
    edit(source, "UPDATE node_embeddings SET embedding = ? WHERE node_id = ?", (vector, chosen))
    if version >= 28:
        edit(source, "UPDATE embedding_profile_vectors SET embedding = ? WHERE node_id = ? AND profile_id LIKE 'nomic%'",
             (vector, chosen))  # fmt: skip
    copy(source, database)

    found = read_tables(database)
    memory = found["knowledge_nodes"][(UUID(chosen),)]
    assert memory["codebase"] == "quill"
    assert memory["tags"] == ["a", "codebase:quill", "codebase:late"]
    assert memory["embedding"] == vector
    assert memory["visibility"] == "private"
    assert memory["shared_with_groups"] == []
    assert memory["owner_user_id"] == BOOTSTRAP_USER
    metadata = memory["metadata"]
    assert {"source": "cli", "sentiment_score": -0.5, "valid_from": "2025-01-01", "flashbulb": 1}.items() <= (
        metadata.items()
    )
    assert {"learning_state", "storage_strength", "retrieval_strength", "has_embedding", "embedding_model", "scope",
            "memory_system", "utility_score", "suppression_count", "emotional_valence"} <= metadata.keys()  # fmt: skip
    assert not {"summary_parent_id", "stability", "last_accessed", "tags", "codebase", "id"} & metadata.keys()
    assert found["scheduling"][(UUID(chosen),)] == {
        "memory_id": UUID(chosen),
        "stability": 12.5,
        "difficulty": 3.25,
        "retrievability": 0.75,
        "last_review": datetime(2026, 1, 2, 3, 4, 5, 123_456, tzinfo=UTC),
        "next_review": None,
        "reps": 9,
        "lapses": 2,
    }


def test_profile_vectors_count_before_their_mirror(sources: Sources, database: Database) -> None:
    """From V28 on the active profile has the vector; a memory that is only in the mirror has the mirror's."""
    source = sources.published(35)
    ids = memory_ids(source)
    with_vectors = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings")]
    in_profile, only_mirrored = [memory for memory in ids if memory in with_vectors][:2]
    edit(source, "UPDATE embedding_profile_vectors SET embedding = ? WHERE node_id = ? AND profile_id LIKE 'nomic%'",
         (bytes(28) + b"\0\0\x80?", in_profile))  # fmt: skip
    edit(
        source, "DELETE FROM embedding_profile_vectors WHERE node_id = ? AND profile_id LIKE 'nomic%'", (only_mirrored,)
    )
    edit(source, "UPDATE node_embeddings SET embedding = ? WHERE node_id = ?", (b"\0\0\0@" + bytes(28), only_mirrored))
    assert copy(source, database).errors == []

    found = read_tables(database)["knowledge_nodes"]
    assert found[(UUID(in_profile),)]["embedding"] == bytes(28) + b"\0\0\x80?"
    assert found[(UUID(only_mirrored),)]["embedding"] == b"\0\0\0@" + bytes(28)


def test_what_has_no_destination_is_named(sources: Sources, database: Database) -> None:
    source = sources.published(13)
    report = copy(source, database)
    for name, number in report.left_behind.items():
        table, _, column = name.partition(".")
        assert query(source, f'SELECT count({column or "*"}) FROM "{table}"')[0][0] == number, name
    assert report.left_behind.items() >= {"intentions": 12, "insights": 8, "memory_access_log": 30}.items()
    assert "memory_connections.activation_count" in report.left_behind
    assert not set(report.left_behind) & {"knowledge_nodes", "node_embeddings", "memory_connections", "users",
                                          "schema_version", "knowledge_fts", "knowledge_fts_data"}  # fmt: skip
