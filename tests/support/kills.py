"""Copies and re-embeddings in a process of their own, so that a test can kill it with SIGKILL at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.hostile import ROOT

_NURSERY = """
import json, os, sys
from pathlib import Path
import psycopg, pgvector.psycopg
from vestige_tui.core.run import copier
from vestige_tui.core import events
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.destination import connection
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.run import run_reembed
from tests.support.embedders import HashEmbedder

def reembed(url, dimension, options):
    connection.CLIENT_CHECK_MS = 100
    plan = ReembedPlan(Dsn.parse(url), **options)
    report = run_reembed(plan, HashEmbedder(dimension), on_event=lambda event: os.write(1, b".\\n"))
    os.write(1, (report.outcome + "\\n").encode())

def copy(source, url, options):
    def tell(event):
        if isinstance(event, (events.TableProgress, events.IndexProgress, events.PhaseStarted)):
            os.write(1, b".\\n")
    report = copier.run_sqlite_to_postgres(CopyPlan(Path(source), Dsn.parse(url), **options), on_event=tell)
    os.write(1, (report.outcome + "\\n").encode())

print("ready", flush=True)
for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            os.write(1, f"{os.getpid()}\\n".encode())
            task, *arguments = json.loads(line)
            globals()[task](*arguments)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    os.write(1, b"killed\\n" if os.WIFSIGNALED(status) else b"ended\\n")
"""


class Nursery:
    """A process that has imported everything and forks a child for each copy: no time goes into starting Python."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def copy_until(self, source: Path, url: str, after: int, delay: float, **options: object) -> bool:
        """Run a copy and kill it ``delay`` seconds after its ``after``-th sign of progress; whether it was killed.

        A copy that is refused or ends by itself before that was not.
        """
        return self._until(after, delay, "copy", str(source), url, options)

    def reembed_until(self, url: str, dimension: int, after: int, delay: float, **options: object) -> bool:
        """The same for a re-embedding with a ``HashEmbedder``; every event is a sign."""
        return self._until(after, delay, "reembed", url, dimension, options)

    def _until(self, after: int, delay: float, *task: object) -> bool:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        child = int(self._read())
        signs = 0
        while (line := self._read()) not in ("killed", "ended"):
            signs += line == "."
            if line == "." and signs == after:
                time.sleep(delay)
                with suppress(ProcessLookupError):  # it has ended by itself meanwhile
                    os.kill(child, signal.SIGKILL)
        return line == "killed"

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that runs the copies has ended"
        return line.strip()


@contextmanager
def nursery() -> Iterator[Nursery]:
    """A process for copies that are going to be killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _NURSERY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield Nursery(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
