"""References that a server enforces only once a copy's own tables are full."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import errors

from tests.support.destination import read_tables
from tests.support.roles import DML, role
from tests.support.runs import all_compared, copy
from tests.support.servers import Database, Server
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.events import Phase
from vestige_tui.core.missing import PartKind, Reason
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import Kind, RowError

WANTED = {
    "edges_source_id_fkey": ("edges", "FOREIGN KEY (source_id) REFERENCES knowledge_nodes(id) ON DELETE CASCADE"),
    "edges_target_id_fkey": ("edges", "FOREIGN KEY (target_id) REFERENCES knowledge_nodes(id) ON DELETE CASCADE"),
    "group_memberships_group_id_fkey": (
        "group_memberships", "FOREIGN KEY (group_id) REFERENCES groups(id) ON DELETE CASCADE"
    ),
    "group_memberships_user_id_fkey": (
        "group_memberships", "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE"
    ),
    "knowledge_nodes_owner_user_id_fkey": ("knowledge_nodes", "FOREIGN KEY (owner_user_id) REFERENCES users(id)"),
    "review_events_memory_id_fkey": (
        "review_events", "FOREIGN KEY (memory_id) REFERENCES knowledge_nodes(id) ON DELETE CASCADE"
    ),
    "scheduling_memory_id_fkey": (
        "scheduling", "FOREIGN KEY (memory_id) REFERENCES knowledge_nodes(id) ON DELETE CASCADE"
    ),
}  # fmt: skip
"""Of ``vestige-schemas.md`` section 7; as the server writes them, so without NOT ENFORCED."""

NOBODY = "99999999-9999-4999-8999-999999999999"


pytestmark = pytest.mark.usefixtures("can_enforce_later")


def references(database: Database) -> dict[str, tuple[str, str]]:
    """By name, the table and the definition of each reference."""
    rows = database.rows(
        "SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f'"
    )
    return {name: (table, definition) for name, table, definition in rows}


def unenforced(database: Database) -> set[str]:
    """Names of the references that the server does not enforce."""
    return {name for (name,) in database.rows(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND NOT conenforced"
    )}  # fmt: skip


def marked(database: Database) -> set[str]:
    """Names of the constraints that have a comment."""
    return {name for (name,) in database.rows(
        "SELECT conname FROM pg_constraint WHERE obj_description(oid, 'pg_constraint') IS NOT NULL"
    )}  # fmt: skip


def at(phase: Phase, act: Callable[[], object]) -> Callable[[events.Event], None]:
    """A watcher that does something when a phase begins."""

    def watch(event: events.Event) -> None:
        if isinstance(event, events.PhaseStarted) and event.phase is phase:
            act()

    return watch


def childless(source: Path) -> None:
    """Memories that do not arrive: one has no content, one an unknown owner."""
    first, second = memory_ids(source)[1:3]
    edit(source, "UPDATE knowledge_nodes SET owner_user_id = ? WHERE id = ?", (NOBODY, first))
    edit(source, "UPDATE knowledge_nodes SET content = '' WHERE id = ?", (second,))


def fatherless(source: Path) -> None:
    """A row or two of each table refer to what the source does not have."""
    edit(source, "UPDATE scheduling SET memory_id = ? WHERE memory_id = ?", (NOBODY, memory_ids(source)[0]))
    for table, column, which in (
        ("edges", "target_id", "min"),
        ("edges", "source_id", "max"),
        ("review_events", "memory_id", "min"),
        ("group_memberships", "user_id", "min"),
    ):
        edit(source, f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT {which}(rowid) FROM {table})", (NOBODY,))
    edit(
        source,
        "INSERT INTO group_memberships SELECT ?, ?, role, joined_at FROM group_memberships LIMIT 1",
        (NOBODY, NOBODY),
    )


def not_allowed(source: Path) -> None:
    """Rows refer to what is not there, and have a value besides that no check allows."""
    fatherless(source)
    edit(source, "UPDATE group_memberships SET role = 'king'")


def spelled_otherwise(source: Path) -> None:
    """Rows refer to memories, and memories are named, in capitals; one of the rows to none."""
    edit(source, "UPDATE review_events SET memory_id = upper(memory_id)")
    edit(source, "UPDATE knowledge_nodes SET id = upper(id) WHERE id = ?", (memory_ids(source)[5],))
    edit(source, "UPDATE review_events SET memory_id = ? WHERE rowid = 1", (NOBODY,))


def both(source: Path) -> None:
    childless(source)
    fatherless(source)
    spelled_otherwise(source)


def by_row(errors: list[RowError]) -> list[RowError]:
    """In an order that does not depend on the thread that found them."""
    return sorted(errors, key=lambda error: (error.table, error.row, error.kind))


def orphaned(sources: Sources, harm: Callable[[Path], None] = both) -> Path:
    """A source of 30 memories, harmed."""
    source = sources.seed()
    harm(source)
    return source


def test_all_references_are_enforced_in_the_end(small_source: Path, database: Database) -> None:
    assert copy(small_source, database).outcome is Outcome.CLEAN
    assert references(database) == WANTED
    assert unenforced(database) == marked(database) == set()
    with pytest.raises(errors.ForeignKeyViolation):
        database.execute(f"INSERT INTO scheduling (memory_id) VALUES ('{NOBODY}')")
    memory = memory_ids(small_source)[0]
    database.execute(f"DELETE FROM knowledge_nodes WHERE id = '{memory}'")
    assert database.value("SELECT count(*) FROM scheduling WHERE memory_id = %s", (memory,)) == 0  # it cascades


def test_none_is_enforced_while_the_rows_come(small_source: Path, database: Database) -> None:
    seen: list[set[str]] = []
    copy(small_source, database, on_event=at(Phase.COPY, lambda: seen.append(unenforced(database))))
    assert seen == [set(WANTED)]


ALL_TABLES = {table for table, _ in WANTED.values()}


@pytest.mark.parametrize(
    ("harm", "tables"),
    [
        (childless, {"knowledge_nodes", "scheduling", "edges", "review_events"}),
        (fatherless, ALL_TABLES - {"knowledge_nodes"}),
        (spelled_otherwise, {"review_events"}),
        (
            not_allowed,
            ALL_TABLES - {"knowledge_nodes", "group_memberships"},
        ),  # the check is reported before the foreign key
        (both, ALL_TABLES),
    ],
)
def test_rows_that_refer_to_nothing(
    sources: Sources, server: Server, harm: Callable[[Path], None], tables: set[str]
) -> None:
    """Each is reported in the words, and leaves the rows, of a server that enforces references from the start."""
    source = orphaned(sources, harm)
    with server.database() as strict:
        copy(sources.seed(replace(SMALL_SPEC, memories=1, edges=0, review_events=0), name="other.db"), strict)
        strict.execute("TRUNCATE knowledge_nodes, users, groups, domains CASCADE")
        expected, wanted = copy(source, strict), read_tables(strict)
    for max_connections, batch_size in ((4, 3), (1, 500)):
        with server.database() as database:
            report = copy(source, database, max_connections=max_connections, batch_size=batch_size)
            found = read_tables(database)
            assert references(database) == WANTED
        assert by_row(report.errors) == by_row(expected.errors)
        assert found == wanted
        assert report.counters() == expected.counters()
        assert {error.table for error in report.errors if error.kind is Kind.MISSING_REFERENCE} == tables


def test_a_copy_that_was_cancelled_is_completed_by_the_next(sources: Sources, database: Database) -> None:
    """It goes on without the server's checks, and so makes its own, into tables that have rows."""
    source = orphaned(sources)
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "edges":
            cancel.set()

    assert copy(source, database, on_event=watch, cancel=cancel, batch_size=3, max_connections=1).outcome is (
        Outcome.CANCELLED
    )
    assert unenforced(database) == marked(database) == set(WANTED)
    report = copy(source, database)
    assert {error.table for error in report.errors if error.kind is Kind.MISSING_REFERENCE} >= {"edges", "scheduling"}
    assert references(database) == WANTED
    assert unenforced(database) == marked(database) == set()


def test_a_memory_that_is_deleted_while_the_copy_runs(small_source: Path, database: Database) -> None:
    """What refers to it is in the way of enforcing; the next run brings it back, and completes."""
    memory = memory_ids(small_source)[0]
    delete = f"DELETE FROM knowledge_nodes WHERE id = '{memory}'"
    report = copy(small_source, database, on_event=at(Phase.INDEXES, lambda: database.execute(delete)))
    reported = {(error.table, error.field, error.kind, error.copied) for error in report.errors}
    assert ("scheduling", "memory_id", Kind.DANGLING_REFERENCE, True) in reported
    assert report.outcome is Outcome.ERRORS
    assert "scheduling_memory_id_fkey" in unenforced(database)
    again = copy(small_source, database)
    assert (again.tables["knowledge_nodes"].inserted, again.errors) == (1, [])
    assert all_compared(again)
    assert references(database) == WANTED


def test_foreign_keys_that_someone_else_suspended_stay_so(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("ALTER TABLE edges ALTER CONSTRAINT edges_source_id_fkey NOT ENFORCED")
    assert copy(small_source, copied_database).outcome is Outcome.INCOMPLETE
    assert unenforced(copied_database) == {"edges_source_id_fkey"}


def test_tables_beside_others_are_checked_from_the_start(small_source: Path, copied_database: Database) -> None:
    """Another session may be using those that exist."""
    copied_database.execute("DROP TABLE edges")
    seen: list[set[str]] = []
    copy(small_source, copied_database, on_event=at(Phase.COPY, lambda: seen.append(unenforced(copied_database))))
    assert seen == [set()]
    assert references(copied_database) == WANTED


def test_a_role_that_does_not_own_the_tables(small_source: Path, tcp_database: Database) -> None:
    """It brings the rest of the rows, and says what it cannot complete."""
    cancel = threading.Event()
    copy(small_source, tcp_database, on_event=at(Phase.INDEXES, cancel.set), cancel=cancel)
    assert unenforced(tcp_database) == set(WANTED)
    with role(tcp_database, DML) as dsn:
        preview = copy(small_source, dsn, dry_run=True)
        report = copy(small_source, dsn)
    assert {part.name for part in report.incomplete if part.kind is PartKind.FOREIGN_KEY} == set(WANTED)
    assert {part.reason for part in report.incomplete} == {Reason.NOT_OWNER}
    assert (preview.outcome, set(preview.incomplete)) == (Outcome.INCOMPLETE, set(report.incomplete))
    assert unenforced(tcp_database) == set(WANTED)
    copy(small_source, tcp_database)
    assert references(tcp_database) == WANTED
