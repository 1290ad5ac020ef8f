"""A field for a path that completes names of files and folders."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input

DATABASE_ENDINGS = (".db", ".sqlite", ".sqlite3", ".bak")
_MOST_ENTRIES = 5_000  # of one folder; completing is a help, not a duty


class PathInput(Input):
    """The field; the right arrow at its end takes the completion that is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right", "cursor_right", "Complete", key_display="→"),
    ]

    def __init__(self, *, home: Path, folder: Path, placeholder: str, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, suggester=_PathSuggester(home, folder), compact=True, id=id)
        self._home = home
        self._folder = folder

    @property
    def path(self) -> Path | None:
        """The path in the field as it is meant; None where the field is empty."""
        return expanded(self.value.strip(), self._home, self._folder) if self.value.strip() else None


class _PathSuggester(Suggester):
    def __init__(self, home: Path, folder: Path) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._home = home
        self._folder = folder

    async def get_suggestion(self, value: str) -> str | None:
        """The path as it may go on; folders end in a slash."""
        if not value.strip() or value == "~":
            return None
        return await asyncio.to_thread(completion, value, self._home, self._folder)


def completion(typed: str, home: Path, folder: Path) -> str | None:
    """``typed`` with its last part completed to a folder or a database file, None where nothing fits."""
    start, separator, last = _split(typed)
    place = expanded(start + separator, home, folder) if separator else folder
    try:
        with os.scandir(place) as entries:
            fitting = sorted(
                entry.name + (separator or os.sep if entry.is_dir() else "")
                for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False)
                if entry.name.startswith(last) and (last or not entry.name.startswith(".")) and _wanted(entry)
            )
    except (OSError, ValueError):
        return None
    best = next((name for name in fitting if name != last), None)
    return start + separator + best if best is not None else None


def expanded(typed: str, home: Path, folder: Path) -> Path:
    """The path that is meant: ``~`` is the home folder, a relative path starts in the current one.

    Terminals put a path into quotes or escape its spaces, file managers give a URL. A file that really has such a name
    is taken first.
    """
    plain = _joined(typed, home, folder)
    bare = _bare(typed.strip())
    return plain if bare == typed or _is_there(plain) else _joined(bare, home, folder)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for any file
        return False


def _joined(typed: str, home: Path, folder: Path) -> Path:
    if typed == "~" or typed.startswith(("~/", "~\\")):
        return home / typed[2:]
    return folder / typed


def _bare(typed: str) -> str:
    """A path without what a terminal or a file manager put around it."""
    if typed.lower().startswith("file://"):
        return unquote(urlsplit(typed).path)
    if typed[:1] in ("'", '"') or ("\\" in typed and os.sep == "/"):
        try:
            words = shlex.split(typed)
        except ValueError:  # a quote that is not closed
            return typed
        return words[0] if len(words) == 1 else typed
    return typed


def _split(typed: str) -> tuple[str, str, str]:
    positions = [typed.rfind(sign) for sign in {os.sep, os.altsep or os.sep}]
    cut = max(positions)
    return ("", "", typed) if cut < 0 else (typed[:cut], typed[cut], typed[cut + 1 :])


def _wanted(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir() or entry.name.endswith(DATABASE_ENDINGS)
    except OSError:
        return False
