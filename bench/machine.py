"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

BUSY = 0.5
"""Load average above which the machine is too busy to measure on."""


def machine_facts() -> dict[str, str | float | int]:
    """Processor, memory, versions, the commit, and how busy the machine is now."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 10**9, 1),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "psycopg": version("psycopg"),
        "vestige_tui": version("vestige-tui"),
        "commit": _commit(),
    }


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
