"""Pictures of the workbench, of what it asks, and of the kept reports, each at both sizes; and what is picked.

After a wanted change: ``pytest --snapshot-update``, and look at the report before.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen

from tests.support import scenes
from tests.support.pictures import BOTH, Compare, look_the_same
from tests.support.scenes import StillWizard
from tests.support.wizard import machine, on_screen, play, shown, until
from vestige_tui.app import VestigeApp
from vestige_tui.core.reading_reports import ReadReport
from vestige_tui.core.repairs import proposals
from vestige_tui.core.repairs.answers import RowName
from vestige_tui.core.repairs.document import read_repairs
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.run.people import Person
from vestige_tui.core.source.broken_rows import BrokenRow, Wanted
from vestige_tui.core.verify.receipt import Receipt
from vestige_tui.screens import many_answers, row_questions, workbench
from vestige_tui.screens.kept_reports import Headline
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.picker_dialog import PickerDialog
from vestige_tui.screens.run import Run
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step
from vestige_tui.screens.widgets.offer_list import OfferList
from vestige_tui.screens.workbench import Workbench
from vestige_tui.user.kept_repairs import KeptRepairs, repairs_file
from vestige_tui.user.kept_reports import RunKind

PEOPLE = {
    "users": [Person("11111111-2222-4333-8444-55555555555a", "ada"), Person("11111111-2222-4333-8444-55555555555b", "Zoë")],
    "groups": [Person("99999999-2222-4333-8444-55555555555c", "harbor-team"),
               Person("99999999-2222-4333-8444-55555555555d", "platform-team")],
}  # fmt: skip
MEMORY = "7c9e6679-7425-40de-944b-e07fc1f9000"
TO_CHOOSE = (
    RowError("knowledge_nodes", f"{MEMORY}1", "owner_user_id", Kind.MISSING_REFERENCE,
             "owner_user_id refers to a user that is neither copied nor at the destination", copied=False),
    RowError("knowledge_nodes", f"{MEMORY}2", "shared_with_groups", Kind.BAD_UUID,
             "shared_with_groups holds something that is not a UUID", copied=True),
    RowError("knowledge_nodes", f"{MEMORY}3", "visibility", Kind.VALUE_NOT_ALLOWED,
             "visibility is 'secret', which is not allowed", copied=False),
)  # fmt: skip
VALUES = {"shared_with_groups": '["platform-team"]', "visibility": "secret", "metadata": '{"source": "chat", "conf'}


@pytest.fixture(autouse=True)
def _fixed_world(monkeypatch: pytest.MonkeyPatch) -> None:
    """No run begins, and what is asked of the machine is always the same."""

    def rows(_path: Path, wanted: Sequence[Wanted], **_: object) -> list[BrokenRow | None]:
        return [
            BrokenRow(RowName(each.table, each.row, "ab"), VALUES.get(each.field or "", VALUES["metadata"]))
            for each in wanted
        ]

    monkeypatch.setattr(Run, "carry_out", lambda _: None)
    for module in (row_questions, many_answers):
        monkeypatch.setattr(module, "broken_rows", rows)
    monkeypatch.setattr(workbench, "people", lambda *_: PEOPLE)
    monkeypatch.setattr(proposals, "new_id", lambda: "5b0c8f0e-3c1d-4f7a-9a53-0c7b6a1de001")
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")


def _pictures(compare: Compare, state: WizardState, *keys: str, words: str = "", on: Machine | None = None) -> bool:
    """Whether the wizard looks as it did after these keys, in both sizes. ``words`` is what shows at the end."""
    step = Step.PREVIEW if state.report is None else Step.REPORT

    async def press(pilot: Pilot[None]) -> None:
        await on_screen(pilot, f"{step.name.title()}Screen")
        for key in keys:
            screen = pilot.app.screen
            await pilot.press(key)
            await until(pilot, lambda: _is_ready(pilot), every=0.01)
            if key in ("f2", "f4"):
                await until(pilot, lambda screen=screen: pilot.app.screen is not screen)  # type: ignore[misc]
                await until(pilot, lambda: _is_ready(pilot))
        if words:
            await shown(pilot, words)

    return look_the_same(compare, StillWizard(on or machine(scenes.HOME), state, step), BOTH, press)


def _is_ready(pilot: Pilot[None]) -> bool:
    """Whether the row at the cursor has been read, where there is one."""
    screen = pilot.app.screen
    return not isinstance(screen, Workbench) or bool(screen.query_one(OfferList).chosen)


@pytest.mark.parametrize(
    ("keys", "words"),
    [((), "7 open"), (("n",) * 3 + ("enter",), "closed where"), (("n",) * 3 + ("e",), "PostgreSQL takes this value.")],
    ids=["causes", "row", "editor"],
)
def test_workbench(snap_compare: Compare, keys: tuple[str, ...], words: str) -> None:
    """Causes with what waits for them; a row, the place of its error and the ways to deal with it; the editor."""
    assert _pictures(snap_compare, scenes.answered(), "f2", *keys, words=words)


def test_leaving_out(snap_compare: Compare) -> None:
    """What is asked before a row is left out that others wait for."""
    assert _pictures(snap_compare, scenes.answered(), "f2", "l", *"empty", words="Leave out")


def test_all_of_a_kind(snap_compare: Compare) -> None:
    """The question before one answer goes to all rows of a kind."""
    found = scenes.report(dry_run=True)
    state = scenes.state().with_preview(found).with_known((*found.errors,))
    assert _pictures(snap_compare, state, "f2", *"nnn", "a", words="Answer 3 rows at once?")


@pytest.mark.parametrize(
    ("row", "words"), [(0, "ada"), (1, "[ ] harbor-team"), (2, "private")], ids=["owner", "groups", "visibility"]
)
def test_picking(snap_compare: Compare, row: int, words: str) -> None:
    """Owners and groups by name, what visibility allows; of groups several can be ticked."""
    error = TO_CHOOSE[row]
    found = replace(scenes.report(dry_run=True), errors=[error])
    state = scenes.state().with_preview(found).with_known((error,))
    keys = ("down", "space") if row == 1 else ("down",)
    assert _pictures(snap_compare, state, "f2", "e", *keys, words=words.replace("[ ] ", ""))


def test_what_is_picked_is_kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner, what visibility allows, and two groups: as values, in the file of repairs."""
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    state = scenes.state().with_preview(replace(scenes.report(dry_run=True), errors=[*TO_CHOOSE])).with_known(TO_CHOOSE)

    async def pick(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "PreviewScreen")
        await pilot.press("f2")
        for picked in (("down", "enter"), ("down", "down", "ctrl+n"), ("space", "down", "space", "ctrl+n")):
            await until(pilot, lambda: isinstance(app.screen, Workbench) and _is_ready(pilot))
            await pilot.press("e")
            await until(pilot, lambda: isinstance(app.screen, PickerDialog))
            await pilot.press(*picked)

    on = machine(home, repairs=KeptRepairs())
    left = play(pick, on, state=state, first=Step.PREVIEW)
    assert left.state.source is not None
    kept = read_repairs(repairs_file(left.state.source.path)).entries
    assert {each.row: dict(each.values) for each in kept} == {
        f"{MEMORY}1": {"owner_user_id": PEOPLE["users"][1].id},
        f"{MEMORY}2": {"shared_with_groups": [group.id for group in PEOPLE["groups"]]},
        f"{MEMORY}3": {"visibility": "public"},
    }


@dataclass(frozen=True)
class _Kept:
    """A kept report as a list has it."""

    kind: str
    report: ReadReport
    started_at: datetime
    counts: tuple[tuple[str, int], ...] = ()
    document: Receipt | None = None
    opens: bool = True

    @property
    def path(self) -> Path:
        return scenes.HOME / f".local/state/vestige-tui/reports/{self.started_at:%Y%m%dT%H%M%SZ}-{self.kind}-1a2b.json"

    @property
    def receipt_file(self) -> Path:
        return self.path.parent.with_name("receipts") / self.path.name

    @property
    def headline(self) -> Headline:
        source, destination = str(self.report.source.path), self.report.destination.url
        return _Headline(str(self.report.outcome), source, destination, dict(self.counts))

    def open(self) -> ReadReport:
        return self.report

    def receipt(self) -> Receipt | None:
        return self.document


@dataclass(frozen=True)
class _Headline:
    outcome: str
    source: str | None
    destination: str | None
    counts: dict[str, int]


def _kept() -> list[_Kept]:
    rows = {name: {"at_destination": number} for name, number in scenes.ROWS.items()}
    same = {"database": {"sha256": "ab12", "size": 18_000_000}, "wal": None}
    document = {"of": "verification", "outcome": "equal", "verified": True, "tables": rows}
    receipt = Receipt(
        {**document, "source": {"before": same, "after": same}}, {}, datetime(2026, 11, 22, tzinfo=UTC), 1
    )
    copy = scenes.report()
    return [
        _Kept(RunKind.VERIFICATION, scenes.verification(different=False), datetime(2026, 11, 22, 13, 2, tzinfo=UTC), document=receipt),
        _Kept(RunKind.VERIFICATION, scenes.verification(), datetime(2026, 11, 22, 12, 40, tzinfo=UTC)),
        _Kept(RunKind.COPY, copy, datetime(2026, 11, 22, 12, 31, tzinfo=UTC), (("problems", len(copy.errors)),)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), "verification"),
        (("enter",), "Receipt"),
        (("down", "enter"), "Differences"),
        (("down", "down", "enter"), "→"),
    ],
    ids=["list", "equal", "different", "copy"],
)
def test_kept_reports(snap_compare: Compare, keys: tuple[str, ...], words: str) -> None:
    """The list of earlier runs, and what a verification and a copy said."""
    on = machine(scenes.HOME, kept_reports=_kept)

    async def listed(pilot: Pilot[None]) -> None:
        await on_screen(pilot, "ReportScreen")
        await pilot.press("f4")
        await until(pilot, lambda: isinstance(pilot.app.screen, ModalScreen))
        await shown(pilot, "2026-11-22 12:31")
        under = pilot.app.screen
        await pilot.press(*keys)
        await until(pilot, lambda: not keys or pilot.app.screen is not under)
        await shown(pilot, words)

    state = scenes.reported(scenes.report())
    assert look_the_same(snap_compare, StillWizard(on, state, Step.REPORT), BOTH, listed)
