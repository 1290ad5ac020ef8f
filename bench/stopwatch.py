"""Measuring from inside the measured process."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.tasks import Measured, Phase

COPY = "copy"
INDEXES = "indexes"
"""Phases that every contender of a copy has."""

BY_WORDS, BY_MEANING, BY_BOTH = "by words", "by meaning", "by both"
"""Phases of a search."""

OPENS, KEYS, KEYS_HELD, ANSWERS = "opens", "keys", "keys, held down", "a question about all of a kind"
"""Phases of the workbench."""


KEYS_P95, KEYS_LONGEST = "nineteen of twenty", "the longest"
"""Phases of keys that are pressed during a copy."""


class Stopwatch:
    """Times the block and its phases, one after the other; a phase lasts until the next one begins."""

    def __init__(self) -> None:
        self.tables: dict[str, float] = {}
        self.batches = 0
        self._phases: list[tuple[str, float]] = []
        self._started = self._ended = 0.0
        self._cpu = 0.0

    def __enter__(self) -> Self:
        self._cpu = _cpu()
        self._started = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = time.monotonic()
        self._cpu = _cpu() - self._cpu

    def phase(self, name: str) -> None:
        """The next phase begins."""
        self._phases.append((name, time.monotonic()))

    def measured(self) -> Measured:
        """What the block took; to be asked after it."""
        ends = [*(started for _, started in self._phases[1:]), self._ended]
        return Measured(
            seconds=self._ended - self._started,
            cpu=self._cpu,
            peak=_peak(),
            phases=tuple(
                Phase(name, started, end - started) for (name, started), end in zip(self._phases, ends, strict=False)
            ),
            tables=self.tables,
            batches=self.batches,
        )


def _cpu() -> float:
    """User and system seconds of this process and of those that it has started and waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak() -> int:
    """The most memory, in bytes, that was resident in this process or in one that it has started.

    Linux counts into ``ru_maxrss`` of a new process what its parent held at the fork; ``VmHWM`` begins at the exec.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    started = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    status = Path("/proc/self/status")
    if not status.exists():
        return max(started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return max(started, int(line.split()[1]) * 1024)
