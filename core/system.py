"""What differs between operating systems. Nothing else in vestige-tui asks which one this is.

``docs/platforms.md`` says what was run on which; the others are simulated by replacing ``sys.platform``.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

LINUX, MACOS, WINDOWS = "linux", "darwin", "win32"

_NEW_PROCESS_GROUP = 0x0000_0200  # CREATE_NEW_PROCESS_GROUP, which only Windows' subprocess names
_LONGEST_PATH = 1024  # bytes that macOS writes for F_GETPATH
_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_NEEDS_QUOTES = frozenset(" \t&|<>^()%!;,='`")


def name() -> str:
    """The system, by the name that ``sys.platform`` has for it."""
    return sys.platform


def is_windows() -> bool:
    """Whether this is Windows: no signals but two, no owners of files, no ``fcntl``."""
    return name() == WINDOWS


def names_holders() -> bool:
    """Whether the system says at once, and of every process of this user, which files it has open.

    On macOS and Windows psutil asks each process in turn; on Windows some questions never come back.
    """
    return name() == LINUX


def user_id() -> int | None:
    """The number of the user whose rights this process has; None on Windows."""
    return None if is_windows() else os.geteuid()


def give_to(path: Path, status: os.stat_result) -> None:
    """Give a file the owner and the group of another; on Windows it takes those of its folder. Raises ``OSError``."""
    if not is_windows():
        os.chown(path, status.st_uid, status.st_gid)


def processors() -> int:
    """How many processors this process may use; where the system does not say, how many there are."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def ending_signals() -> list[signal.Signals]:
    """The signals by which a person, a closed window or the system asks a program to end, those that exist here."""
    return [getattr(signal, each) for each in _ENDING if hasattr(signal, each)]


def terminal_signals() -> list[signal.Signals]:
    """The ones that a terminal sends to every program that was started in it."""
    return [each for each in ending_signals() if each.name != "SIGTERM"]


def program_file(program: str) -> str:
    """The name of a program's file; a path without its suffix does not start it on Windows."""
    return f"{program}.exe" if is_windows() else program


def apart_from_terminal() -> dict[str, Any]:
    """What ``subprocess`` is given for a program that a Ctrl-C in this terminal is not meant for."""
    return {"creationflags": _NEW_PROCESS_GROUP} if is_windows() else {"start_new_session": True}


def command_line(words: Sequence[str]) -> str:
    """A command to paste into a shell. On Windows with the quotes that cmd and PowerShell share."""
    if not is_windows():
        return shlex.join(words)
    return " ".join(f'"{word}"' if _NEEDS_QUOTES.intersection(word) or not word else word for word in words)


def options_of_server(words: Sequence[str]) -> str:
    """Options that ``pg_ctl`` passes on to the server through the system's shell."""
    return subprocess.list2cmdline(words) if is_windows() else shlex.join(words)


def file_of(descriptor: int) -> Path | None:
    """The regular file that a descriptor writes to; None for anything else, and on Windows, which does not tell."""
    place = Path(f"/dev/fd/{descriptor}")
    if is_windows() or not place.is_file():
        return None
    if name() != MACOS:
        return place.resolve()
    found: bytes = _fcntl().fcntl(descriptor, _fcntl().F_GETPATH, bytes(_LONGEST_PATH))  # no link leads there
    return Path(os.fsdecode(found.rstrip(b"\0")))


def appends(descriptor: int) -> bool:
    """Whether what is written to a descriptor goes to the end of its file. Windows does not say."""
    return not is_windows() and bool(_fcntl().fcntl(descriptor, _fcntl().F_GETFL) & os.O_APPEND)


def _fcntl() -> ModuleType:
    import fcntl  # not on Windows

    return fcntl
