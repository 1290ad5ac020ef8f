"""The standard streams of a command. One that fails loses its own text; the run and the other outputs go on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TextIO, cast

from vestige_tui.core import system

STANDARD_OUTPUT = Path("/dev/stdout")
_BY_NAME = {"/dev/stdout": 1, "/dev/stderr": 2}
_BY_NUMBER = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class FailingStream:
    """A text file that may fail. It keeps the first error as ``failure`` and drops what is written after it.

    ``tolerated`` are the error numbers that are kept, by default all; others are raised.
    """

    def __init__(self, file: IO[str], tolerated: Collection[int] | None = None) -> None:
        self._file = file
        self._tolerated = tolerated
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write it, or drop it."""
        if self.failure is None:
            try:
                return self._file.write(text)
            except OSError as error:
                self._keep(error)
        return len(text)

    def flush(self) -> None:
        """Flush, or keep the error."""
        if self.failure is None:
            try:
                self._file.flush()
            except OSError as error:
                self._keep(error)

    def _keep(self, error: OSError) -> None:
        if self._tolerated is not None and error.errno not in self._tolerated:
            raise error
        self.failure = error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def is_interactive() -> bool:
    """Whether keys can be read and text be shown."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def has_terminal() -> bool:
    """Whether there is a terminal to read keys from and to draw on. Only on Windows does one not say its name."""
    dumb = os.environ.get("TERM", "") in ("", "dumb", "unknown") and not system.is_windows()
    return is_interactive() and not dumb


def occupy_standard_descriptors() -> None:
    """Open the null device in place of each closed standard stream.

    Otherwise the next file that is opened takes its number, and gets what is meant for the terminal.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number


def guarded(stream: TextIO | None) -> TextIO | None:
    """A standard stream whose errors do not end the program. A closed one (None) stays None."""
    if stream is None:
        return None
    with suppress(AttributeError):  # a stream that a test or another program put there
        cast(Any, stream).reconfigure(errors="replace")  # a terminal without UTF-8 still gets the report
    return cast(TextIO, FailingStream(stream))


def failure_of(stream: TextIO | None) -> OSError | None:
    """Why a guarded stream did not take all of its text. A closed pipe, as after ``| head``, is no failure."""
    if not isinstance(stream, FailingStream):
        return None
    stream.flush()
    return None if isinstance(stream.failure, BrokenPipeError) else stream.failure


def descriptor_of(path: Path) -> int | None:
    """The descriptor that a path such as ``/dev/stdout`` names; None for any other path."""
    name = path.as_posix()
    number = _BY_NUMBER.fullmatch(name)
    return int(number[1]) if number else _BY_NAME.get(name)


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of ``data``, also where a write takes only a part of it. Raises ``OSError``."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
