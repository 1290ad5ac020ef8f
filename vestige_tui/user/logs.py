"""The log file of a run: one line a message, times in UTC, no password and no content of a memory."""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from traceback import extract_tb
from typing import ClassVar

from vestige_tui.core.errors import MigrationError, UsageError
from vestige_tui.core.text import display_safe
from vestige_tui.terminal.streams import descriptor_of, write_all

_log = logging.getLogger(__name__)


def _ignore(_error: OSError) -> None:
    """The default: do not report a log that is incomplete."""


@contextmanager
def logging_to(
    log_file: Path | None, mask: Callable[[str], str], failed: Callable[[OSError], None] = _ignore
) -> Iterator[None]:
    """Log to a file, or nowhere, while the block runs; also an error that leaves the block.

    Raises ``UsageError`` if the file cannot be opened. The log ends at the first line that cannot be written;
    ``failed`` is called with its error.
    """
    handler = _handler(log_file, failed)
    handler.setFormatter(_LineFormatter(mask))
    root, ours = logging.getLogger(), logging.getLogger("vestige_tui")
    previous = ours.level
    root.addHandler(handler)  # this also keeps warnings of libraries off the terminal
    ours.setLevel(logging.INFO)
    try:
        yield
    except MigrationError as error:
        _log.error("stopped: %s", error.what)
        raise
    except Exception:
        _log.critical("unexpected fault", exc_info=True)
        raise
    finally:
        ours.setLevel(previous)
        root.removeHandler(handler)
        handler.close()


class RecentLines(logging.Handler):
    """Keeps the last lines in memory, as a log file would have them."""

    KEPT: ClassVar[int] = 2_000

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(_LineFormatter(mask))
        self._lines: deque[str] = deque(maxlen=self.KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        with suppress(Exception):  # a log line that cannot be made ends nothing
            self._lines.append(self.format(record))

    def lines(self) -> Sequence[str]:
        """All lines that are kept, the newest one last."""
        with self.lock or nullcontext():
            return tuple(self._lines)


@contextmanager
def recent_lines(mask: Callable[[str], str]) -> Iterator[RecentLines]:
    """Keep the last lines of the log while the block runs, which stands in one of ``logging_to``."""
    kept = RecentLines(mask)
    logging.getLogger().addHandler(kept)
    try:
        yield kept
    finally:
        logging.getLogger().removeHandler(kept)


def frames(error: BaseException) -> str:
    """Where an error and its causes came from: files, lines and types.

    Messages and variables are left out: they may quote the row that caused the error.
    """
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
    return "\nwhich came from\n".join(map(_frames_of_one, chain))


def _frames_of_one(error: BaseException) -> str:
    places = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in extract_tb(error.__traceback__)]
    return "\n".join([*places, type(error).__qualname__])


class _LineFormatter(logging.Formatter):
    """Writes a message on one line, whatever it holds, and an exception by its frames only."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, mask: Callable[[str], str]) -> None:
        super().__init__("%(asctime)s %(levelname)-8s %(name)s: %(message)s")
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        lines = [display_safe(self._mask(record.getMessage()))]
        if record.exc_info and record.exc_info[1]:
            lines += ["  " + display_safe(self._mask(line)) for line in frames(record.exc_info[1]).splitlines()]
        record.message = "\n".join(lines)
        record.asctime = self.formatTime(record)
        return self.formatMessage(record)


class _LogFile(logging.Handler):
    """Writes each line at once, up to the first that fails."""

    def __init__(self, descriptor: int, failed: Callable[[OSError], None]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._failed = failed
        self._complete = True

    def emit(self, record: logging.LogRecord) -> None:
        if not self._complete:
            return
        try:
            write_all(self._descriptor, f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
        except OSError as error:
            self._end(error)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        super().close()
        try:
            os.close(self._descriptor)
        except OSError as error:  # some file systems report a full disk only here
            self._end(error)

    def _end(self, error: OSError) -> None:
        if self._complete:
            self._complete = False
            self._failed(error)


def _handler(log_file: Path | None, failed: Callable[[OSError], None]) -> logging.Handler:
    if log_file is None:
        return logging.NullHandler()
    try:
        return _LogFile(_opened(log_file), failed)
    except OSError as error:
        raise UsageError(
            f"The log file {log_file} cannot be written: {error.strerror}.",
            remedy="Name a file in a folder that exists and that you may write to.",
        ) from None


def _opened(log_file: Path) -> int:
    """Open the file to append to it. A new one is readable by its owner only."""
    stream = descriptor_of(log_file)
    return os.dup(stream) if stream is not None else os.open(log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
