"""A run's messages: few enough to follow, and no problem lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.message import Message

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, MigrationError
from vestige_tui.core.events import (
    Event,
    IndexProgress,
    Phase,
    PhaseStarted,
    RowProblem,
    TableProgress,
    TablesPlanned,
    Waiting,
    Watcher,
)
from vestige_tui.core.facts import DataState
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.repairs.document import NO_REPAIRS
from vestige_tui.core.report import DestinationReport, MigrationReport, SourceReport
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.run import copier
from vestige_tui.screens.machine import Keep, Kept
from vestige_tui.screens.mending_run import Mending
from vestige_tui.screens.run import Run

CANARY = "canary-7f3a"
PLAN = CopyPlan(Path("vestige.db"), Dsn({"host": "h", "password": CANARY}))


def _report() -> MigrationReport:
    return MigrationReport(PLAN, SourceReport("vestige.db"), DestinationReport("h"))


def _problem(number: int) -> RowProblem:
    return RowProblem(RowError("edges", str(number), None, Kind.MISSING_REFERENCE, "m", copied=False))


class _Played:
    """A run whose copier does nothing but emit these events, one every ``step`` seconds."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        *events: Event,
        step: float = 0.0,
        ending: Exception | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.now = 0.0
        self.messages: list[Message] = []

        def copy(*_: object, on_event: Watcher, **__: object) -> MigrationReport:
            for event in events:
                self.now += step
                on_event(event)
            if ending is not None:
                raise ending
            return _report()

        monkeypatch.setattr(copier, "run_sqlite_to_postgres", copy)
        self.run = Run(PLAN, None, self._post, keep=keep, clock=lambda: self.now)
        self.run.carry_out()

    def _post(self, message: Message) -> bool:
        self.messages.append(message)
        return True

    @property
    def progress(self) -> list[Run.Progressed]:
        return [message for message in self.messages if isinstance(message, Run.Progressed)]

    @property
    def problems(self) -> list[Run.ProblemsFound]:
        return [message for message in self.messages if isinstance(message, Run.ProblemsFound)]


def test_progress_comes_five_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [TableProgress("edges", number, number, 0, 0) for number in range(1, 1_001)]
    played = _Played(monkeypatch, TablesPlanned({"edges": 1_000}), *batches, step=0.001)
    assert 5 <= len(played.progress) <= 8
    assert played.progress[-1].progress.tables["edges"].read == 1_000, "the last one always comes"


def test_every_phase_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    played = _Played(monkeypatch, *(PhaseStarted(phase) for phase in Phase))
    assert {message.progress.phase for message in played.progress} == set(Phase)


def test_what_is_waited_for_is_told_at_once_and_so_is_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two of these events there may be minutes."""
    waiting = Waiting(("edges",), 30)
    told: list[Event] = [IndexProgress("a", 1, 2), waiting, IndexProgress("a", 1, 2, 1.0), IndexProgress("b", 2, 2)]
    played = _Played(monkeypatch, *told, step=0.001)
    seen = [message.progress for message in played.progress]
    assert [progress.waiting for progress in seen[:4]] == [None, waiting, None, None]
    assert [progress.index and progress.index.name for progress in seen[:4]] == ["a", "a", "a", "b"]


def test_newer_progress_replaces_older_of_its_phase_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, other = _Played(
        monkeypatch, PhaseStarted(Phase.COPY), TablesPlanned({}), PhaseStarted(Phase.INDEXES)
    ).progress[:3]
    assert first.can_replace(second)
    assert not second.can_replace(other)


def test_problems_come_in_groups_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    played = _Played(monkeypatch, *map(_problem, range(2_000)), step=0.001)
    assert len(played.problems) <= 9
    rows = [error.row for message in played.problems for error in message.errors]
    assert rows == [str(number) for number in range(2_000)]


def test_the_end_comes_last_and_saves_the_report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    played = _Played(monkeypatch, keep=lambda _: Kept(tmp_path / "report.json", tmp_path / "receipt.json"))
    assert isinstance(played.messages[-1], Run.Ended)
    assert not played.run.running
    assert played.run.kept == Kept(tmp_path / "report.json", tmp_path / "receipt.json")


def test_a_report_that_cannot_be_saved_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(_: object) -> Kept:
        raise OSError(28, "No space left on device")

    run = _Played(monkeypatch, keep=keep).run
    assert run.failure is None
    assert run.report is not None
    assert run.unsaved == "No space left on device"


def test_a_failure_brings_the_report_of_what_was_done(monkeypatch: pytest.MonkeyPatch) -> None:
    error = DestinationError("gone", remedy="look")
    error.report = _report()
    run = _Played(monkeypatch, ending=error).run
    assert run.failure is error
    assert run.report is error.report


def test_an_unexpected_error_is_shown_without_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _Played(monkeypatch, ending=RuntimeError(CANARY)).run
    assert run.failure is not None
    assert "RuntimeError" in run.failure.what
    assert run.failure.state is not DataState.NOTHING_CHANGED, "rows may have arrived"
    assert CANARY not in str(run.failure)
    assert not run.running


def test_a_closed_screen_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copier, "run_sqlite_to_postgres", lambda *_, **__: _report())
    run = Run(PLAN, None, lambda _: False)
    run.carry_out()
    assert run.report is not None


def test_the_embedded_server_is_started_before_values_are_set(small_source: Path) -> None:
    messages: list[Message] = []
    nowhere = Dsn.parse("postgresql://u@127.0.0.1:1/vestige?connect_timeout=1")
    mending = Mending(small_source, nowhere, messages.append, repairs=NO_REPAIRS)  # type: ignore[arg-type]
    failures: list[MigrationError | None] = []

    def start() -> None:
        failures.append(mending.failure)
        raise MigrationError("It cannot start.", remedy="")

    mending.before = start
    mending.carry_out()
    assert failures == [None]
    assert mending.failure is not None
    assert "127.0.0.1" in mending.failure.what
