"""The embedded server's sessions give way to whoever sits at the keyboard."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LOWEST = 19
_PAUSE = 0.15
"""Seconds between two looks for new sessions; the kernel lets a user change one group in a tenth of a second."""


@contextmanager
def stepping_back(server: int) -> Iterator[None]:
    """While the block lasts, sessions that a PostgreSQL of the same user begins get what processor time is left over.

    ``server`` is the number of its main process. Each of its sessions is one of the system's as well, and Linux shares
    the processors equally among those, whatever the processes' own priorities are (``sched(7)``, "autogroup"): with
    two of them at work on an index, a key press would be answered in twice the time. Elsewhere this does nothing.
    """
    if sys.platform != "linux":
        yield
        return
    over = threading.Event()
    helpers = _children(server)  # the server's own, which outlive a session
    thread = threading.Thread(target=_watch, args=(server, helpers, over), name="priority", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _watch(server: int, seen: set[int], over: threading.Event) -> None:
    while not over.wait(_PAUSE):
        children = _children(server)
        seen &= children
        for process in children - seen:
            try:
                _lower(process)
            except BlockingIOError:  # too many changes at a time
                break
            except OSError:  # gone, or not ours
                pass
            seen.add(process)


def _children(process: int) -> set[int]:
    with suppress(OSError):
        return {*map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())}
    return set()


def _lower(process: int) -> None:
    os.setpriority(os.PRIO_PROCESS, process, _LOWEST)
    with suppress(FileNotFoundError):  # a kernel that knows nothing of groups
        Path(f"/proc/{process}/autogroup").write_text(str(_LOWEST))
