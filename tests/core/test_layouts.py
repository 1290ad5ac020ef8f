"""Every layout that Vestige has written, moved through a private copy: all of it arrives, and the file stays as it was."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.hostile import assert_foretold, untouched
from tests.support.runs import TABLES, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import NIL_UUID, Kind
from vestige_tui.core.source.describe import describe
from vestige_tui.sample import add_v15_parts

SPEC = replace(SMALL_SPEC, memories=24)
PUBLISHED = [1, 2, 4, 9, 11, 13, 14, 16, 17, 28, 35, 38]
HAVE_EDGES, HAVE_DOMAINS, HAVE_PROFILES = 3, 16, 28
OTHER_MODEL = "Qwen/Qwen3-Embedding-0.6B"


def permitting(option: str) -> dict[str, Any]:
    """One flag of a plan, by its name."""
    return {option: True}


def twin_with_v15(source: Path, codebase_of: Callable[[sqlite3.Row], str | None] | None = None) -> Path:
    """The same file with the V15 parts put in by hand, which is what a copy has to bring."""
    twin = source.with_name("twin") / "twin.db"
    twin.parent.mkdir()
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(twin)) as writing:
        reading.backup(writing)
        add_v15_parts(writing)
        if codebase_of is not None:
            writing.row_factory = sqlite3.Row
            for row in writing.execute("SELECT * FROM knowledge_nodes").fetchall():
                writing.execute("UPDATE knowledge_nodes SET codebase = ? WHERE id = ?", (codebase_of(row), row["id"]))
            writing.commit()
    return twin


def assert_arrived(twin: Path, database: Database) -> None:
    """All rows of the source, every column equal, and nothing else; the upgrade makes a user at a time of its own."""
    wanted, found = expected_tables(twin), read_tables(database)
    for tables in (wanted, found):
        del tables["users"][(BOOTSTRAP_USER,)]["created_at"]
    for table in TABLES:
        assert found[table].keys() == wanted[table].keys(), table
        for key, row in wanted[table].items():
            assert found[table][key] == row, (table, key)


def unknown_to_all(source: Path, table: str) -> None:
    """Give a table unknown columns, filled for some rows."""
    for name, kind in (("of tomorrow", "TEXT"), ("dream_weight", "REAL"), ("order", "INTEGER"), ("typeless", "")):
        edit(source, f'ALTER TABLE {table} ADD COLUMN "{name}" {kind}')
    edit(source, f'UPDATE {table} SET "of tomorrow" = \'é "\' || id, dream_weight = 0.1, "order" = rowid, typeless = 1.5'
                 " WHERE rowid % 2")  # fmt: skip


@pytest.mark.parametrize("version", PUBLISHED)
def test_published_vestige(sources: Sources, database: Database, version: int) -> None:
    """Memories, scheduling, edges, live vectors and code bases, and in ``metadata`` every other column there is."""
    source = sources.published(version, SPEC, v15=False)
    unknown_to_all(source, "knowledge_nodes")
    twin = twin_with_v15(source)
    with untouched(source.parent):
        report = copy(source, database, upgrade_copy=True, batch_size=7)

    assert report.outcome is Outcome.CLEAN
    assert (report.source.layout, report.source.version) == ("published", max(version, 15))  # what was read is upgraded
    assert counts(report, "read") == dict.fromkeys(TABLES, 0) | {
        "users": 1,
        "knowledge_nodes": 24,
        "scheduling": 24,
        "edges": 20 if version >= HAVE_EDGES else 0,
        "domains": 3 if version >= HAVE_DOMAINS else 0,
    }
    assert_arrived(twin, database)
    found = read_tables(database)["knowledge_nodes"].values()
    assert any(row["codebase"] for row in found)
    assert any(row["embedding"] for row in found)
    assert sum("of tomorrow" in row["metadata"] for row in found) == 12
    assert report.left_behind == left_behind(source)
    assert bool(report.left_behind) == (version >= HAVE_EDGES)


def test_an_empty_table_hides_no_full_one(sources: Sources, database: Database) -> None:
    """Tables of the seed's layout without rows, in a file of published Vestige: its own tables are read."""
    source = sources.published(35, SPEC)
    edges = "source_id TEXT, target_id TEXT, edge_type TEXT, weight REAL, created_at TEXT"
    edit(source, f"CREATE TABLE edges ({edges})")
    edit(source, "CREATE TABLE Scheduling (memory_id TEXT PRIMARY KEY, stability REAL, difficulty REAL)")

    report = copy(source, database)

    assert report.outcome is Outcome.CLEAN
    assert (report.edges_copied, report.scheduling_rows) == (20, 24)
    assert read_tables(database)["scheduling"] == expected_tables(source)["scheduling"]
    assert {"memory_connections", "edges", "Scheduling"}.isdisjoint(report.left_behind)


def left_behind(source: Path) -> dict[str, int]:
    """The rows of every table whose rows, or whose vectors, do not come along."""
    taken = {"knowledge_nodes", "node_embeddings", "memory_connections", "schema_version", "domains",
             "embedding_model", "embedding_profiles", "embedding_profile_state", "embedding_profile_vectors"}  # fmt: skip
    names = {row[0] for row in query(source, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = {
        name: query(source, f'SELECT count(*) FROM "{name}"')[0][0]
        for name in names - taken
        if not name.startswith(("sqlite_", "knowledge_fts"))
    }
    found |= {
        f"memory_connections.{name}": query(source, f"SELECT count({name}) FROM memory_connections")[0][0]
        for name in ("last_activated", "activation_count")
        if "memory_connections" in names
    }
    return {name: count for name, count in found.items() if count}


@pytest.mark.parametrize("version", [11, 12, 13, 14])
def test_the_seeds_own_layout_before_v15(sources: Sources, database: Database, version: int) -> None:
    """The code base comes from the metadata, where it was kept until V15, and stays there as well."""
    source = sources.seed(SPEC, version=version)
    unknown = memory_ids(source)[5]
    edit(source, "UPDATE knowledge_nodes SET metadata = '{}', tags = '[\"codebase:by-tag\"]' WHERE id = ?", (unknown,))

    def codebase_of(row: sqlite3.Row) -> str | None:
        tagged = [tag.removeprefix("codebase:") for tag in json.loads(row["tags"]) if tag.startswith("codebase:")]
        named = json.loads(row["metadata"]).get("codebase") or (tagged[0] if tagged else None)
        return str(named) if named else None

    twin = twin_with_v15(source, codebase_of)
    with untouched(source.parent):
        report = copy(source, database, upgrade_copy=True)
    assert report.outcome is Outcome.CLEAN
    assert report.review_events_copied == (15 if version >= 12 else 0)
    assert_arrived(twin, database)
    assert database.value("SELECT codebase FROM knowledge_nodes WHERE id = %s", (unknown,)) == "by-tag"


@pytest.mark.parametrize("version", [9, 35])
@pytest.mark.parametrize("option", ["upgrade_copy", "allow_source_upgrade"])
def test_the_dry_run_of_an_old_file(sources: Sources, database: Database, version: int, option: str) -> None:
    """It predicts the copy, and changes nothing: not the file, whatever is permitted, nor the database."""
    source = sources.published(version, SPEC, v15=False)
    edit(source, "UPDATE knowledge_nodes SET tags = 'oops' WHERE rowid = 4")
    edit(source, "UPDATE node_embeddings SET embedding = x'00' WHERE rowid = 6")
    with untouched(source.parent):
        preview = copy(source, database, dry_run=True, **permitting(option))
        assert database.rows("SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    assert_foretold(preview, copy(source, database, upgrade_copy=True))
    assert preview.tables["knowledge_nodes"].inserted == 24


# Vectors


def embedded(source: Path) -> list[str]:
    """The memories that have a vector in ``node_embeddings``."""
    return [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]


def with_embedding(database: Database) -> set[str]:
    """The memories that arrived with a vector."""
    return {str(row[0]) for row in database.rows("SELECT id FROM knowledge_nodes WHERE embedding IS NOT NULL")}


@pytest.mark.parametrize("version", [13, 17])
def test_several_models_in_one_file(sources: Sources, database: Database, version: int) -> None:
    """The registered one counts, or the one of most vectors; the others are reported by name and number."""
    source = sources.published(version, SPEC)
    ids = embedded(source)
    edit(source, f"UPDATE node_embeddings SET model = '{OTHER_MODEL}' WHERE node_id IN ('{ids[0]}', '{ids[1]}')")
    edit(source, "UPDATE node_embeddings SET model = 'all-MiniLM-L6-v2', embedding = zeroblob(1536) WHERE node_id = ?",
         (ids[2],))  # fmt: skip
    if version == 17:  # even where it has made fewer of them than another one
        edit(source, f"UPDATE node_embeddings SET model = '{OTHER_MODEL}' WHERE node_id < '{ids[15]}' AND"
                     f" node_id <> '{ids[2]}'")  # fmt: skip
    others = {
        row[0] for row in query(source, "SELECT node_id FROM node_embeddings WHERE model <> ?", (SPEC.model_name,))
    }
    report = copy(source, database)

    assert report.source.model is not None
    assert report.source.model.name == SPEC.model_name
    assert {(error.row, error.field, error.kind, error.copied) for error in report.errors} == {
        (NIL_UUID, "embedding", Kind.OTHER_MODEL, True)
    }
    words = [error.message.split() for error in report.errors]
    assert {(found[5].rstrip(","), int(found[0])) for found in words} == {
        (OTHER_MODEL, len(others) - 1),
        ("all-MiniLM-L6-v2", 1),
    }
    assert with_embedding(database) == set(ids) - others
    assert report.memories_copied == 24


def test_vectors_of_one_model_with_two_dimensions(sources: Sources, database: Database) -> None:
    """Those of the other dimension are named one by one."""
    source = sources.published(13, SPEC)
    chosen = embedded(source)[:2]
    for memory in chosen:
        edit(source, "UPDATE node_embeddings SET embedding = zeroblob(16) WHERE node_id = ?", (memory,))
    report = copy(source, database)
    assert {(error.row, error.kind) for error in report.errors} == {(memory, Kind.WRONG_DIMENSION) for memory in chosen}
    assert with_embedding(database) == set(embedded(source)) - set(chosen)


def test_the_active_profile_counts_before_the_mirror(sources: Sources, database: Database) -> None:
    """A vector that is in both is taken from the profile; retired profiles are not read."""
    source = sources.published(35, SPEC)
    both, mirrored, retired = embedded(source)[:3]
    for memory, statement in (
        (both, "UPDATE embedding_profile_vectors SET embedding = ? WHERE node_id = ? AND profile_id LIKE 'nomic%'"),
        (mirrored, "UPDATE node_embeddings SET embedding = ? WHERE node_id = ?"),
    ):
        edit(source, statement, (b"\0\0\x80?" * 8, memory))
    edit(source, "DELETE FROM embedding_profile_vectors WHERE node_id = ? AND profile_id LIKE 'nomic%'", (mirrored,))
    for table, where in (("embedding_profile_vectors", "profile_id LIKE 'nomic%' AND"), ("node_embeddings", "")):
        edit(source, f"DELETE FROM {table} WHERE {where} node_id = ?", (retired,))
    assert query(source, "SELECT 1 FROM embedding_profile_vectors WHERE profile_id NOT LIKE 'nomic%'")
    assert copy(source, database).outcome is Outcome.CLEAN
    found = read_tables(database)["knowledge_nodes"]
    assert found[(UUID(both),)]["embedding"] == found[(UUID(mirrored),)]["embedding"] == b"\0\0\x80?" * 8
    assert found[(UUID(retired),)]["embedding"] is None


@pytest.mark.parametrize("how", ["DELETE FROM embedding_profile_state", "DELETE FROM embedding_profile_vectors"])
def test_without_a_profile_the_mirror_counts(sources: Sources, database: Database, how: str) -> None:
    source = sources.published(28, SPEC)
    edit(source, how)
    assert copy(source, database).outcome is Outcome.CLEAN
    assert with_embedding(database) == set(embedded(source))


# Layouts that were never published


def test_edges_without_their_optional_columns(sources: Sources, database: Database) -> None:
    source = sources.published(13, SPEC)
    edit(source, "CREATE TABLE bare AS SELECT source_id, target_id FROM memory_connections")
    edit(source, "DROP TABLE memory_connections")
    edit(source, "ALTER TABLE bare RENAME TO memory_connections")
    report = copy(source, database)
    assert report.errors == []
    assert database.rows("SELECT DISTINCT edge_type, weight FROM edges") == [("semantic", 1.0)]
    assert report.edges_copied == 20


def test_a_column_called_rowid(sources: Sources, database: Database) -> None:
    """It hides SQLite's own; every memory is read all the same."""
    source = sources.seed(SPEC)
    edit(source, "ALTER TABLE knowledge_nodes ADD COLUMN rowid TEXT")
    edit(source, "UPDATE knowledge_nodes SET rowid = 'x' WHERE id IN (SELECT id FROM knowledge_nodes LIMIT 5)")
    report = copy(source, database)
    assert (report.outcome, report.memories_copied) == (Outcome.CLEAN, 24)
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE metadata ? 'rowid'") == 5


def test_a_source_in_utf_16(sources: Sources, database: Database) -> None:
    source = sources.seed(SPEC)
    wanted = expected_tables(source)
    with closing(sqlite3.connect(source)) as reading:
        script = "\n".join(reading.iterdump())
    source.unlink()
    with closing(sqlite3.connect(source)) as writing:
        writing.execute("PRAGMA encoding = 'UTF-16le'")
        writing.executescript(script)
    assert describe(source).has_v15
    assert copy(source, database, batch_size=5).outcome is Outcome.CLEAN
    assert read_tables(database)["knowledge_nodes"] == wanted["knowledge_nodes"]


def test_a_mirror_of_another_model_than_its_profile(sources: Sources, database: Database) -> None:
    """What a profile has superseded misses from no memory, and is no error."""
    source = sources.published(35)
    ((superseded,),) = query(source, "SELECT node_id FROM node_embeddings LIMIT 1")
    edit(source, "UPDATE node_embeddings SET model = 'old/model' WHERE node_id = ?", (superseded,))
    report = copy(source, database)
    assert (report.outcome, report.errors) == (Outcome.CLEAN, [])


def test_columns_of_other_tables_that_no_one_has_listed(sources: Sources, database: Database) -> None:
    """They ride along where there is metadata, and are named with the number of their values where there is none."""
    source = sources.seed()
    for table in ("users", "groups", "review_events", "edges", "scheduling", "domains", "group_memberships"):
        edit(source, f"ALTER TABLE {table} ADD COLUMN mood TEXT")
        edit(source, f"UPDATE {table} SET mood = 'calm'")
    report = copy(source, database)
    for table in ("users", "groups", "review_events"):
        found = database.rows(f"SELECT DISTINCT metadata ->> 'mood' FROM {table}")
        assert found == [("calm",)], table
    assert report.left_behind == {
        f"{table}.mood": report.tables[table].source
        for table in ("domains", "edges", "group_memberships", "scheduling")
    }
