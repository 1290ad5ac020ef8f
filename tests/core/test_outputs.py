"""No output file hits the source, what belongs to it, or another output."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vestige_tui.core.errors import UsageError
from vestige_tui.core.outputs import Output, check_outputs
from vestige_tui.core.source.upgrade import backup_path


def problem(source: Path, *paths: Path, appends: bool = False) -> str | None:
    try:
        check_outputs(source, [Output(f"Output {number}", path, appends) for number, path in enumerate(paths, 1)])
    except UsageError as error:
        return error.what
    return None


def refused(source: Path, *paths: Path, appends: bool = False) -> str:
    what = problem(source, *paths, appends=appends)
    assert what is not None, "nothing was refused"
    return what


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "home" / "vestige.db"
    path.parent.mkdir()
    path.write_bytes(b"memories")
    return path


def test_the_source_by_every_path(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "folder").symlink_to(source.parent)
    (tmp_path / "hard").hardlink_to(source)
    monkeypatch.chdir(source.parent)
    for path in (
        source,
        Path("vestige.db"),
        Path("../home/./vestige.db"),
        tmp_path / "link",
        tmp_path / "folder" / "vestige.db",
        tmp_path / "hard",
    ):
        assert refused(source, path) == f"Output 1 cannot be written to {path}: that is the source itself."
        assert refused(tmp_path / "link", path).endswith("that is the source itself.")
    assert source.read_bytes() == b"memories"


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_side_files(source: Path, tmp_path: Path, suffix: str, exists: bool) -> None:
    side = Path(f"{source}{suffix}")
    if exists:
        side.write_bytes(b"")
        (tmp_path / "hard").hardlink_to(side)
        assert "beside the source" in refused(source, tmp_path / "hard")
    (tmp_path / "link").symlink_to(side)
    (tmp_path / "source").symlink_to(source)
    (tmp_path / "folder").symlink_to(source.parent)
    for path in (side, tmp_path / "link", tmp_path / "folder" / side.name, tmp_path / f"source{suffix}"):
        assert "a file that SQLite keeps beside the source" in refused(tmp_path / "source", path)


def test_side_files_of_another_name(source: Path, tmp_path: Path) -> None:
    (tmp_path / "home" / "other.db").hardlink_to(source)
    assert "beside the source" in refused(source, tmp_path / "home" / "other.db-wal")


def test_a_file_system_that_ignores_case(source: Path) -> None:
    """Of a file that does not exist yet, nothing shows whether another spelling is another file."""
    assert "beside the source" in refused(source, source.with_name("VESTIGE.DB-WAL"))
    assert "the same file as for output 1" in refused(
        source, source.with_name("É.json"), source.with_name("e\u0301.JSON")
    )
    source.with_name("Vestige.db").write_bytes(b"another file")
    assert problem(source, source.with_name("Vestige.db")) is None


def test_backups(source: Path, tmp_path: Path) -> None:
    made = source.with_name("vestige.db.before-v15-2025-01-01.bak")
    made.write_bytes(b"backup")
    (tmp_path / "hard").hardlink_to(made)
    for path in (made, tmp_path / "hard"):
        assert "a backup of the source" in refused(source, path)
    for path in (backup_path(source), backup_path(source).with_name(f"{backup_path(source).name}.x.part")):
        assert "a name for backups of the source" in refused(source, path)
    assert problem(source, tmp_path / made.name) is None


@pytest.mark.parametrize("exists", [True, False])
def test_two_outputs_in_one_file(source: Path, tmp_path: Path, exists: bool) -> None:
    first, link = tmp_path / "first", tmp_path / "link"
    if exists:
        first.write_text("")
    link.symlink_to(first)
    assert (
        refused(source, first, link) == f"Output 2 cannot be written to {link}: that is the same file as for output 1."
    )
    assert problem(source, first, link, appends=True) is None
    assert problem(source, first, tmp_path / "second") is None


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    assert "the source itself" in refused(tmp_path / "x.db", tmp_path / "x.db")
    assert "beside the source" in refused(tmp_path / "no" / "x.db", tmp_path / "no" / "x.db-wal")
    assert problem(tmp_path / "x.db", tmp_path / "y.db") is None


def test_devices_and_pipes_never_clash(source: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/null"), Path("/dev/full"), tmp_path / "pipe"):
        assert problem(source, path, path) is None
    assert problem(source, Path("/dev/stdout"), Path("/dev/stderr"), appends=True) is None


def test_what_cannot_be_looked_at_is_left_to_who_opens_it(source: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert problem(source, tmp_path / "loop", tmp_path / "missing" / "report.json") is None
    assert problem(tmp_path / "loop", tmp_path / "report.json") is None


def test_a_folder_that_may_not_be_listed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def iterdir(_path: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "iterdir", iterdir)
    assert "the source itself" in refused(source, source)
