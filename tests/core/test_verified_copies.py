"""After every copy each value is compared; whatever happens to the comparison, the copy stays finished."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.destination import fingerprint
from tests.support.disturbances import wait_until
from tests.support.hostile import loosen
from tests.support.kills import nursery
from tests.support.proxy import Proxy
from tests.support.runs import TABLES, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.events import Phase
from vestige_tui.core.facts import NotVerified
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.run.verification import Work

NONE = dict.fromkeys(TABLES, 0)
UPPER = """
CREATE FUNCTION upper_case() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN NEW.content = upper(NEW.content); NEW.visibility = 'public'; RETURN NEW; END $$;
CREATE TRIGGER upper_case BEFORE INSERT ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION upper_case()"""


def differing(report: MigrationReport) -> set[tuple[str, str, str | None, str]]:
    """Table, row, field and kind of the differences that a report lists."""
    return {(each.table, each.row, each.field, each.kind.value) for each in report.differences}


def named(report: MigrationReport) -> set[tuple[str, str, str | None, Kind]]:
    """Table, row, field and kind of the errors of a report."""
    return {(error.table, error.row, error.field, error.kind) for error in report.errors}


def test_a_copy_compares_every_value(small_source: Path, database: Database) -> None:
    seen: list[events.Event] = []
    report = copy(small_source, database, on_event=seen.append, verify=True)
    assert (report.outcome, report.verified, report.not_verified) == (Outcome.CLEAN, True, None)
    assert counts(report, "already_equal") == counts(report, "already_different") == NONE
    start = seen.index(events.PhaseStarted(Phase.VERIFY))
    planned, *rest = seen[start + 1 :]
    assert planned == events.VerificationPlanned(counts(report, "source"))
    last = {each.table: each for each in rest if isinstance(each, events.VerificationProgress)}
    assert {table: (each.settled, each.equal, each.different) for table, each in last.items()} == {
        table: (rows, rows, 0) for table, rows in counts(report, "source").items()
    }
    assert {each.table for each in rest if isinstance(each, events.TableVerified)} == set(TABLES)


def test_what_was_there_is_equal_or_different(small_source: Path, copied_database: Database) -> None:
    """The second copy writes nothing; one memory was edited at the destination, where a trigger notes the date."""
    memory = memory_ids(small_source)[3]
    copied_database.execute(f"UPDATE knowledge_nodes SET content = 'TAMPERED', tags = '{{x}}' WHERE id = '{memory}'")
    before = fingerprint(copied_database)
    report = copy(small_source, copied_database, verify=True)
    assert (report.outcome, report.verified, report.errors, report.notices) == (Outcome.DIFFERENT, True, [], [])
    assert counts(report, "already_different") == NONE | {"knowledge_nodes": 1}
    present = counts(report, "already_present")
    assert counts(report, "already_equal") == present | {"knowledge_nodes": present["knowledge_nodes"] - 1}
    assert differing(report) == {
        ("knowledge_nodes", memory, field, "different") for field in ("content", "tags", "updated_at")
    }
    assert all(each.was_there for each in report.differences)
    assert fingerprint(copied_database) == before


def test_two_machines_into_one_store(sources: Sources, database: Database) -> None:
    """Domains of both have the same names and other values; so has a memory that one of them has edited."""
    first = sources.seed(name="first.db")
    second = sources.seed(name="second.db")
    ids = memory_ids(first)
    edit(second, "UPDATE knowledge_nodes SET content = content || ' (edited)' WHERE id = ?", (ids[0],))
    edit(second, "UPDATE domains SET label = label || '!' WHERE rowid = 1")
    edit(second, "UPDATE knowledge_nodes SET id = '11111111-1111-4111-8111-111111111111' WHERE id = ?", (ids[9],))
    for table, column in (
        ("scheduling", "memory_id"),
        ("edges", "source_id"),
        ("edges", "target_id"),
        ("review_events", "memory_id"),
    ):
        edit(second, f"DELETE FROM {table} WHERE {column} = ?", (ids[9],))
    assert copy(first, database, verify=True).outcome is Outcome.CLEAN
    report = copy(second, database, verify=True)
    assert (report.outcome, report.verified) == (Outcome.DIFFERENT, True)
    assert counts(report, "inserted") == NONE | {"knowledge_nodes": 1}
    assert counts(report, "already_different") == NONE | {"knowledge_nodes": 1, "domains": 1}
    ((domain,),) = database.rows("SELECT id FROM domains WHERE id IN (SELECT min(id) FROM domains)") or [("",)]
    assert {(table, field) for table, _, field, _ in differing(report)} == {
        ("knowledge_nodes", "content"),
        ("domains", "label"),
    }
    assert ids[0] in {row for _, row, _, _ in differing(report)}
    assert domain


@pytest.mark.parametrize("populated", [False, True])
def test_a_trigger_that_changes_values(small_source: Path, copied_database: Database, populated: bool) -> None:
    """Every row that it changed is an error, field by field; what was there before is not."""
    ids = memory_ids(small_source)
    gone = ids[::3] if populated else ids
    copied_database.execute(f"DELETE FROM knowledge_nodes WHERE id = ANY ('{{{','.join(gone)}}}')")
    copied_database.execute(UPPER)
    report = copy(small_source, copied_database, verify=True)
    assert (report.outcome, report.verified) == (Outcome.ERRORS, True)
    private = {row[0] for row in copied_database.rows("SELECT id::text FROM knowledge_nodes")}
    assert private == set(ids)
    assert {row for _, row, field, _ in named(report) if field == "content"} == set(gone)
    assert {kind for *_, kind in named(report)} == {Kind.DIFFERS_AT_DESTINATION}
    assert {field for _, _, field, _ in named(report)} <= {"content", "visibility"}
    assert counts(report, "already_different") == NONE


def test_a_trigger_that_removes_rows(small_source: Path, copied_database: Database) -> None:
    """After they were inserted: the copy has counted them. They count as not copied, and each is named."""
    copied_database.execute(
        "DELETE FROM review_events",
        "CREATE FUNCTION remove() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " DELETE FROM review_events WHERE id = NEW.id; RETURN NULL; END $$;"
        "CREATE TRIGGER remove AFTER INSERT ON review_events FOR EACH ROW WHEN (NEW.rating > 2)"
        " EXECUTE FUNCTION remove()",
    )
    report = copy(small_source, copied_database, verify=True)
    left = copied_database.value("SELECT count(*) FROM review_events")
    table = report.tables["review_events"]
    assert 0 < left < table.source
    assert (table.inserted, table.failed) == (left, table.source - left)
    assert {kind for *_, kind in named(report)} == {Kind.GONE_AT_DESTINATION}
    assert len(report.errors) == table.failed


def test_a_row_with_the_id_of_one_that_is_not_copied(small_source: Path, copied_database: Database) -> None:
    """The first of two rows with one id has no content, so the second arrives; what a trigger does to that is named."""
    changed = memory_ids(small_source)[0]
    loosen(small_source, "knowledge_nodes")
    with closing(sqlite3.connect(small_source)) as connection, connection:
        connection.execute("CREATE TEMP TABLE twin AS SELECT * FROM knowledge_nodes WHERE id = ?", (changed,))
        connection.execute("UPDATE twin SET content = '', created_at = '2001-01-01T00:00:00Z'")
        connection.execute("INSERT INTO knowledge_nodes SELECT * FROM twin")
    copied_database.execute("DELETE FROM knowledge_nodes", UPPER)
    report = copy(small_source, copied_database, verify=True)
    kinds = {kind for _, row, _, kind in named(report) if row == changed}
    assert kinds == {Kind.EMPTY_CONTENT, Kind.DIFFERS_AT_DESTINATION}


@pytest.mark.parametrize(
    "does",
    ["UPDATE knowledge_nodes SET codebase = 'changed'", "DELETE FROM knowledge_nodes"],
    ids=["changes", "deletes"],
)
def test_a_trigger_that_changes_older_rows(does: str, small_source: Path, copied_database: Database) -> None:
    """They are not called equal, and none is counted twice."""
    copied_database.execute(
        "DELETE FROM domains",
        f"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does}"
        " WHERE id IN (SELECT id FROM knowledge_nodes ORDER BY id LIMIT 4); RETURN NULL; END $$;"
        "CREATE TRIGGER touch AFTER INSERT ON domains EXECUTE FUNCTION touch()",
    )
    report = copy(small_source, copied_database, verify=True)
    memories = report.tables["knowledge_nodes"]
    assert (report.outcome, report.verified, memories.inserted) == (Outcome.ERRORS, True, 0)
    assert len({row for table, row, *_ in named(report) if table == "knowledge_nodes"}) == 4
    assert memories.already_equal == 26
    changed = 0 if "DELETE" in does else 4
    assert (memories.already_different, memories.already_present, memories.failed) == (
        changed,
        26 + changed,
        4 - changed,
    )


def test_rows_that_the_destination_drops_are_named_once(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "DELETE FROM review_events",
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER skip BEFORE INSERT ON review_events FOR EACH ROW EXECUTE FUNCTION skip()",
    )
    report = copy(small_source, copied_database, verify=True)
    assert (report.outcome, report.verified) == (Outcome.ERRORS, True)
    assert {error.kind for error in report.errors} == {Kind.REFUSED_BY_SERVER}
    assert len({error.row for error in report.errors}) == len(report.errors) == 15
    assert report.differences == ()


def test_a_retry_counts_only_its_own_rows(small_source: Path, database: Database) -> None:
    """It compares everything, and a row that is not its own is no error of it."""
    ids = memory_ids(small_source)
    edit(small_source, "UPDATE knowledge_nodes SET content = '' WHERE id = ?", (ids[0],))
    edit(small_source, "PRAGMA foreign_keys = OFF")
    first = copy(small_source, database, verify=True)
    assert Kind.EMPTY_CONTENT in {error.kind for error in first.errors}
    assert first.verified
    edit(small_source, "UPDATE knowledge_nodes SET content = 'mended' WHERE id = ?", (ids[0],))
    edit(small_source, "UPDATE knowledge_nodes SET content = 'edited' WHERE id = ?", (ids[1],))
    only: dict[str, set[str]] = {}
    for error in first.errors:
        only.setdefault(error.table, set()).add(error.row)
    report = copy(small_source, database, verify=True, only=only)
    assert (report.outcome, report.verified, report.errors) == (Outcome.DIFFERENT, True, [])
    assert report.tables["knowledge_nodes"].inserted == 1
    assert differing(report) == {("knowledge_nodes", ids[1], "content", "different")}
    assert counts(report, "already_different") == NONE


# Not verified


def finished_without(report: MigrationReport, reason: NotVerified) -> bool:
    """Whether a copy went through to its end, and was not verified for that reason."""
    return (report.outcome, report.verified, report.not_verified) == (Outcome.CLEAN, False, reason)


def test_without_verification(small_source: Path, database: Database) -> None:
    seen: list[events.Event] = []
    report = copy(small_source, database, verify=False, on_event=seen.append)
    assert finished_without(report, NotVerified.NOT_ASKED)
    assert events.PhaseStarted(Phase.VERIFY) not in seen
    again = copy(small_source, database, verify=False)
    assert all(table.already_equal is None for table in again.tables.values())
    assert "not compared with the source" in again.notices[0]


@pytest.mark.parametrize("moment", [events.PhaseStarted, events.VerificationProgress])
def test_cancelled_while_it_compares(small_source: Path, database: Database, moment: type[events.Event]) -> None:
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, moment) and getattr(event, "phase", Phase.VERIFY) is Phase.VERIFY:
            cancel.set()

    report = copy(small_source, database, verify=True, on_event=watch, cancel=cancel)
    assert finished_without(report, NotVerified.CANCELLED)
    assert copy(small_source, database, verify=True).verified


@pytest.mark.parametrize("moment", [events.PhaseStarted, events.VerificationProgress])
def test_cut_while_it_compares(
    small_source: Path, tcp_database: Database, proxy: Proxy, moment: type[events.Event]
) -> None:
    def watch(event: events.Event) -> None:
        if isinstance(event, moment) and getattr(event, "phase", Phase.VERIFY) is Phase.VERIFY:
            proxy.cut()

    report = copy(small_source, proxy.dsn, verify=True, on_event=watch)
    assert finished_without(report, NotVerified.FAILED)
    assert report.verification_failure
    assert json.loads(report.to_json())["not_verified"] == {"reason": "failed", "failure": report.verification_failure}


def test_a_fault_of_the_comparison(small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is no fault of the copy; the report says where it was."""

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Work, "of", fail)
    report = copy(small_source, database, verify=True)
    assert finished_without(report, NotVerified.FAILED)
    assert "ZeroDivisionError" in (report.verification_failure or "")


def test_killed_while_it_compares(sources: Sources, tcp_database: Database) -> None:
    """Nothing is left behind at the destination: no session, no lock, no table."""
    source = sources.seed(replace(SMALL_SPEC, memories=300))
    copy(source, tcp_database, verify=False)
    before = fingerprint(tcp_database)
    signs = 0

    def count_signs(event: events.Event) -> None:
        nonlocal signs
        signs += isinstance(event, events.TableProgress | events.IndexProgress | events.PhaseStarted)

    copy(source, tcp_database, verify=True, on_event=count_signs)
    with nursery() as runs:
        assert runs.copy_until(source, tcp_database.url, after=signs, delay=0)
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND application_name = 'vestige-tui'"
    )
    wait_until(lambda: tcp_database.value(others) == 0)
    assert fingerprint(tcp_database) == before
    assert copy(source, tcp_database, verify=True).outcome is Outcome.CLEAN


# A preview


def test_a_preview_tells_equal_from_different(small_source: Path, copied_database: Database) -> None:
    """Of the rows that are at the destination; it names the others as what a copy brings."""
    changed, gone, *_ = memory_ids(small_source)
    copied_database.execute(
        f"UPDATE knowledge_nodes SET visibility = 'group' WHERE id = '{changed}'",
        f"DELETE FROM knowledge_nodes WHERE id = '{gone}'",
    )
    before = fingerprint(copied_database)
    foretold = copy(small_source, copied_database, dry_run=True)
    assert (foretold.outcome, foretold.verified, foretold.not_verified) == (Outcome.DIFFERENT, False, None)
    assert fingerprint(copied_database) == before
    done = copy(small_source, copied_database)
    assert done.verified
    for field in ("inserted", "already_present", "already_equal", "already_different"):
        assert counts(foretold, field) == counts(done, field), field
    assert foretold.differences == done.differences
    assert {row for _, row, *_ in differing(foretold)} == {changed}


def test_a_preview_of_an_empty_destination_compares_nothing(small_source: Path, database: Database) -> None:
    foretold = copy(small_source, database, dry_run=True)
    assert foretold.outcome is Outcome.CLEAN
    assert all(table.already_equal is None for table in foretold.tables.values())


def test_a_row_that_the_source_has_lost_its_content_of(small_source: Path, copied_database: Database) -> None:
    """The destination has it, and no such row can be there: it is never called equal."""
    edit(small_source, "UPDATE knowledge_nodes SET content = '' WHERE rowid = 7")
    report = copy(small_source, copied_database)
    memories = report.tables["knowledge_nodes"]
    assert (memories.already_present, memories.already_equal, memories.already_different) == (30, 29, 1)
    assert (report.outcome, report.errors) == (Outcome.DIFFERENT, [])
