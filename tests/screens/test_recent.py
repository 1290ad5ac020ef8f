"""What is remembered from run to run."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from vestige_tui.core.dsn import Dsn
from vestige_tui.user.recent import Recent


def test_the_last_source_comes_first_and_only_once(tmp_path: Path) -> None:
    recent = Recent(tmp_path / "recent.json")
    for name in ("a", "b", "c", "a"):
        recent.remember_source(tmp_path / name)
    assert list(Recent(tmp_path / "recent.json").sources) == [tmp_path / name for name in ("a", "c", "b")]


def test_five_sources_are_kept(tmp_path: Path) -> None:
    recent = Recent(tmp_path / "recent.json")
    for number in range(9):
        recent.remember_source(tmp_path / str(number))
    assert [path.name for path in recent.sources] == ["8", "7", "6", "5", "4"]


def test_a_destination_is_kept_without_its_password(tmp_path: Path) -> None:
    file = tmp_path / "recent.json"
    Recent(file).remember_destination(Dsn.parse("postgresql://me:canary-7f3a@db:6543/vestige?sslmode=require"))
    assert "canary" not in file.read_text()
    assert Dsn.parse(Recent(file).destination).parameters == {
        "user": "me",
        "host": "db",
        "port": "6543",
        "dbname": "vestige",
        "sslmode": "require",
    }


def test_the_embedded_destination_is_kept_by_its_name(tmp_path: Path) -> None:
    Recent(tmp_path / "recent.json").remember_destination(None)
    assert Recent(tmp_path / "recent.json").destination == "embedded"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "other"}', '{"sources": 5}', "\0\0"])
def test_a_file_that_cannot_be_read_is_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / "recent.json").write_text(content)
    recent = Recent(tmp_path / "recent.json")
    assert (list(recent.sources), recent.destination) == ([], "")
    recent.remember_source(tmp_path)
    assert list(recent.sources) == [tmp_path]


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    recent = Recent(tmp_path / "missing" / "recent.json")
    recent.remember_source(tmp_path)
    assert list(recent.sources) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    Recent(tmp_path / "recent.json").remember_source(tmp_path)
    assert stat.S_IMODE((tmp_path / "recent.json").stat().st_mode) == 0o600
