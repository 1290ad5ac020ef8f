"""The server that runs on a data folder, as its file ``postmaster.pid`` says, and whether that file is still true.

A crash or a power cut leaves the file behind, and after a reboot its number may belong to any other process. The file
``kept`` beside it says that the server is to go on without clients; it names one process, so that it does not
outlive the server.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from vestige_tui.core.files import replacing

PID_FILE = "postmaster.pid"
_KEPT = "kept"
_STARTED = "postmaster.opts"  # every start of a server writes it, and initdb does not
_LARGEST_PID = 2**31 - 1
_CRASHED_SERVER_ENDS = 10.0  # seconds; the processes of a killed server end as soon as they notice, mostly at once


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What ``postmaster.pid`` says: the process, when it started (seconds since 1970), its port, the folder of its
    socket, whose name has the port, and whether it takes connections.

    One without a socket (``sockets`` is None) listens at an ``address``.
    """

    pid: int
    started: int
    port: str
    sockets: Path | None
    address: str
    ready: bool

    @property
    def socket(self) -> Path | None:
        """Its socket, if it has one."""
        return self.sockets / f".s.PGSQL.{self.port}" if self.sockets is not None else None

    @property
    def host(self) -> str:
        """Where it listens, as libpq takes it."""
        return str(self.sockets) if self.sockets is not None else self.address


def read_postmaster(data_dir: Path) -> Postmaster | None:
    """What the file says; None where it does not exist, is not written to its end yet, or names no server: PostgreSQL
    in single-user mode writes a negative number. Raises ``OSError``.
    """
    try:
        lines = (data_dir / PID_FILE).read_text(errors="surrogateescape").splitlines()
        pid, _, started, port, folder, address = (line.strip() for line in lines[:6])
        sockets, ready = Path(folder) if folder else None, lines[7].strip() == "ready"
        found = Postmaster(int(pid), int(started), port, sockets, address, ready)
        if found.socket is not None and not found.socket.exists() and (data_dir / found.socket.name).exists():
            found = replace(found, sockets=data_dir)  # the folder was moved while the server ran
        return found if 0 < found.pid <= _LARGEST_PID else None
    except (FileNotFoundError, IndexError, ValueError):
        return None


def running_postmaster(data_dir: Path) -> Postmaster | None:
    """The server that runs on a folder; None where there is none, whatever an old file says. Raises ``OSError``."""
    found = read_postmaster(data_dir)
    return found if found is not None and (_works_in(found.pid, data_dir) or _answers(found.socket)) else None


def remove_stale_files(data_dir: Path, *, wait: float = _CRASHED_SERVER_ENDS) -> None:
    """Remove the lock files of a server that ended without doing so. PostgreSQL does that itself, unless its number
    belongs to another program now, or the file names no process. Raises ``OSError``.

    Call it where no server runs. The processes of a crashed one get ``wait`` seconds to end; while one is left, the
    files stay, and PostgreSQL refuses to start.
    """
    file = data_dir / PID_FILE
    if not file.exists() or not _all_gone(data_dir, wait):
        return
    found = read_postmaster(data_dir)
    if found is not None and not psutil.pid_exists(found.pid):
        return
    if found is not None and found.socket is not None:
        found.socket.with_name(f"{found.socket.name}.lock").unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def unfinished(data_dir: Path) -> str:
    """How the names of what belongs to a cluster begin that is being made, beside the folder that it gets."""
    return f".{data_dir.name}-initdb-"


def remove_unfinished(data_dir: Path) -> None:
    """Remove what a first start that was killed has left: a cluster in which no server ever ran, or the file with its
    password. Call it where no other process makes one. Raises ``OSError``.
    """
    for left in data_dir.parent.iterdir():
        if left.name.startswith(unfinished(data_dir)) and not left.is_symlink():
            if left.is_file():
                left.unlink()
            elif not (left / _STARTED).exists() and _all_gone(left, 0):  # initdb may have outlived what ran it
                shutil.rmtree(left, ignore_errors=True)


def keep(data_dir: Path, server: Postmaster) -> None:
    """Note that this server goes on without clients. Raises ``OSError``."""
    with replacing(data_dir / _KEPT) as partial:
        partial.write_text(_name(server))
        status = data_dir.stat()
        with suppress(AttributeError, PermissionError):  # Windows; a folder of another user
            os.chown(partial, status.st_uid, status.st_gid)


def is_kept(data_dir: Path, server: Postmaster) -> bool:
    """Whether that was noted of this very server."""
    with suppress(OSError):
        return (data_dir / _KEPT).read_text() == _name(server)
    return False


def _name(server: Postmaster) -> str:
    return f"{server.pid} {server.started}\n"


def _works_in(pid: int, data_dir: Path) -> bool:
    """Whether a process works in a folder, as a server does in that of its data. One of another user does not count."""
    try:
        return Path(psutil.Process(pid).cwd()).samefile(data_dir)
    except (psutil.Error, OSError):
        return False


def _all_gone(data_dir: Path, seconds: float) -> bool:
    """Whether no process works in the folder any more, after waiting for that at most so long."""
    latest = time.monotonic() + seconds
    while any(_works_in(pid, data_dir) for pid in psutil.pids()):
        if time.monotonic() > latest:
            return False
        time.sleep(0.05)
    return True


def _answers(path: Path | None) -> bool:
    """Whether a process listens at a socket: a server whose process cannot be seen, as from within a container."""
    if path is None or not hasattr(socket, "AF_UNIX"):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, suppress(OSError):
        client.settimeout(2)
        client.connect(os.fsencode(path))
        return True
    return False
