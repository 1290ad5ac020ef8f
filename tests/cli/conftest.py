"""Fixtures of the command line: a user without a past, and the program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.commands import VestigeTui
from tests.support.sources import SMALL_SPEC, Sources
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import DestinationReport, MigrationReport, SourceReport

BROKEN_SPEC = replace(SMALL_SPEC, memories=60, broken_rows=True)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that holds everything a user has, empty at first."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


@pytest.fixture
def broken_source(sources: Sources) -> Path:
    """60 memories, twelve of them broken."""
    return sources.seed(BROKEN_SPEC, name="broken.db")


@pytest.fixture
def vestige_tui(capsys: pytest.CaptureFixture[str]) -> VestigeTui:
    """The program."""
    return VestigeTui(capsys)


@pytest.fixture
def report() -> MigrationReport:
    """A report whose source has a name that is not text."""
    plan = CopyPlan(Path("x.db"), Dsn.parse("host=h"))
    return MigrationReport(plan, SourceReport("half \udc80"), DestinationReport("postgresql://h/"))
