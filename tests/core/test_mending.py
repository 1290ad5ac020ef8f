"""Fields that differ at the destination get the source's value: compare and set, and compared again."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.destination import read_tables
from tests.support.differences import differing
from tests.support.roles import DML, role
from tests.support.servers import Database
from tests.support.sources import edit, memory_ids, query
from vestige_tui.core.events import Event, FieldsMended
from vestige_tui.core.mending import MendRefusal, MendState
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.run.both_sides import read_sides
from vestige_tui.core.run.mending import current, mend
from vestige_tui.core.run.mending_report import MendingOutcome
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.verify.result import Difference, VerificationOutcome

MEMORIES = "knowledge_nodes"


def found(source: Path, database: Database) -> list[Difference]:
    return [*run_verification(VerificationPlan(source, database.dsn)).comparison.differences]


def test_every_type_of_value_gets_what_the_source_says(small_source: Path, copied_database: Database) -> None:
    """One field at a time; nothing else of a row changes, not its date; a second time there is nothing to do."""
    memory = memory_ids(small_source)[3]
    before = read_tables(copied_database)
    copied_database.execute(
        "ALTER TABLE knowledge_nodes DISABLE TRIGGER knowledge_nodes_updated_at",
        "UPDATE knowledge_nodes SET content = content || ' ', tags = '{a,\"b \\\\ c\",NULL}', metadata = '{\"a\": [1.5]}',"
        " created_at = '-infinity', codebase = '', shared_with_groups = ARRAY[id], domain_scores = '{\"x\": 1}',"
        " embedding = (SELECT embedding FROM knowledge_nodes WHERE embedding IS NOT NULL ORDER BY id DESC LIMIT 1),"
        " visibility = 'public', owner_user_id = (SELECT id FROM users ORDER BY id DESC LIMIT 1),"
        f" updated_at = '2001-01-01' WHERE id = '{memory}'",
        "ALTER TABLE knowledge_nodes ENABLE ALWAYS TRIGGER knowledge_nodes_updated_at",
        "UPDATE scheduling SET stability = stability + 1e-9, reps = 7, last_review = now(), next_review = NULL",
        "UPDATE edges SET weight = 'NaN', edge_type = 'x' WHERE source_id = (SELECT min(source_id::text)::uuid FROM edges)",
        "UPDATE review_events SET rating = 1 - coalesce(rating, 0), kind = 'x', retrievability_before = '-0'",
        "UPDATE domains SET label = 'x', centroid = NULL, top_terms = '{}', memory_count = memory_count + 1",
    )
    differences = found(small_source, copied_database)
    assert {each.field for each in differences if each.table == MEMORIES} > {"content", "embedding", "updated_at"}
    shown = current(copied_database.dsn, differences)
    assert {each.difference for each in shown} == {*differences}
    sides = read_sides(small_source, copied_database.dsn, differences[0])
    assert [sides.fields[0].digest] == [each.digest for each in shown if each.difference == differences[0]]
    seen: list[Event] = []
    report = mend(small_source, copied_database.dsn, shown, on_event=seen.append)
    assert {each.state for each in report.fields} == {MendState.MENDED}
    assert (report.outcome, len(report.fields)) == (MendingOutcome.CLEAN, len(differences))
    assert seen[-1] == FieldsMended(len(differences), len(differences))
    assert read_tables(copied_database) == before
    assert run_verification(VerificationPlan(small_source, copied_database.dsn)).outcome is VerificationOutcome.EQUAL
    again = mend(small_source, copied_database.dsn, shown)
    assert (again.outcome, {each.state for each in again.fields}) == (MendingOutcome.CLEAN, {MendState.RIGHT})
    enabled = "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'knowledge_nodes_updated_at'"
    assert copied_database.value(enabled) == "A"


def test_what_does_not_fit_is_left_as_it_is_and_named(small_source: Path, copied_database: Database) -> None:
    """Changed or deleted meanwhile, refused, rewritten or ignored: each of them alone; all others are mended."""
    good, changed, deleted, raised, rewritten, ignored, dated, orphan, gone, upper = memory_ids(small_source)[:10]
    users = query(small_source, "SELECT id FROM users WHERE handle <> 'local' ORDER BY id")
    user, other, owner = (row for (row,) in users)
    handle = query(small_source, "SELECT handle FROM users WHERE id = ?", (user,))[0][0]
    edit(small_source, "UPDATE knowledge_nodes SET id = upper(id) WHERE id = ?", (upper,))
    edit(small_source, "UPDATE knowledge_nodes SET owner_user_id = ? WHERE id = ?", (owner, orphan))
    copied_database.execute(
        "UPDATE knowledge_nodes SET metadata = '{\"n\": 1}', node_type = 'x'",
        f"UPDATE users SET handle = 'renamed' WHERE id = '{user}'",
        "ALTER TABLE knowledge_nodes DROP CONSTRAINT knowledge_nodes_owner_user_id_fkey",
        f"UPDATE knowledge_nodes SET owner_user_id = id WHERE id = '{orphan}'",
    )
    errors = [
        RowError(MEMORIES, row, "node_type", Kind.DIFFERS_AT_DESTINATION, "", copied=True)
        for row in (good, changed, deleted, raised, rewritten, ignored, dated, gone, upper.upper())
    ]
    errors.append(RowError(MEMORIES, orphan, "owner_user_id", Kind.DIFFERS_AT_DESTINATION, "", copied=True))
    errors.append(RowError("users", user, "handle", Kind.DIFFERS_AT_DESTINATION, "", copied=True))
    shown = current(copied_database.dsn, [*map(differing, errors)])
    assert len(shown) == len(errors)
    edit(small_source, "DELETE FROM knowledge_nodes WHERE id = ?", (gone,))
    copied_database.execute(
        f"UPDATE knowledge_nodes SET node_type = 'newer' WHERE id = '{changed}'",
        f"DELETE FROM knowledge_nodes WHERE id = '{deleted}'",
        f"UPDATE users SET handle = '{handle}' WHERE id = '{other}'",
        f"DELETE FROM users WHERE id = '{owner}'",
        f"""CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF NEW.id = '{raised}' THEN RAISE EXCEPTION 'no' USING ERRCODE = 'XX123'; END IF;
            IF NEW.id = '{rewritten}' THEN NEW.node_type := 'rewritten'; END IF;
            IF NEW.id = '{dated}' THEN NEW.updated_at := '2030-01-01'; END IF;
            IF NEW.id = '{ignored}' THEN RETURN NULL; END IF;
            RETURN NEW; END $$""",
        "CREATE TRIGGER odd BEFORE UPDATE ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION odd()",
    )
    before = read_tables(copied_database)
    report = mend(small_source, copied_database.dsn, shown)
    refused = MendState.REFUSED
    states = {each.row: (each.state, each.refusal, each.sqlstate) for each in report.fields}
    assert states == {
        good: (MendState.MENDED, None, None),
        changed: (MendState.CHANGED, None, None),
        deleted: (MendState.MISSING, None, None),
        raised: (refused, MendRefusal.REFUSED_BY_SERVER, "XX123"),
        rewritten: (refused, MendRefusal.REWRITTEN, None),
        ignored: (refused, MendRefusal.IGNORED, None),
        dated: (refused, MendRefusal.DATE, None),
        orphan: (refused, MendRefusal.MISSING_REFERENCE, None),
        gone: (refused, MendRefusal.NOT_IN_SOURCE, None),
        upper.upper(): (MendState.MENDED, None, None),
        user: (refused, MendRefusal.ALREADY_TAKEN, "23505"),
    }
    assert report.outcome is MendingOutcome.INCOMPLETE
    after = read_tables(copied_database)
    for key, row in before[MEMORIES].items():
        name = str(key[0])
        was, now = row.pop("node_type"), after[MEMORIES][key].pop("node_type")
        assert (was != now) == (name in (good, upper))
    assert after == before
    document = report.to_json()
    assert '"fields"' in document
    assert "renamed" not in document


def test_a_mending_ends_after_its_batch_and_another_goes_on(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("UPDATE scheduling SET reps = reps + 1, lapses = lapses + 1")
    shown = current(copied_database.dsn, found(small_source, copied_database))
    cancel = threading.Event()
    report = mend(small_source, copied_database.dsn, shown, on_event=lambda _: cancel.set(), cancel=cancel)
    assert (report.outcome, {each.field for each in report.fields}) == (MendingOutcome.CANCELLED, {"reps"})
    rest = mend(small_source, copied_database.dsn, shown)
    assert {(each.field, each.state) for each in rest.fields} == {
        ("reps", MendState.RIGHT),
        ("lapses", MendState.MENDED),
    }
    assert rest.outcome is MendingOutcome.CLEAN


def test_a_role_that_may_not_change_rows_is_told(small_source: Path, copied_database: Database) -> None:
    """And one that does not own the table may not change the dates of memories, but all else."""
    copied_database.execute("UPDATE knowledge_nodes SET node_type = 'x'", "UPDATE scheduling SET reps = reps + 1")
    shown = current(copied_database.dsn, found(small_source, copied_database))
    before = read_tables(copied_database)
    with role(copied_database, DML) as dsn:
        report = mend(small_source, dsn, shown)
        assert {each.refusal for each in report.fields} == {MendRefusal.PRIVILEGE}
        assert read_tables(copied_database) == before
        copied_database.execute(f"GRANT UPDATE ON ALL TABLES IN SCHEMA public TO {copied_database.name}_role")
        report = mend(small_source, dsn, shown)
        assert {(each.table, each.state, each.refusal) for each in report.fields} == {
            (MEMORIES, MendState.REFUSED, MendRefusal.DATE),
            ("scheduling", MendState.MENDED, None),
        }
    after = read_tables(copied_database)
    assert after[MEMORIES] == before[MEMORIES]
