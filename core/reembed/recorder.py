"""The recorder of a re-embedding: what happens is kept in the report, logged and announced, from any thread."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from vestige_tui.core.errors import Cancelled
from vestige_tui.core.events import Notice
from vestige_tui.core.reembed import events
from vestige_tui.core.reembed.events import Event, PhaseStarted, ReembedPhase, Watcher
from vestige_tui.core.reembed.report import ReembedReport, RefusedMemory

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Recorder:
    """Writes the report, and calls the watcher with one event at a time. ``cancel`` is set to end the run.

    A watcher that raises is dropped; the run goes on. ``total`` is how many memories are to have a new vector.
    """

    report: ReembedReport
    watcher: Watcher
    cancel: threading.Event
    phase: ReembedPhase = ReembedPhase.CHECK
    total: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def emit(self, event: Event) -> None:
        """Announce something."""
        with self._lock:
            try:
                self.watcher(event)
            except Exception:
                log.exception("the watcher of this run failed and is dropped")
                self.watcher = events.ignore

    def enter(self, phase: ReembedPhase) -> None:
        """Begin a phase, unless the operator asked to stop."""
        self.stop_if_cancelled()
        self.phase = phase
        log.info("reembed: %s", phase.value)
        self.emit(PhaseStarted(phase))

    def notice(self, text: str) -> None:
        """A sentence that the operator should read."""
        with self._lock:
            self.report.notices.append(text)
            log.info("reembed: %s", text)
            self.emit(Notice(text))

    def embedded(self, made: int, refused: list[RefusedMemory]) -> None:
        """A batch was committed: new vectors, and the memories that were refused."""
        with self._lock:
            report = self.report
            report.embedded += made
            report.refuse(refused)
            if refused:
                log.warning("reembed: the embedder refused %d memories", len(refused))
            done = report.embedded + report.already_embedded
            log.info("reembed: batch committed embedded=%d of=%d", done, self.total)
            self.emit(events.Embedding(done, self.total, report.embedded))

    def stop_if_cancelled(self) -> None:
        """End the run here when the operator asked for it."""
        if self.cancel.is_set():
            raise Cancelled
