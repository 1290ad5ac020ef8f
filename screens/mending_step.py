"""A step over which the workbench can lie: it owns the answers, keeps them, and says what is known of their rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.message import Message

from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs
from vestige_tui.core.repairs.errors import RepairProblem, RepairsError
from vestige_tui.core.repairs.labels import by_source_labels
from vestige_tui.core.report import MigrationReport
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.cases import Place, Verdicts, merged
from vestige_tui.screens.machine import KeptRepairs
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.workbench import Workbench


class Keeper:
    """Writes repairs to their file in threads; what was answered last is what the file holds in the end."""

    def __init__(self, store: KeptRepairs, source: Path) -> None:
        self._store = store
        self._source = source
        self._latest = NO_REPAIRS
        self._lock = threading.Lock()

    def keep(self, repairs: Repairs, receiver: StepScreen) -> None:
        """Write them soon; ``receiver`` hears of an error. Not in a daemon: quitting waits for the file."""
        self._latest = repairs
        threading.Thread(target=self._write, args=(receiver,), name="keep-repairs").start()

    def _write(self, receiver: StepScreen) -> None:
        with self._lock:
            try:
                self._store.keep(self._source, self._latest)
            except OSError as error:
                receiver.post_message(MendingStep.NotKept(error.strerror or str(error)))


class MendingStep(StepScreen):
    """A step with problems that can be worked on."""

    class NotKept(Message):
        """The repairs could not be written to their file."""

        def __init__(self, why: str) -> None:
            super().__init__()
            self.why = why

    dry: bool
    """Whether the copy is still to come."""

    workbench: Workbench | None = None
    _keeper: Keeper | None = None
    _last_verdicts: tuple[Sequence[object], Verdicts] | None = None

    @property
    def verdicts(self) -> Verdicts | None:
        """What the last run says; None where none has gone through."""
        raise NotImplementedError

    def judged(self, of: Sequence[object], judge: Callable[[], Verdicts]) -> Verdicts:
        """The verdicts of these objects, made once: with ten thousand rows each key would have to wait for them."""
        last = self._last_verdicts
        if last is None or any(one is not other for one, other in zip(last[0], of, strict=True)):
            last = self._last_verdicts = of, judge()
        return last[1]

    @property
    def refused(self) -> Sequence[RepairProblem]:
        """The repairs that the last run has refused."""
        return ()

    @property
    def checking(self) -> str:
        """What is going on, in a few words."""
        return ""

    @property
    def bring_label(self) -> str:
        """What the workbench's main button does with the answers; empty where there is none."""
        return ""

    def bring(self) -> None:
        """Take the answered rows to the destination."""

    def open_workbench(self, at: Place | None = None) -> None:
        """Open the workbench, at a row if one is named."""
        self.workbench = Workbench(self, at)
        self.app.push_screen(self.workbench, self._workbench_closed)

    def _workbench_closed(self, _: None) -> None:
        self.workbench = None
        self.answered()

    def answer(self, repairs: Repairs) -> None:
        """Take other repairs, and keep them."""
        self.keep(self.state.with_repairs(repairs))
        if self.machine.repairs is not None and self.state.source is not None:
            if self._keeper is None:
                self._keeper = Keeper(self.machine.repairs, self.state.source.path)
            self._keeper.keep(repairs, self)
        self.answered()

    def answered(self) -> None:
        """Show that the repairs are others now."""

    def refresh_workbench(self) -> None:
        """Show in the workbench what is known by now."""
        if self.workbench is not None:
            self.workbench.refresh_state()

    def on_mending_step_not_kept(self, event: NotKept) -> None:
        """Say that the answers last only as long as the wizard."""
        event.stop()
        self.notify(f"Your answers could not be saved: {event.why}.", severity="error", markup=False)


def with_problems_of(state: WizardState, report: MigrationReport | None) -> WizardState:
    """The state with the problems that a run has found beside those that were known."""
    if report is None:
        return state
    return state.with_known(merged(state.known, by_source_labels(report.errors, report.plan.repairs)))


def refusals(error: object) -> Sequence[RepairProblem]:
    """The repairs that do not fit, by the error that ended a run."""
    return error.problems if isinstance(error, RepairsError) else ()
