"""Tells the watcher of a run what happens, and keeps the sentences that the operator should read."""

from __future__ import annotations

import logging
import threading

from vestige_tui.core import events
from vestige_tui.core.events import Event, Watcher

log = logging.getLogger(__name__)


class Announcer:
    """Calls the watcher with one event at a time, from any thread; ``notices`` is the list of the run's report.

    A watcher that raises is dropped; the run goes on.
    """

    def __init__(self, notices: list[str], watcher: Watcher) -> None:
        self._notices = notices
        self._watcher = watcher
        self._lock = threading.RLock()

    def emit(self, event: Event) -> None:
        """Announce something."""
        with self._lock:
            try:
                self._watcher(event)
            except Exception:
                log.exception("the watcher of this run failed and is dropped")
                self._watcher = events.ignore

    def notice(self, text: str) -> None:
        """A sentence that the operator should read."""
        with self._lock:
            self._notices.append(text)
            log.info("notice: %s", text)
            self.emit(events.Notice(text))
