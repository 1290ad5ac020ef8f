"""A window that is closed under the wizard hangs nothing."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

import pytest
from textual.driver import Driver
from textual.drivers._writer_thread import MAX_QUEUED_WRITES, WriterThread

from tests.support.wizard import machine
from vestige_tui.app import VestigeApp
from vestige_tui.terminal.lost_terminal import surviving_its_terminal


class _Terminal(io.StringIO):
    """Takes what is written until ``error`` is set."""

    error: int | None = None

    def write(self, text: str) -> int:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
        return super().write(text)


class _Driver:
    """What counts of Textual's driver."""

    def __init__(self, file: _Terminal) -> None:
        self._file = file


def _outlet(terminal: _Terminal) -> io.StringIO:
    outlet: io.StringIO = vars(surviving_its_terminal(_Driver)(terminal))["_file"]  # type: ignore[arg-type]
    return outlet


def test_a_closed_window_does_not_hang_who_writes() -> None:
    terminal = _Terminal()
    writer = WriterThread(_outlet(terminal))
    writer.start()
    writer.write("seen")
    terminal.error = errno.EIO
    for _ in range(10 * MAX_QUEUED_WRITES):
        writer.write("dropped")
    writer.stop()
    assert not writer.is_alive()


def test_other_problems_of_the_terminal_are_reported() -> None:
    terminal = _Terminal()
    terminal.error = errno.ENOSPC
    with pytest.raises(OSError, match="No space"):
        _outlet(terminal).write("text")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has another driver")
def test_the_wizard_uses_it(home: Path) -> None:
    driver = VestigeApp(machine(home)).get_driver_class()
    assert [each.__name__ for each in driver.__mro__[:2]] == ["Titled", "Surviving"]
    assert issubclass(driver, Driver)
