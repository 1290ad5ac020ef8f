"""Columns whose name is a key of the metadata as well: both arrive, and every way to look at the file says which."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER
from tests.support.hostile import assert_foretold, untouched
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from vestige_tui.core.notices import shared_name
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import Outcome
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.shared_names import SharedName

NAMES = ["source", 'a"b', "dotted.name", "été", "back\\slash", "sla/sh", "$.x[0]", "it's", "tab\there", "%s {x} ?"]


def with_columns(source: Path, table: str, *names: str) -> None:
    """Add columns without a type."""
    for name in names:
        edit(source, f'ALTER TABLE {table} ADD COLUMN "{name.replace(chr(34), chr(34) * 2)}"')


def fill(source: Path, chosen: str, values: dict[str, Any], metadata: object) -> None:
    """Give one memory values in loose columns, and its metadata."""
    names = [f'"{name.replace(chr(34), chr(34) * 2)}" = ?' for name in values]
    edit(source, f"UPDATE knowledge_nodes SET {', '.join([*names, 'metadata = ?'])} WHERE id = ?",
         (*values.values(), metadata, chosen))  # fmt: skip


def test_both_are_kept_and_every_report_says_which(sources: Sources, database: Database) -> None:
    source = sources.seed()
    with_columns(source, "knowledge_nodes", *NAMES, "free")
    with_columns(source, "users", "role")
    edit(source, "UPDATE users SET role = 'admin', metadata = '{\"role\": 1}' WHERE handle <> 'local'")
    users = edit(source, "UPDATE users SET role = role WHERE role = 'admin'")
    ids = memory_ids(source)
    values = {name: f"column {name}" for name in NAMES}
    keys = {name: f"key {name}" for name in NAMES}
    fill(source, ids[0], values, json.dumps(keys))
    fill(source, ids[1], values | {"free": 7}, json.dumps(keys, ensure_ascii=False, indent=1))
    fill(source, ids[2], values, "".join(f"\\u{ord(letter):04x}" for letter in "source").join(['{"', '": 1}']))
    fill(source, ids[3], dict.fromkeys(NAMES), json.dumps(keys))  # no values
    fill(source, ids[4], values, json.dumps(list(keys)))  # no object
    fill(source, ids[5], values, json.dumps(keys)[:-1])  # no JSON
    fill(source, ids[6], values, json.dumps(keys).encode())  # as a BLOB
    fill(source, ids[7], {"source": 1}, json.dumps({"a": keys}))  # not at the top
    wanted = {(name, 4 if name == "source" else 3) for name in NAMES}

    shared = describe(source).shared_names
    assert {(each.column, each.rows) for each in shared if each.table == "knowledge_nodes"} == wanted
    assert [each for each in shared if each.table == "users"] == [SharedName("users", "role", users)]
    reported = [shared_name(each.table, each.column, each.kept_as, each.rows) for each in shared]

    with untouched(source.parent):
        preview, report = copy(source, database, dry_run=True), copy(source, database)
    assert_foretold(preview, report)
    for run in (preview, report):
        assert [notice for notice in run.notices if "beside the column" in notice] == reported
    assert report.outcome is Outcome.ERRORS  # for the one that is no JSON
    assert len(report.errors) == 1
    found = {str(key[0]): row["metadata"] for key, row in read_tables(database)["knowledge_nodes"].items()}
    renamed = {f"{name} (column)": value for name, value in values.items()}
    assert found[ids[0]] == found[ids[6]] == keys | renamed
    assert found[ids[1]] == keys | renamed | {"free": 7}
    assert found[ids[2]] == values | {"source": 1, "source (column)": "column source"}
    assert found[ids[3]] == keys
    assert found[ids[4]] == {"metadata": NAMES} | values
    assert found[ids[5]] == values
    assert found[ids[7]] == {"a": keys, "source": 1}


def test_nothing_is_said_where_no_name_is_shared(sources: Sources) -> None:
    source = sources.seed()
    with_columns(source, "knowledge_nodes", "unheard of")
    edit(source, 'UPDATE knowledge_nodes SET "unheard of" = 1')
    assert describe(source).shared_names == ()
    assert describe(sources.published(14, name="published.db")).shared_names == ()


def test_in_utf_16(tmp_path: Path) -> None:
    source = tmp_path / "vestige.db"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("PRAGMA encoding = 'UTF-16le'")
        connection.execute("CREATE TABLE knowledge_nodes (id, content, created_at, metadata, été)")
        connection.execute("INSERT INTO knowledge_nodes VALUES (1, 'a', 'b', '{\"été\": 1}', 2)")
    assert describe(source).shared_names == (SharedName("knowledge_nodes", "été", 1),)


KEYS = st.sampled_from(["a", "b", "a\\b", 'a"b', "é", "a/b", ""])


@given(st.lists(st.tuples(st.dictionaries(KEYS, st.none() | st.integers()), st.booleans(), st.booleans()), max_size=4))
@settings(max_examples=60)
def test_the_count_is_that_of_a_reading_row_by_row(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[dict[str, Any], bool, bool]]
) -> None:
    source = tmp_path_factory.mktemp("shared") / "vestige.db"
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute('CREATE TABLE knowledge_nodes (id, content, created_at, metadata, a, "a\\b", "é")')
        for base, has_value, ascii_only in rows:
            document = json.dumps(base, ensure_ascii=ascii_only)
            value = 1 if has_value else None
            connection.execute("INSERT INTO knowledge_nodes VALUES (1, 2, 3, ?, ?, ?, ?)", (document, *[value] * 3))
    found = {shared.column: shared.rows for shared in describe(source).shared_names}
    wanted = {name: sum(name in base for base, has_value, _ in rows if has_value) for name in ("a", "a\\b", "é")}
    assert found == {name: count for name, count in wanted.items() if count}


def test_a_row_that_is_tried_again_is_reported_by_itself(sources: Sources, database: Database) -> None:
    """The question is about the whole file, and is not asked there."""
    source = sources.seed()
    with_columns(source, "knowledge_nodes", "source")
    chosen = memory_ids(source)[0]
    fill(source, chosen, {"source": "column"}, '{"source": "key"}')
    edit(source, "UPDATE knowledge_nodes SET owner_user_id = ?", (str(BOOTSTRAP_USER),))
    plan = CopyPlan(source, database.dsn)
    report = run_sqlite_to_postgres(plan, only={"knowledge_nodes": [chosen]})
    assert report.notices == []
    assert read_tables(database)["knowledge_nodes"][(UUID(chosen),)]["metadata"] == {
        "source": "key", "source (column)": "column",
    }  # fmt: skip
