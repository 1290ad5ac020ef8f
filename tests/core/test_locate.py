"""Where a database is looked for, and a quick look at one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sources import Sources
from vestige_tui.core.source.locate import candidates, locate
from vestige_tui.core.source.overview import file_overview, file_usage


def test_linux_looks_in_the_data_folders_then_at_home_then_here(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "project"
    assert candidates({}, home=home, folder=here, platform="linux") == (
        home / ".local/share/core/vestige.db",
        home / ".local/share/vestige/core/vestige.db",
        home / ".vestige/vestige.db",
        here / ".vestige/vestige.db",
    )


def test_the_variable_comes_first_and_its_tilde_is_expanded(tmp_path: Path) -> None:
    found = candidates({"VESTIGE_DATA_DIR": "~/memory"}, home=tmp_path, folder=tmp_path, platform="linux")
    assert found[0] == tmp_path / "memory/vestige.db"


@pytest.mark.parametrize(("given", "data"), [("/srv/data", "/srv/data"), ("relative", None), ("", None)])
def test_xdg_counts_only_when_it_is_absolute(tmp_path: Path, given: str, data: str | None) -> None:
    found = candidates({"XDG_DATA_HOME": given}, home=tmp_path, folder=tmp_path, platform="linux")
    assert found[0] == Path(data or tmp_path / ".local/share") / "core/vestige.db"


def test_other_systems_have_their_own_folders(tmp_path: Path) -> None:
    mac = candidates({}, home=tmp_path, folder=tmp_path, platform="darwin")
    windows = candidates({"APPDATA": str(tmp_path / "Roaming")}, home=tmp_path, folder=tmp_path, platform="win32")
    assert mac[0] == tmp_path / "Library/Application Support/com.vestige.core/vestige.db"
    assert windows[:2] == (
        tmp_path / "Roaming/vestige/core/data/vestige.db",
        tmp_path / "Roaming/vestige/core/vestige.db",
    )


def test_home_and_current_folder_are_looked_at_once_where_they_are_one(tmp_path: Path) -> None:
    found = candidates({}, home=tmp_path, folder=tmp_path, platform="linux")
    assert len(found) == len(set(found)) == 3


def test_only_files_are_found_and_each_once(tmp_path: Path) -> None:
    (tmp_path / ".vestige").mkdir()
    (tmp_path / ".vestige/vestige.db").touch()
    (tmp_path / ".local/share/core/vestige.db").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / ".vestige")
    found = locate({"VESTIGE_DATA_DIR": str(tmp_path / "link")}, home=tmp_path, folder=tmp_path, platform="linux")
    assert found == (tmp_path / "link/vestige.db",)


def test_an_overview_counts_memories_and_leaves_no_trace(sources: Sources) -> None:
    path = sources.seed()
    seen = file_overview(path)
    assert (seen.memories, seen.problem, seen.size) == (30, None, path.stat().st_size)
    assert list(path.parent.iterdir()) == [path]


def test_an_overview_at_something_else_says_so(tmp_path: Path) -> None:
    (tmp_path / "vestige.db").write_bytes(b"no database at all")
    seen = file_overview(tmp_path / "vestige.db")
    assert seen.memories is None
    assert seen.problem is not None
    assert "not a plain SQLite database" in seen.problem.what


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not name the program")
def test_another_program_that_has_the_file_open_is_named(sources: Sources) -> None:
    path = sources.seed()
    assert file_usage(path).process is None
    holder = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seen = file_usage(path)
        process.terminate()
    assert seen.certain
    assert f"process {process.pid}" in str(seen.process)
