"""The repairs of each source, kept under the user's state folder."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from pathlib import Path

from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs, read_repairs, write_repairs
from vestige_tui.core.repairs.errors import RepairsError
from vestige_tui.core.repairs.merging import merged
from vestige_tui.user.settings import repairs_folder


def repairs_file(source: Path) -> Path:
    """The file that keeps the repairs of a source, by the source's place."""
    place = str(source.resolve()).encode(errors="surrogateescape")
    return repairs_folder() / f"{hashlib.sha256(place).hexdigest()[:32]}.json"


def kept_repairs(source: Path) -> Repairs:
    """The repairs of a source; none where none are kept. Raises ``RepairsError``."""
    file = repairs_file(source)
    return read_repairs(file) if file.exists() else NO_REPAIRS


def keep_repairs(source: Path, repairs: Repairs) -> None:
    """Keep the repairs of a source in place of those before; none removes the file. Raises ``OSError``.

    A file that holds something else is set aside, never overwritten.
    """
    file = repairs_file(source)
    try:
        kept_repairs(source)
    except RepairsError:
        file.replace(file.with_suffix(f".unreadable-{secrets.token_hex(2)}.json"))
    if repairs:
        write_repairs(file, repairs)
        return
    with suppress(FileNotFoundError):
        file.unlink()


class KeptRepairs:
    """The repairs of each source as one program changes them. What another one has added meanwhile is kept, too."""

    def __init__(self) -> None:
        self._known: dict[Path, Repairs] = {}

    def load(self, source: Path) -> Repairs:
        """The repairs of a source; none where none are kept. Raises ``RepairsError``."""
        found = self._known[repairs_file(source)] = kept_repairs(source)
        return found

    def keep(self, source: Path, repairs: Repairs) -> None:
        """Keep what has changed in the repairs of a source since this program loaded or kept them last.

        A file that holds something else is set aside, never overwritten. Raises ``OSError``.
        """
        file = repairs_file(source)
        try:
            theirs = kept_repairs(source)
        except RepairsError:
            theirs = NO_REPAIRS  # and keep_repairs sets the file aside
        keep_repairs(source, merged(self._known.get(file, NO_REPAIRS), repairs, theirs))
        self._known[file] = repairs
