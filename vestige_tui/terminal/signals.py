"""Ctrl-C and its kin, turned into a request that a run can honour in its own time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

FIRST = "Stopping: finishing this batch…"
AGAIN = "Still stopping, one moment…"


@contextmanager
def stop_requests(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM or SIGHUP sets while the block runs; ``say`` tells the operator so.

    A signal that is being ignored, as SIGHUP is under nohup, stays ignored. Works in the main thread alone.
    """
    requested = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        say(AGAIN if requested.is_set() else FIRST)
        requested.set()

    previous = {}
    for number in _signals():
        if signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, request)
    try:
        yield requested
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]
