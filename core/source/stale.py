"""Whether Vestige 4 has moved on from a file: it leaves ``vestige.db`` as it was and writes new memories to a log.

On its first start, Vestige 4.0 backs the file up, imports it into ``log/`` beside it, and writes only to that log from
then on. The file stays readable, and lacks every later memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from vestige_tui.core.facts import Sign, Staleness
from vestige_tui.core.source.file_names import has_several_names, names_of, wal_size


def staleness(path: Path) -> Staleness | None:
    """Look beside a file under all its names, where links lead; None where nothing says that Vestige 4 has moved on.

    A segment or the key of a log is proof. So is the backup, unless the file was written after it: then an older
    Vestige uses the file again. ``upgrade.log`` alone proves nothing.
    """
    return next(filter(None, map(_beside_name, _names(path))), None)


def _names(path: Path) -> tuple[Path, ...]:
    """The file itself and those of its hard links that are found."""
    with suppress(OSError):
        if has_several_names(path):
            return names_of(path).paths
    return (path.resolve(),)


def _beside_name(real: Path) -> Staleness | None:
    found = {**_in_log(real.parent / "log"), **_in_folder(real)}
    backup = found.get(Sign.BACKUP)
    if backup is not None and _last_written(real) > backup:
        del found[Sign.BACKUP]
    if not found.keys() - {Sign.UPGRADE_LOG}:
        return None
    successor = [when for sign, when in found.items() if sign in (Sign.SEGMENTS, Sign.KEY)]
    return Staleness(tuple(sign for sign in Sign if sign in found), max(successor, default=None))


def _in_log(folder: Path) -> dict[Sign, datetime]:
    """The signs in the folder of the log, and when the files changed."""
    try:
        files = list(folder.iterdir())
    except PermissionError:
        return {Sign.CLOSED_LOG: _changed(folder)}
    except OSError:
        return {}
    return _newest((Sign.KEY if file.name == "strata.key" else Sign.SEGMENTS, file) for file in files if _is_log(file))


def _is_log(file: Path) -> bool:
    return file.name == "strata.key" or file.suffix == ".seg"


def _in_folder(real: Path) -> dict[Sign, datetime]:
    """The signs beside the file itself."""
    return _newest(_beside(real))


def _beside(real: Path) -> Iterator[tuple[Sign, Path]]:
    try:
        files = list(real.parent.iterdir())
    except OSError:
        return
    for file in files:
        if file.name.startswith(f"{real.name}.v3-backup-"):
            yield Sign.BACKUP, file
        elif file.name == "upgrade.log":
            yield Sign.UPGRADE_LOG, file


def _newest(found: Iterable[tuple[Sign, Path]]) -> dict[Sign, datetime]:
    newest: dict[Sign, datetime] = {}
    for sign, file in found:
        newest[sign] = max(_changed(file), newest.get(sign, _NEVER))
    return newest


def _last_written(real: Path) -> datetime:
    """When a file or its non-empty WAL was last written."""
    wal = real.with_name(f"{real.name}-wal")
    return max(_changed(real), _changed(wal) if wal_size(real) else _NEVER)


_NEVER = datetime.min.replace(tzinfo=UTC)


def _changed(file: Path) -> datetime:
    """When a file changed; an unreadable one counts as the oldest."""
    try:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    except OSError:
        return _NEVER
