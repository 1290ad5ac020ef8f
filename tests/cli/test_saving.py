from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from vestige_tui.core.errors import UsageError
from vestige_tui.core.report import MigrationReport
from vestige_tui.user.saving import check_writable, kept_report, save
from vestige_tui.user.settings import demo_folder, embedded_folder, reports_folder


def test_it_is_written_whole_and_for_its_owner(tmp_path: Path, report: MigrationReport) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    assert save(report, path) == path
    assert json.loads(path.read_bytes())["format"] == "vestige-tui/report/1"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed(tmp_path: Path, report: MigrationReport) -> None:
    target = tmp_path / "target.json"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    save(report, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert json.loads(target.read_bytes())["outcome"] == "failed"


def test_a_pipe_gets_it_too(tmp_path: Path, report: MigrationReport) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        save(report, pipe)
        assert json.loads(reader.communicate()[0])["duration_ms"] == 0


def test_every_run_has_a_file_of_its_own(report: MigrationReport) -> None:
    first, second = kept_report(report), kept_report(report)
    assert first != second
    assert re.fullmatch(r"\d{8}T\d{6}Z-copy-[0-9a-f]{4}\.json", first.name)
    assert first.parent == reports_folder()


def test_the_folders_are_private(home: Path) -> None:
    for folder in (reports_folder(), demo_folder(), embedded_folder().parent):
        assert folder.is_relative_to(home)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not embedded_folder().exists()


@pytest.mark.parametrize("name", ["missing/report.json", ".", "n" * 300, "n" * 300 + "/report.json", "loop"])
def test_a_place_that_cannot_be_written_to_is_found_out_before(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UsageError, match="cannot be written"):
        check_writable(tmp_path / name)


def test_a_place_that_can(tmp_path: Path) -> None:
    check_writable(tmp_path / "new.json")
    check_writable(Path("/dev/null"))
    assert list(tmp_path.iterdir()) == [], "the check leaves nothing behind"
