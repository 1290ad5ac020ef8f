"""The floor, with foreign keys enforced after the rows, as the tool has it where the server can."""

from __future__ import annotations

from bench.contenders import floor
from bench.tasks import Measured, Task


def run(task: Task) -> Measured:
    """Load ``task.files``."""
    return floor.run(task, foreign_keys_last=True)
