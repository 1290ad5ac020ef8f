"""Two folders for all that a session of tests makes: both are deleted when it ends.

A test that fails and a process that is killed clean nothing up. What pytest, the tests and the program keep in the
system's temporary folder, and the data of every server, is in here, and the process that runs the session deletes it
after its last worker. ``PYTEST_DEBUG_TEMPROOT`` names a folder in which pytest's own stays for a look at it.
Two sessions of one user share nothing: pytest would lock the servers of the first one out of its folder, as these run
as another user where the tests run as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vestige_tui.core.destination.embedded import MAJOR
from vestige_tui.core.destination.programs import Programs, make_reachable, server_user
from vestige_tui.core.errors import UsageError

_DATA_VARIABLE = "VESTIGE_TEST_DATA"
_MEMORY = Path("/dev/shm")
_ENOUGH = 4 << 30


@contextmanager
def session_folders() -> Iterator[None]:
    """Make both folders, and name them in the environment, which workers and programs inherit."""
    temporary = Path(tempfile.mkdtemp(prefix="vestige-"))
    data = Path(tempfile.mkdtemp(prefix="vestige-data-", dir=_MEMORY)) if _is_roomy() else temporary / "data"
    data.mkdir(exist_ok=True)
    if server_user(data):  # servers and some tests run as another user than root
        temporary.chmod(0o1777)
        make_reachable(data / "server")
    terminated = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: with a clean end
    os.environ["TMPDIR"] = tempfile.tempdir = str(temporary)
    os.environ[_DATA_VARIABLE] = str(data)
    try:
        yield
    finally:
        tempfile.tempdir = None
        signal.signal(signal.SIGTERM, terminated)
        for folder in (data, temporary):
            with suppress(UsageError):
                end_servers(folder, Programs.find(MAJOR))
            shutil.rmtree(folder, ignore_errors=True)


def _is_roomy() -> bool:
    return _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH


@contextmanager
def data_folder(name: str, programs: Programs) -> Iterator[Path]:
    """A new folder for the data of a server: in memory where there is room, else the temporary folder.

    A database is three hundred files; to make and drop one takes a file system on disk ten times as long.
    The folder belongs to the account that servers run as, and is deleted at the end. No server outlives it.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=os.environ[_DATA_VARIABLE]))
    try:
        give_away(folder)
        if server_user(folder):
            make_reachable(programs.folder)
        yield folder
    finally:
        end_servers(folder, programs)
        shutil.rmtree(folder, ignore_errors=True)


def give_away(path: Path) -> None:
    """Make the user ``nobody`` the owner of a file or folder, where the tests run as root."""
    if account := server_user(path):
        os.chown(path, *account)


def end_servers(folder: Path, programs: Programs) -> None:
    """End at once, as a loss of power would, every server whose data is in a folder."""
    for lock in folder.rglob("postmaster.pid"):
        data = lock.parent
        stop = ("pg_ctl", "stop", "-D", ".", "-m", "immediate")
        programs.run(data, *stop, user=server_user(data), timeout=60)
