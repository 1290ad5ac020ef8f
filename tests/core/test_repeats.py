"""Rows with the same key, under indexes that should prevent them: a copy and a dry run find each of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.destination import KEYS
from tests.support.hostile import complaints, foretold_and_copied, loosen
from tests.support.runs import copy, counts
from tests.support.servers import Database
from tests.support.sources import edit, memory_ids, query
from vestige_tui.core.rows.seen_keys import SeenKeys
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.guarantees import Guarantees
from vestige_tui.core.source.opening import open_source

SECOND = "the second one"


@contextmanager
def forging(source: Path) -> Iterator[sqlite3.Connection]:
    """A connection that may change what the file says of its own tables."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        yield connection


def repeat(source: Path, table: str = "knowledge_nodes") -> None:
    """Add the first row of a table once more, with other values in its other columns."""
    names = [name for (name,) in query(source, "SELECT name FROM pragma_table_info(?)", (table,)) if name != "n"]
    changed = {
        "content": f"'{SECOND}'",
        "created_at": "'2999-01-01T00:00:00Z'",
        "occurred_at": "'2999-01-01T00:00:00Z'",
    }
    values = [changed.get(name, name) for name in names]
    order = ", ".join(KEYS[table])
    edit(
        source,
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {', '.join(values)} FROM {table} ORDER BY {order} LIMIT 1",
    )


def no_index(source: Path) -> None:
    repeat(source)


def indexes_over_something_else(source: Path) -> None:
    edit(source, f"CREATE UNIQUE INDEX partial ON knowledge_nodes(id) WHERE content <> '{SECOND}'")
    edit(source, "CREATE UNIQUE INDEX longer ON knowledge_nodes(id, content)")
    edit(source, "CREATE UNIQUE INDEX expression ON knowledge_nodes(id || content COLLATE NOCASE)")
    repeat(source)


def declared_unique_afterwards(source: Path) -> None:
    repeat(source)
    edit(source, "CREATE INDEX forged ON knowledge_nodes(id COLLATE NOCASE)")
    with forging(source) as connection:
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'INDEX', 'UNIQUE INDEX') WHERE name = 'forged'")


def forged_index(source: Path, change: Callable[[], object]) -> None:
    """A unique index that does not hear of a change."""
    edit(source, "CREATE UNIQUE INDEX forged ON knowledge_nodes(id)")
    with forging(source) as connection:
        (entry,) = connection.execute("SELECT * FROM sqlite_schema WHERE name = 'forged'").fetchall()
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'forged'")
    change()
    with forging(source) as connection:
        connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", entry)


def entries_are_missing(source: Path) -> None:
    forged_index(source, lambda: repeat(source))


def entries_are_out_of_date(source: Path) -> None:
    """As many entries as rows, each of another id, and one of them of an id that the table has lost."""
    (victim,) = query(
        source, "SELECT max(rowid) FROM knowledge_nodes WHERE id <> (SELECT min(id) FROM knowledge_nodes)"
    )[0]
    edit(source, "DELETE FROM edges")
    edit(source, "DELETE FROM review_events")
    edit(source, "DELETE FROM scheduling WHERE memory_id = (SELECT id FROM knowledge_nodes WHERE rowid = ?)", (victim,))
    change = f"UPDATE knowledge_nodes SET (id, content, created_at) = ((SELECT min(id) FROM knowledge_nodes), '{SECOND}', '2999-01-01T00:00:00Z') WHERE rowid = {victim}"
    forged_index(source, lambda: edit(source, change))


def no_row_numbers(source: Path) -> None:
    """Give the last memory the id of the first, by changing bytes: its row stays where it is, far from the other."""
    first, *_, last = sorted(memory_ids(source))
    names = ", ".join(name for (name,) in query(source, "SELECT name FROM pragma_table_info('knowledge_nodes')"))
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("DELETE FROM edges WHERE ? IN (source_id, target_id)", (last,))
        connection.execute("DELETE FROM review_events WHERE memory_id = ?", (last,))
        connection.execute("DELETE FROM scheduling WHERE memory_id = ?", (last,))
        connection.execute(f"CREATE TABLE other ({names}, PRIMARY KEY (id)) WITHOUT ROWID")
        connection.execute(f"INSERT INTO other ({names}) SELECT {names} FROM knowledge_nodes")
        connection.execute("UPDATE other SET created_at = '2999-01-01T00:00:00Z' WHERE id = ?", (last,))
        connection.execute("DROP TABLE knowledge_nodes")
        connection.execute("ALTER TABLE other RENAME TO knowledge_nodes")
        connection.execute("VACUUM")
        connection.execute("PRAGMA journal_mode = DELETE")
    source.write_bytes(source.read_bytes().replace(last.encode(), first.encode()))


@pytest.mark.parametrize(
    "forge",
    [no_index, indexes_over_something_else, declared_unique_afterwards, entries_are_missing, entries_are_out_of_date],
)
def test_a_memory_that_comes_twice(small_source: Path, database: Database, forge: Callable[[Path], None]) -> None:
    loosen(small_source, "knowledge_nodes")
    forge(small_source)
    chosen = min(memory_ids(small_source))
    assert query(small_source, "SELECT count(*) FROM knowledge_nodes NOT INDEXED WHERE +id = ?", (chosen,)) == [(2,)]
    report = foretold_and_copied(small_source, database)
    assert complaints(report) == {("knowledge_nodes", chosen, "id", "duplicate_id", False): 1}
    assert set(counts(report, "already_present").values()) == {0}
    ((content,),) = database.rows("SELECT content FROM knowledge_nodes WHERE id = %s", (chosen,))
    assert content != SECOND
    again = copy(small_source, database)
    assert complaints(again) == complaints(report)
    assert again.tables["knowledge_nodes"].failed == 1


def test_the_order_of_a_table_without_row_numbers(small_source: Path, database: Database) -> None:
    """Its rows are in another order than it says, so that equal ids do not stand side by side."""
    no_row_numbers(small_source)
    chosen = min(memory_ids(small_source))
    report = foretold_and_copied(small_source, database)
    assert complaints(report) == {("knowledge_nodes", chosen, "id", "duplicate_id", False): 1}
    assert set(counts(report, "already_present").values()) == {0}


@pytest.mark.parametrize("table", ["groups", "group_memberships", "scheduling", "edges", "review_events"])
def test_rows_of_other_tables_that_come_twice(small_source: Path, database: Database, table: str) -> None:
    loosen(small_source, table)
    repeat(small_source, table)
    repeat(small_source, table)
    report = foretold_and_copied(small_source, database)
    (((found, _, field, kind, copied), number),) = complaints(report).items()
    assert (found, field, kind, copied, number) == (table, KEYS[table][0], "duplicate_id", False, 2)
    assert set(counts(report, "already_present").values()) == {0}


def guaranteed(source: Path) -> tuple[set[str], set[str]]:
    """The tables whose keys may repeat, and those that refer to rows that may be missing."""
    with open_source(source) as connection:
        guarantees = Guarantees(connection, describe_open(connection, source).sources)
        alone = Guarantees(connection, describe_open(connection, source).sources)
        repeating = {name for name, table in BY_NAME.items() if guarantees.keys_may_repeat(table)}
        assert repeating == {name for name, table in BY_NAME.items() if alone.keys_may_repeat(table, alone=True)}
        return repeating, {name for name, table in BY_NAME.items() if not guarantees.foreign_keys_resolve(table)}


@pytest.mark.parametrize("row_numbers", ["rowid", "rowid + 5000000000000", "-rowid"])
def test_sound_ids_do_not_repeat(small_source: Path, row_numbers: str) -> None:
    """Whatever index and row numbers there are, or none: so that these tables take the quick way."""
    loosen(small_source, "review_events", "edges")
    edit(small_source, f"UPDATE knowledge_nodes SET rowid = {row_numbers}")
    assert guaranteed(small_source) == ({"domains"}, set())


def test_a_connection_to_a_missing_memory_repeats_no_other(small_source: Path) -> None:
    loosen(small_source, "edges")
    edit(small_source, f"UPDATE edges SET target_id = '{UUID(int=7)}' WHERE rowid = 1")
    assert guaranteed(small_source) == ({"domains"}, {"edges"})


def test_ids_in_capitals_may_repeat_those_in_small_letters(small_source: Path) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET id = upper(id)")
    edit(small_source, "UPDATE scheduling SET memory_id = upper(memory_id)")
    repeating, _ = guaranteed(small_source)
    assert repeating == {"domains", "knowledge_nodes", "scheduling"}


def test_many_keys_are_found_as_one_is() -> None:
    with closing(SeenKeys()) as seen:
        seen.add_all("one", [b"abc", b"def", b"a"])
        seen.add_all("two", [b"ghi"])
        assert seen.missing("one", [b"abc", b"ghi", b"def", b"abd"]) == [1, 3]
        assert seen.missing("one", [b"abc", b"a", b"ab"]) == [2], "of different lengths"
        assert seen.missing("one", []) == []
        assert not seen.add("one", b"def")
