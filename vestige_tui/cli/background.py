"""Work in a thread of its own, so that the main one stays free to take signals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")


def in_background(work: Callable[[], T], cancel: threading.Event, name: str) -> T:
    """The result of the work, or its error. An error in the main thread sets ``cancel`` and waits for the work."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix=name) as executor:
        running = executor.submit(work)
        try:
            while not wait([running], timeout=0.2).done:  # without a timeout, Windows delivers no Ctrl-C
                pass
        except BaseException:
            cancel.set()
            raise
    return running.result()
