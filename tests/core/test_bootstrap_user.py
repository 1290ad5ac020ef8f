"""The default owner of memories: the source's own row counts, and only a source without one is given another."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.hostile import assert_foretold, complaints, foretold_and_copied, loosen
from tests.support.runs import assert_adds_up, assert_equal_everywhere, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, query
from vestige_tui.core import events
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.run.copier import run_sqlite_to_postgres

BOOTSTRAP = str(BOOTSTRAP_USER)
OTHER = "99999999-9999-4999-8999-999999999999"
USERS = SMALL_SPEC.users + 1


def owned(source: Path) -> int:
    """How many memories belong to the bootstrap user."""
    ((number,),) = query(source, "SELECT count(*) FROM knowledge_nodes WHERE owner_user_id = ?", (BOOTSTRAP,))
    assert number > 0
    return int(number)


def bootstrap_user(database: Database) -> dict[str, Any]:
    """Its row at the destination."""
    return read_tables(database)["users"][(BOOTSTRAP_USER,)]


def called_local(source: Path, *handles: str) -> None:
    """Give these handles to other users of the source, and one of its own to the bootstrap user."""
    edit(source, "UPDATE users SET handle = 'me' WHERE id = ?", (BOOTSTRAP,))
    for place, handle in enumerate(handles):
        others = "SELECT id FROM users WHERE id <> ? ORDER BY id LIMIT 1 OFFSET ?"
        edit(source, f"UPDATE users SET handle = ? WHERE id = ({others})", (handle, BOOTSTRAP, place))


def retry(source: Path, database: Database, only: Mapping[str, Collection[str]], *, dry_run: bool) -> MigrationReport:
    """A run for some rows alone."""
    report = run_sqlite_to_postgres(CopyPlan(source, database.dsn, dry_run=dry_run), only=only)
    assert_adds_up(report)
    return report


def test_the_sources_own_row_counts(small_source: Path, database: Database) -> None:
    edit(
        small_source,
        "UPDATE users SET handle = 'anna', display_name = 'Anna', created_at = '2020-02-02T02:02:02Z', metadata ="
        ' \'{"colour": "red"}\' WHERE id = ?',
        (BOOTSTRAP,),
    )
    report = foretold_and_copied(small_source, database)
    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert (report.tables["users"].inserted, report.tables["users"].already_present) == (USERS, 0)
    assert_equal_everywhere(small_source, database)
    found = bootstrap_user(database)
    assert (found["handle"], found["display_name"], found["metadata"]) == ("anna", "Anna", {"colour": "red"})
    again = copy(small_source, database)
    assert (again.tables["users"].inserted, again.tables["users"].already_present) == (0, USERS)


def test_another_user_is_called_local(small_source: Path, database: Database) -> None:
    """Both arrive, and everything of theirs."""
    called_local(small_source, "local")
    report = foretold_and_copied(small_source, database)
    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert set(counts(report, "already_present").values()) == {0}
    assert_equal_everywhere(small_source, database)


@pytest.mark.parametrize("handles", [(), ("local",), ("local", "local-2"), ("local-2", "local")])
def test_a_source_without_one(small_source: Path, database: Database, handles: tuple[str, ...]) -> None:
    """The copy makes one, under the first handle that is free."""
    called_local(small_source, *handles)
    edit(small_source, "DELETE FROM users WHERE id = ?", (BOOTSTRAP,))
    edit(small_source, "DELETE FROM group_memberships WHERE user_id = ?", (BOOTSTRAP,))
    mine = owned(small_source)
    foretold, report = copy(small_source, database, dry_run=True), copy(small_source, database)
    assert_foretold(foretold, report)
    assert foretold.notices == report.notices
    assert report.outcome is Outcome.CLEAN
    assert report.tables["users"].read == report.tables["users"].inserted == SMALL_SPEC.users
    wanted, found = expected_tables(small_source), read_tables(database)
    made = found["users"].pop((BOOTSTRAP_USER,))
    assert found == wanted
    assert sum(row["owner_user_id"] == BOOTSTRAP_USER for row in found["knowledge_nodes"].values()) == mine
    free = next(handle for handle in ("local", "local-2", "local-3") if handle not in handles)
    assert (made["handle"], made["display_name"], made["metadata"]) == (free, "Local User", {})
    assert [free in notice for notice in report.notices] == ([] if free == "local" else [True])
    again = copy(small_source, database)
    assert again.tables["users"].already_present == SMALL_SPEC.users
    assert bootstrap_user(database) == made


def test_a_row_that_cannot_be_copied(small_source: Path, database: Database) -> None:
    """Its memories arrive all the same, and belong to the one that the copy makes."""
    loosen(small_source, "users")
    edit(small_source, "UPDATE users SET handle = NULL WHERE id = ?", (BOOTSTRAP,))
    report = foretold_and_copied(small_source, database)
    assert complaints(report) == {("users", BOOTSTRAP, "handle", "missing_value", False): 1}
    assert (report.tables["users"].inserted, report.tables["users"].failed) == (SMALL_SPEC.users, 1)
    assert report.tables["knowledge_nodes"].inserted == SMALL_SPEC.memories
    assert bootstrap_user(database)["handle"] == "local"


def test_a_row_with_a_broken_value(small_source: Path, database: Database) -> None:
    edit(small_source, "UPDATE users SET metadata = '{', handle = 'anna' WHERE id = ?", (BOOTSTRAP,))
    report = foretold_and_copied(small_source, database)
    assert complaints(report) == {("users", BOOTSTRAP, "metadata", "malformed_json", True): 1}
    users = report.tables["users"]
    assert (users.inserted, users.repaired, users.already_present, users.failed) == (USERS, 1, 0, 0)
    assert (bootstrap_user(database)["handle"], bootstrap_user(database)["metadata"]) == ("anna", {})


def test_two_rows_of_one_id(small_source: Path, database: Database) -> None:
    """The first one counts, as everywhere."""
    edit(
        small_source,
        "INSERT INTO users SELECT replace(id, '-', ''), 'second', display_name, created_at, metadata FROM users"
        " WHERE id = ?",
        (BOOTSTRAP,),
    )
    report = foretold_and_copied(small_source, database)
    assert complaints(report) == {("users", BOOTSTRAP_USER.hex, "id", "duplicate_id", False): 1}
    assert (report.tables["users"].inserted, report.tables["users"].already_present) == (USERS, 0)
    assert bootstrap_user(database)["handle"] == "local"


@pytest.mark.parametrize(
    ("table", "has_one"), [("users", True), ("users", False), ("groups", True), ("knowledge_nodes", False)]
)
def test_an_interrupted_copy_is_completed(small_source: Path, database: Database, table: str, *, has_one: bool) -> None:
    called_local(small_source, "local")
    if not has_one:
        edit(small_source, "DELETE FROM users WHERE id = ?", (BOOTSTRAP,))
        edit(small_source, "DELETE FROM group_memberships WHERE user_id = ?", (BOOTSTRAP,))
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == table:
            cancel.set()

    assert copy(small_source, database, on_event=watch, cancel=cancel, batch_size=1).outcome is Outcome.CANCELLED
    report = foretold_and_copied(small_source, database)
    assert report.outcome is Outcome.CLEAN
    wanted, found = expected_tables(small_source), read_tables(database)
    if not has_one:
        assert found["users"].pop((BOOTSTRAP_USER,))["handle"] == "local-2"
    assert found == wanted


def test_another_user_of_the_destination_is_called_local(small_source: Path, copied_database: Database) -> None:
    """The source's row cannot come, and its memories do; trying that row again says the same as a dry run."""
    copied_database.execute(
        "TRUNCATE knowledge_nodes, users CASCADE", f"INSERT INTO users (id, handle) VALUES ('{OTHER}', 'local')"
    )
    mine = owned(small_source)
    foretold, report = copy(small_source, copied_database, dry_run=True), copy(small_source, copied_database)
    assert_foretold(foretold, report)
    assert {"local-2" in notice for notice in foretold.notices} == {True}
    assert foretold.notices[-1] in report.notices
    lost = {("users", BOOTSTRAP, "handle", "already_taken", False): 1}
    assert complaints(report) == lost
    assert report.tables["knowledge_nodes"].inserted == SMALL_SPEC.memories
    found = read_tables(copied_database)
    assert found["users"][(BOOTSTRAP_USER,)]["handle"] == "local-2"
    assert found["users"][(UUID(OTHER),)]["handle"] == "local"
    assert sum(row["owner_user_id"] == BOOTSTRAP_USER for row in found["knowledge_nodes"].values()) == mine


def test_trying_rows_again(small_source: Path, copied_database: Database) -> None:
    """With the users left out, the one that memories need is made; with them, the source's row comes first."""
    (memory,) = query(small_source, "SELECT min(id) FROM knowledge_nodes WHERE owner_user_id = ?", (BOOTSTRAP,))[0]
    for only, handle in (
        ({"knowledge_nodes": {memory}}, "local"),
        ({"users": {BOOTSTRAP}, "knowledge_nodes": {memory}}, "anna"),
    ):
        copied_database.execute("TRUNCATE knowledge_nodes, users CASCADE")
        edit(small_source, "UPDATE users SET handle = ? WHERE id = ?", (handle, BOOTSTRAP))
        foretold = retry(small_source, copied_database, only, dry_run=True)
        report = retry(small_source, copied_database, only, dry_run=False)
        assert_foretold(foretold, report)
        assert report.tables["knowledge_nodes"].inserted == 1
        assert report.tables["users"].inserted == len(only) - 1
        assert bootstrap_user(copied_database)["handle"] == handle


def test_a_source_from_before_v15(sources: Sources, database: Database) -> None:
    """Its upgrade brings the user, who is new at the destination."""
    report = foretold_and_copied(sources.seed(version=14), database, upgrade_copy=True)
    assert (report.tables["users"].inserted, report.tables["users"].already_present) == (1, 0)
    found = bootstrap_user(database)
    assert (found["handle"], found["display_name"], found["metadata"]) == ("local", "Local User", {})


@pytest.mark.parametrize("unique", ["UNIQUE", ""])
def test_an_empty_table_of_users_is_no_obstacle(sources: Sources, database: Database, unique: str) -> None:
    """With another user called local in it, and no default owner: no upgrade can add that one, and the copy does."""
    source = sources.seed(version=14)
    edit(source, f"CREATE TABLE users (id TEXT PRIMARY KEY, handle TEXT {unique}, display_name, created_at, metadata)")
    edit(source, "INSERT INTO users VALUES (?, 'local', NULL, '2020-02-02T02:02:02Z', '{}')", (OTHER,))
    report = foretold_and_copied(source, database, upgrade_copy=True)
    assert report.outcome is Outcome.CLEAN
    assert {row["handle"] for row in read_tables(database)["users"].values()} == {"local", "local-2"}


@pytest.mark.parametrize("spelled", [BOOTSTRAP, BOOTSTRAP_USER.hex, "{" + BOOTSTRAP + "}", f"urn:uuid:{BOOTSTRAP}"])
def test_an_upgrade_adds_no_second_one(sources: Sources, database: Database, spelled: str) -> None:
    """However the id of the existing one is spelled, and without a key that would separate them."""
    source = sources.seed(version=14)
    edit(source, "CREATE TABLE users (id TEXT, handle TEXT, display_name, created_at, metadata)")
    edit(source, "INSERT INTO users VALUES (?, 'me', NULL, '2020-02-02T02:02:02Z', '{}')", (spelled,))
    report = foretold_and_copied(source, database, upgrade_copy=True)
    assert (report.outcome, report.tables["users"].inserted) == (Outcome.CLEAN, 1)
    assert bootstrap_user(database)["handle"] == "me"


def test_an_upgrade_trusts_no_index(sources: Sources, database: Database) -> None:
    """An index that has lost the bootstrap user's entry: the table itself has it."""
    source = sources.seed(version=14)
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE users (id TEXT, handle TEXT, display_name, created_at, metadata)")
        user = (f"urn:uuid:{BOOTSTRAP}", "me", "2020-02-02T02:02:02Z")
        connection.execute("INSERT INTO users VALUES (?, ?, NULL, ?, '{}')", user)
        connection.execute("CREATE INDEX by_id ON users (id) WHERE id < '8'")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' WHERE id < ''8''', '') WHERE name = 'by_id'")
    report = foretold_and_copied(source, database, upgrade_copy=True)
    assert (report.outcome, report.tables["users"].inserted) == (Outcome.CLEAN, 1)


def test_an_upgrade_of_users_that_cannot_be_computed(sources: Sources, database: Database) -> None:
    """A strict table computes its generated columns for a new row: where that fails, the copy makes the user."""
    source = sources.seed(version=14)
    edit(source, "CREATE TABLE users (id TEXT PRIMARY KEY, handle TEXT, display_name TEXT, created_at TEXT,"
                 " metadata TEXT) STRICT, WITHOUT ROWID")  # fmt: skip
    edit(source, "INSERT INTO users VALUES (?, 'ada', NULL, '2020-02-02T02:02:02Z', '{}')", (OTHER,))
    edit(source, "ALTER TABLE users ADD COLUMN failing ANY GENERATED ALWAYS AS (abs(-9223372036854775807 - 1)) VIRTUAL")
    report = foretold_and_copied(source, database, upgrade_copy=True)
    assert (report.outcome, report.tables["users"].inserted) == (Outcome.CLEAN, 1)
    assert {row["handle"] for row in read_tables(database)["users"].values()} == {"ada", "local"}
