"""The names of a database file, and the side files that SQLite keeps beside one of them.

SQLite looks for recent changes (``-wal``) and an interrupted transaction (``-journal``) beside the name that it opens.
Under another hard link, or another mount of the single file, it sees neither and reads an old state.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from vestige_tui.core.errors import SourceError
from vestige_tui.core.source.locate import candidates

SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database: recent changes, their index, and an interrupted transaction."""

SEARCH_SECONDS = 2.0
"""How long the search for the other names of a file may take; if it misses one, the file is refused."""

MOUNTS = Path("/proc/self/mountinfo")


@dataclass(frozen=True, slots=True)
class Names:
    """The paths that lead to one file, the given one first; ``complete``: there are no others."""

    paths: tuple[Path, ...]
    complete: bool


def side_files(path: Path) -> list[Path]:
    """The side files that exist now; SQLite keeps them where a symbolic link leads."""
    return [file for file in possible_side_files(path.resolve()) if file.exists()]


def possible_side_files(path: Path) -> list[Path]:
    """The paths of the side files that SQLite may keep."""
    return [path.with_name(path.name + suffix) for suffix in SIDE_FILES]


def wal_size(path: Path) -> int:
    """Bytes of the WAL beside a file. A program that closes the file may remove it at any moment."""
    real = path.resolve()
    return _size(real.with_name(f"{real.name}-wal"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def has_several_names(path: Path) -> bool:
    """Whether a file can be opened under another name; symbolic links and mounted folders do not count."""
    real = path.resolve()
    return real.stat().st_nlink > 1 or _mounted_from(real) is not None


def name_to_read(path: Path) -> Path:
    """The name under which SQLite sees all of a database: ``path``, or the other name that has the side files.

    Raises ``SourceError`` where changes may lie beside a name that was not found, or lie beside two names.
    """
    if not has_several_names(path):
        return path
    names = names_of(path)
    changed = [name for name in names.paths if _has_changes(name)]
    if len(changed) > 1:
        raise SourceError(
            f"{path} has several names, and recent changes lie beside more than one: {changed[0]} and {changed[1]}.",
            remedy="Find out which name Vestige uses. Copy that file, with the -wal file beside it, into a folder of "
            "its own, and name the copy.",
        )
    if not changed and not names.complete:
        raise SourceError(
            f"{path} has another name (a hard link or a mount) that was not found. SQLite keeps recent changes in a "
            "-wal file beside the name that a program opened; under this name they would be missing.",
            remedy="If Vestige runs, name the path that it uses. Otherwise copy the file, with its -wal file if there "
            "is one, into a folder of its own, and name the copy. This lists the names: "
            "find FOLDER -xdev -samefile FILE",
        )
    used = changed or [name for name in names.paths if side_files(name)]
    return path if not used or names.paths[0] in used else used[0]


def names_of(path: Path) -> Names:
    """Search for the names of a file, for at most ``SEARCH_SECONDS``."""
    real = path.resolve()
    status = real.stat()
    mounted_from = _mounted_from(real)
    starts = (real,) if mounted_from is None else mounted_from
    entries = {_entry(name): name for name in starts}
    if len(entries) < status.st_nlink:
        for name in _search(starts, status):
            entries.setdefault(_entry(name), name)
            if len(entries) >= status.st_nlink:
                break
    return Names(tuple(dict.fromkeys((real, *entries.values()))), complete=len(entries) >= status.st_nlink)


def _has_changes(path: Path) -> bool:
    return any(not file.name.endswith("-shm") and _size(file) for file in side_files(path))


def _entry(path: Path) -> tuple[int, int, str]:
    """A name and the identity of its folder: mounted twice, it is still one name."""
    folder = path.parent.stat()
    return folder.st_dev, folder.st_ino, path.name


def _known_folders() -> list[Path]:
    with suppress(OSError, RuntimeError):  # no home, or the current folder was removed
        return [candidate.parent for candidate in candidates()]
    return []


def _search(starts: Iterable[Path], wanted: os.stat_result) -> Iterator[Path]:
    """The names of a file in Vestige's own folders, then below the folders of ``starts``, the nearest first."""
    deadline = time.monotonic() + SEARCH_SECONDS
    seen: set[tuple[int, int]] = set()
    for folder in (*_known_folders(), *_by_distance(starts)):
        waiting = deque([str(folder)])
        while waiting:
            if time.monotonic() > deadline:
                return
            yield from _look_through(waiting, wanted, seen)


def _by_distance(starts: Iterable[Path]) -> Iterator[Path]:
    """The folder of each path, then the one above each, and so on."""
    for folders in zip_longest(*(start.parents for start in starts)):
        yield from filter(None, folders)


def _look_through(waiting: deque[str], wanted: os.stat_result, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Look through the first waiting folder; the folders in it join the queue."""
    folder = waiting.popleft()
    with suppress(OSError):
        status = os.lstat(folder)
        identity = (status.st_dev, status.st_ino)
        if status.st_dev != wanted.st_dev or identity in seen:
            return
        seen.add(identity)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.inode() == wanted.st_ino and os.path.samestat(os.lstat(entry.path), wanted):
                    yield Path(entry.path)


class _Mount(NamedTuple):
    """A line of ``/proc/self/mountinfo``: ``root`` is the part of the file system that ``point`` shows."""

    device: bytes
    root: str
    point: str


def _mounts() -> list[_Mount]:
    try:
        listed = MOUNTS.read_bytes().splitlines()
    except OSError:  # a system without /proc
        return []
    return [_Mount(fields[2], _unescaped(fields[3]), _unescaped(fields[4])) for fields in map(bytes.split, listed)]


def _unescaped(field: bytes) -> str:
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda octal: bytes([int(octal[1], 8)]), field))


def _mounted_from(real: Path) -> tuple[Path, ...] | None:
    """The visible names of a file that is mounted by itself, as containers do; None for any other file."""
    mounts = _mounts()
    own = next((mount for mount in reversed(mounts) if mount.point == str(real)), None)
    if own is None:
        return None
    inside = Path(own.root)
    wider = [mount for mount in mounts if mount.device == own.device and Path(mount.root) in inside.parents]
    origins = [Path(mount.point) / inside.relative_to(mount.root) for mount in wider]
    return tuple(origin for origin in origins if _leads_to(origin, real))


def _leads_to(path: Path, real: Path) -> bool:
    try:
        return path.samefile(real)
    except OSError:
        return False
