"""Running again: what is there is found by keys, and only what is missing is read and sent."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.disturbances import assert_equal
from tests.support.hostile import foretold_and_copied, loosen
from tests.support.runs import TABLES, copy, counts, found_by_keys, only_error
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids, query
from vestige_tui.core.destination.writer import TableWriter
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.batches import RowBatch
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.source import key_reader, reader
from vestige_tui.core.source.describe import describe_open
from vestige_tui.core.source.key_reader import KeyReader
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader

NOTHING = dict.fromkeys(TABLES, 0)
KEYED = ["knowledge_nodes", "scheduling", "edges", "review_events"]


def send_nothing(*_: object) -> None:
    """In place of ``TableWriter.write``."""
    raise AssertionError("nothing needs to be sent")


def read_nothing(reader: TableReader, *_: object, **__: object) -> Iterator[RowBatch]:
    """In place of ``TableReader.batches``. The keys of domains are text, of which two may become one; of two users that
    want one name the first gets it.
    """
    assert reader._source.table.name in ("domains", "users", "groups"), "no row needs to be read whole"
    return iter(())


def test_rows_at_the_destination_are_not_read_and_not_sent(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in ("domains", "users", "groups"):
        edit(small_source, f"DELETE FROM {table}")
    monkeypatch.setattr(TableWriter, "write", send_nothing)
    monkeypatch.setattr(TableReader, "batches", read_nothing)
    report = copy(small_source, copied_database, verify=False)
    assert counts(report, "read") == counts(report, "source") == counts(report, "already_present")
    assert report.outcome is Outcome.CLEAN
    assert found_by_keys(report)
    found = sum(report.tables[table].already_present for table in (*KEYED, "group_memberships"))
    assert report.notices[0].startswith(f"{found} rows were at the destination already")


@pytest.mark.parametrize(("batch_size", "at_once"), [(1, 1_000), (7, 4), (500, 1)])
def test_only_missing_rows_are_copied(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch, batch_size: int, at_once: int
) -> None:
    monkeypatch.setattr(key_reader, "AT_ONCE", at_once)
    monkeypatch.setattr(reader, "NUMBERS_AT_ONCE", at_once)
    before = read_tables(copied_database)
    gone = memory_ids(small_source)[::3]
    copied_database.execute(f"DELETE FROM knowledge_nodes WHERE id = ANY ('{{{','.join(gone)}}}')")
    left = {table: copied_database.value(f"SELECT count(*) FROM {table}") for table in KEYED}
    report = copy(small_source, copied_database, batch_size=batch_size)
    assert report.tables["knowledge_nodes"].inserted == len(gone)
    assert {table: report.tables[table].already_present for table in KEYED} == left
    assert {table: report.tables[table].already_equal for table in KEYED} == left
    assert (report.errors, report.notices, report.verified) == ([], [], True)
    assert read_tables(copied_database) == before


@pytest.mark.parametrize("numbers", ["-rowid", "rowid * 1000000007", "9223372036854775807 - 30 + rowid",
                                     "-9223372036854775808 + rowid - 1"])  # fmt: skip
def test_rows_are_found_again_whatever_their_numbers(sources: Sources, database: Database, numbers: str) -> None:
    """SQLite numbers rows from the lowest to the highest of 64 bits."""
    source = sources.seed()
    edit(source, "DELETE FROM knowledge_nodes WHERE rowid > 30")
    for table in ("knowledge_nodes", "edges"):
        edit(source, f"UPDATE {table} SET rowid = -rowid - 1000000")
        edit(source, f"UPDATE {table} SET rowid = {numbers.replace('rowid', '(-rowid - 1000000)')}")
    copy(source, database)
    gone = memory_ids(source)[::7]
    database.execute(f"DELETE FROM knowledge_nodes WHERE id = ANY ('{{{','.join(gone)}}}')")
    report = copy(source, database)
    assert (report.tables["knowledge_nodes"].inserted, report.errors) == (len(gone), [])
    assert_equal(source, database)


def loosen_all_but_keys(source: Path, table: str) -> None:
    """Take a table's checks off, but not that its key is unique."""
    loosen(source, table)
    edit(source, f"CREATE UNIQUE INDEX only_key_{table} ON {table} ({', '.join(BY_NAME[table].key)})")


WRONG = [
    ("knowledge_nodes", "metadata = '{'", Kind.MALFORMED_JSON),
    ("knowledge_nodes", "tags = '{}'", Kind.MISSHAPEN_JSON),
    ("knowledge_nodes", "content = CAST(x'61ff62' AS TEXT)", Kind.UNSTORABLE_TEXT),
    ("knowledge_nodes", "updated_at = '2026-02-30T00:00:00Z'", Kind.BAD_TIMESTAMP),
    ("knowledge_nodes", "embedding = x'0000803f0000803f'", Kind.WRONG_DIMENSION),
    ("scheduling", "stability = 'high'", Kind.BAD_NUMBER),
    ("edges", "edge_type = NULL", Kind.MISSING_VALUE),
    ("review_events", "rating = 70000", Kind.BAD_NUMBER),
]

WRONG_ACCESS = [
    ("shared_with_groups = '[not json'", Kind.MALFORMED_JSON),
    ("shared_with_groups = '[\"nobody\"]'", Kind.BAD_UUID),
    ("shared_with_groups = '[' || hex(zeroblob(3000))", Kind.MALFORMED_JSON),
    ("shared_with_groups = x'ff'", Kind.MALFORMED_JSON),
    ("shared_with_groups = CAST(x'5b61ff5d' AS TEXT)", Kind.UNSTORABLE_JSON),
    ("owner_user_id = 'nobody'", Kind.BAD_UUID),
    ("owner_user_id = NULL", Kind.BAD_UUID),
    ("owner_user_id = id || ',' || id", Kind.BAD_UUID),
    ("owner_user_id = x'00'", Kind.BAD_UUID),
    ("owner_user_id = 'aaaaaaaa-aaaa-aaaa-aaaa-,-------aaaa'", Kind.BAD_UUID),
    ("visibility = NULL", Kind.MISSING_VALUE),
    ("visibility = hex(zeroblob(3000)) || char(0)", Kind.UNSTORABLE_TEXT),
    ("visibility = 'a' || char(0)", Kind.UNSTORABLE_TEXT),
    ("visibility = CAST(x'ff' AS TEXT)", Kind.UNSTORABLE_TEXT),
]


def test_new_problems_of_rows_already_copied(small_source: Path, copied_database: Database) -> None:
    """Dry run and copy say that a value differs, unless the one that is there is what stands in for a broken one; a run
    of those rows alone names their problems.
    """
    different = dict(NOTHING)
    for table in KEYED:
        loosen_all_but_keys(small_source, table)
    for number, (table, change, kind) in enumerate(WRONG):
        row = 3 + sum(earlier == table for earlier, *_ in WRONG[:number])
        assert edit(small_source, f"UPDATE {table} SET {change} WHERE rowid = {row}") == 1
        different[table] += kind is not Kind.MISSING_VALUE
    reports = [copy(small_source, copied_database, dry_run=dry_run) for dry_run in (True, False)]
    for report in reports:
        assert (report.outcome, report.errors, report.notices) == (Outcome.DIFFERENT, [], [])
        assert counts(report, "already_different") == different
        assert counts(report, "already_present") == counts(report, "source")
    own: dict[str, list[str]] = {}
    for difference in reports[1].differences:
        own.setdefault(difference.table, []).append(difference.row)
    alone = copy(small_source, copied_database, dry_run=True, only=own)
    assert Counter((error.table, error.field, error.kind) for error in alone.errors) == Counter(
        (table, change.partition(" ")[0], kind) for table, change, kind in WRONG if kind is not Kind.MISSING_VALUE
    )


def test_a_dry_run_counts_what_it_finds_by_key_as_the_copy_does(small_source: Path, copied_database: Database) -> None:
    """With nothing compared, its words are the copy's, too; and the outcome is."""
    loosen_all_but_keys(small_source, "knowledge_nodes")
    edit(small_source, "UPDATE knowledge_nodes SET metadata = '{' WHERE rowid < 9")
    copied_database.execute("DELETE FROM knowledge_nodes WHERE hashtext(id::text) % 2 = 0")
    report = foretold_and_copied(small_source, copied_database, verify=False)
    assert 0 < report.tables["knowledge_nodes"].repaired < 8
    preview = foretold_and_copied(small_source, copied_database, verify=False)
    assert (preview.outcome, preview.errors) == (Outcome.CLEAN, [])
    assert found_by_keys(preview)


@pytest.mark.parametrize(
    ("table", "change", "kind"),
    [
        ("knowledge_nodes", "content = ''", Kind.EMPTY_CONTENT),
        ("review_events", "memory_id = 'nobody'", Kind.BAD_UUID),
    ],
)
def test_a_row_already_copied_does_not_fail(
    small_source: Path, copied_database: Database, table: str, change: str, kind: Kind
) -> None:
    """Even where no row is left to send. A run of that row alone names its problem."""
    loosen_all_but_keys(small_source, table)
    edit(small_source, f"UPDATE {table} SET {change} WHERE rowid = 7")
    report = foretold_and_copied(small_source, copied_database)
    assert report.errors == []
    assert counts(report, "already_present") == counts(report, "source")
    ((row,),) = query(small_source, f"SELECT id FROM {table} WHERE rowid = 7")
    error = only_error(copy(small_source, copied_database, dry_run=True, only={table: [row]}))
    assert (error.table, error.kind, error.copied) == (table, kind, True)


def test_who_may_see_a_memory_is_looked_at_every_time(small_source: Path, copied_database: Database) -> None:
    """Each of these in a memory of its own."""
    before = read_tables(copied_database)
    loosen_all_but_keys(small_source, "knowledge_nodes")
    wanted = {}
    for memory, (change, kind) in zip(memory_ids(small_source), WRONG_ACCESS, strict=False):
        edit(small_source, f"UPDATE knowledge_nodes SET {change} WHERE id = ?", (memory,))
        wanted[memory] = ("knowledge_nodes", change.partition(" ")[0], kind)
    for dry_run in (False, True):
        report = copy(small_source, copied_database, dry_run=dry_run)
        assert {error.row: (error.table, error.field, error.kind) for error in report.errors} == wanted
        assert len(report.errors) == len(WRONG_ACCESS)
        assert counts(report, "already_present") == counts(report, "source")
    assert read_tables(copied_database) == before


def test_a_memory_that_is_shared_with_very_many_groups(small_source: Path, copied_database: Database) -> None:
    """More than is looked at in passing."""
    groups = json.dumps([str(UUID(int=number)) for number in range(200)])
    loosen_all_but_keys(small_source, "knowledge_nodes")
    edit(
        small_source,
        "UPDATE knowledge_nodes SET shared_with_groups = ?, visibility = 'secret' WHERE rowid % 2",
        (groups,),
    )
    for dry_run in (False, True):  # visibility is text: only a server that is sent the row would refuse it
        report = copy(small_source, copied_database, dry_run=dry_run)
        assert (report.errors, counts(report, "already_present")) == ([], counts(report, "source"))


def test_a_row_at_the_destination_is_never_sent(small_source: Path, copied_database: Database) -> None:
    """Not even one with a problem: a trigger would see it, and count it."""
    loosen_all_but_keys(small_source, "knowledge_nodes")
    edit(small_source, "UPDATE knowledge_nodes SET owner_user_id = 'nobody', visibility = 'secret' WHERE rowid % 2")
    copied_database.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'sent'; END $$;"
        "CREATE TRIGGER refuse BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    report = copy(small_source, copied_database)
    assert {(error.field, error.kind) for error in report.errors} == {("owner_user_id", Kind.BAD_UUID)}
    assert (len(report.errors), counts(report, "already_present")) == (15, counts(report, "source"))
    assert sum(counts(report, "repaired").values()) == 0


@pytest.mark.parametrize("column", ["occurred_at", "kind"])
def test_a_wider_key_at_the_destination(small_source: Path, copied_database: Database, column: str) -> None:
    """Also where its text looks like a UUID, which it is not to the server."""
    edit(small_source, "UPDATE review_events SET kind = id")
    copied_database.execute("UPDATE review_events SET kind = id")
    copied_database.execute(
        f"ALTER TABLE review_events DROP CONSTRAINT review_events_pkey, ADD PRIMARY KEY (id, {column})"
    )
    copied_database.execute("DELETE FROM review_events WHERE ctid IN (SELECT ctid FROM review_events LIMIT 3)")
    report = copy(small_source, copied_database)
    assert (counts(report, "inserted"), report.errors) == (NOTHING | {"review_events": 3}, [])
    assert_equal(small_source, copied_database)


def test_a_row_twice_at_the_destination_does_not_stand_for_another(
    small_source: Path, copied_database: Database
) -> None:
    """Inheritance is the one way to have that, since no key spans parent and child."""
    one, other = query(small_source, "SELECT id FROM review_events LIMIT 2")
    copied_database.execute("CREATE TABLE child () INHERITS (review_events)")
    copied_database.execute(f"INSERT INTO child SELECT * FROM ONLY review_events WHERE id = '{one[0]}'")
    copied_database.execute(f"DELETE FROM review_events WHERE id = '{other[0]}'")
    report = copy(small_source, copied_database)
    assert (report.tables["review_events"].inserted, report.errors) == (1, [])


def test_two_spellings_of_an_id_in_a_column_that_ignores_case(small_source: Path, copied_database: Database) -> None:
    """Also there the second is not taken for the first, which the destination has."""
    loosen(small_source, "review_events")
    columns = ", ".join(row[1] for row in query(small_source, "PRAGMA table_info(review_events)"))
    edit(small_source, "ALTER TABLE review_events RENAME TO old")
    edit(small_source, f"CREATE TABLE review_events ({columns.replace('id,', 'id TEXT COLLATE NOCASE,', 1)})")
    edit(small_source, "INSERT INTO review_events SELECT * FROM old")
    edit(small_source, "DROP TABLE old")
    edit(small_source, "CREATE UNIQUE INDEX exact ON review_events (id COLLATE BINARY)")
    edit(
        small_source,
        f"INSERT INTO review_events SELECT upper(id), {columns.partition(', ')[2]} FROM review_events LIMIT 1",
    )
    assert only_error(copy(small_source, copied_database)).kind is Kind.DUPLICATE_ID


@pytest.mark.parametrize("tables", [("knowledge_nodes",), ("scheduling", "edges", "review_events")])
def test_tables_whose_rows_have_no_numbers(small_source: Path, copied_database: Database, tables: list[str]) -> None:
    for table in tables:
        loosen_all_but_keys(small_source, table)
        ((statement,),) = query(small_source, "SELECT sql FROM sqlite_schema WHERE name = ?", (table,))
        key = ", ".join(BY_NAME[table].key)
        edit(small_source, f"ALTER TABLE {table} RENAME TO numbered")
        edit(small_source, f"{statement.removesuffix(')')}, PRIMARY KEY ({key})) WITHOUT ROWID")
        edit(small_source, f"INSERT INTO {table} SELECT * FROM numbered")
        edit(small_source, "DROP TABLE numbered")
        with open_source(small_source) as connection:
            source = describe_open(connection, small_source).sources[table]
            assert not KeyReader(connection, source, BY_NAME[table].key).usable
    copied_database.execute("DELETE FROM scheduling WHERE ctid IN (SELECT ctid FROM scheduling LIMIT 4)")
    report = copy(small_source, copied_database)
    assert counts(report, "inserted") == NOTHING | {"scheduling": 4}
    assert report.errors == []
    assert_equal(small_source, copied_database)


def test_ids_of_the_source_in_another_spelling_are_found(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(small_source, "UPDATE knowledge_nodes SET id = upper(id)")
    edit(small_source, "UPDATE scheduling SET memory_id = upper(memory_id)")
    monkeypatch.setattr(TableWriter, "write", send_nothing)
    report = copy(small_source, copied_database)
    assert report.tables["knowledge_nodes"].already_present == 30
    assert report.tables["scheduling"].already_present == report.tables["scheduling"].source
    assert UUID(memory_ids(small_source)[0])


@pytest.mark.parametrize("table", KEYED)
def test_the_keys_are_those_of_the_rows(small_source: Path, monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """With the number of each row, whether SQLite puts them together or they are taken one by one."""
    key = BY_NAME[table].key
    expected = {
        number: tuple(map(UUID, values))
        for number, *values in query(small_source, f"SELECT rowid, {', '.join(key)} FROM {table}")
    }
    monkeypatch.setattr(key_reader, "AT_ONCE", 7)

    def read() -> dict[int, tuple[UUID, ...]]:
        with open_source(small_source) as connection:
            source = describe_open(connection, small_source).sources[table]
            keys = KeyReader(connection, source, key)
            batches = [*keys.batches()]
        assert not any(keys.unsound)
        found: dict[int, tuple[UUID, ...]] = {}
        for batch in batches:
            rows = zip(*map(ids, batch.fields), strict=True)
            found |= zip(map(int, batch.rowids.split(",")), rows, strict=True)
        return found

    assert read() == expected
    monkeypatch.setattr(KeyReader, "_joined", lambda *_: None)
    assert read() == expected


def ids(fields: bytes) -> list[UUID]:
    """Of joined fields, each of which brings its length."""
    return [UUID(bytes=fields[start + 4 : start + 20]) for start in range(0, len(fields), 20)]
