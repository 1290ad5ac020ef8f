"""The list of problems keeps each until a later run proves its row right."""

from __future__ import annotations

from pathlib import Path

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.mending import MendedField, MendRefusal, MendState
from vestige_tui.core.open_problems import still_open, without_mended
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.repairs.document import Repair, Repairs
from vestige_tui.core.report import DestinationReport, MigrationReport, SourceReport
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.verify.result import Difference, DifferenceKind

MEMORIES = "knowledge_nodes"


def problem(
    row: str, field: str | None = "metadata", kind: Kind = Kind.MALFORMED_JSON, table: str = MEMORIES
) -> RowError:
    copied = kind in (Kind.MALFORMED_JSON, Kind.DIFFERS_AT_DESTINATION)
    return RowError(table, row, field, kind, f"{field} is wrong", copied=copied)


def differing(row: str, field: str = "metadata") -> Difference:
    return Difference(MEMORIES, row, field, DifferenceKind.DIFFERENT, (row,), was_there=True)


def later(
    *errors: RowError, differences: tuple[Difference, ...] = (), verified: bool = True, omitted: int = 0
) -> MigrationReport:
    plan = CopyPlan(Path("vestige.db"), Dsn({"host": "h"}))
    report = MigrationReport(plan, SourceReport("vestige.db"), DestinationReport("postgresql://h/"), verified=verified)
    report.errors, report.differences, report.differences_omitted = [*errors], differences, omitted
    return report


A, B, C = problem("a"), problem("b"), problem("c", "content", Kind.EMPTY_CONTENT)
OF_ALL = problem(NIL_UUID, "embedding", Kind.OTHER_MODEL)
DIFFERS = RowError(
    MEMORIES, "a", "metadata", Kind.DIFFERS_AT_DESTINATION, "metadata has another value at the destination", copied=True
)


def test_a_whole_run_that_was_verified_is_the_whole_truth() -> None:
    assert still_open([A, B, C, OF_ALL], later()) == []
    new = problem("d")
    assert still_open([A, B, C], later(new, C)) == [C, new]


def test_a_smaller_run_proves_only_its_own_rows() -> None:
    only = {MEMORIES: {"a", "c"}}
    assert still_open([A, B, C, OF_ALL], later(), only=only) == [B, OF_ALL]
    worse = problem("c", "content", Kind.UNSTORABLE_TEXT)
    assert still_open([A, B, C], later(worse), only=only) == [B, worse]


def test_without_a_comparison_nothing_is_proven() -> None:
    """What the run found of a row replaces what was known of that field; what it did not look at stays."""
    assert still_open([A, B, C], later(verified=False)) == [A, B, C]
    other = problem("a", "tags", Kind.MISSHAPEN_JSON)
    again = problem("b", "metadata", Kind.UNSTORABLE_JSON)
    assert still_open([A, B], later(other, again, verified=False)) == [other, A, again]


def test_a_row_corrected_in_the_source_alone_is_not_right() -> None:
    """The destination still has the empty field, which a comparison lists as a row that was there before."""
    assert still_open([A, B], later(differences=(differing("a"), differing("x")))) == [DIFFERS]
    assert still_open([A, B, C], later(differences=(differing("a"),), omitted=1)) == [DIFFERS, B]


def test_rows_with_a_new_id_go_by_their_new_name() -> None:
    repairs = Repairs((Repair(MEMORIES, "note-7", {"id": "new"}), Repair(MEMORIES, "b", leave_out="empty")))
    waiting = [
        problem("note-7", "id", Kind.BAD_UUID),
        problem("note-7", "memory_id", Kind.BAD_UUID, "scheduling"),
        problem("note-7→x", "source_id", Kind.BAD_UUID, "edges"),
        B,
    ]
    assert still_open(waiting, later(), only={MEMORIES: {"new"}}, repairs=repairs) == waiting[1:3]
    edge = problem("new→x", "target_id", Kind.MISSING_REFERENCE, "edges")
    everything = {MEMORIES: {"new"}, "scheduling": {"new"}, "edges": {"new→x"}}
    assert still_open(waiting, later(edge), only=everything, repairs=repairs) == [edge]


def test_of_a_mending_only_what_was_compared_again_is_gone() -> None:
    mended = [
        MendedField(MEMORIES, "a", "metadata", MendState.MENDED),
        MendedField(MEMORIES, "b", "metadata", MendState.CHANGED),
        MendedField(MEMORIES, "c", "tags", MendState.REFUSED, MendRefusal.REWRITTEN),
    ]
    assert without_mended([A, B, C], mended) == [
        RowError(
            MEMORIES,
            "b",
            "metadata",
            Kind.DIFFERS_AT_DESTINATION,
            "metadata has another value at the destination: it has changed there meanwhile, and is not overwritten",
            copied=True,
        ),
        C,
    ]
