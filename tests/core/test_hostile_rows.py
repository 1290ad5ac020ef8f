"""Broken rows of the other tables, kinds that need another stage, and values that are longer than an index takes."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.flaws import EPOCH, NOBODY, NOWHERE, WHEN, Raw, floats, insert, put, reported
from tests.support.hostile import (
    complaints,
    foretold_and_copied,
    loosen,
)
from tests.support.reading import read_source
from tests.support.runs import TABLES, copy, only_error
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.rows.problems import NIL_UUID, Kind

A, B, C = ("11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222",
           "33333333-3333-4333-8333-333333333333")  # fmt: skip


@pytest.fixture
def loose(sources: Sources) -> Path:
    """A source whose tables take everything."""
    source = sources.seed()
    loosen(source, *TABLES)
    return source


def test_users(loose: Path, database: Database) -> None:
    insert(
        loose, "users",
        (A, "ada", "Ada\0", WHEN, "{}"),
        (A.upper(), "again", None, WHEN, "{}"),
        (B, "ada", "the second one of that handle", WHEN, "{}"),
        (C, None, None, WHEN, "{}"),
        ("44444444-4444-4444-8444-444444444444", "local", None, WHEN, "{}"),
        ("55555555-5555-4555-8555-555555555555", Raw(b"b\xe9a"), None, "yesterday", "[oops"),
        ("somebody", "sb", None, WHEN, "{}"),
        (None, "none", None, WHEN, "{}"),
        ("66666666-6666-4666-8666-666666666666", 12, 13, None, '{"a": 1}'),
    )  # fmt: skip
    report = foretold_and_copied(loose, database, batch_size=2)
    assert reported(report, "users") == {
        (A, "display_name", "unstorable_text", True),
        (A.upper(), "id", "duplicate_id", False),
        (B, "handle", "already_taken", False),
        (C, "handle", "missing_value", False),
        ("44444444-4444-4444-8444-444444444444", "handle", "already_taken", False),
        ("55555555-5555-4555-8555-555555555555", "handle", "unstorable_text", True),
        ("55555555-5555-4555-8555-555555555555", "created_at", "bad_timestamp", True),
        ("55555555-5555-4555-8555-555555555555", "metadata", "malformed_json", True),
        ("somebody", "id", "bad_uuid", False),
        (NIL_UUID, "id", "bad_uuid", False),
        ("66666666-6666-4666-8666-666666666666", "created_at", "missing_value", True),
    }
    found = read_tables(database)["users"]
    assert (found[(UUID(A),)]["handle"], found[(UUID(A),)]["display_name"]) == ("ada", "Ada\ufffd")
    assert found[(UUID("55555555-5555-4555-8555-555555555555"),)] == {
        "id": UUID("55555555-5555-4555-8555-555555555555"), "handle": "b\ufffda", "display_name": None,
        "created_at": EPOCH, "metadata": {},
    }  # fmt: skip
    numbered = found[(UUID("66666666-6666-4666-8666-666666666666"),)]
    assert (numbered["handle"], numbered["display_name"], numbered["created_at"]) == ("12", "13", EPOCH)


def test_groups_and_memberships(loose: Path, database: Database) -> None:
    ((user,), *_) = query(loose, "SELECT id FROM users WHERE handle <> 'local'")
    insert(
        loose, "groups", (A, "one", None, WHEN, "null"), (B, "one", None, WHEN, "{}"), ("x", "two", None, WHEN, "{}")
    )
    insert(
        loose, "group_memberships",
        (user, A, "admin", "13.2.2026"),
        (user.upper(), "{" + A + "}", "member", WHEN),
        (user, B, "member", WHEN),
        (user, NOWHERE, "member", WHEN),
        (NOBODY, A, "member", WHEN),
        (str(BOOTSTRAP_USER), A, "owner", WHEN),
        (user, "team", "member", WHEN),
        (None, A, "member", WHEN),
        (None, None, "member", WHEN),
    )  # fmt: skip
    insert(loose, "group_memberships", (str(BOOTSTRAP_USER), C, None, WHEN))
    insert(loose, "groups", (C, "three", None, WHEN, "{}"))
    report = foretold_and_copied(loose, database, batch_size=3)
    assert reported(report, "groups") == {
        (B, "handle", "already_taken", False),
        ("x", "id", "bad_uuid", False),
    }
    assert reported(report, "group_memberships") == {
        (f"{user}→{A}", "joined_at", "bad_timestamp", True),
        (f"{user.upper()}→{{{A}}}", "user_id", "duplicate_id", False),
        (f"{user}→{B}", "group_id", "missing_reference", False),
        (f"{user}→{NOWHERE}", "group_id", "missing_reference", False),
        (f"{NOBODY}→{A}", "user_id", "missing_reference", False),
        (f"{BOOTSTRAP_USER}→{A}", "role", "value_not_allowed", False),
        (f"{user}→team", "group_id", "bad_uuid", False),
        (f"→{A}", "user_id", "bad_uuid", False),
        (NIL_UUID, "user_id", "bad_uuid", False),
        (f"{BOOTSTRAP_USER}→{C}", "role", "missing_value", True),
    }
    assert read_tables(database)["groups"][(UUID(A),)]["metadata"] is None  # JSON's null is storable JSON
    assert read_tables(database)["group_memberships"][(UUID(user), UUID(A))]["joined_at"] == EPOCH


NUMBERS: list[tuple[str, object, str | None, object]] = [
    ("stability", "much", "bad_number", 1.0),
    ("stability", "2.5", None, 2.5),
    ("stability", " 3e2 ", None, 300.0),
    ("stability", "1e", "bad_number", 1.0),
    ("stability", "0x10", "bad_number", 1.0),
    ("stability", "nan", "bad_number", 1.0),
    ("stability", "1_000", "bad_number", 1.0),
    ("stability", b"2.5", "bad_number", 1.0),
    ("stability", None, "missing_value", 1.0),
    ("stability", 9e999, None, float("inf")),
    ("stability", 5e-324, None, 5e-324),
    ("difficulty", None, "missing_value", 5.0),
    ("retrievability", "", "bad_number", 1.0),
    ("reps", "7", None, 7),
    ("reps", " -7 ", None, -7),
    ("reps", "seven", "bad_number", 0),
    ("reps", 3.0, None, 3),
    ("reps", 3.5, "bad_number", 0),
    ("reps", 2**31, "bad_number", 0),
    ("reps", -(2**31), None, -(2**31)),
    ("reps", 2**62, "bad_number", 0),
    ("reps", "9" * 30, "bad_number", 0),
    ("reps", 1e300, "bad_number", 0),
    ("lapses", None, "missing_value", 0),
    ("last_review", "yesterday", "bad_timestamp", None),
    ("last_review", "", None, None),
    ("next_review", 1770977472, "bad_timestamp", None),
]


def test_scheduling(sources: Sources, database: Database) -> None:
    source = sources.seed(replace(SMALL_SPEC, memories=len(NUMBERS) + 3))
    wanted = expected_tables(source)["scheduling"]
    edit(source, "CREATE TABLE untyped (memory_id, stability, difficulty, retrievability, last_review, next_review,"
                 " reps, lapses)")  # fmt: skip
    edit(source, "INSERT INTO untyped SELECT * FROM scheduling")
    edit(source, "DROP TABLE scheduling")
    edit(source, "ALTER TABLE untyped RENAME TO scheduling")
    errors = set()
    for chosen, (column, value, kind, arrives) in zip(memory_ids(source), NUMBERS, strict=False):
        put(source, "scheduling", column, value, "memory_id", chosen)
        wanted[(UUID(chosen),)][column] = arrives
        if kind is not None:
            errors.add((chosen, column, kind, True))
    last = memory_ids(source)[-1]
    insert(source, "scheduling", (last.upper(), 1, 1, 1, None, None, 1, 1), (NOBODY, 1, 1, 1, None, None, 1, 1),
           ("note", 1, 1, 1, None, None, 1, 1))  # fmt: skip
    report = foretold_and_copied(source, database, batch_size=4)
    assert reported(report, "scheduling") == errors | {
        (last.upper(), "memory_id", "duplicate_id", False),
        (NOBODY, "memory_id", "missing_reference", False),
        ("note", "memory_id", "bad_uuid", False),
    }
    assert read_tables(database)["scheduling"] == wanted


def test_edges(loose: Path, database: Database) -> None:
    first, second, third, fourth, *_ = memory_ids(loose)
    edit(loose, "DELETE FROM edges")
    insert(
        loose, "edges",
        (first, second, "causal", "strong", WHEN),
        (first, third, None, 0.5, None),
        (first, first, "self", 9e999, "2026-01-01 00:00:00"),
        (first.upper(), second, "again", 0.5, WHEN),
        (second, first, "back", "0.25", WHEN),
        (second, NOBODY, "causal", 0.5, WHEN),
        (NOBODY, second, "causal", 0.5, WHEN),
        (second, "there", "causal", 0.5, WHEN),
        (third, None, "causal", 0.5, WHEN),
        (fourth, second, Raw(b"\xff"), b"1", "soon"),
    )  # fmt: skip
    report = foretold_and_copied(loose, database, batch_size=3)
    assert reported(report, "edges") == {
        (f"{first}→{second}", "weight", "bad_number", True),
        (f"{first}→{third}", "edge_type", "missing_value", True),
        (f"{first}→{third}", "created_at", "missing_value", True),
        (f"{first.upper()}→{second}", "source_id", "duplicate_id", False),
        (f"{second}→{NOBODY}", "target_id", "missing_reference", False),
        (f"{NOBODY}→{second}", "source_id", "missing_reference", False),
        (f"{second}→there", "target_id", "bad_uuid", False),
        (f"{third}→", "target_id", "bad_uuid", False),
        (f"{fourth}→{second}", "edge_type", "unstorable_text", True),
        (f"{fourth}→{second}", "weight", "bad_number", True),
        (f"{fourth}→{second}", "created_at", "bad_timestamp", True),
    }
    found = {
        key: (row["edge_type"], row["weight"], row["created_at"]) for key, row in read_tables(database)["edges"].items()
    }
    at = datetime(2026, 2, 13, 10, 11, 12, tzinfo=UTC)
    ids = [UUID(text) for text in (first, second, third, fourth)]
    assert found == {
        (ids[0], ids[1]): ("causal", 1.0, at),
        (ids[0], ids[2]): ("semantic", 0.5, EPOCH),
        (ids[0], ids[0]): ("self", float("inf"), datetime(2026, 1, 1, tzinfo=UTC)),
        (ids[1], ids[0]): ("back", 0.25, at),
        (ids[3], ids[1]): ("\ufffd", 1.0, EPOCH),
    }


def test_review_events(loose: Path, database: Database) -> None:
    first, second, *_ = memory_ids(loose)
    edit(loose, "DELETE FROM review_events")
    insert(
        loose, "review_events",
        (A, first, WHEN, 0.5, 0.9, 3, "review", "{}"),
        ("{" + A.upper() + "}", second, WHEN, 0.5, 0.9, 3, "review", "{}"),
        (B, first, "", "half", None, 40_000, None, "{"),
        (C, NOBODY, WHEN, 0.5, 0.9, 3, "review", "{}"),
        (NOWHERE, None, WHEN, 0.5, 0.9, 3, "review", "{}"),
        ("event 1", first, WHEN, 0.5, 0.9, 3, "review", "{}"),
        (NOBODY, first.upper(), WHEN, None, None, "4", "promote", '{"a": [1, {"b": null}]}'),
    )  # fmt: skip
    report = foretold_and_copied(loose, database, batch_size=2)
    assert reported(report, "review_events") == {
        ("{" + A.upper() + "}", "id", "duplicate_id", False),
        (B, "occurred_at", "missing_value", True),
        (B, "retrievability_before", "bad_number", True),
        (B, "rating", "bad_number", True),
        (B, "kind", "missing_value", True),
        (B, "metadata", "malformed_json", True),
        (C, "memory_id", "missing_reference", False),
        (NOWHERE, "memory_id", "bad_uuid", False),
        ("event 1", "id", "bad_uuid", False),
    }
    found = read_tables(database)["review_events"]
    assert found.keys() == {(UUID(A),), (UUID(B),), (UUID(NOBODY),)}
    assert found[(UUID(B),)] == {
        "id": UUID(B), "memory_id": UUID(first), "occurred_at": EPOCH, "retrievability_before": None,
        "retrievability_after": None, "rating": None, "kind": "review", "metadata": {},
    }  # fmt: skip
    assert (found[(UUID(NOBODY),)]["rating"], found[(UUID(NOBODY),)]["metadata"]) == (4, {"a": [1, {"b": None}]})


def test_domains(sources: Sources, database: Database) -> None:
    """Their ids are texts: what was apart in SQLite may become one in PostgreSQL, and then the later one is reported."""
    source = sources.seed()
    edit(source, "DROP TABLE domains")
    edit(source, "CREATE TABLE domains (id PRIMARY KEY, label, centroid, top_terms, memory_count, created_at)")
    insert(
        source, "domains",
        ("a\0", "first of a kind", None, "[]", 0, WHEN),
        ("a\ufffd", "it was a replacement character already", None, "[]", 0, WHEN),
        (Raw(b"a\xff"), "not UTF-8", None, "[]", 0, WHEN),
        (1, "a number", None, "[]", 0, WHEN),
        ("1", "the same as text", None, "[]", 0, WHEN),
        (None, "none", None, "[]", 0, WHEN),
        ("", "empty", floats(float("nan")), '{"a": 1}', "many", "soon"),
        ("b", None, floats(1.0, 2.0), None, None, None),
        ("c", "C", bytes(4 * 16_001), "[]", 2**40, WHEN),
    )  # fmt: skip
    report = foretold_and_copied(source, database, batch_size=2)
    assert complaints(report) == Counter(
        ("domains", row, column, kind, kind != "duplicate_id")
        for row, column, kind in (
            ("a\0", "id", "unstorable_text"),
            ("a\ufffd", "id", "duplicate_id"),
            ("a\ufffd", "id", "duplicate_id"),
            ("1", "id", "duplicate_id"),
            (NIL_UUID, "centroid", "bad_vector"),
            (NIL_UUID, "top_terms", "misshapen_json"),
            (NIL_UUID, "memory_count", "bad_number"),
            (NIL_UUID, "created_at", "bad_timestamp"),
            ("b", "label", "missing_value"),
            ("b", "memory_count", "missing_value"),
            ("b", "created_at", "missing_value"),
            ("c", "centroid", "bad_vector"),
            ("c", "memory_count", "bad_number"),
        )
    ) + Counter([("domains", NIL_UUID, "id", "missing_value", False)])
    found = {key[0]: row["label"] for key, row in read_tables(database)["domains"].items()}
    assert found == {"a\ufffd": "first of a kind", "1": "a number", "": "empty", "b": "", "c": "C"}
    assert report.tables["domains"].failed == 4
    assert sum(error.kind is Kind.DUPLICATE_ID for error in report.errors) == 3


# Kinds that need another stage


def test_a_trigger_of_the_destination(loose: Path, copied_database: Database) -> None:
    """Only the server knows it, so no dry run can foretell it; it costs the one row and nothing else."""
    chosen = memory_ids(loose)[4]
    copied_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" IF NEW.id = '{chosen}' THEN RAISE EXCEPTION 'no: %', NEW.content; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(loose, copied_database, batch_size=6)
    assert reported(report, "knowledge_nodes") == {(chosen, None, "refused_by_server", False)}
    assert report.memories_copied == 29


def test_vectors_of_another_model(sources: Sources, database: Database) -> None:
    source = sources.published(13)
    ids = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]
    for chosen in ids[:5]:
        edit(source, "UPDATE node_embeddings SET model = 'all-MiniLM-L6-v2' WHERE node_id = ?", (chosen,))
    report = foretold_and_copied(source, database)
    error = only_error(report)
    assert (error.row, error.field, error.kind, error.copied) == (NIL_UUID, "embedding", Kind.OTHER_MODEL, True)
    assert "5 embeddings were made by all-MiniLM-L6-v2" in error.message
    found = read_tables(database)["knowledge_nodes"]
    assert {key for key, row in found.items() if row["embedding"]} == {(UUID(chosen),) for chosen in ids[5:]}


def test_vectors_of_another_model_beside_one_of_no_memory(sources: Sources, database: Database) -> None:
    """A vector whose memory is NULL hides none of the others."""
    source = sources.published(13)
    loosen(source, "node_embeddings")
    ids = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]
    put(source, "node_embeddings", "model", "all-MiniLM-L6-v2", "node_id", ids[0])
    put(source, "node_embeddings", "node_id", None, "node_id", ids[1])
    error = only_error(foretold_and_copied(source, database))
    assert (error.kind, error.message.split()[0]) == (Kind.OTHER_MODEL, "1")


def test_no_vector_is_dropped_without_a_word(sources: Sources, database: Database) -> None:
    """Whatever stands where the model's name belongs: its vectors either arrive or are counted in an error."""
    source = sources.published(13)
    loosen(source, "node_embeddings")
    ids = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]
    garbled: list[object] = [b"\xff\xfe", Raw(b"nomic\xff"), "", 7, None, "nomic-ai/nomic-embed-text-v1.5\0"]
    for chosen, value in zip(ids, garbled, strict=False):
        put(source, "node_embeddings", "model", value, "node_id", chosen)
    report = foretold_and_copied(source, database)
    missing = len(ids) - database.value("SELECT count(embedding) FROM knowledge_nodes")
    assert {error.kind for error in report.errors} == {Kind.OTHER_MODEL}
    assert sum(int(error.message.split()[0]) for error in report.errors) == missing
    assert missing == len(garbled) - 1  # no name at all is taken for the registered model's


# Values that are sound, and longer than an index takes

LONG = os.urandom(4_000).hex()
"""Eight thousand characters that no compression makes fit into a third of a page."""


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("node_type", LONG),
        ("codebase", LONG),
        ("tags", json.dumps([LONG])),
        ("domains", json.dumps([LONG])),
        ("node_type", random.Random(100_000).randbytes(800_000).hex(" ", 8)),
    ],
    ids=["node_type", "codebase", "tags", "domains", "node_type of 1.6 MB"],
)
def test_a_value_too_long_for_an_index_stops_nothing(
    sources: Sources, database: Database, column: str, value: str
) -> None:
    """The run ends with a report, the dry run foretold it, and the memory is there, with the next run as well."""
    source = sources.seed()
    chosen = memory_ids(source)[3]
    edit(source, f"UPDATE knowledge_nodes SET {column} = ? WHERE id = ?", (value, chosen))
    foretold_and_copied(source, database)
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE id = %s", (chosen,)) == 1
    database.rows("DELETE FROM knowledge_nodes WHERE id = %s RETURNING 1", (chosen,))
    foretold_and_copied(source, database)
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE id = %s", (chosen,)) == 1


def test_an_edge_type_too_long_for_an_index_stops_nothing(sources: Sources, database: Database) -> None:
    source = sources.seed()
    edit(source, "UPDATE edges SET edge_type = ? WHERE rowid = 1", (LONG,))
    assert copy(source, database).memories_copied == 30


# What the dry run foretells


def test_of_two_errors_in_one_row_the_same_one_is_reported(sources: Sources, database: Database) -> None:
    """The server names the check before the reference, and the first reference before the second."""
    source = sources.seed()
    chosen = memory_ids(source)[3]
    edit(source, "UPDATE knowledge_nodes SET visibility = 'secret', owner_user_id = ? WHERE id = ?", (NOBODY, chosen))
    loosen(source, "edges", "group_memberships")
    insert(source, "edges", (NOBODY, NOWHERE, "causal", 0.5, WHEN))
    insert(source, "group_memberships", (NOBODY, NOWHERE, "owner", WHEN), (NOWHERE, NOBODY, "member", WHEN))
    foretold_and_copied(source, database)


def test_a_destination_that_has_lost_its_users(small_source: Path, copied_database: Database) -> None:
    """The bootstrap user is copied anew before anything else, and the dry run counts with that."""
    copied_database.execute("TRUNCATE users CASCADE")
    foretold_and_copied(small_source, copied_database)


def test_an_infinite_number_in_a_column_of_ones_own(small_source: Path, database: Database) -> None:
    """JSON has no such number. Its name arrives as a text, which is no longer the value: that is a problem of the row."""
    ids = memory_ids(small_source)
    edit(small_source, "ALTER TABLE knowledge_nodes ADD COLUMN half_life REAL")
    edit(small_source, "UPDATE knowledge_nodes SET half_life = 1.5")
    edit(small_source, "UPDATE knowledge_nodes SET half_life = 9e999 WHERE id = ?", (ids[3],))
    edit(small_source, "UPDATE knowledge_nodes SET half_life = -9e999 WHERE id = ?", (ids[4],))
    report = foretold_and_copied(small_source, database)
    assert complaints(report) == Counter(
        {("knowledge_nodes", memory, "metadata", Kind.BAD_NUMBER, True): 1 for memory in ids[3:5]}
    )
    assert {error.message.partition("stored as ")[2] for error in report.errors} == {
        'the text "inf"',
        'the text "-inf"',
    }
    read = dict(database.rows("SELECT id::text, metadata -> 'half_life' FROM knowledge_nodes"))
    assert (read[ids[3]], read[ids[4]], read[ids[5]]) == ("inf", "-inf", 1.5)
    model = report.destination.model
    assert model is not None
    assert complaints(report) == read_source(small_source, model.dimension, model.name).complaints
