"""Programs in a terminal of their own (120 × 40): from the start of the process to its first painted frame."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import replace

from bench.stopwatch import Stopwatch
from bench.tasks import Measured

_STARTS = 5
_SIZE = struct.pack("HHHH", 40, 120, 0, 0)
_LIMIT = 60.0


def first_frame(command: Sequence[str], shown: str) -> Measured:
    """Start a program a few times; ``shown`` is a word of its first frame. The seconds are the median."""
    watch = Stopwatch()
    with watch, tempfile.TemporaryDirectory(prefix="vestige-bench-home-") as home:
        took = [_start(command, shown, home) for _ in range(1 + _STARTS)]
    return replace(watch.measured(), seconds=statistics.median(took[1:]))  # the first start fills caches


def _start(command: Sequence[str], shown: str, home: str) -> float:
    environment = os.environ | {"TERM": "xterm-256color", "HOME": home, "TEXTUAL_ANIMATIONS": "none"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, _SIZE)
    started = time.monotonic()
    with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        seen = b""
        try:
            while shown.encode() not in seen:
                ready, _, _ = select.select([controller], [], [], max(0.0, started + _LIMIT - time.monotonic()))
                if not ready:
                    raise SystemExit(f"{command[-1]} did not show {shown!r}")
                seen += os.read(controller, 1 << 16)
            return time.monotonic() - started
        finally:
            process.kill()
            os.close(controller)
