"""What the later steps say: of a copy that has nothing to write, of indexes, and of what the environment names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from tests.support import scenes
from tests.support.states import probed, settled_state
from tests.support.wizard import NOW, machine, on_screen, play, shown
from vestige_tui import wizard
from vestige_tui.app import VestigeApp
from vestige_tui.core.events import IndexProgress, Phase, PhaseStarted, TablesPlanned
from vestige_tui.core.report import Outcome, TableReport
from vestige_tui.core.source.overview import FileUsage
from vestige_tui.screens import destination, preview_report
from vestige_tui.screens.preview import PreviewScreen
from vestige_tui.screens.progress import Meter
from vestige_tui.screens.source_facts import facts_of, warnings_of
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.steps import Step, asks, settled
from vestige_tui.screens.stopping import stop_in


def test_a_preview_says_how_many_of_how_many_rows_are_written() -> None:
    report = scenes.report(dry_run=True)
    read = sum(table.source for table in report.tables.values())
    written = sum(table.inserted for table in report.tables.values())
    assert (written, read) == (8_926, 8_931)
    assert preview_report.estimate(report).startswith("8,926 of 8,931 rows to write: about 6 s")


def test_with_nothing_to_write_the_main_button_does_not_start_a_copy(home: Path) -> None:
    there = {name: TableReport(rows, rows, already_present=rows) for name, rows in scenes.ROWS.items()}
    report = scenes.report(Outcome.CLEAN, dry_run=True, tables=there)
    screen = PreviewScreen(Step.PREVIEW, scenes.previewed(report), machine(home))
    assert screen.primary_label == "Verify what is there"
    assert preview_report.estimate(report).startswith("Nothing to write")
    empty = scenes.report(Outcome.CLEAN, dry_run=True, tables={name: TableReport() for name in scenes.ROWS})
    screen = PreviewScreen(Step.PREVIEW, scenes.previewed(empty), machine(home))
    assert screen.primary_label == "Start copy", "the tables are still to be made"


def test_what_cancel_means_depends_on_the_phase() -> None:
    assert "batch" in stop_in(Phase.COPY).means
    indexing = stop_in(Phase.INDEXES)
    assert "batch" not in f"{indexing.means}{indexing.doing}{indexing.question}{indexing.quit}"
    assert indexing.means == "all rows have arrived; the index is left to the next copy"
    assert stop_in(Phase.VERIFY).button == "Skip verification"
    assert stop_in(None) is stop_in(Phase.COPY)


def test_an_index_has_its_time_left() -> None:
    now = [100.0]
    meter = Meter(256, lambda: now[0])
    meter.take(TablesPlanned({"knowledge_nodes": 10}))
    meter.take(IndexProgress("a", 1, 2, 0.5))
    now[0] += 10
    meter.take(PhaseStarted(Phase.INDEXES))
    meter.take(IndexProgress("b", 2, 2, 0.0))
    assert meter.progress.index_seconds_left is None, "nothing can be said yet"
    now[0] += 6
    meter.take(IndexProgress("b", 2, 2, 0.25))
    assert meter.progress.index_seconds_left == pytest.approx(18)


def test_what_has_to_be_seen_is_no_fact_among_others() -> None:
    source = replace(scenes.source(), journal_mode="delete")
    used = FileUsage("vestige-mcp, process 4711", side_files=True, certain=True)
    assert [*warnings_of(source, used)] == [
        "A program that has the file open cannot write to it while a copy reads (rollback journal)."
    ]
    assert dict(facts_of(source, used, NOW))["In use"].plain == "open in vestige-mcp, process 4711"  # type: ignore[union-attr]
    assert [*warnings_of(scenes.source(), used)] == []


def test_an_unknown_embedder_does_not_keep_the_wizard_from_opening(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VESTIGE_EMBEDDING_MODEL", "no-such-model")
    presented, why = wizard._presented()
    assert presented is None
    assert why == "VESTIGE_EMBEDDING_MODEL says 'no-such-model', which is no model of Vestige."
    state = replace(scenes.state(), unknown_embedder=why)
    assert asks(Step.MODEL, state)
    assert settled(Step.MODEL, state), "it is no question"
    assert not asks(Step.MODEL, scenes.state())

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        screen = await on_screen(pilot, "ModelScreen")
        await shown(pilot, "VESTIGE_EMBEDDING_MODEL says 'no-such-model'")
        await shown(pilot, "This run goes on as if it were not set.")
        assert "--" not in why
        assert screen.primary_ready

    play(scenario, machine(home), state=state, first=Step.MODEL)


def test_a_destination_counts_again_after_a_copy(
    home: Path, small_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "probe", lambda *_, **__: probed(rows={"users": 1, "domains": 0}))
    state: WizardState = settled_state(small_source)

    async def scenario(app: VestigeApp, pilot: Pilot[None]) -> None:
        await on_screen(pilot, "DestinationScreen")
        await shown(pilot, "Users 1; nothing of it is overwritten")
        assert app.state.report is state.report, "what came of it stays"

    play(scenario, machine(home), state=state, first=Step.DESTINATION)
