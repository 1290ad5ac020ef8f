"""How a run ended, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.states import target
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.explain import data_state
from vestige_tui.core.facts import DataState, NotVerified, Sign, Staleness
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.report import DestinationReport, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.text import clock, duration
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import Comparison, TableComparison, VerificationOutcome
from vestige_tui.screens.machine import Kept
from vestige_tui.screens.next_steps import next_steps
from vestige_tui.screens.outcome import RUN_AGAIN, Verdict, verdict, verdict_after_verification
from vestige_tui.screens.state import Target, WizardState
from vestige_tui.screens.widgets.notice import Tone

CANARY = "canary-7f3a"


def _report(outcome: Outcome = Outcome.CLEAN, **tables: TableReport) -> MigrationReport:
    plan = CopyPlan(Path("vestige.db"), Dsn({"host": "h"}))
    report = MigrationReport(plan, SourceReport("vestige.db"), DestinationReport("h"), outcome=outcome)
    report.tables = tables
    return report


def test_a_clean_copy() -> None:
    said = verdict(_report(knowledge_nodes=TableReport(2_000, 2_000, 2_000)), None)
    assert (said.tone, said.headline, said.details) == (Tone.GOOD, "All 2,000 memories have arrived.", ())


def test_a_second_run_says_that_all_was_there() -> None:
    said = verdict(_report(knowledge_nodes=TableReport(2_000, 2_000, 0, 2_000)), None)
    assert said.headline == "All 2,000 memories are at the destination; they had arrived before."


def test_every_error_is_counted() -> None:
    said = verdict(
        _report(
            Outcome.ERRORS,
            knowledge_nodes=TableReport(2_000, 2_000, 1_000, 996, failed=4, repaired=8),
            edges=TableReport(10, 10, 7, 0, failed=3),
        ),
        None,
    )
    assert said.tone is Tone.WARNING
    assert said.headline == "All 2,000 memories are accounted for: 1,996 arrived, 4 were not copied and are listed."
    assert said.details == (
        "8 rows arrived repaired, a broken field left out. 3 rows of other tables were not copied. "
        "996 memories were there before.",
    )


def test_repairs_alone_are_no_warning() -> None:
    said = verdict(_report(Outcome.ERRORS, knowledge_nodes=TableReport(2, 2, 2, repaired=1)), None)
    assert said.tone is Tone.GOOD


def test_rows_that_refer_to_nothing_are_one() -> None:
    report = _report(Outcome.ERRORS, knowledge_nodes=TableReport(2, 2, 2))
    report.errors = [RowError("edges", NIL_UUID, "source_id", Kind.DANGLING_REFERENCE, "2 rows refer", copied=True)]
    said = verdict(report, None)
    assert said.tone is Tone.WARNING
    assert said.details == ("At the destination, rows refer to others that were deleted there.",)


def test_an_empty_source() -> None:
    assert "no memories" in verdict(_report(knowledge_nodes=TableReport()), None).headline


def test_a_cancelled_copy_says_how_to_go_on() -> None:
    said = verdict(_report(Outcome.CANCELLED, knowledge_nodes=TableReport(2_000, 500, 500)), None)
    assert said.headline == "Cancelled: 500 of 2,000 memories are at the destination."
    assert said.details == (RUN_AGAIN,)


def test_a_failure_says_what_it_means_and_what_to_do() -> None:
    said = verdict(_report(Outcome.FAILED), DestinationError("Gone.", remedy="Look."))
    assert (said.tone, said.headline, said.details) == (
        Tone.BAD,
        "Gone.",
        (data_state(DataState.NOTHING_CHANGED), "Look."),
    )


ONLY = {"knowledge_nodes": frozenset({"a", "b"}), "edges": frozenset({"c"})}


def test_a_retry_that_brought_all() -> None:
    report = _report(knowledge_nodes=TableReport(2, 2, 2), edges=TableReport(1, 1, 1))
    said = verdict(report, None, ONLY)
    assert (said.tone, said.headline) == (Tone.GOOD, "Tried 3 rows again: all of them have arrived.")


def test_a_retry_that_completes_a_compared_copy_says_the_whole() -> None:
    """Only together with a copy of all rows that was compared, and while nothing is open."""
    broken = RowError("knowledge_nodes", "a", "content", Kind.EMPTY_CONTENT, "content is empty", copied=False)
    first = _verified(knowledge_nodes=TableReport(5, 5, 4, failed=1))
    first.errors, first.outcome = [broken], Outcome.ERRORS
    again = _verified(knowledge_nodes=TableReport(1, 1, 1))
    only = {"knowledge_nodes": frozenset({"a"})}
    state = WizardState().with_report(first).with_only(only).with_report(again)
    said = verdict(again, None, only, state.proven_whole)
    assert said.headline == "5 of 5 memories are at the destination, every value compared and equal."
    assert said.details == ("Tried 1 row again: it has arrived.",)
    unproven = replace(first, verified=False)
    assert WizardState().with_report(unproven).with_only(only).with_report(again).proven_whole is None
    assert WizardState().with_report(first).proven_whole is None, "one row is open"


def test_a_retry_reports_rows_that_are_gone() -> None:
    report = _report(Outcome.ERRORS, knowledge_nodes=TableReport(1, 1, 0, failed=1), edges=TableReport(1, 1, 1))
    said = verdict(report, None, ONLY)
    assert said.tone is Tone.WARNING
    assert said.headline == "Tried 3 rows again: 1 arrived, 1 still not copied."
    assert "1 row of them cannot be found" in said.details[0]


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [(0.84, "0.8 s", "0:00"), (41, "41 s", "0:41"), (125, "2:05", "2:05"), (3_849, "1:04:09", "1:04:09")],
)
def test_lengths_of_time(seconds: float, long: str, short: str) -> None:
    assert (duration(seconds), clock(seconds)) == (long, short)


def _state(report: MigrationReport, to: Target) -> WizardState:
    return WizardState(target=to, report=report)


def _next(state: WizardState) -> str:
    return next_steps(state, Path("/home/operator")).plain


def test_next_steps_lead_to_the_hand_over_and_show_no_password() -> None:
    text = _next(_state(_report(knowledge_nodes=TableReport(1, 1, 1)), target(password=CANARY)))
    assert text.startswith("Hand over shows the lines with which Vestige uses the new store")
    assert CANARY not in text


def test_an_unfinished_copy_is_finished_first() -> None:
    text = _next(_state(_report(Outcome.CANCELLED), target()))
    assert "Run again" in text
    assert "Hand over" not in text


def test_next_steps_name_the_report_or_why_there_is_none() -> None:
    state = _state(_report(), target())
    assert "  r.json" in _next(state.with_report(state.report, saved=Path("r.json")))
    assert "could not be saved: full" in _next(state.with_report(state.report, unsaved="full"))


def _part(reason: Reason) -> MissingPart:
    return MissingPart(PartKind.INDEX, "idx_edges_edge_type", "edges", reason)


def test_a_copy_that_leaves_an_index_missing_says_what_to_do() -> None:
    report = _report(Outcome.INCOMPLETE, knowledge_nodes=TableReport(2, 2, 2))
    report.incomplete = (_part(Reason.NOT_OWNER),)
    said = verdict(report, None)
    assert said.tone is Tone.WARNING
    assert said.headline == "All 2 memories have arrived. But 1 index is missing."
    (detail,) = said.details
    assert detail.startswith("1 index is missing: only the owner of the tables can change that. Connect as their owner")
    text = _next(_state(report, target()))
    assert "idx_edges_edge_type of edges" in text
    assert "Hand over" in text


def test_a_retry_that_leaves_an_index_missing_is_no_good_news() -> None:
    report = _report(Outcome.INCOMPLETE, knowledge_nodes=TableReport(2, 2, 2), edges=TableReport(1, 1, 1))
    report.incomplete = (_part(Reason.NOT_OWNER), _part(Reason.OUT_OF_MEMORY))
    said = verdict(report, None, ONLY)
    assert said.tone is Tone.WARNING
    assert said.headline.endswith("have arrived. But 2 indexes are missing.")
    assert len(said.details) == 2


def test_a_stale_source_and_tables_not_copied_are_in_the_verdict() -> None:
    report = _report(knowledge_nodes=TableReport(2, 2, 2))
    report.left_behind = {"intentions": 12}
    assert verdict(report, None).tone is Tone.GOOD
    report.source.stale = Staleness((Sign.KEY,), None)
    said = verdict(report, None)
    assert said.tone is Tone.WARNING
    assert said.details == (
        "The source is stale: what Vestige 4 has written since is not in it. "
        "PostgreSQL has no place for: 1 table, 12 rows.",
    )


def _verified(outcome: Outcome = Outcome.CLEAN, **tables: TableReport) -> MigrationReport:
    report = _report(outcome, **tables)
    report.verified = True
    return report


DIFFERS = RowError("edges", "a→b", "weight", Kind.DIFFERS_AT_DESTINATION, "weight has another value", copied=True)
EQUAL_TO_ALL = "1,996 of 2,000 memories are at the destination, every value compared and equal."


def test_every_value_is_equal() -> None:
    said = verdict(_verified(knowledge_nodes=TableReport(2_000, 2_000, 2_000)), None)
    assert said == Verdict(Tone.GOOD, "2,000 of 2,000 memories are at the destination, every value compared and equal.")


def test_every_value_is_equal_of_what_could_be_copied() -> None:
    report = _verified(Outcome.ERRORS, knowledge_nodes=TableReport(2_000, 2_000, 1_996, failed=4))
    said = verdict(report, None)
    assert (said.tone, said.headline) == (Tone.WARNING, f"{EQUAL_TO_ALL} 4 were not copied and need you.")


def test_every_value_is_equal_and_was_there() -> None:
    said = verdict(_verified(knowledge_nodes=TableReport(1, 1, 0, 1, already_equal=1, already_different=0)), None)
    assert said.tone is Tone.GOOD
    assert said.headline == "1 of 1 memory is at the destination, every value compared and equal."
    assert said.details == ("It was there before.",)


def test_what_was_there_with_other_values_is_counted_by_table() -> None:
    report = _verified(
        Outcome.DIFFERENT,
        knowledge_nodes=TableReport(9, 9, 0, 9, already_equal=7, already_different=2),
        domains=TableReport(5, 5, 0, 5, already_equal=4, already_different=1),
    )
    said = verdict(report, None)
    assert said.tone is Tone.WARNING
    assert said.headline == "9 of 9 memories are at the destination."
    assert said.details == (
        "Already there, different: 3 rows (Memories 2, Domains 1). A copy never overwrites what is there.",
        "They were there before.",
    )


def test_rows_that_arrived_with_other_values_are_counted_once() -> None:
    report = _verified(Outcome.ERRORS, knowledge_nodes=TableReport(2, 2, 2))
    report.errors = [DIFFERS, replace(DIFFERS, field="created_at"), replace(DIFFERS, row="a→c")]
    said = verdict(report, None)
    assert (said.tone, said.headline) == (Tone.WARNING, "2 of 2 memories are at the destination.")
    assert said.details == (
        "2 rows arrived with other values: a trigger, a rule or another program changes them there.",
    )


@pytest.mark.parametrize(
    ("reason", "failure", "why"),
    [
        (NotVerified.CANCELLED, None, "stopped before its end. Verify (v)"),
        (NotVerified.FAILED, "The server is gone.", "did not reach its end (The server is gone). Verify (v)"),
    ],
)
def test_a_copy_that_is_not_verified(reason: NotVerified, failure: str | None, why: str) -> None:
    report = _report(knowledge_nodes=TableReport(2, 2, 2))
    report.not_verified, report.verification_failure = reason, failure
    for only in (None, {"knowledge_nodes": frozenset("ab")}):
        said = verdict(report, None, only)
        assert said.tone is Tone.WARNING
        assert said.headline.endswith("Copied, not verified.")
        assert why in said.details[0]


def _compared(outcome: VerificationOutcome, counts: TableComparison) -> VerificationReport:
    plan = VerificationPlan(Path("vestige.db"), Dsn({"host": "h"}))
    report = VerificationReport(plan, SourceReport("vestige.db"), DestinationReport("h"), outcome=outcome)
    report.comparison = Comparison({"knowledge_nodes": counts})
    return report


@pytest.mark.parametrize(
    ("outcome", "counts", "tone", "headline"),
    [
        (VerificationOutcome.EQUAL, TableComparison(2, 0, 2, 2), Tone.GOOD,
         "Compared again: every value of 2 rows is equal."),
        (VerificationOutcome.DIFFERENT, TableComparison(3, 0, 2, 1, 1, 1), Tone.WARNING,
         "Compared again: 1 row has other values, 1 row is missing."),
        (VerificationOutcome.CANCELLED, TableComparison(1, 0, 1, 1), Tone.WARNING,
         "The comparison was stopped; until then every value of 1 row is equal."),
    ],
    ids=["equal", "different", "stopped"],
)  # fmt: skip
def test_a_later_comparison_counts_for_more_than_that_of_the_copy(
    outcome: VerificationOutcome, counts: TableComparison, tone: Tone, headline: str
) -> None:
    copied = _verified(Outcome.DIFFERENT, knowledge_nodes=TableReport(2, 2, 0, 2, already_equal=1, already_different=1))
    said = verdict_after_verification(copied, None, _compared(outcome, counts), None)
    assert (said.tone, said.headline) == (tone, headline)
    assert said.details == ("All 2 memories are at the destination; they had arrived before.",)


def test_a_later_comparison_that_fails_says_so() -> None:
    copied = _verified(knowledge_nodes=TableReport(2, 2, 2))
    said = verdict_after_verification(copied, None, None, DestinationError("Gone.", remedy="Look."))
    assert said == Verdict(Tone.WARNING, "Not compared: Gone.", ("Look.", "All 2 memories have arrived."))


def test_next_steps_name_the_receipt_beside_the_report() -> None:
    state = _state(_report(), target())
    reports, receipts = Path("/x/reports"), Path("/x/receipts")
    state = state.with_report(state.report, saved=reports / "copy.json", receipt=receipts / "copy.json")
    state = state.with_verification(None, kept=Kept(reports / "verify.json", receipts / "verify.json"))
    text = _next(state)
    assert "The report, saved in /x/reports:\n  copy.json\n  verify.json\nThe receipt, which verify" in text
    assert "checks later, saved in /x/receipts:\n  copy.json\n  verify.json" in text
