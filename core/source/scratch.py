"""Private folders for private copies: removed when the block ends, or after a crash by the next run that makes one."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from vestige_tui.core import system
from vestige_tui.core.errors import SourceError

PREFIX = "vestige-tui-private-"
_LOCK = "in-use.lock"
_SETTLING = 10.0
"""Seconds for which a new folder is kept, so that its owner has time to lock it."""


@contextmanager
def private_folder() -> Iterator[Path]:
    """A new folder in the system's temporary one (``TMPDIR``) that only this user can read. Raises ``SourceError``."""
    _sweep()
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise SourceError(
            f"A private copy is needed, and none can be made in {tempfile.gettempdir()}: {error.strerror or error}.",
            remedy="Make room there, or name another folder with TMPDIR.",
        ) from None
    lock = FileLock(folder / _LOCK)
    lock.acquire()
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def _sweep() -> None:
    """Remove the folders of killed runs: the system has released their locks."""
    user = system.user_id()
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            status = folder.lstat()
            if status.st_mtime > time.time() - _SETTLING or (user is not None and status.st_uid != user):
                continue
            with FileLock(folder / _LOCK, timeout=0):
                pass
        except (OSError, Timeout):
            continue
        shutil.rmtree(folder, ignore_errors=True)
