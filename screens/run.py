"""A run of the copier in a thread: its events become messages, no more often than a screen can follow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from textual.message import Message

from vestige_tui.core.embedder import PresentedEmbedder
from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.events import Event, PhaseStarted, RowProblem, TablesPlanned
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.rows.problems import RowError
from vestige_tui.screens.progress import Meter, Progress
from vestige_tui.screens.work import QuitPrompt

PROGRESS_INTERVAL = 0.2
"""Seconds between two messages about the counts."""

PROBLEM_INTERVAL = 0.3
"""Seconds between two messages with problems; each carries all that came up in between."""

Keep = Callable[[MigrationReport], Path]
"""Writes a report to where it is kept and returns the file. Raises ``OSError``."""


class Run:
    """One run, carried out once in a thread of its own. ``post`` takes its messages, from that thread.

    ``only`` restricts it to rows of these labels, by table. ``keep`` saves the report.
    When the run is over, ``report`` and ``failure`` say how it ended; ``saved`` is the file that keeps the report, or
    ``unsaved`` says why there is none.
    """

    quit_prompt = QuitPrompt(
        "Stop the copy and quit?",
        "The batch in flight is finished or rolled back. What has arrived stays, and starting again completes it.",
        leave="Stop and quit",
        stay="Go on copying",
        waiting="Finishing this batch, one moment…",
    )

    class Progressed(Message, bubble=False):
        """The progress of the run; a newer message replaces a waiting one of the same phase."""

        def __init__(self, run: Run, progress: Progress) -> None:
            super().__init__()
            self.run = run
            self.progress = progress

        def can_replace(self, message: Message) -> bool:
            """Counts are totals, so the newest is enough. Every phase is shown, however short."""
            return isinstance(message, Run.Progressed) and message.progress.phase is self.progress.phase

    class ProblemsFound(Message, bubble=False):
        """Rows with problems since the last such message; none is ever dropped."""

        def __init__(self, run: Run, errors: tuple[RowError, ...]) -> None:
            super().__init__()
            self.run = run
            self.errors = errors

    class Ended(Message):
        """The run is over."""

        def __init__(self, run: Run) -> None:
            super().__init__()
            self.run = run

    def __init__(
        self,
        plan: CopyPlan,
        presented: ModelSignature | None,
        post: Callable[[Message], bool],
        *,
        only: Mapping[str, frozenset[str]] | None = None,
        keep: Keep | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.plan = plan
        self.only = only
        self.report: MigrationReport | None = None
        self.failure: MigrationError | None = None
        self.saved: Path | None = None
        self.unsaved = ""
        self._post = post
        self._save = keep
        self._embedder = PresentedEmbedder(presented) if presented is not None else None
        self._clock = clock
        self._meter = Meter(presented.dimension if presented is not None else 0, clock)
        self._cancel = threading.Event()
        self._over = threading.Event()
        self._waiting: list[RowError] = []
        self._progress_due = self._problems_due = clock()

    @property
    def running(self) -> bool:
        """Whether it is not done yet; True also before it starts."""
        return not self._over.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it has been asked to end."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask it to end after the batch in flight; returns at once."""
        self._cancel.set()

    def carry_out(self) -> None:
        """Run to the end, however it ends, and save the report; never raises."""
        try:
            self._run()
            self._keep()
        finally:
            self._flush()
            self._over.set()
            self._post(self.Ended(self))

    def _run(self) -> None:
        from vestige_tui.core.run.copier import run_sqlite_to_postgres

        try:
            self.report = run_sqlite_to_postgres(
                self.plan, self._embedder, on_event=self._take, cancel=self._cancel, only=self.only
            )
        except MigrationError as error:
            self.failure = error
            self.report = error.report if isinstance(error.report, MigrationReport) else None
        except Exception as error:
            self.failure = unexpected(
                error,
                "copy",
                state=DataState.NOTHING_CHANGED if self.plan.dry_run else DataState.BATCHES_STAY,
                remedy="Run again: what has arrived is skipped. If it comes back, please report it.",
            )

    def _keep(self) -> None:
        if self._save is None or self.report is None:
            return
        try:
            self.saved = self._save(self.report)
        except OSError as error:
            self.unsaved = error.strerror or str(error)
        except MigrationError as error:
            self.unsaved = error.what

    def _take(self, event: Event) -> None:
        """Receive an event of the run, in its thread."""
        step = self._meter.progress.step
        self._meter.take(event)
        if isinstance(event, RowProblem):
            self._waiting.append(event.error)
        now = self._clock()
        if isinstance(event, PhaseStarted | TablesPlanned) or self._meter.progress.step != step:
            self._flush()
        elif now >= self._progress_due:
            self._send_progress(now)
        if self._waiting and now >= self._problems_due:
            self._send_problems(now)

    def _flush(self) -> None:
        now = self._clock()
        self._send_progress(now)
        if self._waiting:
            self._send_problems(now)

    def _send_progress(self, now: float) -> None:
        self._progress_due = now + PROGRESS_INTERVAL
        self._post(self.Progressed(self, self._meter.progress))

    def _send_problems(self, now: float) -> None:
        self._problems_due = now + PROBLEM_INTERVAL
        self._post(self.ProblemsFound(self, tuple(self._waiting)))
        self._waiting.clear()
