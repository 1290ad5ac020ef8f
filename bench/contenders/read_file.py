"""Reading a source's file once, from its first byte to its last."""

from __future__ import annotations

from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task

_CHUNK = 1 << 20  # bytes


def run(task: Task) -> Measured:
    """Read ``task.source``."""
    watch = Stopwatch()
    with watch, task.source.open("rb") as file:
        while file.read(_CHUNK):
            pass
    return watch.measured()
