"""Having references enforced where others are at work, or in the way; and what a run says that could not."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.core.test_references import NOBODY, WANTED, at, references, unenforced
from tests.support.hostile import overwrite_page
from tests.support.runs import IMPATIENT, all_compared, copy
from tests.support.servers import Database
from tests.support.sources import Sources, edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.events import Phase
from vestige_tui.core.explain import REFERENCES_PENDING
from vestige_tui.core.missing import Reason
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import NIL_UUID, Kind
from vestige_tui.core.rows.tables import BY_NAME

pytestmark = pytest.mark.usefixtures("can_enforce_later")


@contextmanager
def beside(database: Database) -> Iterator[psycopg.Connection]:
    """Another client, in a transaction."""
    with psycopg.connect(database.dsn.conninfo()) as client:
        yield client
        client.rollback()


def interrupted(source: Path, database: Database) -> MigrationReport:
    """A first copy that was cancelled when all rows were in."""
    cancel = threading.Event()
    return copy(source, database, on_event=at(Phase.INDEXES, cancel.set), cancel=cancel)


def at_reference(name: str, act: Callable[[], object]) -> Callable[[events.Event], None]:
    """A watcher that does something when a reference is about to be enforced."""

    def watch(event: events.Event) -> None:
        if isinstance(event, events.IndexProgress) and event.name == name and event.fraction == 0:
            act()

    return watch


# Others at work


def test_an_open_transaction_that_has_read(small_source: Path, database: Database) -> None:
    """It could stay open for ever: the run says what is left, and others are not kept waiting."""
    with beside(database) as reader:
        look = at(Phase.INDEXES, lambda: reader.execute("SELECT count(*) FROM scheduling"))
        report = copy(small_source, database, on_event=look, waits=Waits(tables_in_use=0.8))
    assert report.outcome is Outcome.INCOMPLETE
    (part,) = report.incomplete
    assert (part.name, part.reason) == ("scheduling_memory_id_fkey", Reason.TABLES_IN_USE)
    assert unenforced(database) == {"scheduling_memory_id_fkey"}
    assert all_compared(copy(small_source, database))
    assert references(database) == WANTED


def test_an_open_transaction_that_ends_in_time(small_source: Path, database: Database) -> None:
    with beside(database) as reader:
        reader.execute("SELECT 1")

        def look_for_a_second() -> None:
            reader.execute("SELECT count(*) FROM scheduling")
            threading.Timer(1, reader.rollback).start()

        report = copy(small_source, database, on_event=at(Phase.INDEXES, look_for_a_second))
    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert references(database) == WANTED


def test_waiting_for_an_open_transaction_can_be_cancelled(small_source: Path, database: Database) -> None:
    cancel = threading.Event()
    with beside(database) as reader:

        def watch(event: events.Event) -> None:
            at(Phase.INDEXES, lambda: reader.execute("SELECT count(*) FROM scheduling"))(event)
            at_reference("scheduling_memory_id_fkey", lambda: threading.Timer(0.7, cancel.set).start())(event)

        report = copy(small_source, database, on_event=watch, cancel=cancel)
    assert report.outcome is Outcome.CANCELLED
    assert report.notices == [REFERENCES_PENDING]


def test_a_client_that_locks_the_tables_in_the_other_order(small_source: Path, database: Database) -> None:
    """It writes a memory and then its schedule; of the two it is the copy that steps back."""
    wrote = threading.Event()
    with beside(database) as client:

        def write_memory() -> None:
            client.execute("INSERT INTO knowledge_nodes (id, content) VALUES (%s, 'live')", (NOBODY,))
            wrote.set()

        reports: list[MigrationReport] = []
        watch = at_reference("scheduling_memory_id_fkey", write_memory)
        run = threading.Thread(target=lambda: reports.append(copy(small_source, database, on_event=watch)))
        run.start()
        assert wrote.wait(60)
        client.execute("INSERT INTO scheduling (memory_id) VALUES (%s)", (NOBODY,))
        client.commit()
        run.join(60)
    (report,) = reports
    assert (report.outcome, report.notices) == (Outcome.CLEAN, [])
    assert references(database) == WANTED
    assert database.value("SELECT content FROM knowledge_nodes WHERE id = %s", (NOBODY,)) == "live"


def test_an_index_that_waits_for_a_lock(small_source: Path, database: Database) -> None:
    """An open transaction that has written keeps a table's indexes from being built: not without end, and not the
    others. What is waited for is told meanwhile.
    """
    seen: list[events.Event] = []
    with beside(database) as writer:
        write = at(Phase.INDEXES, lambda: writer.execute("UPDATE review_events SET kind = 'x'"))

        def watch(event: events.Event) -> None:
            seen.append(event)
            write(event)

        report = copy(small_source, database, on_event=watch, waits=Waits(tables_in_use=1.5, look=0.1))
    assert report.outcome is Outcome.INCOMPLETE
    indexes = {index.name for index in BY_NAME["review_events"].indexes}
    assert {part.name for part in report.incomplete} == indexes | {"review_events_memory_id_fkey"}
    assert {part.reason for part in report.incomplete} == {Reason.TABLES_IN_USE}
    waits = [event for event in seen if isinstance(event, events.Waiting)]
    assert {wait.tables for wait in waits} == {("review_events",), ("review_events", "knowledge_nodes")}
    assert all(0 <= wait.seconds <= 1.5 for wait in waits)
    assert copy(small_source, database).outcome is Outcome.CLEAN
    assert references(database) == WANTED


def test_a_server_that_does_not_get_to_an_index(small_source: Path, database: Database) -> None:
    """A run that waits longer than it waits for any answer looks no further."""
    with beside(database) as writer:
        write = at(Phase.INDEXES, lambda: writer.execute("UPDATE review_events SET kind = 'x'"))
        with pytest.raises(DestinationError, match="has not answered") as caught:
            copy(small_source, database, on_event=write, waits=IMPATIENT)
    assert isinstance(caught.value.report, MigrationReport)
    assert caught.value.report.notices == [REFERENCES_PENDING]
    assert copy(small_source, database).outcome is Outcome.CLEAN
    assert references(database) == WANTED


# Rows in the way


def test_rows_that_stay_in_the_way_are_reported_by_every_run(small_source: Path, database: Database) -> None:
    """A memory that was deleted at both ends, while nothing took away what belongs to it."""
    memory = memory_ids(small_source)[0]
    interrupted(small_source, database)
    database.execute(f"DELETE FROM knowledge_nodes WHERE id = '{memory}'")
    for table, columns in (
        ("scheduling", ["memory_id"]),
        ("edges", ["source_id", "target_id"]),
        ("review_events", ["memory_id"]),
        ("knowledge_nodes", ["id"]),
    ):
        for column in columns:
            edit(small_source, f"DELETE FROM {table} WHERE {column} = ?", (memory,))
    for _ in range(2):
        preview = copy(small_source, database, dry_run=True)
        report = copy(small_source, database)
        assert preview.errors == report.errors
        assert (preview.outcome, preview.incomplete) == (report.outcome, report.incomplete)
        assert report.outcome is Outcome.ERRORS
        assert {part.reason for part in report.incomplete} == {Reason.ROWS_IN_THE_WAY}
        (error,) = (error for error in report.errors if error.table == "scheduling")
        assert (error.row, error.field, error.kind) == (NIL_UUID, "memory_id", Kind.DANGLING_REFERENCE)
        assert error.message.startswith(
            "1 row refers by memory_id to memories that are not at the destination any more"
        )
    query = error.message.partition(" (")[2].removesuffix(")")
    assert [str(row[0]) for row in database.rows(query)] == [memory]
    database.execute(query.replace("SELECT *", "DELETE"))
    assert "scheduling" not in {error.table for error in copy(small_source, database).errors}


def test_an_interrupted_copy_and_a_dry_run_after_it_say_so(small_source: Path, database: Database) -> None:
    assert interrupted(small_source, database).notices == [REFERENCES_PENDING]
    assert copy(small_source, database, dry_run=True).notices == [REFERENCES_PENDING]
    assert all_compared(copy(small_source, database))
    assert copy(small_source, database, dry_run=True).notices == []


@pytest.mark.parametrize("broken", [False, True])
def test_a_row_that_has_arrived_is_not_an_orphan(small_source: Path, database: Database, broken: bool) -> None:
    """Its memory has gone at both ends: what is there is there, as the dry run says too."""
    memory = memory_ids(small_source)[0]
    if broken:
        edit(small_source, "UPDATE scheduling SET stability = 'abc' WHERE memory_id = ?", (memory,))
    interrupted(small_source, database)
    database.execute(f"DELETE FROM knowledge_nodes WHERE id = '{memory}'")
    edit(small_source, "DELETE FROM knowledge_nodes WHERE id = ?", (memory,))
    preview = copy(small_source, database, dry_run=True)
    report = copy(small_source, database)
    assert report.tables["scheduling"].failed == preview.tables["scheduling"].failed == 0
    assert report.tables["scheduling"].already_present == preview.tables["scheduling"].already_present == 30
    assert not {Kind.BAD_NUMBER, Kind.MISSING_REFERENCE} & {error.kind for error in (*preview.errors, *report.errors)}


def test_rows_whose_memory_comes_back_are_not_in_the_way(small_source: Path, database: Database) -> None:
    """What was deleted at the destination arrives again with the next copy, as the dry run knows."""
    memory, other = memory_ids(small_source)[:2]
    interrupted(small_source, database)
    database.execute(f"DELETE FROM knowledge_nodes WHERE id IN ('{memory}', '{other}')")
    edit(small_source, "UPDATE knowledge_nodes SET id = 'note-7' WHERE id = ?", (other,))
    preview = copy(small_source, database, dry_run=True)
    report = copy(small_source, database)
    reported = {error.table: error.message for error in preview.errors if error.kind is Kind.DANGLING_REFERENCE}
    assert reported["scheduling"].startswith("1 row refers by memory_id")
    assert preview.errors == report.errors
    assert (preview.outcome, preview.incomplete) == (report.outcome, report.incomplete)
    assert {part.reason for part in report.incomplete} == {Reason.ROWS_IN_THE_WAY}


# Indexes of the source that hold too much, or nothing


def strayed(source: Path) -> str:
    """Change a memory's id without the index of ids, which keeps the old one; the old one."""
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        (memory,) = connection.execute("SELECT id FROM knowledge_nodes WHERE rowid = 1").fetchone()
        query = "SELECT sql FROM sqlite_master WHERE name = 'knowledge_nodes'"
        (made,) = connection.execute(query).fetchone()
        query = "SELECT * FROM sqlite_master WHERE tbl_name = 'knowledge_nodes' AND type = 'index'"
        indexes = connection.execute(query).fetchall()
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("DELETE FROM sqlite_master WHERE tbl_name = 'knowledge_nodes' AND type = 'index'")
        plain = made.replace("PRIMARY KEY", "", 1)
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'knowledge_nodes'", (plain,))
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("UPDATE knowledge_nodes SET id = ? WHERE rowid = 1", (NOBODY,))
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_master SET sql = ? WHERE name = 'knowledge_nodes'", (made,))
        connection.executemany("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", indexes)
    return str(memory)


def test_an_index_with_an_id_that_the_table_has_lost(sources: Sources, database: Database) -> None:
    source = sources.seed()
    lost = strayed(source)
    preview = copy(source, database, dry_run=True)
    report = copy(source, database)
    assert {error.row for error in report.errors if error.table == "scheduling"} == {lost}
    assert report.errors == preview.errors
    assert references(database) == WANTED


@pytest.mark.parametrize("index", ["idx_nodes_owner", "sqlite_autoindex_knowledge_nodes_1", "idx_review_events_memory"])
def test_a_damaged_index_is_no_obstacle(sources: Sources, database: Database, index: str) -> None:
    """The tables themselves are sound."""
    source = sources.seed()
    with closing(sqlite3.connect(source)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (index,)).fetchone()
    overwrite_page(source, root - 1, b"\0")
    report = copy(source, database)
    assert report.outcome is Outcome.CLEAN
    assert report.tables["knowledge_nodes"].inserted == 30
    assert references(database) == WANTED
