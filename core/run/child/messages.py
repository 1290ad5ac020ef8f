"""What a parent and its child tell each other."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from vestige_tui.core.errors import MigrationError, frames
from vestige_tui.core.events import Event
from vestige_tui.core.run.child.tasks import Task


@dataclass(frozen=True, slots=True)
class Stop:
    """The operator wants the task to end at the next safe point."""


Request = Task[object] | Stop
"""What the parent says."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A record of the log, made at ``created`` (seconds of the epoch); ``frames`` are those of its exception."""

    name: str
    level: int
    text: str
    created: float
    frames: str

    @classmethod
    def of(cls, record: logging.LogRecord) -> LogLine:
        """What a handler received."""
        error = record.exc_info[1] if record.exc_info else None
        text = frames(error) if error is not None else ""
        return cls(record.name, record.levelno, record.getMessage(), record.created, text)

    def repeat(self) -> None:
        """Log it in this process, as if it came from here."""
        logger = logging.getLogger(self.name)
        if logger.isEnabledFor(self.level):
            known = {"name": self.name, "levelno": self.level, "levelname": logging.getLevelName(self.level)}
            logger.handle(
                logging.makeLogRecord(known | {"msg": self.text, "created": self.created, "frames": self.frames})
            )


@dataclass(frozen=True, slots=True)
class Happened:
    """Events and lines of the log since the last such message; also sent where there are none, as a sign of life."""

    news: tuple[Event | LogLine, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The task came to its end; it may have been cancelled."""

    report: object


@dataclass(frozen=True, slots=True)
class Failed:
    """An error ended the task."""

    error: MigrationError


Answer = Happened | Done | Failed
"""What the child says."""
