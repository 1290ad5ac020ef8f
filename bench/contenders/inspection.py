"""What ``inspect`` finds out about a source."""

from __future__ import annotations

from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.source.describe import describe


def run(task: Task) -> Measured:
    """Describe ``task.source``."""
    watch = Stopwatch()
    with watch:
        describe(task.source)
    return watch.measured()
