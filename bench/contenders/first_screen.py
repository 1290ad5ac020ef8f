"""This tool's first screen, from the start of the process."""

from __future__ import annotations

import sys

from bench.contenders.terminal import first_frame
from bench.tasks import Measured, Task


def run(task: Task) -> Measured:
    """Start the wizard on ``task.source``."""
    command = [sys.executable, "-m", "vestige_tui", "--sqlite-path", str(task.source)]
    return first_frame(command, "Destination")
