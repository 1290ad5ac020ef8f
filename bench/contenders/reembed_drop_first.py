"""This tool's re-embedding with ``--drop-hnsw-first``."""

from __future__ import annotations

from bench.contenders import reembed
from bench.tasks import Measured, Task


def run(task: Task) -> Measured:
    """Re-embed the store at the destination."""
    return reembed.run(task, drop_hnsw_first=True)
