"""Work that goes on when its screen closes, and that quitting waits for: the copy, an upgrade in place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from textual.message import Message

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.text import clock


@dataclass(frozen=True, slots=True)
class QuitPrompt:
    """The question when the operator quits while work goes on: what it means, and both answers."""

    question: str
    text: str
    leave: str
    stay: str
    waiting: str = ""
    """Shown until the work reaches a safe point."""


UNSAVED = QuitPrompt(
    "Quit without the report?",
    "The report of this run could not be saved, and is nowhere but here. The last page says why; Export writes the "
    "rows with problems to a file.",
    leave="Quit",
    stay="Stay",
)
"""The question when nothing is running, and a report would be lost."""


class Work(Protocol):
    """Something that the application runs in a thread."""

    @property
    def quit_prompt(self) -> QuitPrompt:
        """The question when the operator quits before it is done."""
        ...

    @property
    def running(self) -> bool:
        """Whether it is not done yet; True also before it starts."""
        ...

    @property
    def how_far(self) -> str:
        """How far it has come, in a few characters, such as ``63 % · 0:12``; empty where that is not known."""
        ...

    def cancel(self) -> None:
        """Ask it to end at the next safe point; returns at once."""
        ...

    def carry_out(self) -> None:
        """Do all of it; never raises."""
        ...


class CancellableWork:
    """What all work in a thread does alike: it can be asked to end, and at some time is over.

    ``before`` comes first: it starts the embedded server again where that has ended; where it cannot, the work itself
    says what is missing.
    """

    def __init__(self) -> None:
        self.before: Callable[[], object] | None = None
        self._cancel = threading.Event()
        self._over = threading.Event()

    @property
    def running(self) -> bool:
        """Whether it is not done yet; True also before it starts."""
        return not self._over.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether it has been asked to end."""
        return self._cancel.is_set()

    def cancel(self) -> None:
        """Ask it to end at the next safe point; returns at once."""
        self._cancel.set()

    def _prepare(self) -> None:
        if self.before is not None:
            with suppress(MigrationError):
                self.before()


def percent(fraction: float, left: float | None) -> str:
    """How far something has come, and how many seconds are left, where that is known."""
    return f"{100 * fraction:.0f} %" + (f" · {clock(max(1.0, left))}" if left is not None else "")


class WorkRequested(Message):
    """A screen asks the application to run its work."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
