"""A quick look at a file, for a list of several: size, last change, number of memories, and who has it open."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from vestige_tui.core import system
from vestige_tui.core.errors import SourceError
from vestige_tui.core.source.describe import count_rows
from vestige_tui.core.source.file_names import side_files, wal_size
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.shape import read_shape
from vestige_tui.core.source.stale import staleness


@dataclass(frozen=True, slots=True)
class FileOverview:
    """A file in a list. ``size`` is in bytes with the WAL; ``memories`` is None where there is a ``problem``.
    ``stale``: Vestige 4 has moved on from the file.
    """

    path: Path
    size: int
    modified: datetime
    memories: int | None
    problem: SourceError | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class FileUsage:
    """Whether another program has a file open. ``process`` names one of this user's, None where none was found.

    Where not ``certain``, the system does not show open files, and ``side_files`` are the only sign.
    """

    process: str | None
    side_files: bool
    certain: bool


def file_overview(path: Path) -> FileOverview:
    """The overview of a file. Raises ``SourceError`` where not even its size can be read."""
    try:
        status = path.stat()
        size = status.st_size + wal_size(path)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read: {error.strerror or error}.", remedy="Check the path and its permissions."
        ) from None
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    try:
        return FileOverview(path, size, modified, _count_memories(path), stale=staleness(path) is not None)
    except SourceError as error:
        return FileOverview(path, size, modified, None, error)


def file_usage(path: Path) -> FileUsage:
    """Whether another program has the file open; the file itself is not touched."""
    found = bool(side_files(path))
    if not system.names_holders():
        return FileUsage(None, found, certain=False)
    return FileUsage(_holder(path), found, certain=True)


def _count_memories(path: Path) -> int:
    with open_source(path) as connection:
        if not read_shape(connection, computing=False).columns("knowledge_nodes"):
            raise SourceError(
                f"{path} has no table of memories.", remedy="Name the file that Vestige uses, usually vestige.db."
            )
        return count_rows(connection, "knowledge_nodes")


def _holder(path: Path) -> str | None:
    """The first other process of this user that has the file open."""
    for process in psutil.process_iter(["name", "open_files"]):
        files = process.info["open_files"] or ()
        if process.pid != os.getpid() and any(_is_same(path, file.path) for file in files):
            return f"{process.info['name']}, process {process.pid}"
    return None


def _is_same(path: Path, other: str) -> bool:
    with suppress(OSError):
        return path.samefile(other)
    return False
