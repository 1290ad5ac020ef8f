"""A run makes room for a key: threads of one Python take turns, and a key is answered in many small turns."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE = 0.06
"""Seconds for which a run stands back when a key is pressed; that is about what answering one takes."""

AGAIN = 0.24
"""Seconds until it does so again: a key that is held down must not stop a run."""


class Courtesy:
    """Asked for by the interface, shown by the run's own thread between two batches."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = float("-inf")

    def ask(self) -> None:
        """A key was pressed."""
        now = self._clock()
        if now - self._begun >= AGAIN:
            self._begun = now

    @property
    def left(self) -> float:
        """Seconds to stand back from now on."""
        return max(0.0, self._begun + PAUSE - self._clock())

    def show(self) -> None:
        """Stand back for as long as that is asked for."""
        if (left := self.left) > 0:
            time.sleep(left)
