"""A terminal that goes away under the wizard: what is still written to it is dropped, and the program can end.

Textual's writing thread dies of the first write to a closed window; its queue then fills up, and whoever writes next,
the end of the program included, waits for ever.
"""

from __future__ import annotations

import errno
from typing import IO, Any

from textual.driver import Driver

_GONE = frozenset({errno.EIO, errno.EPIPE, errno.EBADF, errno.ENXIO})


class _Outlet:
    """A file for writing that does not mind that nobody reads it any more."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        try:
            return self._file.write(text)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return len(text)

    def flush(self) -> None:
        try:
            self._file.flush()
        except OSError as error:
            if error.errno not in _GONE:
                raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def enduring(driver: type[Driver]) -> type[Driver]:
    """``driver``, a class that writes to ``_file``, made to outlive its terminal."""

    class Enduring(driver):  # type: ignore[misc, valid-type]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            parts = self.__dict__
            if "_file" in parts:
                parts["_file"] = _Outlet(parts["_file"])

    return Enduring
