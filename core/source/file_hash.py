"""SHA-256 of a source's files, computed by a child process: see ``opening`` for why this process never opens them."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vestige_tui.core.errors import SourceError
from vestige_tui.core.source.file_names import name_to_read

_CHILD = """
import hashlib, json, os, sys
def state(path):
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns) if status.st_size else None
def sha256(path):
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return {"size": file.tell(), "sha256": digest}
paths = sys.argv[1:]
for attempt in range(3):
    before = [state(path) for path in paths]
    found = [sha256(path) if present else None for path, present in zip(paths, before)]
    if [state(path) for path in paths] == before:
        print(json.dumps(found))
        break
"""
"""Hashes files that do not change meanwhile, and says nothing where they do, three times in a row."""


@dataclass(frozen=True, slots=True)
class FileHash:
    """The size of a file in bytes, and its SHA-256 in 64 hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class SourceHash:
    """The database file as it was on disk, and the WAL beside it (None: there was none, or an empty one)."""

    database: FileHash
    wal: FileHash | None


class Hashing:
    """Hashes a source in a child process, from the start of the block on; the process is gone at the end of the block.

    The hash is of the files' bytes, not of what a transaction sees: another program may write between two hashes.
    """

    def __init__(self, path: Path) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        with suppress(OSError, RuntimeError, SourceError):
            database = name_to_read(path).resolve()
            files = [str(database), f"{database}-wal"]
            self._child = subprocess.Popen(  # noqa: S603  (our own words)
                [sys.executable, "-I", "-S", "-c", _CHILD, *files],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )

    def __enter__(self) -> Hashing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._child.kill()
            with self._child:  # closes the pipe, and waits
                pass

    def result(self, timeout: float | None = None) -> SourceHash | None:
        """Wait for the hash. None where the files kept changing, or cannot be read.

        Raises ``subprocess.TimeoutExpired`` after ``timeout`` seconds; it may then be called again.
        """
        if self._child is None:
            return None
        output, _ = self._child.communicate(timeout=timeout)
        if not output:
            return None
        database, wal = (FileHash(**found) if found else None for found in json.loads(output))
        return SourceHash(database, wal) if database is not None else None
