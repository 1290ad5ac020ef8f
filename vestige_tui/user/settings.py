"""The folders of this user and machine. Each is made, private to the user, when it is asked for."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path, user_state_path

APPLICATION = "vestige-tui"


def embedded_folder() -> Path:
    """Where the embedded PostgreSQL keeps its data; the server itself makes this folder."""
    return private_folder(_data()) / "postgres"


def demo_folder() -> Path:
    """Where the demo keeps its sample and a PostgreSQL of its own."""
    return private_folder(_data() / "demo")


def reports_folder() -> Path:
    """Where the report of every run is kept."""
    return private_folder(user_state_path(APPLICATION, appauthor=False) / "reports")


def private_folder(folder: Path) -> Path:
    """Make a folder and its missing parents, readable by their owner alone; one that is there stays as it is."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return folder


def _data() -> Path:
    return user_data_path(APPLICATION, appauthor=False)
