"""The folders of this user and machine. Each is created on demand, private to the user."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from platformdirs import user_data_path, user_state_path

APPLICATION = "vestige-tui"


def embedded_folder() -> Path:
    """Where the embedded PostgreSQL keeps its data. The server creates this folder, and says why where it cannot."""
    with suppress(OSError):
        private_folder(_data())
    return _data() / "postgres"


def demo_folder() -> Path:
    """Where the demo keeps its sample and its own PostgreSQL."""
    return private_folder(_data() / "demo")


def reports_folder() -> Path:
    """Where the reports of all runs are kept."""
    return private_folder(user_state_path(APPLICATION, appauthor=False) / "reports")


def receipts_folder() -> Path:
    """Where the receipts of all runs are kept."""
    return private_folder(user_state_path(APPLICATION, appauthor=False) / "receipts")


def repairs_folder() -> Path:
    """Where the repairs of all sources are kept."""
    return private_folder(user_state_path(APPLICATION, appauthor=False) / "repairs")


def private_folder(folder: Path) -> Path:
    """Create a folder and its missing parents, readable by their owner only. Existing ones stay as they are."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return folder


def _data() -> Path:
    return user_data_path(APPLICATION, appauthor=False)
