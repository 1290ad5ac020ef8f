"""Problems by cause, how far each is, and which rows a copy takes once more: without any screen or server."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.support import scenes
from vestige_tui.core.repairs.answers import Answers, RowName
from vestige_tui.core.repairs.document import NO_REPAIRS, Repair, Repairs
from vestige_tui.core.repairs.errors import Flaw, RepairProblem
from vestige_tui.core.repairs.labels import Labels, by_source_labels
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.screens.bringing import rows_to_bring
from vestige_tui.screens.cases import Cases, Status, Verdicts, merged, waiting_words

MEMORIES = "knowledge_nodes"
NEW = "5b0c8f0e-3c1d-4f7a-9a53-0c7b6a1de001"
CONTENT = RowError(MEMORIES, "m1", "content", Kind.EMPTY_CONTENT, "content is empty", copied=False)
ID = RowError(MEMORIES, "note-7", "id", Kind.BAD_UUID, "id is not a UUID", copied=False)
JSON = RowError(MEMORIES, "m2", "metadata", Kind.MALFORMED_JSON, "metadata is not valid JSON", copied=True)


def _waits(table: str, row: str, field: str) -> RowError:
    return RowError(
        table, row, field, Kind.MISSING_REFERENCE, f"{field} refers to a memory that is not there", copied=False
    )


WAITING = (
    _waits("scheduling", "m1", "memory_id"),
    _waits("edges", "m1→m9", "source_id"),
    _waits("edges", "m8→m1", "target_id"),
    _waits("review_events", "r1", "memory_id"),
)
KNOWN = (CONTENT, ID, JSON, *WAITING)
REFERENCES = {("review_events", "r1", "memory_id"): "m1"}
TYPED = Repair(MEMORIES, "m1", {"content": "typed"})
RENAMED = Repair(MEMORIES, "note-7", {"id": NEW})
CLOSED = Repair(MEMORIES, "m2", {"metadata": {}})


def _statuses(
    repairs: Iterable[Repair] = (), verdicts: Verdicts | None = None, refused: Iterable[RepairProblem] = ()
) -> dict[str, Status]:
    cases = Cases(KNOWN, REFERENCES)
    cases.judge(Repairs((*repairs,)), verdicts, refused)
    found: dict[str, Status] = {}  # of rows with one label the memory, which comes first
    for case in cases.all:
        for each in (case, *case.waiting):
            found.setdefault(each.error.row, cases.status(each))
    return found


def test_what_waits_for_a_row_stands_under_its_cause() -> None:
    cases = Cases(KNOWN, REFERENCES)
    assert [(cause.title, cause.size) for cause in cases.causes] == [
        ("content: no content", "1 memory +4 rows"),
        ("id: not a UUID", "1 memory"),
        ("metadata: not valid JSON", "1 memory"),
    ]
    (case,) = cases.causes[0].cases
    assert waiting_words(case) == "1 scheduling row, 2 connections and 1 review event wait for it"
    assert [cause.kind for cause in Cases(WAITING).causes] == [Kind.MISSING_REFERENCE] * 4


def test_a_row_is_repaired_only_when_a_run_has_found_nothing_wrong_with_it() -> None:
    repairs = (TYPED, CLOSED)
    before = Verdicts.of(KNOWN, NO_REPAIRS)
    assert _statuses((), before) == dict.fromkeys([error.row for error in KNOWN], Status.OPEN)
    answered = _statuses(repairs, before)
    assert (answered["m1"], answered["m2"], answered["r1"], answered["note-7"]) == (
        Status.ANSWERED, Status.ANSWERED, Status.ANSWERED, Status.OPEN,
    )  # fmt: skip
    after = _statuses(repairs, Verdicts.of([ID], Repairs(repairs)))
    assert (after["m1"], after["m2"], after["r1"], after["note-7"]) == (
        Status.RIGHT, Status.RIGHT, Status.ARRIVES, Status.OPEN,
    )  # fmt: skip
    not_enough = _statuses(repairs, Verdicts.of([ID, replace(CONTENT, message="too long")], Repairs(repairs)))
    assert (not_enough["m1"], not_enough["m2"]) == (Status.OPEN, Status.RIGHT)
    changed = replace(TYPED, values={"content": "typed anew"})
    assert _statuses((changed,), Verdicts.of([ID], Repairs(repairs)))["m1"] is Status.ANSWERED


def test_a_row_that_is_left_out_takes_along_what_waits_for_it() -> None:
    repairs = Repairs((Repair(MEMORIES, "m1", leave_out="empty on purpose"),))
    found = _statuses(repairs.entries, Verdicts.of([ID, JSON], repairs))
    assert [found[row] for row in ("m1", "r1", "m8→m1")] == [Status.LEFT_OUT] * 3
    problem = RepairProblem(Flaw.ROW_CHANGED, "the row has changed", MEMORIES, "m1")
    assert _statuses(repairs.entries, None, [problem])["m1"] is Status.REFUSED


def test_known_problems_are_kept_and_none_is_listed_twice() -> None:
    nameless = replace(CONTENT, row=NIL_UUID)
    known = merged(KNOWN, [JSON, nameless, nameless])
    assert known == (*KNOWN, nameless, nameless)
    assert merged(known, [nameless, JSON]) == known
    causes = Cases([ID], repairs=Repairs((TYPED, RENAMED))).causes
    assert [(cause.earlier, cause.table, cause.field) for cause in causes] == [
        (False, MEMORIES, "id"), (True, MEMORIES, "content"),
    ]  # fmt: skip


def test_an_answer_changes_what_it_is_about_and_nothing_else_is_judged_again() -> None:
    """What is judged row by row after each answer is what a new start with the same answers would say."""
    verdicts = Verdicts.of(KNOWN, NO_REPAIRS)
    going = Cases(KNOWN, REFERENCES)
    left_out = Repair(MEMORIES, "m1", leave_out="empty on purpose")
    for answers in ((CLOSED,), (CLOSED, left_out), (CLOSED, TYPED), (RENAMED, TYPED), (RENAMED,), ()):
        anew = Cases(KNOWN, REFERENCES)
        for cases in (going, anew):
            cases.judge(Repairs(answers), verdicts)
        assert going.counts() == anew.counts()
        assert [*map(going.open_in, going.causes)] == [*map(anew.open_in, anew.causes)]
        assert [*map(going.outcome, going.all)] == [*map(anew.outcome, anew.all)]


def test_reports_name_a_row_by_its_new_id_and_so_what_refers_to_it() -> None:
    labels = Labels(Repairs((RENAMED, TYPED)))
    for table, old, new in (
        (MEMORIES, "note-7", NEW), (MEMORIES, "m1", "m1"), ("scheduling", "note-7", NEW),
        ("edges", "m1→note-7", f"m1→{NEW}"), ("edges", "note-7→note-7", f"{NEW}→{NEW}"), ("users", "note-7", "note-7"),
    ):  # fmt: skip
        assert (labels.after(table, old), labels.before(table, new)) == (new, old)
    found = _waits("edges", f"{NEW}→m1", "target_id")
    assert by_source_labels([found, JSON], Repairs((RENAMED,))) == [replace(found, row="note-7→m1"), JSON]


def test_answers_of_one_row_add_up_and_one_that_leaves_it_out_replaces_them() -> None:
    answers, row = Answers(Repairs((RENAMED,))), RowName(MEMORIES, "m2", "ab")
    answers.set(row, "metadata", {})
    answers.set(row, "content", "typed")
    both = Repair(MEMORIES, "m2", {"metadata": {}, "content": "typed"}, fingerprint="ab")
    assert answers.repairs == Repairs((RENAMED, both))
    answers.leave_out(row._replace(fingerprint="cd"), "twice")
    assert answers.repairs == Repairs((RENAMED, Repair(MEMORIES, "m2", leave_out="twice", fingerprint="cd")))
    twin = RowName(MEMORIES, "m2", "ef", alone=False)
    answers.set(twin, "content", "the other one")
    assert len(answers.repairs.entries) == 3
    answers.drop(twin)
    answers.drop(row)
    assert answers.repairs == Repairs((RENAMED,))


@pytest.mark.parametrize(
    ("repairs", "expected"),
    [
        ((RENAMED,), {MEMORIES: {NEW}, "scheduling": {"m1"}, "edges": {"m1→m9", "m8→m1"}, "review_events": {"r1"}}),
        ((Repair("users", "u1", {"id": NEW}),), None),
        ((Repair(MEMORIES, "m1", leave_out="x"),), None),
    ],
    ids=["id", "user", "left out"],
)
def test_a_copy_takes_the_answered_rows_and_those_that_wait(
    repairs: tuple[Repair, ...], expected: dict[str, set[str]] | None
) -> None:
    state = scenes.reported(scenes.report()).with_repairs(Repairs(repairs))
    found = rows_to_bring(replace(state, unsettled=KNOWN))
    assert found == (None if expected is None else {name: frozenset(rows) for name, rows in expected.items()})
