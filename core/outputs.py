"""No output file hits the source, a backup of it, or another output. Checked before anything is opened."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vestige_tui.core.errors import UsageError
from vestige_tui.core.source.file_names import names_of, possible_side_files
from vestige_tui.core.source.upgrade import backup_prefix

Place = tuple[object, ...]
"""What two paths of one file have in common, see ``_place``."""


@dataclass(frozen=True, slots=True)
class Output:
    """A file that is about to be written. ``name`` begins a sentence, such as "The report".

    ``appends``: what is written goes to the end of what the file holds, so that it may share the file with others that
    do the same.
    """

    name: str
    path: Path
    appends: bool = False


def check_outputs(source: Path | None, outputs: Iterable[Output], called: str = "the source") -> None:
    """Raise ``UsageError`` where an output would hit the source, its side files, a backup, or another output.

    ``called`` is what the file is that may not be hit; ``source`` is None where no file is read.

    Files are compared by device and inode, links followed; those that do not exist yet by folder and name, in which
    upper and lower case count as equal. Pipes and devices take what they are given, and never clash.
    """
    names = _names(source) if source is not None else ()
    taken = dict(_places_of_source(names, called))
    written: dict[Place, Output] = {}
    for output in outputs:
        place = _place(output.path)
        if place is None:
            continue
        reason = taken.get(place) or _reason_of_backup(output.path, names, called)
        if reason is None and place in written and not (output.appends and written[place].appends):
            reason = f"the same file as for {_in_a_sentence(written[place].name)}"
        if reason is not None:
            raise UsageError(
                f"{output.name} cannot be written to {output.path}: that is {reason}.",
                remedy="Name another file for it.",
            )
        written.setdefault(place, output)


def _names(source: Path) -> tuple[Path, ...]:
    """The given path of a source, and every other name of it that can be found."""
    with suppress(OSError, RuntimeError):
        return tuple(dict.fromkeys((source.absolute(), *names_of(source).paths)))
    return tuple(dict.fromkeys((source.absolute(), _resolved(source))))


def _places_of_source(names: Iterable[Path], called: str) -> Iterator[tuple[Place, str]]:
    """Every file that belongs to the source, and what it is."""
    for name in names:
        backups = (entry for entry in _entries(name.parent) if entry.name.startswith(backup_prefix(name)))
        for path, reason in (
            *((file, f"a file that SQLite keeps beside {called}") for file in possible_side_files(name)),
            *((backup, f"a backup of {called}") for backup in backups),
            (name, f"{called} itself"),
        ):
            place = _place(path)
            if place is not None:
                yield place, reason


def _reason_of_backup(path: Path, names: Iterable[Path], called: str) -> str | None:
    """Names that a backup may get are kept free for it: it is made while the other outputs are open."""
    real = _resolved(path)
    for name in names:
        if _folded(real.name).startswith(_folded(backup_prefix(name))) and _same_folder(real.parent, name.parent):
            return f"a name for backups of {called}"
    return None


def _place(path: Path) -> Place | None:
    """Device and inode of a file; of one that does not exist yet, its folder's and its name. None for a device."""
    real = _resolved(path)
    status = _status(real)
    if status is not None:
        return (status.st_dev, status.st_ino) if stat.S_ISREG(status.st_mode) else None
    folder = _status(real.parent)
    if folder is None:
        return (_folded(str(real)),)
    return folder.st_dev, folder.st_ino, _folded(real.name)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link to itself; opening it fails later, in words of its own
        return path.absolute()


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _same_folder(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other


def _folded(name: str) -> str:
    """A name as a file system that ignores case, or the form of accents, compares it."""
    return unicodedata.normalize("NFC", name).casefold()


def _in_a_sentence(name: str) -> str:
    return name[0].lower() + name[1:]
