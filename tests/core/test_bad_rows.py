"""A bad row costs itself and nothing else, wherever it stands and whatever the batch size is."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from tests.support.destination import Row, read_tables
from tests.support.disturbances import outlast
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.hostile import assert_foretold, loosen
from tests.support.runs import TABLES, copy, counts, only_error
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.destination.writer import TableWriter
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.batches import BatchResult
from vestige_tui.core.rows.problems import FIELD_NOT_IN_MESSAGE, NIL_UUID, Kind, RowError
from vestige_tui.core.rows.records import Record

NOBODY = "99999999-9999-4999-8999-999999999999"
CANARY = "canary-7f3a the content of a memory"
BATCH_SIZES = [1, 3, 500]


def spoil(source: Path, number: int, column: str, value: object) -> str:
    """Give memory ``number`` a bad value and some content to look for in messages; returns its id as it was."""
    memory = memory_ids(source)[number]
    edit(source, "UPDATE knowledge_nodes SET content = ? WHERE id = ?", (CANARY, memory))
    edit(source, f'UPDATE knowledge_nodes SET "{column}" = ? WHERE id = ?', (value, memory))
    return memory


def release(source: Path, memory: str) -> None:
    """Delete the rows that belong to a memory, so that it fails alone."""
    edit(source, "DELETE FROM scheduling WHERE memory_id = ?", (memory,))
    edit(source, "DELETE FROM edges WHERE ? IN (source_id, target_id)", (memory,))
    edit(source, "DELETE FROM review_events WHERE memory_id = ?", (memory,))


def no_content_is_shown(report: MigrationReport) -> None:
    """No message, and nothing else of a report, quotes what a memory says."""
    assert "canary" not in report.to_json()


def messages_name_their_field(report: MigrationReport) -> None:
    """The summary adds the field to those messages alone that do not begin with it."""
    for error in report.errors:
        if error.field is not None:
            assert error.message.startswith(error.field) != (error.kind in FIELD_NOT_IN_MESSAGE), error


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        pytest.param("visibility", "secret", Kind.VALUE_NOT_ALLOWED, id="visibility"),
        pytest.param("owner_user_id", NOBODY, Kind.MISSING_REFERENCE, id="owner"),
        pytest.param("content", "", Kind.EMPTY_CONTENT, id="content"),
        pytest.param("id", "note-7", Kind.BAD_UUID, id="uuid"),
    ],
)
def test_one_bad_memory_costs_itself_alone(
    small_source: Path, database: Database, column: str, value: str, kind: Kind
) -> None:
    wanted = expected_tables(small_source)["knowledge_nodes"]
    bad = spoil(small_source, 14, column, value)
    release(small_source, bad)
    del wanted[(UUID(bad),)]
    for batch_size in BATCH_SIZES:
        report = copy(small_source, database, batch_size=batch_size)

        error = only_error(report)
        assert (error.table, error.row) == ("knowledge_nodes", value if column == "id" else bad)
        assert (error.field, error.kind, error.copied) == (column, kind, False)
        assert counts(report, "failed") == dict.fromkeys(TABLES, 0) | {"knowledge_nodes": 1}
        assert counts(report, "inserted")["knowledge_nodes"] == counts(report, "inserted")["scheduling"] == 29
        assert report.outcome is Outcome.ERRORS
        no_content_is_shown(report)
        assert read_tables(database)["knowledge_nodes"] == wanted, batch_size
        database.execute("TRUNCATE knowledge_nodes CASCADE")


@pytest.mark.parametrize("empty", [None, ""])
def test_no_id_at_all_is_the_nil_uuid(small_source: Path, database: Database, empty: str | None) -> None:
    release(small_source, spoil(small_source, 14, "id", empty))
    error = only_error(copy(small_source, database))
    assert (error.row, error.field, error.kind, error.copied) == (NIL_UUID, "id", Kind.BAD_UUID, False)


def test_several_bad_rows_in_one_batch(small_source: Path, database: Database) -> None:
    """First, last, neighbours, and of every kind: each has its own error, and all the others arrive."""
    ids = memory_ids(small_source)
    expected = {}
    for number, column, value, kind in (
        (0, "visibility", "secret", Kind.VALUE_NOT_ALLOWED),
        (1, "content", "", Kind.EMPTY_CONTENT),
        (7, "owner_user_id", NOBODY, Kind.MISSING_REFERENCE),
        (8, "owner_user_id", NOBODY, Kind.MISSING_REFERENCE),
        (9, "visibility", "", Kind.VALUE_NOT_ALLOWED),
        (20, "visibility", "Private", Kind.VALUE_NOT_ALLOWED),
        (29, "owner_user_id", NOBODY, Kind.MISSING_REFERENCE),
    ):
        expected[spoil(small_source, number, column, value)] = (column, kind, False)
        release(small_source, ids[number])
    mended = spoil(small_source, 10, "metadata", "{'canary': 1}")
    expected[mended] = ("metadata", Kind.MALFORMED_JSON, True)

    for batch_size in BATCH_SIZES:
        report = copy(small_source, database, batch_size=batch_size)
        assert {error.row: (error.field, error.kind, error.copied) for error in report.errors} == expected
        assert len(report.errors) == 8
        messages_name_their_field(report)
        table = report.tables["knowledge_nodes"]
        assert (table.read, table.inserted, table.failed, table.repaired) == (30, 23, 7, 1)
        no_content_is_shown(report)
        there = {str(row[0]) for row in database.rows("SELECT id FROM knowledge_nodes")}
        assert there == set(ids) - {row for row, (*_, copied) in expected.items() if not copied}
        assert database.value("SELECT metadata FROM knowledge_nodes WHERE id = %s", (mended,)) == {}
        database.execute("TRUNCATE knowledge_nodes CASCADE")


def test_every_row_of_a_batch_is_bad(small_source: Path, database: Database) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET visibility = 'secret'")
    report = copy(small_source, database, batch_size=8)
    assert counts(report, "inserted")["knowledge_nodes"] == 0
    assert counts(report, "failed") == dict.fromkeys(TABLES, 0) | {
        "knowledge_nodes": 30,
        "scheduling": 30,
        "edges": 20,
        "review_events": 15,
    }
    assert report.domains_copied == 3
    assert {(error.table, error.kind) for error in report.errors} == {
        ("knowledge_nodes", Kind.VALUE_NOT_ALLOWED),
        ("scheduling", Kind.MISSING_REFERENCE),
        ("edges", Kind.MISSING_REFERENCE),
        ("review_events", Kind.MISSING_REFERENCE),
    }


@pytest.mark.parametrize("batch_size", [1, 500])
def test_what_belongs_to_a_bad_memory_is_not_copied_either(
    small_source: Path, database: Database, batch_size: int
) -> None:
    bad = spoil(small_source, 14, "visibility", "secret")
    other = memory_ids(small_source)[3]
    edit(small_source, "DELETE FROM edges WHERE ? IN (source_id, target_id)", (bad,))
    edit(small_source, "DELETE FROM review_events WHERE memory_id = ?", (bad,))
    edges = len(query(small_source, "SELECT 1 FROM edges"))
    edit(small_source, "INSERT INTO edges VALUES (?, ?, 'causal', 0.5, '2026-01-01T00:00:00Z')", (bad, other))
    edit(small_source, "INSERT INTO edges VALUES (?, ?, 'causal', 0.5, '2026-01-01T00:00:00Z')", (other, bad))

    report = copy(small_source, database, batch_size=batch_size)
    assert {(error.table, error.row, error.field, error.kind) for error in report.errors} == {
        ("knowledge_nodes", bad, "visibility", Kind.VALUE_NOT_ALLOWED),
        ("scheduling", bad, "memory_id", Kind.MISSING_REFERENCE),
        ("edges", f"{bad}→{other}", "source_id", Kind.MISSING_REFERENCE),
        ("edges", f"{other}→{bad}", "target_id", Kind.MISSING_REFERENCE),
    }
    assert (report.scheduling_rows, report.edges_copied) == (29, edges)

    # Mended in the source, it arrives with the next run, and all that belongs to it.
    edit(small_source, "UPDATE knowledge_nodes SET visibility = 'private' WHERE id = ?", (bad,))
    again = copy(small_source, database, batch_size=batch_size)
    assert again.outcome is Outcome.CLEAN
    assert counts(again, "inserted") == dict.fromkeys(TABLES, 0) | {"knowledge_nodes": 1, "scheduling": 1, "edges": 2}


@pytest.mark.parametrize("batch_size", [1, 500])
def test_a_handle_that_belongs_to_another_id(small_source: Path, copied_database: Database, batch_size: int) -> None:
    """The user is not copied, and neither is what it owns: no row gets another owner."""
    ((user, handle),) = query(
        small_source,
        "SELECT id, handle FROM users WHERE id IN (SELECT owner_user_id FROM knowledge_nodes WHERE handle <> 'local')"
        " ORDER BY id LIMIT 1",
    )
    owned = {row[0] for row in query(small_source, "SELECT id FROM knowledge_nodes WHERE owner_user_id = ?", (user,))}
    joined = query(small_source, "SELECT group_id FROM group_memberships WHERE user_id = ?", (user,))
    somebody = uuid5(UUID(user), "somebody else")
    copied_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        f"DELETE FROM users WHERE id = '{user}'",
        f"INSERT INTO users (id, handle) VALUES ('{somebody}', '{handle}')",
    )

    report = copy(small_source, copied_database, batch_size=batch_size)
    (taken,) = [error for error in report.errors if error.table == "users"]
    assert (taken.row, taken.field, taken.kind, taken.copied) == (user, "handle", Kind.ALREADY_TAKEN, False)
    orphaned = [error for error in report.errors if error.table == "knowledge_nodes"]
    assert {error.row for error in orphaned} == owned
    assert owned
    assert {(error.field, error.kind, error.copied) for error in orphaned} == {
        ("owner_user_id", Kind.MISSING_REFERENCE, False)
    }
    memberships = [error for error in report.errors if error.table == "group_memberships"]
    assert {error.row for error in memberships} == {f"{user}→{group}" for (group,) in joined}
    assert report.users_copied == 3
    assert report.memories_copied == 30 - len(owned)
    assert copied_database.value("SELECT handle FROM users WHERE id = %s", (somebody,)) == handle
    assert copied_database.rows("SELECT 1 FROM knowledge_nodes WHERE owner_user_id = %s", (somebody,)) == []


def test_two_users_of_one_handle_in_the_source(small_source: Path, database: Database) -> None:
    """Where SQLite's file has no unique constraint, as in one made by hand."""
    rows = query(small_source, "SELECT id, handle, display_name, created_at, metadata FROM users")
    edit(small_source, "DROP TABLE users")
    edit(small_source, "CREATE TABLE users (id TEXT, handle TEXT, display_name TEXT, created_at TEXT, metadata TEXT)")
    first, second = sorted(row[0] for row in rows if row[1] != "local")[:2]
    for user, handle, *rest in rows:
        same = "twice" if user in (first, second) else handle
        edit(small_source, "INSERT INTO users VALUES (?, ?, ?, ?, ?)", (user, same, *rest))
    edit(small_source, "UPDATE knowledge_nodes SET owner_user_id = ? WHERE owner_user_id = ?", (first, second))
    edit(small_source, "DELETE FROM group_memberships WHERE user_id = ?", (second,))

    error = only_error(copy(small_source, database))
    assert (error.table, error.row, error.kind, error.copied) == ("users", second, Kind.ALREADY_TAKEN, False)


@pytest.mark.parametrize("batch_size", [3, 500])
def test_bad_rows_of_the_other_tables(small_source: Path, database: Database, batch_size: int) -> None:
    """A row that refers to nothing, or has no usable key, is not copied, and no other row is affected."""
    before = expected_tables(small_source)
    flaws = [
        ("group_memberships", 1, "user_id", NOBODY, Kind.MISSING_REFERENCE),
        ("group_memberships", 2, "group_id", NOBODY, Kind.MISSING_REFERENCE),
        ("group_memberships", 3, "group_id", "team", Kind.BAD_UUID),
        ("scheduling", 15, "memory_id", NOBODY, Kind.MISSING_REFERENCE),
        ("scheduling", 16, "memory_id", "note-9", Kind.BAD_UUID),
        ("edges", 1, "source_id", NOBODY, Kind.MISSING_REFERENCE),
        ("edges", 9, "target_id", "there", Kind.BAD_UUID),
        ("review_events", 5, "memory_id", NOBODY, Kind.MISSING_REFERENCE),
        ("review_events", 6, "id", "event 6", Kind.BAD_UUID),
        ("review_events", 7, "memory_id", None, Kind.BAD_UUID),
    ]
    edit(small_source, "CREATE TABLE loose AS SELECT * FROM review_events")  # without its NOT NULL constraints
    edit(small_source, "DROP TABLE review_events")
    edit(small_source, "ALTER TABLE loose RENAME TO review_events")
    for table, rowid, column, value, _ in flaws:
        assert edit(small_source, f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', (value, rowid)) == 1
    report = copy(small_source, database, batch_size=batch_size)

    assert sorted((error.table, error.field or "", error.kind) for error in report.errors) == sorted(
        (table, column, kind) for table, _, column, _, kind in flaws
    )
    assert not any(error.copied for error in report.errors)
    messages_name_their_field(report)
    assert counts(report, "failed") == dict.fromkeys(TABLES, 0) | {
        "group_memberships": 3,
        "scheduling": 2,
        "edges": 2,
        "review_events": 3,
    }
    found = read_tables(database)
    for table, failed in counts(report, "failed").items():
        if table != "users":
            assert found[table].items() <= before[table].items(), table
            assert len(found[table]) == len(before[table]) - failed, table


def test_a_role_that_is_not_allowed(small_source: Path, database: Database) -> None:
    rows = query(small_source, "SELECT user_id, group_id, role, joined_at FROM group_memberships ORDER BY 1, 2")
    edit(small_source, "DROP TABLE group_memberships")
    edit(small_source, "CREATE TABLE group_memberships (user_id TEXT, group_id TEXT, role TEXT, joined_at TEXT)")
    for number, (user, group, role, joined) in enumerate(rows):
        values = (user, group, "owner" if number == 1 else role, joined)
        edit(small_source, "INSERT INTO group_memberships VALUES (?, ?, ?, ?)", values)
    report = copy(small_source, database)

    error = only_error(report)
    assert (error.table, error.field, error.kind) == ("group_memberships", "role", Kind.VALUE_NOT_ALLOWED)
    assert error.row == "→".join(rows[1][:2])
    assert report.group_memberships_copied == 3


MENDED: list[tuple[str, Any, str, Any]] = [
    ("tags", "not json", "malformed_json", []),
    ("tags", '{"a": 1}', "misshapen_json", []),
    ("tags", '["a", 1]', "misshapen_json", []),
    ("tags", '["\\u0000"]', "unstorable_json", []),
    ("metadata", '{"a": NaN}', "unstorable_json", {}),
    ("metadata", '{"a": "\\ud800"}', "unstorable_json", {}),
    ("metadata", '{"a": "\\u0000", "a": "b"}', "unstorable_json", {}),
    ("domain_scores", '{"a": ["\\ud800"], "a": 1}', "unstorable_json", {}),
    ("metadata", "", "malformed_json", {}),
    ("domains", "null", "misshapen_json", []),
    ("domain_scores", '{"a": "high"}', "misshapen_json", {}),
    ("domain_scores", "[]", "misshapen_json", {}),
    ("embedding", b"", "bad_vector", None),
    ("embedding", b"\0" * 33, "bad_vector", None),
    ("embedding", b"\0" * 28, "wrong_dimension", None),
    ("embedding", b"\0\0\xc0\x7f" * 8, "bad_vector", None),
    ("embedding", b"\0\0\x80\xff" + b"\0" * 28, "bad_vector", None),
    ("embedding", "[1, 2, 3]", "bad_vector", None),
    ("shared_with_groups", "[null]", "misshapen_json", []),
    ("shared_with_groups", '["platform-team"]', "bad_uuid", []),
    ("shared_with_groups", '{"groups": "all"}', "misshapen_json", []),
    ("shared_with_groups", "", "malformed_json", []),
    ("owner_user_id", "me", "bad_uuid", BOOTSTRAP_USER),
    ("node_type", b"caf\xe9", "unstorable_text", "caf\ufffd"),
    ("codebase", "a\0b", "unstorable_text", "a\ufffdb"),
]


@pytest.mark.parametrize("batch_size", [1, 500])
def test_a_broken_field_costs_that_field_alone(sources: Sources, database: Database, batch_size: int) -> None:
    """No memory is lost to a broken field: it arrives with the field's empty value, everything else as it was."""
    source = sources.seed(replace(SMALL_SPEC, memories=len(MENDED) + 10))
    wanted = expected_tables(source)["knowledge_nodes"]
    ids = memory_ids(source)[5:]
    for memory, (column, value, _, empty) in zip(ids, MENDED, strict=False):
        as_text = column == "node_type"
        place = "CAST(? AS TEXT)" if as_text else "?"
        edit(source, f'UPDATE knowledge_nodes SET "{column}" = {place} WHERE id = ?', (value, memory))
        wanted[(UUID(memory),)] |= {column: empty}

    report = copy(source, database, batch_size=batch_size)
    messages_name_their_field(report)
    assert {(error.row, error.field, error.kind.value, error.copied) for error in report.errors} == {
        (memory, column, kind, True) for memory, (column, _, kind, _) in zip(ids, MENDED, strict=False)
    }
    assert report.tables["knowledge_nodes"].repaired == len(MENDED)
    assert report.tables["knowledge_nodes"].failed == 0
    found = read_tables(database)["knowledge_nodes"]
    for key, row in wanted.items():
        assert found[key] == row


def test_missing_values_are_filled_and_reported(small_source: Path, database: Database) -> None:
    """In a file without NOT NULL constraints; a list or an object that is missing is simply empty."""
    edit(small_source, "CREATE TABLE loose AS SELECT * FROM knowledge_nodes")
    edit(small_source, "DROP TABLE knowledge_nodes")
    edit(small_source, "ALTER TABLE loose RENAME TO knowledge_nodes")
    memory = memory_ids(small_source)[14]
    edit(
        small_source,
        "UPDATE knowledge_nodes SET node_type = NULL, tags = NULL, embedding = NULL, updated_at = '', metadata = NULL,"
        " owner_user_id = NULL, visibility = NULL, shared_with_groups = NULL, domains = NULL, domain_scores = NULL,"
        " codebase = NULL WHERE id = ?",
        (memory,),
    )
    report = copy(small_source, database)
    assert {(error.row, error.field, error.copied) for error in report.errors} == {
        (memory, field, True) for field in ("node_type", "updated_at", "owner_user_id", "visibility")
    }
    assert {error.kind for error in report.errors} <= {Kind.MISSING_VALUE, Kind.BAD_UUID}
    row = read_tables(database)["knowledge_nodes"][(UUID(memory),)]
    wanted: Row = {
        "node_type": "fact", "tags": [], "embedding": None, "updated_at": datetime(1970, 1, 1, tzinfo=UTC),
        "metadata": {}, "owner_user_id": BOOTSTRAP_USER, "visibility": "private", "shared_with_groups": [],
        "domains": [], "domain_scores": {}, "codebase": None,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted


def test_two_broken_fields_are_two_errors_of_one_row(small_source: Path, database: Database) -> None:
    memory = spoil(small_source, 14, "metadata", "{")
    edit(small_source, "UPDATE knowledge_nodes SET tags = '{', domain_scores = '[]' WHERE id = ?", (memory,))
    report = copy(small_source, database)
    assert [(error.row, error.field) for error in report.errors] == [
        (memory, "tags"),
        (memory, "metadata"),
        (memory, "domain_scores"),
    ]
    assert report.tables["knowledge_nodes"].repaired == 1


def test_a_broken_field_and_a_bad_row_in_one(small_source: Path, database: Database) -> None:
    """A row that is not copied is one error, and is not counted as repaired."""
    memory = spoil(small_source, 14, "metadata", "{")
    edit(small_source, "UPDATE knowledge_nodes SET visibility = 'secret' WHERE id = ?", (memory,))
    release(small_source, memory)
    report = copy(small_source, database)
    assert (only_error(report).row, only_error(report).field) == (memory, "visibility")
    assert report.tables["knowledge_nodes"].repaired == 0


@pytest.mark.parametrize("batch_size", [4, 500])
def test_the_sample_of_broken_rows(sources: Sources, database: Database, batch_size: int) -> None:
    """The twelve flaws that the demo shows."""
    source = sources.seed(replace(SMALL_SPEC, memories=60, broken_rows=True))
    report = copy(source, database, batch_size=batch_size)
    memories = [error for error in report.errors if error.table == "knowledge_nodes"]
    assert sorted((error.field or "", error.kind.value, error.copied) for error in memories) == sorted(
        [
            ("metadata", "malformed_json", True),
            ("shared_with_groups", "bad_uuid", True),
            ("id", "bad_uuid", False),
            ("metadata", "malformed_json", True),
            ("embedding", "wrong_dimension", True),
            ("metadata", "malformed_json", True),
            ("content", "empty_content", False),
            ("id", "bad_uuid", False),
            ("metadata", "malformed_json", True),
            ("visibility", "value_not_allowed", False),
            ("shared_with_groups", "misshapen_json", True),
            ("metadata", "malformed_json", True),
        ]
    )
    assert {error.row for error in memories if error.field == "id"} == {"note-7", "note-8"}
    table = report.tables["knowledge_nodes"]
    assert (table.read, table.inserted, table.failed, table.repaired) == (60, 56, 4, 8)
    others = [error for error in report.errors if error.table != "knowledge_nodes"]
    assert {error.kind for error in others} == {Kind.MISSING_REFERENCE}


def test_a_dry_run_predicts_every_one_of_them(sources: Sources, database: Database) -> None:
    source = sources.seed(replace(SMALL_SPEC, memories=60, broken_rows=True))
    edit(source, "UPDATE group_memberships SET user_id = ? WHERE rowid = 1", (NOBODY,))
    edit(source, "UPDATE review_events SET memory_id = ? WHERE rowid = 4", (NOBODY,))
    edit(source, "UPDATE knowledge_nodes SET owner_user_id = ? WHERE id = ?", (NOBODY, memory_ids(source)[40]))
    preview = copy(source, database, dry_run=True, batch_size=7)
    real = copy(source, database, batch_size=7)

    def ordered(errors: list[RowError]) -> list[tuple[str, str, str, str]]:
        return sorted((error.table, error.row, str(error.field), error.message) for error in errors)

    assert ordered(preview.errors) == ordered(real.errors)
    for field in ("read", "inserted", "already_present", "failed", "repaired"):
        assert counts(preview, field) == counts(real, field), field


def test_spellings_of_one_id_are_one_row(small_source: Path, database: Database) -> None:
    """An id that comes twice in two spellings: the first one stays, and the other is not passed over in silence."""
    ids = memory_ids(small_source)
    first, second = ids[3], ids[20]
    release(small_source, second)
    edit(small_source, "UPDATE knowledge_nodes SET id = ? WHERE id = ?", (first.upper(), second))
    content: list[Row] = [
        {"content": row[0]} for row in query(small_source, "SELECT content FROM knowledge_nodes WHERE id = ?", (first,))
    ]
    report = copy(small_source, database)

    error = only_error(report)
    assert (error.row, error.kind, error.copied) == (first.upper(), Kind.DUPLICATE_ID, False)
    assert report.memories_copied == 29
    assert [{"content": database.value("SELECT content FROM knowledge_nodes WHERE id = %s", (first,))}] == content


def test_a_rule_that_the_server_alone_knows(small_source: Path, copied_database: Database) -> None:
    """A trigger or a constraint of the destination refuses a row: it is not copied, and the message has none of its values."""
    bad = spoil(small_source, 14, "node_type", "forbidden")
    release(small_source, bad)
    copied_database.execute(
        "TRUNCATE knowledge_nodes CASCADE",
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.node_type = 'forbidden' THEN RAISE EXCEPTION 'no: %', NEW.content; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    report = copy(small_source, copied_database, batch_size=10)
    error = only_error(report)
    assert (error.row, error.kind, error.copied) == (bad, Kind.REFUSED_BY_SERVER, False)
    assert "P0001" in error.message
    assert report.memories_copied == 29
    no_content_is_shown(report)


# Everything at once


HOSTILE: dict[str, list[object]] = {
    "id": [None, "", "note", 7, b"\x00\xff", "00000000-0000-4000-8000-000000000001", "0" * 32, "{" + "1" * 32 + "}"],
    "timestamp": [None, "", "now", "2026-02-13 10:11:12", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59.9Z", 5, b"\xff"],
    "json": [None, "", "{}", "[]", "[1]", '["a"]', '{"a": 1}', '{"a": "b"}', "NaN", '["\\u0000"]', '"\\ud800"', "{", 5,
             b"\xff", '["a\\u00e9"]', "[" * 600 + "]" * 600, '{"a": 1e400}'],
    "number": [None, 0, -1, 2**31, 2**63 - 1, 0.5, 1e308, float("inf"), "5", "five", "", b"5"],
    "vector": [None, b"", b"\0" * 32, b"\0" * 31, b"\0" * 16, b"\xff" * 32, "text", 5, b"\x01\x02\x80\x3f" * 8],
    "text": [None, "", "a", "a\0b", "x" * 5_000, "é😀", 5, 0.5, b"\xff\x00", "local", "private", "group", "admin",
             "'; DROP TABLE users; --", "\x1b[31m"],
}  # fmt: skip
"""Values that a column of SQLite can hold, whatever its type says."""

SHAPES = {
    "users": {"id": "id", "handle": "text", "display_name": "text", "created_at": "timestamp", "metadata": "json"},
    "groups": {"id": "id", "handle": "text", "display_name": "text", "created_at": "timestamp", "metadata": "json"},
    "group_memberships": {"user_id": "id", "group_id": "id", "role": "text", "joined_at": "timestamp"},
    "knowledge_nodes": {
        "id": "id", "content": "text", "node_type": "text", "tags": "json", "embedding": "vector",
        "created_at": "timestamp", "updated_at": "timestamp", "metadata": "json", "domains": "json",
        "domain_scores": "json", "owner_user_id": "id", "visibility": "text", "shared_with_groups": "json",
        "codebase": "text", "later": "vector",
    },
    "scheduling": {
        "memory_id": "id", "stability": "number", "difficulty": "number", "retrievability": "number",
        "last_review": "timestamp", "next_review": "timestamp", "reps": "number", "lapses": "number",
    },
    "edges": {"source_id": "id", "target_id": "id", "edge_type": "text", "weight": "number", "created_at": "timestamp"},
    "review_events": {
        "id": "id", "memory_id": "id", "occurred_at": "timestamp", "retrievability_before": "number",
        "retrievability_after": "number", "rating": "number", "kind": "text", "metadata": "json",
    },
    "domains": {
        "id": "text", "label": "text", "centroid": "vector", "top_terms": "json", "memory_count": "number",
        "created_at": "timestamp",
    },
}  # fmt: skip


def hostile_source(path: Path, seed: int) -> Path:
    """A file without types or constraints: ten sound rows' worth of ids, and anything in every column."""
    rng = random.Random(seed)
    ids = [str(UUID(int=rng.getrandbits(128), version=4)) for _ in range(10)]
    with closing(sqlite3.connect(path)) as connection, connection:
        for table, columns in SHAPES.items():
            connection.execute(f'CREATE TABLE "{table}" ({", ".join(columns)})')
            for _ in range(40):
                row = []
                for name, kind in columns.items():
                    sound = rng.random() < 0.8
                    if kind == "id":
                        spelling = rng.choice((str, str, str.upper, lambda text: text.replace("-", "")))
                        row.append(spelling(rng.choice(ids)) if sound else rng.choice(HOSTILE["id"]))
                    elif name in ("visibility", "role") and sound:
                        row.append("private" if name == "visibility" else "member")
                    elif name in ("handle", "content") and sound:
                        row.append(f"{name} {rng.randrange(30)}")
                    else:
                        row.append(rng.choice(HOSTILE[kind]))
                connection.execute(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(row))})', row)
        for user in ids[:6]:
            connection.execute("INSERT INTO users VALUES (?, ?, NULL, '2026-01-01T00:00:00Z', '{}')", (user, user))
    return path


@pytest.mark.parametrize("seed", range(4))
def test_anything_in_any_column(tmp_path: Path, database: Database, seed: int) -> None:
    """Hostile values everywhere, repeated keys among them: no run stops, its counts add up, and the dry run knew."""
    source = hostile_source(tmp_path / "hostile.db", seed)
    presented = ModelSignature("tiny/model", 8)

    def story(report: MigrationReport) -> list[tuple[str, str, str, str, str, bool]]:
        return sorted((e.table, e.row, e.field or "", e.kind.value, e.message, e.copied) for e in report.errors)

    preview = copy(source, database, presented, dry_run=True, batch_size=9)
    report = copy(source, database, presented, batch_size=9)
    assert report.outcome is Outcome.ERRORS
    found = read_tables(database)
    for table, inserted in counts(report, "inserted").items():
        assert len(found[table]) == inserted + (table == "users"), table
    assert all(counts(report, "inserted").values())
    assert story(preview) == story(report)
    for field in ("read", "inserted", "already_present", "failed", "repaired"):
        assert counts(preview, field) == counts(report, field), field

    again = copy(source, database, presented, batch_size=500)
    assert counts(again, "inserted") == dict.fromkeys(TABLES, 0)
    assert counts(again, "failed") == counts(report, "failed")
    assert story(again) == story(report)
    assert read_tables(database) == found


def test_the_first_of_two_users_is_kept_whatever_the_writers_do(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Batches are written over several connections; one of them may be slow, and which row stays must not hang on it."""
    loosen(small_source, "users")
    handles = [f"user-{number % 20}" for number in range(40)]
    ids = [str(UUID(int=(1 << 100) + number)) for number in range(40)]
    for chosen, handle in zip(ids, handles, strict=True):
        edit(small_source, "INSERT INTO users VALUES (?, ?, NULL, '2026-01-01 00:00:00', '{}')", (chosen, handle))
    preview = copy(small_source, database, dry_run=True, batch_size=1)
    write = TableWriter.write

    def slowly(self: TableWriter, batches: Sequence[Sequence[Record]]) -> Iterator[BatchResult]:
        if any(record.key == (ids[0],) for records in batches for record in records):
            outlast(0.5)
        return write(self, batches)

    monkeypatch.setattr(TableWriter, "write", slowly)
    assert_foretold(preview, copy(small_source, database, batch_size=1))
    kept = {str(row[0]) for row in database.rows("SELECT id FROM users WHERE starts_with(handle, 'user-')")}
    assert kept == set(ids[:20])
