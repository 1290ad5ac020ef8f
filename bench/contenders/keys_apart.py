"""Keys as in ``keys``, with a server that does not share the wizard's processors, as one on another machine does not.

The server's processes get the first processor, the wizard and its processes all others. On two processors the server
is slower than it would be elsewhere, and the copy with it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from bench.contenders import keys
from bench.tasks import Measured, Task


def run(task: Task) -> Measured:
    """Copy ``task.source`` and press keys meanwhile."""
    with _apart(task):
        return keys.run(task)


@contextmanager
def _apart(task: Task) -> Iterator[None]:
    first, *others = all_of_them = sorted(os.sched_getaffinity(0))
    server = _server(task)
    try:
        for number in server:
            _use(number, [first])  # what a server starts later inherits it
        _use(0, others)
        yield
    finally:
        for number in (0, *server):
            _use(number, all_of_them)


def _use(process: int, processors: list[int]) -> None:
    with suppress(ProcessLookupError):
        os.sched_setaffinity(process, processors)


def _server(task: Task) -> list[int]:
    """The server's first process and those that it has started."""
    with psycopg.connect(task.dsn.conninfo(connect_timeout=10)) as connection:
        first = _parent(Path(f"/proc/{connection.info.backend_pid}"))
    others = [place for place in Path("/proc").iterdir() if place.name.isdigit() and _parent(place) == first]
    return [first, *(int(place.name) for place in others)]


def _parent(place: Path) -> int:
    try:
        return int((place / "stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:  # it has ended
        return 0
