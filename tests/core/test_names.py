"""Names as SQLite sees them: any case, any table-like thing that yields rows, any column that yields values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.destination import read_tables
from tests.support.hostile import assert_foretold, untouched
from tests.support.runs import TABLES, assert_equal_everywhere, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.source import shape
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.overview import file_overview
from vestige_tui.core.source.row_lookup import find_row
from vestige_tui.core.source.upgrade import upgrade_in_place


@contextmanager
def changing(source: Path) -> Iterator[sqlite3.Connection]:
    """A connection for changes of the schema, with no check of foreign keys, and with old names in other objects."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        yield connection
        connection.execute("VACUUM")


COPIED = {
    *TABLES, "embedding_model", "embedding_profile_state", "embedding_profile_vectors", "embedding_profiles",
    "memory_connections", "node_embeddings", "schema_version",
}  # fmt: skip
"""The tables that a copy reads; of the others it counts the rows."""


def rename_all(source: Path) -> None:
    """Give every table, and every column of those that are copied, a name in another case."""
    with changing(source) as connection:
        tables = connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            columns = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
            for (column,) in columns if table in COPIED else ():
                connection.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO aside')
                connection.execute(f'ALTER TABLE "{table}" RENAME COLUMN aside TO "{column.swapcase()}"')
            connection.execute(f'ALTER TABLE "{table}" RENAME TO aside')
            connection.execute(f'ALTER TABLE aside RENAME TO "{table.title()}"')


def as_views(source: Path) -> None:
    """Keep every row in a table of another name, and show it by a view of the old one."""
    with changing(source) as connection:
        for table in TABLES:
            connection.execute(f"ALTER TABLE {table} RENAME TO stored_{table}")
            connection.execute(f"CREATE VIEW {table.upper()} AS SELECT * FROM stored_{table}")


def rebuilt(source: Path, table: str, definition: str) -> None:
    """Make a table anew by another definition, with the same rows."""
    with changing(source) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO aside")
        connection.execute(f"CREATE TABLE {definition}")
        plain = connection.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
        names = ", ".join(f'"{name}"' for (name,) in plain)
        connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM aside")
        connection.execute("DROP TABLE aside")


def previewed_and_copied(source: Path, database: Database, **options: Any) -> MigrationReport:
    """A copy of a source that it leaves as it was, and what the dry run had foretold."""
    with untouched(source.parent):
        foretold, done = copy(source, database, dry_run=True, **options), copy(source, database, **options)
    assert_foretold(foretold, done)
    assert foretold.left_behind == done.left_behind
    return done


# Case


def test_every_name_in_another_case(small_source: Path, sources: Sources, database: Database) -> None:
    rename_all(small_source)
    report = previewed_and_copied(small_source, database)
    assert report.outcome is Outcome.CLEAN
    assert report.left_behind == {}
    assert report.source.model is not None
    assert report.source.model.dimension == SMALL_SPEC.dimension
    assert_equal_everywhere(sources.seed(SMALL_SPEC, name="plain.db"), database)
    assert file_overview(small_source).memories == SMALL_SPEC.memories
    names = {row[0] for row in query(small_source, "SELECT name FROM pragma_table_info('knowledge_nodes')")}
    assert {"TAGS", "EMBEDDING"} <= names


@pytest.mark.parametrize("version", [16, 28])
def test_every_name_of_published_vestige_in_another_case(
    sources: Sources, database: Database, other_database: Database, version: int
) -> None:
    """The same rows arrive; what rides along in ``metadata`` keeps the file's own spelling."""
    plain = sources.published(version, v15=True, name="plain.db")
    copy(plain, other_database)
    renamed = sources.published(version, v15=True)
    rename_all(renamed)
    report = previewed_and_copied(renamed, database)
    wanted, found = read_tables(other_database), read_tables(database)
    for row in wanted["knowledge_nodes"].values():
        row["metadata"] = {name.swapcase(): value for name, value in row["metadata"].items()}
    assert found["knowledge_nodes"] == wanted["knowledge_nodes"]
    assert {name: rows.keys() for name, rows in found.items()} == {name: rows.keys() for name, rows in wanted.items()}
    assert found["scheduling"] == wanted["scheduling"]
    assert found["edges"] == wanted["edges"]
    assert "Memory_Connections.ACTIVATION_COUNT" in report.left_behind
    assert report.left_behind["Intentions"] == describe(plain).left_behind["intentions"]
    assert len(report.left_behind) == len(describe(plain).left_behind)


def test_letters_beyond_ascii_keep_their_case(small_source: Path, database: Database) -> None:
    """SQLite distinguishes ``é`` from ``É``: both are columns of their own, and both ride along."""
    for name in ("é", "É", 'quoted "name"', "with space", "select", "\u212aelvin"):
        quoted = name.replace('"', '""')
        edit(small_source, f'ALTER TABLE knowledge_nodes ADD COLUMN "{quoted}" TEXT')
        edit(small_source, f'UPDATE knowledge_nodes SET "{quoted}" = ?', (f"value of {name}",))
    assert previewed_and_copied(small_source, database).outcome is Outcome.CLEAN
    for row in read_tables(database)["knowledge_nodes"].values():
        for name in ("é", "É", 'quoted "name"', "with space", "select", "\u212aelvin"):
            assert row["metadata"][name] == f"value of {name}"


def test_an_upgrade_finds_names_in_any_case(sources: Sources, database: Database, other_database: Database) -> None:
    """Parts of V15 that have another case are there: none is added a second time."""
    plain, old = sources.seed(version=14, name="plain.db"), sources.seed(version=14)
    rename_all(old)
    edit(old, "ALTER TABLE knowledge_nodes ADD COLUMN Visibility TEXT DEFAULT 'public'")
    edit(old, "CREATE TABLE Users (Id TEXT PRIMARY KEY, HANDLE TEXT)")
    previewed_and_copied(old, database, upgrade_copy=True)
    copy(plain, other_database, upgrade_copy=True)
    found, wanted = read_tables(database), read_tables(other_database)
    for row in wanted["knowledge_nodes"].values():
        row["visibility"] = "public"
    assert found["knowledge_nodes"] == wanted["knowledge_nodes"]
    assert found["scheduling"] == wanted["scheduling"]
    upgrade_in_place(old)
    assert describe(old).has_v15
    assert query(old, "SELECT DISTINCT visibility FROM knowledge_nodes") == [("public",)]
    copy(old, database)
    assert read_tables(database) == found


def test_triggers_in_another_case_are_kept_from_the_upgrade(sources: Sources) -> None:
    old = sources.seed(version=14)
    rename_all(old)
    edit(old, "CREATE TRIGGER stop BEFORE UPDATE ON KNOWLEDGE_NODES BEGIN SELECT RAISE(ABORT, 'no'); END")
    edit(
        old, "CREATE TABLE USERS (id TEXT PRIMARY KEY, handle TEXT, display_name TEXT, created_at TEXT, metadata TEXT)"
    )
    edit(old, "CREATE TRIGGER none BEFORE INSERT ON Users BEGIN SELECT RAISE(ABORT, 'no'); END")
    upgrade_in_place(old)
    assert query(old, "SELECT count(codebase) > 0 FROM knowledge_nodes") == [(1,)]
    assert query(old, "SELECT handle FROM users") == [("local",)]
    assert query(old, "SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1") == [("none",), ("stop",)]


# Generated columns, and tables without the usual


def test_generated_columns(small_source: Path, sources: Sources, database: Database) -> None:
    """They have their values like any other: needed ones are used, others ride along."""
    rebuilt(
        small_source,
        "knowledge_nodes",
        "knowledge_nodes (stored TEXT, content TEXT, node_type TEXT, tags TEXT, embedding BLOB, created_at TEXT,"
        " updated_at TEXT, metadata TEXT, domains TEXT, domain_scores TEXT, owner_user_id TEXT, shared_with_groups"
        " TEXT, place TEXT, seen TEXT, id TEXT AS (stored) STORED, codebase TEXT AS (place) VIRTUAL, visibility TEXT AS"
        " (seen) STORED, size INTEGER AS (length(content)))",
    )
    with changing(small_source) as connection, closing(sqlite3.connect(sources.seed(name="plain.db"))) as plain:
        rows = plain.execute("SELECT id, codebase, visibility, content, created_at FROM knowledge_nodes").fetchall()
        for row in rows:
            connection.execute(
                "UPDATE knowledge_nodes SET stored = ?, place = ?, seen = ? WHERE content = ? AND created_at = ?", row
            )
    assert describe(small_source).has_v15
    report = previewed_and_copied(small_source, database)
    assert report.outcome is Outcome.CLEAN
    found = read_tables(database)
    for row in found["knowledge_nodes"].values():
        metadata = row["metadata"]
        assert metadata.pop("stored") == str(row["id"])
        assert metadata.pop("place", None) == row["codebase"]
        assert metadata.pop("seen") == row["visibility"]
        assert metadata.pop("size") == len(row["content"])
    plainly = sources.seed(name="plain.db")
    wanted = {row[0] for row in query(plainly, "SELECT content FROM knowledge_nodes")}
    assert {row["content"] for row in found["knowledge_nodes"].values()} == wanted
    codebases = query(plainly, "SELECT count(codebase) FROM knowledge_nodes")
    assert [(sum(row["codebase"] is not None for row in found["knowledge_nodes"].values()),)] == codebases
    (first,) = query(plainly, "SELECT min(id) FROM knowledge_nodes")[0]
    shown = {value.column: value.start for value in find_row(small_source, "knowledge_nodes", first) or ()}
    assert shown["id"] == first


def test_a_generated_codebase_needs_no_upgrade_of_its_own(sources: Sources, database: Database) -> None:
    old = sources.seed(version=14)
    edit(old, "ALTER TABLE knowledge_nodes ADD COLUMN codebase TEXT AS (node_type)")
    previewed_and_copied(old, database, upgrade_copy=True)
    for row in read_tables(database)["knowledge_nodes"].values():
        assert row["codebase"] == row["node_type"]
    upgrade_in_place(old)
    assert describe(old).has_v15


def test_tables_without_row_numbers_or_strict(small_source: Path, sources: Sources, database: Database) -> None:
    rebuilt(
        small_source,
        "knowledge_nodes",
        "knowledge_nodes (codebase TEXT, shared_with_groups TEXT, visibility TEXT, owner_user_id TEXT, domain_scores"
        " TEXT, domains TEXT, metadata TEXT, updated_at TEXT, created_at TEXT, embedding BLOB, tags TEXT, node_type"
        " TEXT, content TEXT, id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    )
    rebuilt(
        small_source,
        "edges",
        "edges (source_id, target_id, edge_type, weight, created_at, PRIMARY KEY (target_id, source_id)) WITHOUT ROWID",
    )
    assert previewed_and_copied(small_source, database).outcome is Outcome.CLEAN
    assert_equal_everywhere(sources.seed(name="plain.db"), database)
    again = copy(small_source, database)
    assert counts(again, "already_present") == counts(again, "read")


@pytest.mark.parametrize("names", [("rowid", "OID"), ("RowId", "oid", "_rowid_")])
def test_columns_that_take_the_names_of_row_numbers(small_source: Path, database: Database, names: list[str]) -> None:
    for name in names:
        edit(small_source, f"ALTER TABLE knowledge_nodes ADD COLUMN {name} TEXT DEFAULT 'value of {name}'")
    assert previewed_and_copied(small_source, database).outcome is Outcome.CLEAN
    assert counts(copy(small_source, database), "already_present")["knowledge_nodes"] == SMALL_SPEC.memories
    for row in read_tables(database)["knowledge_nodes"].values():
        assert {name: row["metadata"][name] for name in names} == {name: f"value of {name}" for name in names}


@pytest.mark.parametrize("encoding", ["UTF-16le", "UTF-16be"])
def test_a_database_in_utf_16(small_source: Path, sources: Sources, database: Database, encoding: str) -> None:
    target = small_source.with_name("wide.db")
    with closing(sqlite3.connect(target)) as connection, closing(sqlite3.connect(small_source)) as plain:
        connection.execute(f"PRAGMA encoding = '{encoding}'")
        connection.executescript("\n".join(plain.iterdump()) + f"PRAGMA user_version = {15};")
    assert query(target, "PRAGMA encoding") == [(encoding,)]
    assert previewed_and_copied(target, database).outcome is Outcome.CLEAN
    assert_equal_everywhere(small_source, database)
    ((first, content),) = query(small_source, "SELECT id, content FROM knowledge_nodes ORDER BY id LIMIT 1")
    shown = {value.column: value.start for value in find_row(target, "knowledge_nodes", first) or ()}
    assert (shown["id"], shown["content"]) == (first, content)


# Views and virtual tables


def test_views_in_place_of_all_tables(small_source: Path, sources: Sources, database: Database) -> None:
    as_views(small_source)
    report = previewed_and_copied(small_source, database)
    assert report.outcome is Outcome.CLEAN
    assert_equal_everywhere(sources.seed(name="plain.db"), database)
    assert report.left_behind == {}, "all rows arrive through the views"
    assert file_overview(small_source).memories == SMALL_SPEC.memories
    again = copy(small_source, database)
    assert counts(again, "already_present") == counts(again, "read")
    assert find_row(small_source, "knowledge_nodes", "nothing") is None


def test_a_view_of_old_memories_is_read_as_it_is(sources: Sources, database: Database) -> None:
    """It takes no columns; those of V15 are filled as an upgrade fills them."""
    old, plain = sources.seed(version=14), sources.seed(version=14, name="plain.db")
    with changing(old) as connection:
        connection.execute("ALTER TABLE knowledge_nodes RENAME TO stored")
        connection.execute("CREATE VIEW knowledge_nodes AS SELECT * FROM stored")
    assert describe(old).missing_v15 == ("users", "groups", "group_memberships")
    upgrade_in_place(plain)
    edit(plain, "DELETE FROM users")  # made at a time of its own
    assert previewed_and_copied(old, database, upgrade_copy=True).outcome is Outcome.CLEAN
    assert_equal_everywhere(plain, database)
    upgrade_in_place(old)
    assert describe(old).has_v15


@pytest.mark.parametrize(
    "definition",
    [
        "VIEW users AS SELECT 1 AS x",
        "VIEW users AS SELECT * FROM gone",
        "VIEW users AS SELECT owner AS id, owner AS handle FROM gone",
        "VIRTUAL TABLE users USING fts5(x)",
        "INDEX users ON knowledge_nodes(id)",
        "TABLE users (x)",
    ],
)
def test_the_name_of_a_v15_table_is_taken(sources: Sources, database: Database, definition: str) -> None:
    """By something that holds no users: the memories arrive, and belong to the user of Vestige's own."""
    old, plain = sources.seed(version=14), sources.seed(version=14, name="plain.db")
    edit(old, f"CREATE {definition}")
    assert describe(old).missing_v15[-2:] == ("groups", "group_memberships")
    assert "users" not in describe(old).rows
    upgrade_in_place(plain)
    edit(plain, "DELETE FROM users")  # made at a time of its own
    assert previewed_and_copied(old, database, upgrade_copy=True).outcome is Outcome.CLEAN
    assert_equal_everywhere(plain, database)
    upgrade_in_place(old)
    assert describe(old).has_v15


def test_a_view_of_users(small_source: Path, sources: Sources, database: Database) -> None:
    with changing(small_source) as connection:
        connection.execute("ALTER TABLE users RENAME TO people")
        connection.execute("ALTER TABLE people RENAME COLUMN handle TO nickname")
        connection.execute("CREATE VIEW users AS SELECT *, nickname AS Handle FROM people")
    assert previewed_and_copied(small_source, database).outcome is Outcome.CLEAN
    assert query(small_source, "SELECT count(*) FROM users") == [(SMALL_SPEC.users + 1,)]
    for row in read_tables(database)["users"].values():
        assert row["metadata"].get("nickname", "local") == row["handle"]


VIEWS = {
    "all": ("SELECT * FROM stored", {}),
    "more": ("SELECT *, 1 AS one FROM stored", {}),
    "joined": ("SELECT stored.* FROM stored LEFT JOIN embedding_model ON 0", {}),
    "through another": ("SELECT * FROM passing", {}),
    "fewer rows": ("SELECT * FROM stored WHERE rowid > 1", {"stored": 30}),
    "one row twice": (
        "SELECT * FROM stored WHERE rowid > 1 UNION ALL SELECT * FROM stored WHERE rowid = 2",
        {"stored": 30},
    ),
    "other values": ("SELECT {upper} FROM stored", {"stored": 30}),
}
"""A view of memories that are stored elsewhere: what it shows, and what is left behind."""


@pytest.mark.parametrize("name", VIEWS)
def test_a_table_whose_rows_arrive_through_a_view_is_not_left_behind(
    small_source: Path, database: Database, name: str
) -> None:
    """One whose rows or values arrive in part is, whole: which part of it is missing nothing says."""
    shown, left = VIEWS[name]
    with changing(small_source) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute("ALTER TABLE knowledge_nodes RENAME TO stored")
        columns = [column for _, column, *_ in connection.execute("PRAGMA table_info(stored)")]
        upper = ", ".join("upper(content) AS content" if column == "content" else column for column in columns)
        connection.execute("CREATE VIEW passing AS SELECT * FROM STORED")
        connection.execute(f"CREATE VIEW knowledge_nodes AS {shown.format(upper=upper)}")
    assert describe(small_source).left_behind == left
    report = previewed_and_copied(small_source, database)
    assert report.left_behind == left
    assert report.tables["knowledge_nodes"].inserted == (29 if "row" in name else 30)


def test_a_view_that_leaves_columns_out(small_source: Path) -> None:
    """What they hold does not arrive, and so the table stays in the list."""
    with changing(small_source) as connection:
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute("ALTER TABLE users RENAME TO people")
        connection.execute("ALTER TABLE people ADD COLUMN phone DEFAULT '1'")
        connection.execute("CREATE VIEW users AS SELECT id, handle, display_name, created_at, metadata FROM people")
    assert describe(small_source).left_behind == {"people": SMALL_SPEC.users + 1}


def test_views_and_triggers_that_fail_are_not_met(small_source: Path, database: Database) -> None:
    for statement in (
        "CREATE VIEW broken AS SELECT * FROM gone",
        "CREATE VIEW raising AS SELECT json('{') AS id",
        "CREATE VIEW edges_seen AS SELECT load_extension('nothing') AS id",
        "CREATE TRIGGER stop BEFORE UPDATE ON knowledge_nodes BEGIN SELECT RAISE(ABORT, 'no'); END",
    ):
        edit(small_source, statement)
    report = previewed_and_copied(small_source, database)
    assert (report.outcome, report.left_behind) == (Outcome.CLEAN, {})
    assert_equal_everywhere(small_source, database)


def test_a_virtual_table_in_place_of_one(small_source: Path, database: Database) -> None:
    edit(small_source, "DROP TABLE domains")
    edit(small_source, "CREATE VIRTUAL TABLE Domains USING fts5(ID, label)")
    edit(small_source, "INSERT INTO domains VALUES ('work', 'Work'), ('home', 'Home')")
    report = previewed_and_copied(small_source, database)
    assert (report.outcome, report.left_behind) == (Outcome.CLEAN, {})
    found = read_tables(database)["domains"].values()
    assert {(row["id"], row["label"]) for row in found} == {("work", "Work"), ("home", "Home")}


def test_full_text_tables_with_rows_of_their_own_are_named(small_source: Path, database: Database) -> None:
    for statement in (
        "CREATE VIRTUAL TABLE notes USING fts5(body)",
        "INSERT INTO notes VALUES ('one'), ('two')",
        "CREATE VIRTUAL TABLE Older USING fts4(body)",
        "INSERT INTO older VALUES ('one')",
        "CREATE VIRTUAL TABLE places USING rtree(id, low, high)",
        "INSERT INTO places VALUES (1, 2, 3), (2, 3, 4), (3, 4, 5)",
        "CREATE VIRTUAL TABLE empty USING fts5(body)",
        "CREATE VIRTUAL TABLE knowledge_fts USING fts5(content, content='knowledge_nodes')",
        "INSERT INTO knowledge_fts(knowledge_fts) VALUES ('rebuild')",
        "CREATE VIRTUAL TABLE words USING fts5vocab(knowledge_fts, row)",
        "CREATE VIEW seen AS SELECT * FROM notes",
    ):
        edit(small_source, statement)
    report = previewed_and_copied(small_source, database)
    assert (report.outcome, report.left_behind) == (Outcome.CLEAN, {"notes": 2, "Older": 1, "places": 3})


@pytest.mark.parametrize("definition", ["fts5(body, tokenize='vestige')", "vec0(body)"])
def test_a_virtual_table_of_an_unknown_module(small_source: Path, database: Database, definition: str) -> None:
    """The tables in which it keeps its rows are there all the same."""
    edit(small_source, "CREATE VIRTUAL TABLE notes USING fts5(body)")
    edit(small_source, "INSERT INTO notes VALUES ('one'), ('two')")
    with closing(sqlite3.connect(small_source)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET sql = ? WHERE name = 'notes'", (f"CREATE VIRTUAL TABLE notes USING {definition}",)
        )
        connection.commit()
    report = previewed_and_copied(small_source, database)
    assert report.outcome is Outcome.CLEAN
    assert (report.left_behind.get("notes") or report.left_behind["notes_content"]) == 2


def test_a_generated_column_that_cannot_be_computed(small_source: Path, sources: Sources, database: Database) -> None:
    """For one row alone: it is left out of all and named, since whatever it is computed from comes along."""
    broken = min(memory_ids(small_source))
    edit(small_source, "UPDATE knowledge_nodes SET metadata = '{' WHERE id = ?", (broken,))
    edit(small_source, "ALTER TABLE knowledge_nodes ADD COLUMN title TEXT AS (json_extract(metadata, '$.title'))")
    edit(small_source, "ALTER TABLE knowledge_nodes ADD COLUMN sound TEXT AS (upper(node_type))")
    edit(small_source, "ALTER TABLE groups ADD COLUMN title TEXT AS (json_extract(metadata, '$.title'))")
    plain = dict(query(sources.seed(name="other/plain.db"), "SELECT id, metadata FROM knowledge_nodes"))
    report = previewed_and_copied(small_source, database)
    assert [(error.row, error.field) for error in report.errors] == [(broken, "metadata")]
    assert report.left_behind == {"knowledge_nodes.title": SMALL_SPEC.memories}
    for row in read_tables(database)["knowledge_nodes"].values():
        assert row["metadata"]["sound"] == row["node_type"].upper()
        title = json.loads(plain[str(row["id"])]).get("title") if str(row["id"]) != broken else None
        assert row["metadata"].get("title") == title


def test_an_overview_computes_no_columns(small_source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of files shows their numbers of memories at once, whatever their columns would cost."""
    edit(small_source, "ALTER TABLE knowledge_nodes ADD COLUMN title TEXT AS (json_extract(metadata, '$.title'))")
    monkeypatch.setattr(shape, "_fails", lambda *_: pytest.fail("a column was computed"))
    assert file_overview(small_source).memories == SMALL_SPEC.memories


def test_a_generated_codebase_that_cannot_be_computed(sources: Sources, database: Database) -> None:
    old = sources.seed(version=14)
    edit(old, "UPDATE knowledge_nodes SET metadata = '{' WHERE id = (SELECT min(id) FROM knowledge_nodes)")
    edit(old, "ALTER TABLE knowledge_nodes ADD COLUMN codebase TEXT AS (json_extract(metadata, '$.codebase'))")
    report = previewed_and_copied(old, database, upgrade_copy=True)
    assert report.left_behind == {"knowledge_nodes.codebase": SMALL_SPEC.memories}
    assert "knowledge_nodes.codebase" not in describe(old).missing_v15
