"""Work that neither a screen that is left nor a wish to quit may cut short: the copy, an upgrade in place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from textual.message import Message


@dataclass(frozen=True, slots=True)
class QuitPrompt:
    """What to say to somebody who wants to quit while work goes on: a question, what it means, both answers."""

    question: str
    text: str
    leave: str
    stay: str
    waiting: str
    """What shows until the work has come to a safe point."""


IDLE = QuitPrompt(
    "Quit vestige-tui?",
    "Nothing is going on. What you used is filled in again the next time.",
    leave="Quit",
    stay="Stay",
    waiting="",
)
"""The words for quitting while nothing goes on, where it may have been meant otherwise."""


class Work(Protocol):
    """Something that the application carries out in a thread of its own."""

    @property
    def quit_prompt(self) -> QuitPrompt:
        """The words for quitting while it goes on."""
        ...

    @property
    def running(self) -> bool:
        """Whether it still goes on, or has yet to begin."""
        ...

    def cancel(self) -> None:
        """Ask it to end at the next safe point; returns at once."""
        ...

    def carry_out(self) -> None:
        """Do it, from beginning to end; never raises."""
        ...


class WorkRequested(Message):
    """A screen asks the application to carry out its work."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
