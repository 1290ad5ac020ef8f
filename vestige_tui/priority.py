"""The embedded server's sessions give way to whoever sits at the keyboard."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GROUP_PRIORITY = 19
"""Of a session, in the steps of ``nice(1)``: the lowest. It is taken back from sessions that starve."""

PROCESS_PRIORITY = 10
"""Of a process, which counts where sessions have no groups. Only a privileged user could take it back."""

_PAUSE = 0.15
"""Seconds between two looks for new sessions; the kernel lets a user change one group in a tenth of a second."""

_STARVED = 0.9
"""Share of the time in which a process could have run, but waited for a processor. Three sessions that build an index
on the one processor that the wizard leaves them wait for two thirds of theirs.
"""

_WINDOW = 2.0
"""Seconds over which that is looked at."""

_NOTICEABLE = 500_000_000
"""Nanoseconds of waiting, all sessions together, below which nobody starves."""


@contextmanager
def stepping_back(server: int) -> Iterator[None]:
    """While the block lasts, sessions that a PostgreSQL of the same user begins get what processor time is left over.

    ``server`` is the number of its main process. Each of its sessions is one of the system's as well, and Linux shares
    the processors equally among those, whatever the processes' own priorities are (``sched(7)``, "autogroup"): with
    two of them at work on an index, a key press would be answered in twice the time. Elsewhere this does nothing.

    On a machine that has much else to do, little would be left over: sessions that starve, as far as the system tells,
    get their share back, and keep it.
    """
    if sys.platform != "linux":
        yield
        return
    over = threading.Event()
    thread = threading.Thread(target=_Sessions(server).watch, args=(over,), name="priority", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class _Sessions:
    """What the server's sessions have been told, and how they fare."""

    def __init__(self, server: int) -> None:
        self._server = server
        self._helpers = _children(server)  # the server's own, which outlive a session
        self._wanted = GROUP_PRIORITY
        self._told: dict[int, int | None] = {}
        self._looked = time.monotonic()
        self._times: dict[int, tuple[int, int] | None] = {}

    def watch(self, over: threading.Event) -> None:
        """Look after them, until it is over."""
        while not over.wait(_PAUSE):
            children = _children(self._server)
            self._helpers &= children
            self._told = {process: self._told.get(process) for process in children - self._helpers}
            self._tell()
            if time.monotonic() - self._looked >= _WINDOW and self._starving():
                self._wanted = 0

    def _tell(self) -> None:
        for process, told in self._told.items():
            if told == self._wanted:
                continue
            try:
                _set_priority(process, self._wanted)
            except BlockingIOError:  # too many changes at a time
                return
            except OSError:  # gone, or not ours
                pass
            self._told[process] = self._wanted

    def _starving(self) -> bool:
        """Whether sessions waited for a processor for nearly all of the time since the last look."""
        before, self._looked = self._times, time.monotonic()
        self._times = {process: _times(process) for process in self._told}
        passed = [
            (now[0] - then[0], now[1] - then[1])
            for process, now in self._times.items()
            if now is not None and (then := before.get(process)) is not None
        ]
        ran, waited = sum(own for own, _ in passed), sum(waiting for _, waiting in passed)
        return waited > _STARVED * (ran + waited) and waited > _NOTICEABLE


def _children(process: int) -> set[int]:
    with suppress(OSError):
        return {*map(int, Path(f"/proc/{process}/task/{process}/children").read_text().split())}
    return set()


def _times(process: int) -> tuple[int, int] | None:
    """Nanoseconds that a process has run, and waited for a processor; None where it has ended, or nobody counts."""
    with suppress(OSError, ValueError):
        ran, waited, _ = map(int, Path(f"/proc/{process}/schedstat").read_text().split())
        return ran, waited
    return None


def _set_priority(process: int, group: int) -> None:
    if group and os.getpriority(os.PRIO_PROCESS, process) < PROCESS_PRIORITY:  # not where all was begun with nice(1)
        os.setpriority(os.PRIO_PROCESS, process, PROCESS_PRIORITY)
    with suppress(FileNotFoundError):  # a kernel that knows nothing of groups
        Path(f"/proc/{process}/autogroup").write_text(str(group))
