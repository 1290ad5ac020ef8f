"""Rows that arrived with an empty field, and have a repair now: the field alone is set, while it is still empty."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tests.core.test_repairs import MEMORIES, NONE, mended, verified
from tests.support.destination import read_tables
from tests.support.runs import copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources
from vestige_tui.core.mending import MendRefusal, MendState
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
    after = read_tables(database)
    for key, row in before[MEMORIES].items():
        assert after[MEMORIES][key] == row | wanted.get(str(key[0]), {})
    assert verified(source, database, repairs).outcome is VerificationOutcome.EQUAL
    again = copy(source, database, repairs=repairs)
    assert (again.outcome, again.mending, counts(again, "inserted")) == (Outcome.CLEAN, [], NONE)
    assert read_tables(database) == after
