"""Files that are written whole or not at all, and the room for them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A new, empty file beside ``target``, readable by its owner alone. It takes ``target``'s place at the end.

    After an error in the block the file is deleted, and ``target`` is as it was. Raises ``OSError``.
    """
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
    partial = Path(name)
    try:
        try:
            yield partial
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def free_at(path: Path) -> int | None:
    """The free bytes of the disk on which something is, or will be; None where that cannot be found out."""
    for place in (path, *path.parents):
        with suppress(OSError):
            return shutil.disk_usage(place).free
    return None
