"""Work in a thread that is watched: its events become messages, no more often than a screen can follow."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

from textual.message import Message

from vestige_tui.core.embedder import PresentedEmbedder
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.events import Event, PhaseStarted, TablesPlanned, VerificationPlanned
from vestige_tui.core.model import ModelSignature
from vestige_tui.screens.machine import Keep, Kept, Report
from vestige_tui.screens.progress import Meter, Progress
from vestige_tui.screens.work import CancellableWork, QuitPrompt, percent

PROGRESS_INTERVAL = 0.2
"""Seconds between two messages about the counts."""

Post = Callable[[Message], bool]


class Watched(CancellableWork, ABC):
    """Something that is carried out once, in a thread of its own. ``post`` takes its messages, from that thread.

    ``keep`` saves its report. When it is over, ``failure`` says what ended it early. ``kept`` are the files that keep
    report and receipt, or ``unsaved`` says why there are none.
    """

    class Progressed(Message, bubble=False):
        """The progress; a newer message replaces a waiting one of the same phase."""

        def __init__(self, run: Watched, progress: Progress) -> None:
            super().__init__()
            self.run = run
            self.progress = progress

        def can_replace(self, message: Message) -> bool:
            """Counts are totals, so the newest is enough. Every phase is shown, however short."""
            return isinstance(message, Watched.Progressed) and message.progress.phase is self.progress.phase

    class Ended(Message):
        """It is over."""

        def __init__(self, run: Watched) -> None:
            super().__init__()
            self.run = run

    def __init__(
        self,
        presented: ModelSignature | None,
        post: Post,
        *,
        keep: Keep | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.failure: MigrationError | None = None
        self.kept: Kept | None = None
        self.unsaved = ""
        self._post = post
        self._save = keep
        self._embedder = PresentedEmbedder(presented) if presented is not None else None
        self._clock = clock
        self._meter = Meter(presented.dimension if presented is not None else 0, clock)
        self._progress_due = clock()

    @property
    @abstractmethod
    def quit_prompt(self) -> QuitPrompt:
        """The question when the operator quits before it is done."""

    @abstractmethod
    def _work(self) -> Report | None:
        """Do it, and return the report, also of what an error ended; never raises."""

    @property
    def progress(self) -> Progress:
        """How far it has come, as far as it has told."""
        return self._meter.progress

    @property
    def how_far(self) -> str:
        """How far the rows have come, or their comparison."""
        progress = self.progress
        if (compared := progress.compared) is not None:
            return percent(compared.fraction, compared.seconds_left)
        return percent(progress.fraction, progress.seconds_left) if progress.tables else ""

    def carry_out(self) -> None:
        """Do it to the end, however it ends, and save the report; never raises."""
        try:
            self._prepare()
            report = self._work()
            if report is not None and self._save is not None:
                self._keep(self._save, report)
        finally:
            self._flush()
            self._over.set()
            self._post(self.Ended(self))

    def _keep(self, save: Keep, report: Report) -> None:
        try:
            self.kept = save(report)
        except OSError as error:
            self.unsaved = error.strerror or str(error)
        except MigrationError as error:
            self.unsaved = error.what

    def _take(self, event: Event) -> None:
        """Receive an event, in the thread of the work."""
        step = self._meter.progress.step
        self._meter.take(event)
        now = self._clock()
        planned = isinstance(event, PhaseStarted | TablesPlanned | VerificationPlanned)
        if planned or self._meter.progress.step != step:
            self._flush()
        elif now >= self._progress_due:
            self._send_progress(now)

    def _flush(self) -> None:
        """Send what waits."""
        self._send_progress(self._clock())

    def _send_progress(self, now: float) -> None:
        self._progress_due = now + PROGRESS_INTERVAL
        self._post(self.Progressed(self, self._meter.progress))
