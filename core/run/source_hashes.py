"""The hashes of a source's files before and after a run, for its receipt."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vestige_tui.core.source.file_hash import Hashing, SourceHash

_LOOK = 0.2
"""Seconds between two looks whether the operator wants to stop."""


@dataclass(slots=True)
class SourceHashes:
    """``before`` and ``after``: None where no hash is wanted, or the files kept changing."""

    before: SourceHash | None = None
    after: SourceHash | None = None


@contextmanager
def hashing_around(
    path: Path, cancel: threading.Event, *, wanted: bool, at_once: bool = False
) -> Iterator[SourceHashes]:
    """Hash a source while the block runs, and once more after it, where that is ``wanted``.

    ``at_once``: before the block, which changes the source. A hash that the operator does not wait for stays None.
    """
    hashes = SourceHashes()
    if not wanted:
        yield hashes
        return
    with Hashing(path) as hashing:
        if at_once:
            hashes.before = _result(hashing, cancel)
        yield hashes
        hashes.before = hashes.before or _result(hashing, cancel)
    with Hashing(path) as hashing:
        hashes.after = _result(hashing, cancel)


def _result(hashing: Hashing, cancel: threading.Event) -> SourceHash | None:
    while not cancel.is_set():
        try:
            return hashing.result(timeout=_LOOK)
        except subprocess.TimeoutExpired:
            continue
    return None
