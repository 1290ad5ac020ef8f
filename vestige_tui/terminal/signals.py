"""Ctrl-C and other signals as a request to stop, which a run follows at its next safe point."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.text import Text

from vestige_tui.core.system import ending_signals

FIRST = "Stopping: finishing this batch…"
AGAIN = "Still stopping, one moment…"


@contextmanager
def stop_requests(console: Console) -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM or SIGHUP sets while the block runs; ``console`` shows that it is set.

    A signal that the process ignores, as SIGHUP under nohup, stays ignored. Works only in the main thread.
    """
    requested = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        console.print(Text(AGAIN if requested.is_set() else FIRST, style="bold yellow"))
        requested.set()

    previous = {}
    for number in ending_signals():
        if signal.getsignal(number) is not signal.SIG_IGN:
            previous[number] = signal.signal(number, request)
    try:
        yield requested
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def on_signal(loop: asyncio.AbstractEventLoop, number: signal.Signals, action: Callable[[], object]) -> None:
    """Take an action in the loop at a signal. On Windows a loop knows no signals, but may be woken by one."""
    try:
        loop.add_signal_handler(number, action)
    except NotImplementedError:
        signal.signal(number, lambda _number, _frame: loop.call_soon_threadsafe(action))
