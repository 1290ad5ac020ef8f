"""Importing Textual and saying so: what every program pays that uses it."""

from __future__ import annotations

import sys

from bench.contenders.terminal import first_frame
from bench.tasks import Measured, Task


def run(task: Task) -> Measured:
    """Import it."""
    return first_frame([sys.executable, "-c", "import textual.app; print('Destination', flush=True)"], "Destination")
