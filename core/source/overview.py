"""A quick look at a file, for a list of several: size, last change, number of memories, and who has it open."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vestige_tui.core.errors import SourceError
from vestige_tui.core.source.describe import count_rows
from vestige_tui.core.source.file_names import side_files, wal_size
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.shape import read_shape
from vestige_tui.core.source.stale import staleness

_PROCESSES = Path("/proc")


@dataclass(frozen=True, slots=True)
class FileOverview:
    """A file in a list. ``size`` is in bytes with the WAL; ``memories`` is None where ``problem`` says
    why; ``stale`` tells that Vestige 4 has moved on from it.
    """

    path: Path
    size: int
    modified: datetime
    memories: int | None
    problem: SourceError | None = None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class FileUsage:
    """Who has a file open. ``process`` names a program of this user and its number; None where none was found.

    ``certain`` is False where the system does not tell: then ``side_files`` are the only sign there is.
    """

    process: str | None
    side_files: bool
    certain: bool


def file_overview(path: Path) -> FileOverview:
    """Look at a file. Raises ``SourceError`` where not even its size can be told."""
    try:
        status = path.stat()
        size = status.st_size + wal_size(path)
    except OSError as error:
        raise SourceError(
            f"{path} cannot be looked at: {error.strerror or error}.", remedy="Check the path and its permissions."
        ) from None
    modified = datetime.fromtimestamp(status.st_mtime, UTC)
    try:
        return FileOverview(path, size, modified, _count_memories(path), stale=staleness(path) is not None)
    except SourceError as error:
        return FileOverview(path, size, modified, None, error)


def file_usage(path: Path) -> FileUsage:
    """Whether another program has the file open, looked up without touching the file."""
    found = bool(side_files(path))
    if sys.platform != "linux" or not _PROCESSES.is_dir():
        return FileUsage(None, found, certain=False)
    return FileUsage(_holder(path), found, certain=True)


def _count_memories(path: Path) -> int:
    with open_source(path) as connection:
        if not read_shape(connection).columns("knowledge_nodes"):
            raise SourceError(
                f"{path} has no table of memories.", remedy="Name the file that Vestige uses, usually vestige.db."
            )
        return count_rows(connection, "knowledge_nodes")


def _holder(path: Path) -> str | None:
    """The first other process whose list of open files has this one; those of other users are not told."""
    try:
        wanted = path.stat()
    except OSError:
        return None
    for process in _PROCESSES.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        with suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with suppress(OSError):
                    found = descriptor.stat()
                    if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
                        return f"{(process / 'comm').read_text(errors='replace').strip()}, process {process.name}"
    return None
