"""The repairs of each source, kept under the user's state folder."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs, read_repairs, write_repairs
from vestige_tui.core.repairs.errors import RepairsError
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
        file.replace(file.with_suffix(".unreadable.json"))
    if repairs:
        write_repairs(file, repairs)
        return
    with suppress(FileNotFoundError):
        file.unlink()
