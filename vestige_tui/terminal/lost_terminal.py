"""A terminal that goes away under the wizard: what is still written to it is dropped, and the program can end.

Textual's writing thread dies of the first write to a closed window; its queue then fills up, and whoever writes next,
the end of the program included, waits for ever.
"""

from __future__ import annotations

import errno
from typing import Any

from textual.driver import Driver

from vestige_tui.terminal.streams import Outlet

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO})


def enduring(driver: type[Driver]) -> type[Driver]:
    """``driver``, a class that writes to ``_file``, made to outlive its terminal."""

    class Enduring(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            parts = self.__dict__
            if "_file" in parts:
                parts["_file"] = Outlet(parts["_file"], _GONE)

    return Enduring
