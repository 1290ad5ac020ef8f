"""Lets the wizard end when its terminal goes away: what it still writes is dropped.

In Textual the first write to a closed window kills the thread that writes. Its queue then fills up, and the next write
waits for ever, even that of a program that is ending.
"""

from __future__ import annotations

import errno
from typing import Any

from textual.driver import Driver

from vestige_tui.terminal.streams import FailingStream

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO})


def surviving_its_terminal(driver: type[Driver]) -> type[Driver]:
    """A subclass of ``driver``, which writes to ``_file``, that drops what a closed terminal does not take."""

    class Surviving(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            parts = self.__dict__
            if "_file" in parts:
                parts["_file"] = FailingStream(parts["_file"], _GONE)

    return Surviving
