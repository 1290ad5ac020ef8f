"""What Vestige 4 leaves beside a file that it has moved on from."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

UPGRADED = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
WRITTEN = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)


def left(source: Path, *names: str, when: datetime = WRITTEN) -> None:
    """Put files beside a source, last changed at a time; the source itself is as it was at the upgrade."""
    for name in names:
        file = source.parent / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"\x00")
        set_time(file, when)
    set_time(source, UPGRADED)


def set_time(file: Path, when: datetime) -> None:
    """Have a file last changed at a time."""
    os.utime(file, (when.timestamp(), when.timestamp()))


def upgraded(source: Path) -> Path:
    """A source after the upgrade to Vestige 4, with all that it leaves."""
    left(source, "log/000001.seg", "log/000002.seg", "log/strata.key", "upgrade.log", f"{source.name}.v3-backup-17-42")
    return source
