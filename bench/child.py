"""The measured process: reads its task from standard input, carries it out, writes what it took to standard output."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib import import_module

from bench.tasks import Measured, Task


class RunFailed(Exception):
    """A contender did not get to its end; the message says why."""


def main() -> None:
    """Carry out one task."""
    task = Task.from_json(sys.stdin.read())
    run: Callable[[Task], Measured] = import_module(f"bench.contenders.{task.contender}").run
    print(run(task).to_json())


def measure(task: Task) -> Measured:
    """Carry out a task in a new process. Raises ``RunFailed``."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.child"], input=task.to_json(), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        words = done.stderr.strip() or f"it ended with code {done.returncode}"
        raise RunFailed(task.dsn.mask("\n".join(words.splitlines()[-12:])))
    return Measured.from_json(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
