"""A file with several names: read with all that is in its WAL, or refused."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources, query
from vestige_tui.core.errors import RefusedError, SourceError
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.core.source import file_names
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.file_names import has_several_names, name_to_read, names_of, wal_size
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.overview import file_overview, file_usage
from vestige_tui.core.source.upgrade import backup_path, upgrade_in_place, upgraded_copy

NEW = "11111111-2222-4333-8444-555555555555"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Search no folder outside the test's own."""
    monkeypatch.setattr(
        file_names, "_by_distance", lambda starts: iter([*(start.parent for start in starts), tmp_path])
    )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.fixture
def live(small_source: Path) -> Iterator[sqlite3.Connection]:
    """A Vestige that has the source open, with a memory that is in the WAL alone."""
    with closing(sqlite3.connect(small_source, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(knowledge_nodes)")]
        values = ", ".join(f"'{NEW}'" if name == "id" else name for name in columns)
        connection.execute(f"INSERT INTO knowledge_nodes SELECT {values} FROM knowledge_nodes LIMIT 1")
        yield connection


def linked(source: Path, folder: Path, name: str = "other.db") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).hardlink_to(source)
    return folder / name


def memories(path: Path) -> int:
    with open_source(path) as connection:
        return int(connection.execute("SELECT count(*) FROM knowledge_nodes").fetchone()[0])


def test_the_size_of_a_wal(live: sqlite3.Connection, small_source: Path, tmp_path: Path) -> None:
    """It counts where a symbolic link leads, and is 0 as soon as the program that wrote it has gone."""
    link = tmp_path / "elsewhere" / "link.db"
    link.parent.mkdir()
    link.symlink_to(small_source)
    size = small_source.with_name(f"{small_source.name}-wal").stat().st_size
    assert size > 4_096
    assert (wal_size(small_source), wal_size(link)) == (size, size)
    assert describe(link).size == file_overview(link).size == small_source.stat().st_size + size
    live.close()
    assert wal_size(small_source) == 0
    assert describe(link).size == file_overview(link).size == small_source.stat().st_size


@pytest.mark.parametrize("place", [".", "elsewhere"])
def test_the_wal_beside_the_other_name_is_read(
    live: sqlite3.Connection, small_source: Path, tmp_path: Path, database: Database, place: str
) -> None:
    other = linked(small_source, tmp_path / place)
    assert memories(other) == 31
    assert describe(other).rows["knowledge_nodes"] == 31
    assert file_overview(other).memories == 31
    assert copy(other, database).memories_copied == 31
    assert database.value(f"SELECT count(*) FROM knowledge_nodes WHERE id = '{NEW}'") == 1
    assert sorted(path.name for path in other.parent.glob("other.db*")) == ["other.db"]


def test_a_link_to_the_other_name_is_followed(live: sqlite3.Connection, small_source: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(linked(small_source, tmp_path / "elsewhere"))
    assert memories(link) == 31


def test_a_wal_that_a_crash_left_is_read_from_a_private_copy(
    live: sqlite3.Connection, small_source: Path, tmp_path: Path
) -> None:
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for suffix in ("", "-wal"):
        shutil.copyfile(f"{small_source}{suffix}", crashed / f"vestige.db{suffix}")
    other = linked(crashed / "vestige.db", tmp_path / "elsewhere")
    assert memories(other) == 31
    assert sorted(path.name for path in crashed.iterdir()) == ["vestige.db", "vestige.db-wal"]
    assert list(other.parent.iterdir()) == [other]


def test_an_upgraded_private_copy_has_it_too(sources: Sources, tmp_path: Path) -> None:
    source = sources.seed(version=14)
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("DELETE FROM knowledge_nodes WHERE rowid > 5")
        other = linked(source, tmp_path / "elsewhere")
        target = upgraded_copy(other, tmp_path)
    assert query(target, "SELECT count(*) FROM knowledge_nodes") == [(5,)]


def test_a_closed_file_of_which_all_names_are_known(small_source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(small_source)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    other = linked(small_source, tmp_path / "elsewhere")
    assert names_of(other).complete
    assert set(names_of(other).paths) == {small_source, other}
    assert name_to_read(other) == other
    assert memories(other) == memories(small_source) == 30


def test_every_name_is_found(live: sqlite3.Connection, small_source: Path, tmp_path: Path) -> None:
    other = linked(small_source, tmp_path / "elsewhere")
    hidden = tmp_path / "elsewhere" / "deep"
    hidden.mkdir()
    third = linked(small_source, hidden, "third.db")
    assert memories(third) == 31
    assert set(names_of(other).paths) == {small_source, other, third}


def test_what_cannot_be_ruled_out_is_refused(
    small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> None:
    other = linked(small_source, tmp_path / "elsewhere")
    monkeypatch.setattr(file_names, "SEARCH_SECONDS", -1.0)
    for act in (memories, describe, lambda path: copy(path, database)):
        with pytest.raises(SourceError, match="another name .* that was not found"):
            act(other)
    assert isinstance(file_overview(other).problem, SourceError)
    assert database.rows("SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


def test_the_name_with_the_wal_needs_no_other(
    live: sqlite3.Connection, small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    linked(small_source, tmp_path / "elsewhere")
    monkeypatch.setattr(file_names, "SEARCH_SECONDS", -1.0)
    assert memories(small_source) == 31


def test_changes_beside_two_names(live: sqlite3.Connection, small_source: Path, tmp_path: Path) -> None:
    other = linked(small_source, tmp_path / "elsewhere")
    other.with_name("other.db-wal").write_bytes(b"something")
    for name in (small_source, other):
        with pytest.raises(SourceError, match="beside more than one"):
            memories(name)


def test_an_idle_program_is_joined_under_its_name(small_source: Path, tmp_path: Path) -> None:
    """With an empty WAL there is nothing to miss, but another index of it would hide our lock from a checkpoint."""
    with closing(sqlite3.connect(small_source)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("SELECT count(*) FROM knowledge_nodes").fetchone()
        other = linked(small_source, tmp_path / "elsewhere")
        assert name_to_read(other) == small_source
        assert file_usage(small_source).side_files


def test_a_journal_beside_the_other_name_counts(small_source: Path, tmp_path: Path) -> None:
    other = linked(small_source, tmp_path / "elsewhere")
    Path(f"{small_source}-journal").write_bytes(b"journal")
    assert name_to_read(other) == small_source


def test_a_name_below_two_mounts_of_a_folder_counts_once(
    small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is reached by two paths, as a mount makes it, shows one name twice."""
    other = linked(small_source, tmp_path / "elsewhere")
    linked(small_source, tmp_path / "home", "third.db")
    monkeypatch.setattr(file_names, "_search", lambda *_: iter([other, other]))
    assert set(names_of(other).paths) == {other}
    assert not names_of(other).complete


def test_an_upgrade_in_place_of_such_a_file_is_refused(sources: Sources, tmp_path: Path, database: Database) -> None:
    source = sources.seed(version=14)
    before = source.read_bytes()
    linked(source, tmp_path / "elsewhere")
    with pytest.raises(RefusedError, match="another name"):
        upgrade_in_place(source)
    for dry_run in (True, False):
        plan = CopyPlan(source, database.dsn, allow_source_upgrade=True, dry_run=dry_run)
        with pytest.raises(RefusedError, match="another name"):
            run_sqlite_to_postgres(plan)
    assert source.read_bytes() == before
    assert list(source.parent.iterdir()) == [source]


# A file that is mounted by itself

MOUNTINFO = """\
20 1 254:0 / / rw,relatime - ext4 /dev/vda rw
21 20 254:0 {root} {point} rw,relatime - ext4 /dev/vda rw
22 20 0:20 / /proc rw - proc proc rw
"""


def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, point: Path) -> None:
    """Have the system say that ``point`` shows the file ``root``; the space in a name is written as it writes it."""
    (tmp_path / "mountinfo").write_text(MOUNTINFO.format(root=str(root).replace(" ", "\\040"), point=point))
    monkeypatch.setattr(file_names, "MOUNTS", tmp_path / "mountinfo")


def test_a_file_mounted_by_itself_is_read_at_its_origin(
    live: sqlite3.Connection, small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = tmp_path / "with space" / "vestige.db"
    origin.parent.symlink_to(small_source.parent)
    point = linked(small_source, tmp_path / "container")
    mounted(tmp_path, monkeypatch, origin, point)
    assert has_several_names(point)
    assert memories(point) == 31


def test_an_origin_that_cannot_be_seen_is_refused(
    small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted(tmp_path, monkeypatch, Path("/of/another/system/vestige.db"), small_source)
    monkeypatch.setattr(file_names, "_search", lambda *_: iter([]))
    with pytest.raises(SourceError, match="a mount"):
        memories(small_source)
    with pytest.raises(RefusedError, match="a mount"):
        upgrade_in_place(small_source)


def test_a_system_that_lists_no_mounts(small_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_names, "MOUNTS", tmp_path / "missing")
    assert not has_several_names(small_source)
    assert memories(small_source) == 30


def test_no_name_of_a_backup_that_is_being_made_is_a_link(sources: Sources, tmp_path: Path) -> None:
    """What lies where a backup was once interrupted is left alone, whatever it leads to."""
    source = sources.seed(version=14)
    precious = tmp_path / "precious.txt"
    precious.write_text("kept")
    part = backup_path(source).with_name(backup_path(source).name + ".part")
    part.symlink_to(precious)
    upgrade_in_place(source)
    assert precious.read_text() == "kept"
    assert part.is_symlink()
