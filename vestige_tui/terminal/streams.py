"""The standard streams of a command: when one fails, only its own text is lost; the run and the other outputs go on."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, TextIO, cast

_BY_NAME = {"/dev/stdout": 1, "/dev/stderr": 2}
_BY_NUMBER = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class Outlet:
    """A text file that may fail: the first error is kept as ``failure``, and what is written from then on is dropped.

    Only the ``tolerated`` error numbers are taken like this, by default all.
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
        """Flush, or find out that it fails."""
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


def has_terminal() -> bool:
    """Whether there is a terminal to read keys from and to draw on."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def occupy_standard_descriptors() -> None:
    """Open the null device as each standard stream that is closed: the next file opened would take its number.

    That file would then get what is meant for the terminal.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number


def guarded(stream: TextIO | None) -> TextIO | None:
    """A standard stream that no error of its own can end the program by; None, a closed one, stays None."""
    if stream is None:
        return None
    with suppress(AttributeError):  # a stream that a test or another program put there
        cast(Any, stream).reconfigure(errors="replace")  # a terminal that knows no UTF-8 still gets the report
    return cast(TextIO, Outlet(stream))


def failure_of(stream: TextIO | None) -> OSError | None:
    """Why a guarded stream did not take all of its text. A reader that has gone, as after ``| head``, is no failure."""
    if not isinstance(stream, Outlet):
        return None
    stream.flush()
    return None if isinstance(stream.failure, BrokenPipeError) else stream.failure


def descriptor_of(path: Path) -> int | None:
    """The open file that a path such as ``/dev/stdout`` means, None for any other path."""
    number = _BY_NUMBER.fullmatch(str(path))
    return int(number[1]) if number else _BY_NAME.get(str(path))


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it: a disk that fills up takes a part first. Raises ``OSError``."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
