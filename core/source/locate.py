"""Where Vestige keeps its database on this machine, in the order of Vestige's own programs and documents."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from vestige_tui.core import system

FILE_NAME = "vestige.db"
DATA_DIR_VARIABLE = "VESTIGE_DATA_DIR"


def candidates(
    environment: Mapping[str, str] = os.environ,
    *,
    home: Path | None = None,
    folder: Path | None = None,
    platform: str = system.name(),
) -> tuple[Path, ...]:
    """Every possible path, the likeliest first and each once, whether a file is there or not.

    ``home`` and ``folder`` default to the user's home and the current folder; ``platform`` is ``system.name()``.
    """
    home, folder = home or Path.home(), folder or Path.cwd()
    return tuple(dict.fromkeys(place / FILE_NAME for place in _folders(environment, home, folder, platform)))


def locate(
    environment: Mapping[str, str] = os.environ,
    *,
    home: Path | None = None,
    folder: Path | None = None,
    platform: str = system.name(),
) -> tuple[Path, ...]:
    """The candidates that are files; a file with two paths is listed once."""
    found: dict[Path, Path] = {}
    for path in candidates(environment, home=home, folder=folder, platform=platform):
        try:
            if path.is_file():
                found.setdefault(path.resolve(), path)
        except OSError:  # a folder that may not be entered, a link to itself
            continue
    return tuple(found.values())


def _folders(environment: Mapping[str, str], home: Path, folder: Path, platform: str) -> Iterator[Path]:
    if named := environment.get(DATA_DIR_VARIABLE, "").strip():
        yield _expanded(named, home, folder)
    yield from _data_folders(environment, home, platform)
    yield home / ".vestige"
    yield folder / ".vestige"


def _data_folders(environment: Mapping[str, str], home: Path, platform: str) -> Iterator[Path]:
    """The folders of Rust's ``ProjectDirs("com", "vestige", "core")``, then those that Vestige's documents name."""
    if platform == system.WINDOWS:
        roaming = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
        yield roaming / "vestige" / "core" / "data"
        yield roaming / "vestige" / "core"
    elif platform == system.MACOS:
        yield home / "Library" / "Application Support" / "com.vestige.core"
    else:
        named = Path(environment.get("XDG_DATA_HOME", ""))
        data = named if named.is_absolute() else home / ".local" / "share"  # the standard ignores a relative one
        yield data / "core"
        yield data / "vestige" / "core"


def _expanded(named: str, home: Path, folder: Path) -> Path:
    """A leading ``~`` is the home folder, also before a backslash."""
    if named == "~" or named.startswith(("~/", "~\\")):
        return home / named[2:]
    return folder / named
