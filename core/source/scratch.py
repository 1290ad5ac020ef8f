"""Private folders for private copies: gone when the block ends, and after a crash when the next one is made."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX = "vestige-tui-private-"
_LOCK = "in-use.lock"
_SETTLING = 10.0
"""Seconds for which a new folder is left alone, lest it be swept before its owner has locked it."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder in the system's temporary folder (``TMPDIR``) that only this user can read."""
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    lock = FileLock(folder / _LOCK)
    lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of runs that were killed: the system let go of their locks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            status = folder.lstat()
            if status.st_mtime > time.time() - _SETTLING or (hasattr(os, "getuid") and status.st_uid != os.getuid()):
                continue
            with FileLock(folder / _LOCK, timeout=0):
                pass
        except (OSError, Timeout):
            continue
        shutil.rmtree(folder, ignore_errors=True)
