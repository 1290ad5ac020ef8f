"""Rows that arrived with an empty field, and have a repair now: the field alone is set, while it is still empty."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from tests.core.test_repairs import MEMORIES, NEW, NOBODY, NONE, mended, of, rename, verified
from tests.support.destination import read_tables
from tests.support.disturbances import wait_until
from tests.support.roles import DML, role
from tests.support.runs import copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core.destination.waits import DEFAULT_WAITS
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.events import Phase, PhaseStarted
from vestige_tui.core.facts import DataState
from vestige_tui.core.mending import MendRefusal, MendState
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.verify.result import VerificationOutcome

MENDED, CHANGED, REFUSED = MendState.MENDED, MendState.CHANGED, MendState.REFUSED


def states(report: MigrationReport) -> dict[tuple[str, str, str], tuple[MendState, MendRefusal | None]]:
    """What became of each field that repairs alter at the destination."""
    return {(each.table, each.row, each.field): (each.state, each.refusal) for each in report.mending}


def test_the_broken_rows_of_the_demo_are_mended_where_they_arrived(sources: Sources, database: Database) -> None:
    """As foretold; a copy without an earlier one gives the same; a second one mends nothing."""
    source = sources.seed(replace(SMALL_SPEC, broken_rows=True))
    repairs, wanted = mended(source)
    copy(source, database, receipt=True)
    before = read_tables(database)
    altered = {
        (MEMORIES, row, name): (MENDED, None)
        for row, values in wanted.items()
        for name, value in values.items()
        if (UUID(row),) in before[MEMORIES] and before[MEMORIES][(UUID(row),)][name] != value
    }
    assert len(altered) == 5
    foretold = copy(source, database, repairs=repairs, dry_run=True)
    assert read_tables(database) == before
    report = copy(source, database, repairs=repairs, receipt=True)
    for each in (foretold, report):
        assert (each.outcome, each.errors, each.differing_rows) == (Outcome.CLEAN, [], 0)
        assert (states(each), each.mended) == (altered, {MEMORIES: 5})
        assert counts(each, "already_different") == NONE
    assert counts(foretold, "already_equal") == counts(report, "already_equal")
    assert report.receipt is not None
    assert report.receipt.document["mended"] == {MEMORIES: 5}
    assert "| Memories | 12 | 0 | 5 |" in report.receipt.to_page()
    after = read_tables(database)
    for key, row in before[MEMORIES].items():
        assert after[MEMORIES][key] == row | wanted.get(str(key[0]), {})
    assert verified(source, database, repairs).outcome is VerificationOutcome.EQUAL
    again = copy(source, database, repairs=repairs)
    assert (again.outcome, again.mending, counts(again, "inserted")) == (Outcome.CLEAN, [], NONE)
    assert read_tables(database) == after


def odd(source: Path) -> tuple[list[str], Repairs]:
    """Spoil a field of each of ten memories and of other rows, and repair all of them."""
    memories = memory_ids(source)[:10]
    user, group = (query(source, f"SELECT id FROM {table} ORDER BY id DESC")[0][0] for table in ("users", "groups"))
    named = query(source, "SELECT id FROM users WHERE handle <> 'local' ORDER BY id")[0][0]
    review = query(source, "SELECT id FROM review_events ORDER BY id")[0][0]
    for row in memories[:7]:
        edit(source, "UPDATE knowledge_nodes SET metadata = '{\"a\": 1' WHERE id = ?", (row,))
    edit(source, "UPDATE knowledge_nodes SET id = upper(id) WHERE id = ?", (memories[6],))
    edit(source, "UPDATE knowledge_nodes SET updated_at = 'yesterday', tags = '{}' WHERE id = ?", (memories[7],))
    edit(source, "UPDATE knowledge_nodes SET owner_user_id = ? WHERE id = ?", (user, memories[8]))
    edit(source, "UPDATE knowledge_nodes SET shared_with_groups = ? WHERE id = ?", (f'["{group}"]', memories[9]))
    rename(source, "users", user, "someone")
    rename(source, "groups", group, "team")
    edit(source, "UPDATE users SET handle = 'a' || char(0) WHERE id = ?", (named,))
    edit(source, "UPDATE scheduling SET reps = 'many', stability = 'x' WHERE memory_id = ?", (memories[0],))
    edit(source, "UPDATE review_events SET metadata = '[', occurred_at = 'x' WHERE id = ?", (review,))
    repairs = of(
        *((MEMORIES, row, {"metadata": {"a": 1}}) for row in memories[:6]),
        (MEMORIES, memories[6].upper(), {"metadata": {"a": 1}}),
        (MEMORIES, memories[7], {"updated_at": "2026-02-13T10:11:12Z", "tags": ["codebase:x"], "embedding": None}),
        ("users", "someone", {"id": NOBODY}),
        ("groups", "team", {"id": NEW}),
        ("users", named, {"handle": "named"}),
        ("scheduling", memories[0], {"reps": 3, "stability": 2.5}),
        ("review_events", review, {"metadata": {"b": []}, "occurred_at": "2026-02-13T10:11:12Z"}),
    )
    return [*memories, named, review], repairs


def test_what_changed_meanwhile_or_is_refused_stays_and_is_named(small_source: Path, database: Database) -> None:
    rows, repairs = odd(small_source)
    good, changed, deleted, raised, rewritten, edited, upper, dated, owned, shared, named, review = rows
    copy(small_source, database)
    database.execute(
        f"UPDATE knowledge_nodes SET metadata = '{{\"mine\": 1}}' WHERE id = '{changed}'",
        f"UPDATE knowledge_nodes SET content = 'mine' WHERE id = '{edited}'",
        f"DELETE FROM knowledge_nodes WHERE id = '{deleted}'",
        "UPDATE users SET handle = 'named' WHERE handle = 'local'",
        f"""CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id = '{raised}' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'XX123'; END IF;
            IF NEW.id = '{rewritten}' THEN NEW.metadata := '{{"b": 2}}'; END IF;
            RETURN NEW; END $$""",
        "CREATE TRIGGER odd BEFORE UPDATE ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION odd()",
    )
    before = read_tables(database)
    foretold = copy(small_source, database, repairs=repairs, dry_run=True)
    assert read_tables(database) == before
    report = copy(small_source, database, repairs=repairs)
    expected: dict[tuple[str, str, str], tuple[MendState, MendRefusal | None]] = {
        ("users", named, "handle"): (REFUSED, MendRefusal.ALREADY_TAKEN),
        (MEMORIES, good, "metadata"): (MENDED, None),
        (MEMORIES, changed, "metadata"): (CHANGED, None),
        (MEMORIES, raised, "metadata"): (REFUSED, MendRefusal.REFUSED_BY_SERVER),
        (MEMORIES, rewritten, "metadata"): (REFUSED, MendRefusal.REWRITTEN),
        (MEMORIES, edited, "metadata"): (MENDED, None),
        (MEMORIES, upper.upper(), "metadata"): (MENDED, None),
        (MEMORIES, dated, "tags"): (MENDED, None),
        (MEMORIES, dated, "updated_at"): (MENDED, None),
        (MEMORIES, dated, "embedding"): (MENDED, None),
        (MEMORIES, owned, "owner_user_id"): (MENDED, None),
        (MEMORIES, shared, "shared_with_groups"): (MENDED, None),
        ("scheduling", good, "reps"): (MENDED, None),
        ("scheduling", good, "stability"): (MENDED, None),
        ("review_events", review, "metadata"): (MENDED, None),
        ("review_events", review, "occurred_at"): (MENDED, None),
    }
    others = query(small_source, "SELECT id FROM knowledge_nodes WHERE owner_user_id = 'someone'")
    expected |= {(MEMORIES, row, "owner_user_id"): (MENDED, None) for (row,) in others if row != deleted}
    lists = query(small_source, "SELECT id FROM knowledge_nodes WHERE shared_with_groups LIKE '%team%'")
    expected |= {(MEMORIES, row, "shared_with_groups"): (MENDED, None) for (row,) in lists if row != deleted}
    assert states(report) == expected
    unforeseen = {(MEMORIES, raised, "metadata"): (MENDED, None), (MEMORIES, rewritten, "metadata"): (MENDED, None)}
    assert states(foretold) == expected | unforeseen
    refused = {(error.table, error.row, error.field) for error in report.errors}
    assert refused == {place for place, (state, _) in expected.items() if state is REFUSED}
    assert (report.outcome, report.verified) == (Outcome.ERRORS, True)
    older = {(each.table, each.row, each.field) for each in report.differences if each.was_there}
    assert older >= refused | {(MEMORIES, changed, "metadata"), (MEMORIES, edited, "content")}
    assert all(each.was_there for each in report.differences)
    after = read_tables(database)
    for key, row in before[MEMORIES].items():
        fields = {name for table, label, name in expected if (table, label.lower()) == (MEMORIES, str(key[0]))}
        assert {name for name, value in row.items() if after[MEMORIES][key][name] != value} <= fields
    assert after[MEMORIES][(UUID(dated),)]["updated_at"] == datetime(2026, 2, 13, 10, 11, 12, tzinfo=UTC)
    assert after[MEMORIES][(UUID(owned),)]["owner_user_id"] == UUID(NOBODY)
    assert after[MEMORIES][(UUID(shared),)]["shared_with_groups"] == [UUID(NEW)]
    again = copy(small_source, database, repairs=repairs)
    assert {state for state, _ in states(again).values()} == {CHANGED, REFUSED}
    assert read_tables(database) == after


def emptied(source: Path, database: Database) -> tuple[list[str], Repairs]:
    """Make a copied source one whose metadata had been broken, and the destination's as it then is; all repaired."""
    edit(source, "UPDATE knowledge_nodes SET metadata = '{\"a\": 1'")
    database.execute(
        "ALTER TABLE knowledge_nodes DISABLE TRIGGER USER",
        "UPDATE knowledge_nodes SET metadata = '{}'",
        "ALTER TABLE knowledge_nodes ENABLE TRIGGER USER",
    )
    memories = memory_ids(source)
    return memories, of(*((MEMORIES, row, {"metadata": {"a": 1}}) for row in memories))


def test_what_a_trigger_does_afterwards_undoes_the_change(small_source: Path, copied_database: Database) -> None:
    """Of the row itself: another value, another date, or none at all."""
    (rewritten, dated, deleted, good, *_), repairs = emptied(small_source, copied_database)
    copied_database.execute(
        f"""CREATE FUNCTION after() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            CASE NEW.id
            WHEN '{rewritten}' THEN UPDATE knowledge_nodes SET metadata = '{{"b": 2}}' WHERE id = NEW.id;
            WHEN '{dated}' THEN UPDATE knowledge_nodes SET updated_at = '2001-01-01' WHERE id = NEW.id;
            WHEN '{deleted}' THEN DELETE FROM knowledge_nodes WHERE id = NEW.id;
            ELSE END CASE; RETURN NULL; END $$""",
        "CREATE TRIGGER after AFTER UPDATE ON knowledge_nodes FOR EACH ROW WHEN (pg_trigger_depth() = 0)"
        " EXECUTE FUNCTION after()",
    )
    before = read_tables(copied_database)[MEMORIES]
    chosen = {MEMORIES: {rewritten, dated, deleted, good}}
    report = copy(small_source, copied_database, repairs=repairs, only=chosen, verify=False)
    assert states(report) == {
        (MEMORIES, rewritten, "metadata"): (REFUSED, MendRefusal.REWRITTEN),
        (MEMORIES, dated, "metadata"): (REFUSED, MendRefusal.DATE),
        (MEMORIES, deleted, "metadata"): (REFUSED, MendRefusal.REWRITTEN),
        (MEMORIES, good, "metadata"): (MENDED, None),
    }
    key = (UUID(good),)
    assert read_tables(copied_database)[MEMORIES] == {**before, key: {**before[key], "metadata": {"a": 1}}}


def test_a_run_of_a_few_rows_and_runs_that_break_off(small_source: Path, copied_database: Database) -> None:
    """Without a comparison, too, a value that has changed meanwhile is no clean end."""
    memories, repairs = emptied(small_source, copied_database)
    first, second, *rest = memories
    copied_database.execute(f"UPDATE knowledge_nodes SET metadata = '{{\"mine\": 1}}' WHERE id = '{second}'")
    cancel = threading.Event()

    def stop(event: object) -> None:
        if event == PhaseStarted(Phase.MEND):
            cancel.set()

    def cut(event: object) -> None:
        if event == PhaseStarted(Phase.MEND):
            copied_database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(DestinationError) as lost:
        copy(small_source, copied_database, repairs=repairs, on_event=cut)
    assert lost.value.state is DataState.LAST_BATCH_UNKNOWN
    report = copy(small_source, copied_database, repairs=repairs, on_event=stop, cancel=cancel)
    assert (report.outcome, report.mending) == (Outcome.CANCELLED, [])
    for row, state, outcome in ((first, MENDED, Outcome.CLEAN), (second, CHANGED, Outcome.DIFFERENT)):
        for dry_run in (True, False):
            report = copy(
                small_source, copied_database, repairs=repairs, only={MEMORIES: {row}}, verify=False, dry_run=dry_run
            )
            assert states(report) == {(MEMORIES, row, "metadata"): (state, None)}
            assert (report.outcome, report.errors) == (outcome, [])
    assert copy(small_source, copied_database, repairs=repairs).mended == {MEMORIES: len(rest)}


def test_a_role_without_the_right_to_change_rows(small_source: Path, copied_database: Database) -> None:
    """It copies as ever, and each field that could not be set has its reason, as a dry run foretells; the owner's run
    mends all of them.
    """
    memories, repairs = emptied(small_source, copied_database)
    before = read_tables(copied_database)
    for grant, refusal in (
        ((), MendRefusal.PRIVILEGE),
        (("GRANT UPDATE ON knowledge_nodes TO {role}",), MendRefusal.DATE),
    ):
        with role(copied_database, DML, *grant) as dsn:
            foretold = copy(small_source, dsn, repairs=repairs, dry_run=True)
            report = copy(small_source, dsn, repairs=repairs)
        assert (foretold.mending, foretold.outcome) == (report.mending, report.outcome)
        assert {*states(report).values()} == {(REFUSED, refusal)}
        assert len(report.mending) == len(report.errors) == len(memories)
        assert report.outcome is Outcome.ERRORS
        assert read_tables(copied_database) == before
    assert copy(small_source, copied_database, repairs=repairs).mended == {MEMORIES: len(memories)}


def test_a_writer_that_comes_first_wins(small_source: Path, copied_database: Database) -> None:
    """A change that is under way is waited for, and then it counts; one that does not end is not waited for for long."""
    memories, repairs = emptied(small_source, copied_database)
    waiting = "SELECT count(*) > 0 FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted AND datname = %s"
    with copied_database.connect() as other, ThreadPoolExecutor(1) as beside:
        with other.transaction():
            other.execute("UPDATE knowledge_nodes SET metadata = '{\"mine\": 1}' WHERE id = %s", (memories[0],))
            patient = replace(DEFAULT_WAITS, tables_in_use=0.3, enforce_attempt=0.01)
            report = copy(small_source, copied_database, repairs=repairs, waits=patient)
            assert {*states(report).values()} == {(REFUSED, MendRefusal.IN_USE)}
            copying = beside.submit(copy, small_source, copied_database, repairs=repairs)
            wait_until(lambda: bool(copied_database.value(waiting, (copied_database.name,))))
        report = copying.result()
    assert states(report) == {
        (MEMORIES, row, "metadata"): (CHANGED if row == memories[0] else MENDED, None) for row in memories
    }
    assert report.outcome is Outcome.DIFFERENT
