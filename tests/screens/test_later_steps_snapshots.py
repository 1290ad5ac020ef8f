"""Pictures of the steps from Upgrade to Report; nothing in them depends on the machine or the hour.

After a wanted change: ``pytest --snapshot-update``, and look at the report before.
"""

from __future__ import annotations

import tempfile

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, TabbedContent

from tests.support import scenes
from tests.support.pictures import BOTH, GROWING, Compare, Prepare, Sizes, look_the_same
from tests.support.scenes import StillWizard
from tests.support.wizard import SMALL, machine, on_screen, shown, until
from vestige_tui.core.errors import DestinationError, MigrationError, SourceError
from vestige_tui.core.events import IndexProgress, Phase, Waiting
from vestige_tui.core.facts import DataState, NotVerified
from vestige_tui.core.missing import MissingPart
from vestige_tui.core.report import Outcome, TableReport
from vestige_tui.core.source.row_lookup import FoundValue
from vestige_tui.core.verify.sides import Excerpt, FieldSides, Sides
from vestige_tui.screens import report as report_screen
from vestige_tui.screens import row_dialog, upgrade
from vestige_tui.screens.progress import Progress
from vestige_tui.screens.run import Run
from vestige_tui.screens.sides_dialog import SidesDialog
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.verification import Verification
from vestige_tui.screens.verify_bar import VerifyBar
from vestige_tui.screens.widgets.problem_list import ProblemList

LOST = DestinationError(
    "The connection to the server was lost.",
    state=DataState.BATCHES_STAY,
    remedy="Check the server and the network, and run again: what has arrived is skipped, and the rest is completed.",
)
LOST.memories = 1_500, 2_000


@pytest.fixture(autouse=True)
def _fixed_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run begins, and what is asked of the machine is always the same."""
    values = (
        FoundValue("id", "text", 36, scenes.errors()[1].row),
        FoundValue(
            "content", "text", 21_000, "Decision for lantern-ui: the dark theme moves.\nZoë owns the roll-out.\n" * 12
        ),
        FoundValue("metadata", "text", 35, '{"source": "chat", "confidence": 0.8'),
        FoundValue("embedding", "blob", 1_024, "e17bbc3db5a896bc" * 4),
        FoundValue("codebase", "null", 0, ""),
    )
    monkeypatch.setattr(Run, "carry_out", lambda _: None)
    monkeypatch.setattr(row_dialog, "find_row", lambda *_: values)
    monkeypatch.setattr(upgrade, "backup_path", lambda path: path.with_name("vestige.db.before-v15-2026-11-22.bak"))
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")


def _at(step: Step, state: WizardState, sizes: Sizes, compare: Compare, prepare: Prepare | None = None) -> bool:
    """Whether a step looks as it did, after ``prepare`` has brought it to its moment."""
    name = {Step.MODEL: "ModelScreen"}.get(step, f"{step.name.title()}Screen")

    async def ready(pilot: Pilot[None]) -> None:
        await on_screen(pilot, name)
        if prepare is not None:
            await prepare(pilot)

    return look_the_same(compare, StillWizard(machine(scenes.HOME), state, step), sizes, ready)


def test_upgrade(snap_compare: Compare) -> None:
    assert _at(Step.UPGRADE, scenes.state(old=True), BOTH, snap_compare)


def test_upgrade_in_place(snap_compare: Compare) -> None:
    async def choose(pilot: Pilot[None]) -> None:
        await pilot.press("down")
        pilot.app.screen.query_one("#word", Input).focus()
        await pilot.press(*"upg")

    assert _at(Step.UPGRADE, scenes.state(old=True), (SMALL,), snap_compare, choose)


def test_upgrade_without_colours(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert _at(Step.UPGRADE, scenes.state(old=True), (SMALL,), snap_compare)


def test_model_of_this_run_differs(snap_compare: Compare) -> None:
    assert _at(Step.MODEL, scenes.state(presented=scenes.OTHER), GROWING, snap_compare)


def test_model_of_the_destination_differs(snap_compare: Compare) -> None:
    state = scenes.state(presented=scenes.MODEL, registered=scenes.OTHER)
    assert _at(Step.MODEL, state, (SMALL,), snap_compare)


def test_model_unknown(snap_compare: Compare) -> None:
    assert _at(Step.MODEL, scenes.state(named=False), (SMALL,), snap_compare)


def test_model_matches(snap_compare: Compare) -> None:
    assert _at(Step.MODEL, scenes.state(registered=scenes.MODEL), (SMALL,), snap_compare)


def test_preview_running(snap_compare: Compare) -> None:
    async def progress(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        run: Run = screen._run  # type: ignore[attr-defined]
        screen.post_message(Run.Progressed(run, scenes.progress(Phase.PREVIEW)))
        await shown(pilot, "Reading every row")

    assert _at(Step.PREVIEW, scenes.state(), BOTH, snap_compare, progress)


def test_preview_with_problems(snap_compare: Compare) -> None:
    assert _at(Step.PREVIEW, scenes.previewed(scenes.report(dry_run=True)), BOTH, snap_compare)


def test_preview_of_nothing_new(snap_compare: Compare) -> None:
    there = {name: TableReport(rows, rows, 0, rows) for name, rows in scenes.ROWS.items()}
    found = scenes.report(Outcome.CLEAN, dry_run=True, tables=there)
    assert _at(Step.PREVIEW, scenes.previewed(found), (SMALL,), snap_compare)


def test_preview_of_what_differs(snap_compare: Compare) -> None:
    there = {name: TableReport(rows, rows, 0, rows, already_equal=rows, already_different=0)
             for name, rows in scenes.ROWS.items()}  # fmt: skip
    there["knowledge_nodes"] = TableReport(2_000, 2_000, 996, 1_004, already_equal=1_002, already_different=2)
    there["domains"] = TableReport(5, 5, 0, 5, already_equal=4, already_different=1)
    found = scenes.report(Outcome.DIFFERENT, dry_run=True, tables=there)
    assert _at(Step.PREVIEW, scenes.previewed(found), BOTH, snap_compare)


def test_preview_failed(snap_compare: Compare) -> None:
    lost = SourceError("/home/operator/.vestige/vestige.db does not exist.", remedy="Check the path.")

    async def fail(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        run: Run = screen._run  # type: ignore[attr-defined]
        run.failure = lost
        run._over.set()
        screen.post_message(Run.Ended(run))
        await shown(pilot, "does not exist")

    assert _at(Step.PREVIEW, scenes.state(), BOTH, snap_compare, fail)


def _copying(progress: Progress, *, problems: bool = True) -> Prepare:
    async def prepare(pilot: Pilot[None]) -> None:
        screen = pilot.app.screen
        run: Run = screen._run  # type: ignore[attr-defined]
        screen.post_message(Run.Progressed(run, progress))
        if problems:
            screen.post_message(Run.ProblemsFound(run, tuple(scenes.errors())))
        await shown(pilot, "100,000 / 100,000")

    return prepare


def test_copy_running(snap_compare: Compare) -> None:
    state = scenes.previewed(scenes.report(dry_run=True))
    assert all(_at(Step.COPY, state, (size,), snap_compare, _copying(scenes.progress())) for size in BOTH)


def test_copy_beginning(snap_compare: Compare) -> None:
    assert _at(Step.COPY, scenes.previewed(scenes.report(dry_run=True)), (SMALL,), snap_compare)


def test_copy_building_indexes(snap_compare: Compare) -> None:
    building = scenes.progress(Phase.INDEXES, index=IndexProgress("idx_embedding_hnsw", 17, 17, 0.31))
    state = scenes.previewed(scenes.report(dry_run=True))
    assert _at(Step.COPY, state, (SMALL,), snap_compare, _copying(building, problems=False))


def test_copy_waiting_for_another_session(snap_compare: Compare) -> None:
    waiting = scenes.progress(
        Phase.INDEXES,
        index=IndexProgress("edges_source_id_fkey", 18, 24),
        waiting=Waiting(("edges", "knowledge_nodes"), 27.4),
    )
    state = scenes.previewed(scenes.report(dry_run=True))
    assert _at(Step.COPY, state, (SMALL,), snap_compare, _copying(waiting, problems=False))


@pytest.mark.parametrize("different", [0, 12], ids=["equal", "different"])
def test_copy_verifying(snap_compare: Compare, different: int) -> None:
    state = scenes.previewed(scenes.report(dry_run=True))
    comparing = scenes.comparing(different=different)
    assert all(
        _at(Step.COPY, state, (size,), snap_compare, _copying(comparing, problems=bool(different))) for size in BOTH
    )


def test_copy_skipping_verification(snap_compare: Compare) -> None:
    async def skip(pilot: Pilot[None]) -> None:
        await _copying(scenes.comparing())(pilot)
        await pilot.press("escape")
        await shown(pilot, "Stopping the comparison")

    assert _at(Step.COPY, scenes.previewed(scenes.report(dry_run=True)), (SMALL,), snap_compare, skip)


def test_copy_being_cancelled(snap_compare: Compare) -> None:
    async def cancel(pilot: Pilot[None]) -> None:
        await _copying(scenes.progress())(pilot)
        await pilot.press("escape", "tab", "enter")
        await on_screen(pilot, "CopyScreen")

    assert _at(Step.COPY, scenes.previewed(scenes.report(dry_run=True)), (SMALL,), snap_compare, cancel)


def test_report_with_problems(snap_compare: Compare) -> None:
    assert _at(Step.REPORT, scenes.reported(scenes.report()), BOTH, snap_compare)


def test_report_clean(snap_compare: Compare) -> None:
    assert _at(Step.REPORT, scenes.reported(scenes.report(Outcome.CLEAN)), BOTH, snap_compare)


@pytest.mark.parametrize("parts", [scenes.MISSING, scenes.UNENFORCED, scenes.MISSING + scenes.UNENFORCED],
                         ids=["not the owner", "in use", "both"])  # fmt: skip
def test_report_incomplete(snap_compare: Compare, parts: tuple[MissingPart, ...]) -> None:
    assert _at(Step.REPORT, scenes.reported(scenes.incomplete(parts)), BOTH, snap_compare)


def test_report_not_copied(snap_compare: Compare) -> None:
    """Every table, to its end."""

    async def turn(pilot: Pilot[None]) -> None:
        pilot.app.screen.query_one(TabbedContent).active = "not-copied"
        await shown(pilot, "agent_runs")
        await pilot.press("pagedown", "pagedown", "pagedown", "pagedown")
        await shown(pilot, "edges.strength_before")

    done = scenes.report()
    done.left_behind = scenes.LEFT_BEHIND
    assert all(_at(Step.REPORT, scenes.reported(done), (size,), snap_compare, turn) for size in BOTH)


def test_preview_of_an_incomplete_copy(snap_compare: Compare) -> None:
    found = scenes.incomplete(scenes.MISSING, dry_run=True)
    assert _at(Step.PREVIEW, scenes.previewed(found), BOTH, snap_compare)


def test_preview_not_copied(snap_compare: Compare) -> None:
    """Every table, to its end."""

    async def look(pilot: Pilot[None]) -> None:
        for _ in range(6):
            await pilot.press("pagedown")
        await shown(pilot, "edges.strength_before")

    found = scenes.report(dry_run=True)
    found.left_behind = scenes.LEFT_BEHIND
    assert _at(Step.PREVIEW, scenes.previewed(found), GROWING, snap_compare, look)


def test_report_counts(snap_compare: Compare) -> None:
    async def turn(pilot: Pilot[None]) -> None:
        pilot.app.screen.query_one(TabbedContent).active = "counts"

    assert _at(Step.REPORT, scenes.reported(scenes.report()), (SMALL,), snap_compare, turn)


def test_report_cancelled(snap_compare: Compare) -> None:
    so_far = {"knowledge_nodes": TableReport(2_000, 500, 500)}
    assert _at(Step.REPORT, scenes.reported(scenes.report(Outcome.CANCELLED, tables=so_far)), (SMALL,), snap_compare)


def test_report_failed(snap_compare: Compare) -> None:
    so_far = {"knowledge_nodes": TableReport(2_000, 1_500, 1_500)}
    done = scenes.report(Outcome.FAILED, tables=so_far)
    state = scenes.reported(done).with_report(done, LOST, unsaved="No space left on device")
    assert _at(Step.REPORT, state, BOTH, snap_compare)


def test_report_row(snap_compare: Compare) -> None:
    async def look(pilot: Pilot[None]) -> None:
        rows = pilot.app.screen.query_one(ProblemList)
        rows.cursor = next(at for at, error in enumerate(rows.errors) if error.field == "metadata")
        await pilot.press("enter")
        await shown(pilot, "! metadata")

    assert _at(Step.REPORT, scenes.reported(scenes.report()), BOTH, snap_compare, look)


def test_report_export(snap_compare: Compare) -> None:
    async def export(pilot: Pilot[None]) -> None:
        await pilot.press("e")

    assert _at(Step.REPORT, scenes.reported(scenes.report()), (SMALL,), snap_compare, export)


def test_report_verified(snap_compare: Compare) -> None:
    assert _at(Step.REPORT, scenes.reported(scenes.verified()), BOTH, snap_compare)


def test_report_verified_with_problems(snap_compare: Compare) -> None:
    assert _at(Step.REPORT, scenes.reported(scenes.verified(Outcome.ERRORS)), (SMALL,), snap_compare)


@pytest.mark.parametrize("reason", [NotVerified.CANCELLED, NotVerified.FAILED])
def test_report_not_verified(snap_compare: Compare, reason: NotVerified) -> None:
    done = scenes.report(Outcome.CLEAN)
    done.not_verified = reason
    done.verification_failure = "The connection to the server was lost." if reason is NotVerified.FAILED else None
    assert _at(Step.REPORT, scenes.reported(done), BOTH, snap_compare)


def test_report_differences(snap_compare: Compare) -> None:
    done = scenes.verified(knowledge_nodes=2, domains=1)
    assert _at(Step.REPORT, scenes.reported(done), BOTH, snap_compare)


def test_report_counts_of_what_was_there(snap_compare: Compare) -> None:
    async def turn(pilot: Pilot[None]) -> None:
        pilot.app.screen.query_one(TabbedContent).active = "counts"

    done = scenes.verified(knowledge_nodes=2, domains=1)
    assert _at(Step.REPORT, scenes.reported(done), (SMALL,), snap_compare, turn)


def test_report_verifying_again(snap_compare: Compare) -> None:
    async def verify(pilot: Pilot[None]) -> None:
        await pilot.press("v")
        bar = pilot.app.screen.query_one(VerifyBar)
        assert bar._run is not None
        bar.post_message(Verification.Progressed(bar._run, scenes.comparing(different=2)))
        await shown(pilot, "251,298 equal so far")

    assert _at(Step.REPORT, scenes.reported(scenes.verified()), BOTH, snap_compare, verify)


@pytest.mark.parametrize("different", [False, True], ids=["equal", "different"])
def test_report_verified_again(snap_compare: Compare, different: bool) -> None:
    state = scenes.reported(scenes.verified(knowledge_nodes=2, domains=1))
    state = state.with_verification(scenes.verification(different=different))
    assert _at(Step.REPORT, state, BOTH, snap_compare)


def _value(source: str | None, stored: str | None, first: int | None, field: str = "content") -> Sides:
    sides = [Excerpt(text) if text is not None else None for text in (source, stored)]
    return Sides(True, True, (FieldSides(field, False, sides[0], sides[1], first),))


_LETTER = "Decision for lantern-ui: the dark theme moves.\nZoë owns the roll-out.\n"
_ROW = Sides(
    True,
    False,
    tuple(
        FieldSides(name, False, Excerpt(text) if text is not None else None, None)
        for name, text in (
            ("source_id", scenes.differences()[3].key[0]),
            ("target_id", scenes.differences()[3].key[1]),
            ("edge_type", "semantic"),
            ("weight", "0.5"),
            ("created_at", "2026-02-13 10:11:12.123456 UTC"),
            ("last_activated", None),
        )
    ),
)
SIDES: dict[str, tuple[int, Sides | MigrationError]] = {
    "a letter": (0, _value(_LETTER, _LETTER.replace("owns", "heads"), _LETTER.index("owns"))),
    "far down": (0, _value(_LETTER * 20 + "The end.\n", _LETTER * 20 + "The End.\n", len(_LETTER * 20) + 4)),
    "an end": (4, _value("Harbor", "Harbor ", 6, "label")),
    "json": (2, _value('{\n  "confidence": 0.8,\n  "tags": []\n}', '{\n  "confidence": 0.75,\n  "tags": []\n}', 22,
                       "metadata")),
    "null": (4, _value("Harbor", None, None, "label")),
    "missing": (3, _ROW),
    "equal now": (0, Sides(True, True, (FieldSides("content", True, Excerpt(_LETTER), Excerpt(_LETTER)),))),
    "lost": (0, LOST),
}  # fmt: skip


IN_BOTH_SIZES = {"a letter", "json", "lost"}


@pytest.mark.parametrize("case", SIDES)
def test_both_sides(snap_compare: Compare, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    place, sides = SIDES[case]

    def read(*_: object, **__: object) -> Sides:
        if isinstance(sides, MigrationError):
            raise sides
        return sides

    async def look(pilot: Pilot[None]) -> None:
        await pilot.press(*["down"] * place, "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SidesDialog))
        await until(pilot, lambda: "-busy" not in pilot.app.screen.query_one("#said").classes)

    monkeypatch.setattr(report_screen, "read_sides", read)
    state = scenes.reported(scenes.verified(knowledge_nodes=2, domains=1))
    assert _at(Step.REPORT, state, BOTH if case in IN_BOTH_SIZES else (SMALL,), snap_compare, look)
