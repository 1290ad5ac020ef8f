"""Fixtures of the wizard's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.sources import SMALL_SPEC, Sources


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home folder of a machine, empty."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def found(home: Path, sources: Sources) -> Path:
    """A database where Vestige keeps it, at V15."""
    path = home / ".vestige" / "vestige.db"
    path.parent.mkdir()
    sources.seed(SMALL_SPEC).rename(path)
    return path
