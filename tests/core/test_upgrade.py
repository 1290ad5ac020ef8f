"""The upgrade to V15: in place with a backup, wholly or not at all; or of a private copy that vanishes again."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.hostile import ROOT, folder_for_all, folder_state, in_wal_mode, run_python, untouched
from tests.support.roles import role
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core import events
from vestige_tui.core.destination.lock_holder import LOCK_CLASS
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import (
    DestinationBusyError,
    DestinationError,
    ModelMismatchError,
    RefusedError,
    SourceError,
)
from vestige_tui.core.explain import data_state
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Outcome
from vestige_tui.core.source import scratch, upgrade
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.upgrade import backup_path, upgrade_in_place

SPEC = replace(SMALL_SPEC, memories=20)
VERSIONS = [1, 2, 4, 9, 11, 13, 14, 16, 17, 28, 35, 38]
BACKUP = re.compile(r"vestige\.db\.before-v15-\d{4}-\d\d-\d\d\.bak")
NOWHERE = Dsn.parse("postgresql://nobody@127.0.0.1:1/none")
BOOTSTRAP = "00000000-0000-0000-0000-000000000001"


def contents(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in a file: its schema, and the rows of every table that is one, with their types."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = bytes
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        found = {"sqlite_master": schema}
        for kind, name, _, sql in schema:
            if kind == b"table" and sql is not None and not sql.startswith(b"CREATE VIRTUAL"):
                found[name.decode()] = connection.execute(f'SELECT * FROM "{name.decode()}" ORDER BY 1, 2').fetchall()
    with closing(sqlite3.connect(path)) as connection:  # the last one to write leaves nothing beside the file
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return found


def columns(path: Path, table: str) -> list[str]:
    """The columns of a table in their order."""
    return [row[1] for row in query(path, f"PRAGMA table_info({table})")]


@pytest.fixture
def old(sources: Sources) -> Path:
    """A file of the published line before V15."""
    return sources.published(13, SPEC, v15=False)


# In place


@pytest.mark.parametrize("version", VERSIONS)
def test_a_published_file(sources: Sources, version: int) -> None:
    """Parts are added, and nothing that was there is another: no row, no trigger, no number that Vestige reads."""
    source = sources.published(version, SPEC, v15=False)
    source.chmod(0o640)
    before = contents(source)
    names = columns(source, "knowledge_nodes")
    backup = upgrade_in_place(source)
    assert BACKUP.fullmatch(backup.name)
    assert sorted(file.name for file in source.parent.iterdir()) == sorted(["vestige.db", backup.name])
    assert backup.stat().st_mode == source.stat().st_mode
    assert contents(backup) == before
    assert not describe(backup).has_v15

    after = contents(source)
    found = describe(source)
    assert found.has_v15
    assert (found.user_version, found.schema_version, found.version) == (15, version, max(15, version))
    assert after["schema_version"] == before["schema_version"]
    unchanged = {row for row in before["sqlite_master"] if row[1] != b"knowledge_nodes"}
    assert unchanged <= set(after["sqlite_master"])
    for table, rows in before.items():
        if table == "knowledge_nodes":
            assert [row[: len(names)] for row in after[table]] == rows
        elif table != "sqlite_master" and not table.startswith("knowledge_fts"):
            assert after[table] == rows, table
    assert columns(source, "knowledge_nodes") == [
        *names, "owner_user_id", "visibility", "shared_with_groups", "codebase"
    ]  # fmt: skip
    assert {row[len(names) : len(names) + 3] for row in after["knowledge_nodes"]} == {
        (BOOTSTRAP.encode(), b"private", b"[]")
    }
    assert query(source, "SELECT id, handle, display_name, metadata FROM users") == [
        (BOOTSTRAP, "local", "Local User", "{}")
    ]
    assert query(source, "SELECT count(*) FROM groups, group_memberships") == [(0,)]
    assert query(source, "PRAGMA integrity_check") == [("ok",)]
    assert query(source, "PRAGMA journal_mode") == [("wal",)]


def test_the_code_base_is_that_of_the_first_tag(old: Path) -> None:
    cases = {
        '["a", "codebase:quill", "codebase:late"]': "quill",
        '["codebase:", "codebase:second"]': "second",
        '["Codebase:no", "xcodebase:no", "codebase: with space"]': " with space",
        '["a"]': None,
        "[]": None,
        "not json": None,
        '{"codebase": "no"}': None,
        '[["codebase:no"], 7, null, "codebase:yes"]': "yes",
    }
    ids = memory_ids(old)
    for memory, tags in zip(ids, cases, strict=False):
        edit(old, "UPDATE knowledge_nodes SET tags = ? WHERE id = ?", (tags, memory))
    edit(old, "UPDATE knowledge_nodes SET tags = NULL WHERE id = ?", (ids[10],))
    edit(old, "UPDATE knowledge_nodes SET tags = CAST(x'5bff' AS TEXT) WHERE id = ?", (ids[11],))
    edit(old, "UPDATE knowledge_nodes SET tags = x'ff' WHERE id = ?", (ids[12],))
    upgrade_in_place(old)
    found = dict(query(old, "SELECT id, codebase FROM knowledge_nodes"))
    assert [found[memory] for memory in ids[: len(cases)]] == list(cases.values())
    assert [found[memory] for memory in ids[10:13]] == [None, None, None]


def test_the_code_base_of_the_metadata_comes_first(sources: Sources) -> None:
    source = sources.seed(SPEC, version=14)
    first, second, third, fourth, fifth, *_ = memory_ids(source)
    tags = '["codebase:tagged"]'
    for memory, metadata in (
        (first, '{"codebase": "named"}'),
        (second, '{"codebase": ""}'),
        (third, '{"codebase": 7}'),
        (fourth, "broken"),
        (fifth, '["codebase"]'),
    ):
        edit(source, "UPDATE knowledge_nodes SET metadata = ?, tags = ? WHERE id = ?", (metadata, tags, memory))
    upgrade_in_place(source)
    found = dict(query(source, "SELECT id, codebase FROM knowledge_nodes"))
    assert [found[memory] for memory in (first, second, third, fourth, fifth)] == ["named", *["tagged"] * 4]


def test_the_full_text_index_goes_on_working(old: Path) -> None:
    upgrade_in_place(old)
    chosen = memory_ids(old)[3]
    edit(old, "UPDATE knowledge_nodes SET content = 'the zebra crossed' WHERE id = ?", (chosen,))
    assert query(old, "SELECT id FROM knowledge_fts WHERE knowledge_fts MATCH 'zebra'") == [(chosen,)]
    edit(old, "DELETE FROM knowledge_nodes WHERE id = ?", (chosen,))
    assert query(old, "SELECT id FROM knowledge_fts WHERE knowledge_fts MATCH 'zebra'") == []
    edit(old, "INSERT INTO knowledge_fts(knowledge_fts) VALUES ('integrity-check')")


@pytest.mark.parametrize("cause", ["tokenizer", "damage"])
def test_a_full_text_index_that_cannot_be_kept_up(old: Path, cause: str) -> None:
    """Its triggers fail, for a tokenizer that only Vestige has or damage in it; the code bases are filled all the same."""
    wanted = query(old, "SELECT count(*) FROM knowledge_nodes WHERE tags LIKE '%\"codebase:%'")
    with closing(sqlite3.connect(old, isolation_level=None)) as connection:
        if cause == "tokenizer":
            connection.execute("PRAGMA writable_schema = 1")
            connection.execute(
                "UPDATE sqlite_master SET sql = replace(sql, 'porter ascii', 'vestige') WHERE name = 'knowledge_fts'"
            )
        else:
            connection.execute("UPDATE knowledge_fts_data SET block = x'ffffffffff'")
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
    before = query(old, triggers)
    with pytest.raises(sqlite3.DatabaseError):
        edit(old, "UPDATE knowledge_nodes SET content = 'x'")
    upgrade_in_place(old)
    assert query(old, "SELECT count(codebase) FROM knowledge_nodes") == wanted != [(0,)]
    assert query(old, triggers) == before
    assert len(before) == 3


def test_no_backup_is_written_over_another(old: Path) -> None:
    first = backup_path(old)
    second, third = (old.with_name(first.name.replace(".bak", f"-{number}.bak")) for number in (2, 3))
    first.write_text("the first one")
    second.write_text("the second one")
    assert upgrade_in_place(old) == third
    assert (first.read_text(), second.read_text()) == ("the first one", "the second one")
    assert not describe(third).has_v15


def test_twice_is_once(old: Path, database: Database) -> None:
    first = copy(old, database, allow_source_upgrade=True)
    (backup,) = [file for file in old.parent.iterdir() if file.suffix == ".bak"]
    assert [str(backup) in notice for notice in first.notices].count(True) == 1
    after = contents(old)
    with untouched(old.parent):
        again = copy(old, database, allow_source_upgrade=True)
    assert again.verified
    assert not any("upgraded" in notice for notice in again.notices)
    assert again.outcome is Outcome.CLEAN
    upgrade_in_place(old)
    assert contents(old) == after


def test_only_what_is_missing_is_added(old: Path) -> None:
    """Parts that exist already stay as they are."""
    chosen = memory_ids(old)[2]
    edit(old, "ALTER TABLE knowledge_nodes ADD COLUMN visibility TEXT DEFAULT 'public'")
    edit(old, "ALTER TABLE knowledge_nodes ADD COLUMN codebase TEXT")
    edit(old, "UPDATE knowledge_nodes SET codebase = 'mine' WHERE id = ?", (chosen,))
    edit(old, "CREATE TABLE users (id TEXT PRIMARY KEY, handle TEXT UNIQUE, display_name TEXT, created_at TEXT,"
              " metadata TEXT)")  # fmt: skip
    edit(old, "INSERT INTO users VALUES (?, 'me', 'My Name', '2026-01-01 00:00:00', '{}')", (BOOTSTRAP,))
    edit(old, "PRAGMA user_version = 21")
    upgrade_in_place(old)
    assert describe(old).has_v15
    assert describe(old).user_version == 21
    assert query(old, "SELECT DISTINCT visibility FROM knowledge_nodes") == [("public",)]
    assert query(old, "SELECT id FROM knowledge_nodes WHERE codebase IS NOT NULL") == [(chosen,)]
    assert query(old, "SELECT handle, display_name FROM users") == [("me", "My Name")]


def test_what_is_in_the_wal_is_backed_up_too(old: Path) -> None:
    with closing(sqlite3.connect(old, isolation_level=None)) as vestige:  # runs, and is idle
        vestige.execute("PRAGMA wal_autocheckpoint = 0")
        vestige.execute("UPDATE knowledge_nodes SET content = 'only in the WAL'")
        backup = upgrade_in_place(old)
        assert vestige.execute("SELECT count(codebase) >= 0 FROM knowledge_nodes").fetchone() == (1,)
    assert query(backup, "SELECT DISTINCT content FROM knowledge_nodes") == [("only in the WAL",)]
    assert describe(old).has_v15


# Refused


HOLDER = """
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def lock_holder(old: Path) -> Iterator[Any]:
    """Starts another process that holds the write lock on a file until the test is over."""
    running: list[subprocess.Popen[str]] = []

    def hold(mode: str) -> None:
        in_wal_mode(old, mode)
        process = subprocess.Popen(
            [sys.executable, "-c", "import sqlite3, sys\n" + HOLDER, str(old)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"

    yield hold
    for process in running:
        process.communicate("\n")


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_another_program_is_writing(
    old: Path, lock_holder: Any, mode: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "LOCK_WAIT", 0.1)
    lock_holder(mode)
    before = {name: found for name, found in folder_state(old.parent).items() if "-shm" not in name}
    with pytest.raises(RefusedError) as caught:
        copy(old, database, allow_source_upgrade=True)
    assert "is writing to" in caught.value.what
    assert str(old) in caught.value.what
    assert caught.value.state is DataState.NOTHING_CHANGED
    assert "private copy" in caught.value.remedy
    assert {name: found for name, found in folder_state(old.parent).items() if "-shm" not in name} == before


def test_a_reader_that_does_not_let_go(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a WAL it keeps the upgrade from being committed: then the file is as it was."""
    monkeypatch.setattr(upgrade, "LOCK_WAIT", 0.1)
    in_wal_mode(old, "delete")
    before = old.read_bytes()
    with closing(sqlite3.connect(old, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM knowledge_nodes").fetchone()
        with pytest.raises(SourceError, match="locked by another program"):
            upgrade_in_place(old)
    assert old.read_bytes() == before
    assert not describe(old).has_v15


UPGRADE = """
try:
    upgrade.upgrade_in_place(Path(sys.argv[1]))
except errors.SourceError as error:
    print(error)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("what", ["file", "folder"])
def test_what_may_not_be_written(source_cache: Path, what: str) -> None:
    """As another user than root, who may write everything. There is no upgrade without a place for a backup."""
    with folder_for_all() as folder:
        source = Sources(source_cache, folder / "source").published(13, SPEC, v15=False)
        if what == "file":
            source.parent.chmod(0o777)
            source.chmod(0o444)
        else:
            in_wal_mode(source, "delete")
            os.chown(source, 65534, 65534)
        with untouched(source.parent):
            done = run_python(UPGRADE, str(source), as_nobody=True)
        assert ("may not be changed" if what == "file" else "No backup could be made") in done.stdout, done.stderr
        assert data_state(DataState.NOTHING_CHANGED) in done.stdout
        assert "private copy" in done.stdout


def test_no_room_for_a_backup(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000))
    with untouched(old.parent), pytest.raises(SourceError, match=r"needs .* kB.* 1\.0 kB left"):
        upgrade_in_place(old)


def test_a_model_that_is_refused_leaves_the_file_alone(old: Path) -> None:
    with untouched(old.parent), pytest.raises(ModelMismatchError):
        copy(old, NOWHERE, ModelSignature("another/model", 99), allow_source_upgrade=True)


# Wholly or not at all


@pytest.mark.parametrize("table", ["users", "groups", "group_memberships"])
def test_a_step_that_fails(old: Path, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(upgrade.TABLES, table, "(oops,,)")
    before, content = contents(old), old.read_bytes()
    with pytest.raises(SourceError):
        upgrade_in_place(old)
    assert contents(old) == before
    assert old.read_bytes() == content
    assert sorted(file.suffix for file in old.parent.iterdir()) == [".bak", ".db"]


@pytest.mark.parametrize(
    ("moment", "mode"),
    [("copy_database", "wal"), ("_add_v15", "delete"), ("_fill_codebase", "wal"), ("_fill_codebase", "delete")],
)
def test_killed_half_way(old: Path, moment: str, mode: str) -> None:
    """The file is as it was, for SQLite's eyes; and the next run completes the upgrade."""
    in_wal_mode(old, mode)
    before = contents(old)
    run_python(
        f"import os, signal\nreal = upgrade.{moment}\n"
        f"def die(*a):\n    real(*a)\n    os.kill(os.getpid(), signal.SIGKILL)\n"
        f"upgrade.{moment} = die\nupgrade.upgrade_in_place(Path(sys.argv[1]))",
        str(old),
    )
    assert not describe(old).has_v15
    assert contents(old) == before
    upgrade_in_place(old)
    assert describe(old).has_v15
    left = [file.name for file in old.parent.iterdir()]
    assert not [name for name in left if name.endswith(("-wal", "-shm", "-journal"))]


# A private copy


@pytest.fixture
def private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where private folders are made during the test."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("mode", ["wal", "delete"])
@pytest.mark.parametrize("failing", [False, True])
def test_a_private_copy_leaves_no_trace(old: Path, database: Database, private: Path, mode: str, failing: bool) -> None:
    in_wal_mode(old, mode)
    os.utime(old, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))
    seen: list[Path] = []

    def watch(event: object) -> None:
        seen.extend(private.iterdir())
        assert all(folder.stat().st_mode & 0o077 == 0 for folder in private.iterdir())

    with untouched(old.parent):
        if failing:
            with pytest.raises(DestinationError):
                copy(old, NOWHERE, upgrade_copy=True, on_event=watch)
        else:
            assert copy(old, database, upgrade_copy=True, on_event=watch).memories_copied == 20
    assert seen
    assert list(private.iterdir()) == []


def test_a_copy_of_what_vestige_is_writing(old: Path, database: Database, private: Path) -> None:
    """Vestige runs, and its last words are in the WAL: they come along, and it may go on writing."""
    with closing(sqlite3.connect(old, isolation_level=None, check_same_thread=False)) as vestige:
        vestige.execute("PRAGMA wal_autocheckpoint = 0")
        vestige.execute("UPDATE knowledge_nodes SET content = 'only in the WAL'")
        before = {name: state for name, state in folder_state(old.parent).items() if not name.endswith("-shm")}

        def write(event: object) -> None:
            vestige.execute("UPDATE knowledge_nodes SET node_type = 'late'")

        assert copy(old, database, upgrade_copy=True).memories_copied == 20
        assert {name: state for name, state in folder_state(old.parent).items() if not name.endswith("-shm")} == before
        assert copy(old, database, upgrade_copy=True, on_event=write).memories_copied == 20
    assert database.rows("SELECT DISTINCT content, node_type = 'late' FROM knowledge_nodes") == [
        ("only in the WAL", False)
    ]


KILLED = """
from vestige_tui.core import events
import os, signal
def die(event):
    if isinstance(event, events.PhaseStarted) and event.phase is events.Phase.DESTINATION:
        os.kill(os.getpid(), signal.SIGKILL)
copier.run_sqlite_to_postgres(CopyPlan(Path(sys.argv[1]), Dsn.parse(sys.argv[2]), upgrade_copy=True), on_event=die)
"""


def test_the_copy_of_a_run_that_was_killed_is_swept_away(old: Path, database: Database, private: Path) -> None:
    with untouched(old.parent):
        done = run_python(KILLED, str(old), database.url, environment={"TMPDIR": str(private)})
        assert done.returncode == -signal.SIGKILL, done.stderr
        (left,) = private.iterdir()
        assert (left / "vestige.db").stat().st_size > 0
        age(left)
        assert copy(old, database, upgrade_copy=True).memories_copied == 20
    assert list(private.iterdir()) == []


def age(folder: Path) -> None:
    """Make a folder look a minute old: a fresh one is left alone, as its owner may be about to lock it."""
    os.utime(folder, (time.time() - 60, time.time() - 60))


def test_only_unused_folders_are_removed(private: Path, tmp_path: Path) -> None:
    """Not those of another run, not other folders, not what a link leads to."""
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (treasure / "vestige.db").write_text("dear")
    (private / f"{scratch.PREFIX}link").symlink_to(treasure)
    (private / "something else").mkdir()
    fresh, stale = private / f"{scratch.PREFIX}fresh", private / f"{scratch.PREFIX}stale"
    fresh.mkdir()
    stale.mkdir()
    (stale / "vestige.db").write_text("forgotten")
    age(stale)
    age(private / "something else")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys\nfrom vestige_tui.core.source.scratch import private_folder\n"
         "with private_folder() as folder:\n    print(folder, flush=True)\n    sys.stdin.readline()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "TMPDIR": str(private), "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
    ) as other:  # fmt: skip
        assert other.stdout is not None
        in_use = Path(other.stdout.readline().strip())
        age(in_use)
        with scratch.private_folder() as mine:
            assert mine.parent == private
            assert {folder.name for folder in private.iterdir()} == {
                f"{scratch.PREFIX}link", "something else", fresh.name, in_use.name, mine.name,
            }  # fmt: skip
        other.communicate("\n")
    assert (treasure / "vestige.db").read_text() == "dear"
    assert not in_use.exists()


def test_no_place_for_a_private_copy(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(old.parent / "not there"))
    with pytest.raises(SourceError) as caught:
        copy(old, NOWHERE, upgrade_copy=True)
    assert "TMPDIR" in caught.value.remedy
    assert str(old.parent / "not there") in caught.value.what


def test_no_room_for_a_private_copy(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1_000))
    with untouched(old.parent), pytest.raises(SourceError, match=r"needs .* kB.* 1\.0 kB left") as caught:
        copy(old, NOWHERE, upgrade_copy=True)
    assert "TMPDIR" in caught.value.remedy


def test_a_file_that_is_removed_while_it_is_upgraded(
    old: Path, database: Database, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The private copy is complete by then: the run goes on and says so, or it ends in plain words."""
    real = upgrade.upgraded_copy

    def upgraded_copy(path: Path, folder: Path) -> Path:
        made = real(path, folder)
        path.unlink()
        return made

    monkeypatch.setattr("vestige_tui.core.run.source_steps.upgraded_copy", upgraded_copy)
    try:
        report = copy(old, database, upgrade_copy=True)
    except SourceError as error:
        assert "removed" in error.what
    else:
        assert report.memories_copied == 20
        assert any("removed" in notice for notice in report.notices)
    assert list(old.parent.iterdir()) == list(private.iterdir()) == []


def test_a_destination_that_is_not_there_is_found_out_before_the_upgrade(sources: Sources) -> None:
    source = sources.published(13, v15=False)
    with untouched(source.parent), pytest.raises(DestinationError) as caught:
        copy(source, NOWHERE, allow_source_upgrade=True)
    assert caught.value.state is DataState.NOTHING_CHANGED


def test_a_copy_that_fails_after_the_upgrade_reports_the_upgrade(sources: Sources, database: Database) -> None:
    """No sentence claims then that the source is unchanged, and the backup is named once more."""
    source = sources.published(13, v15=False)

    def leave(event: events.Event) -> None:
        if isinstance(event, events.TablesPlanned):
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(DestinationError) as caught:
        copy(source, database, allow_source_upgrade=True, on_event=leave)
    (backup,) = source.parent.glob("*.bak")
    assert str(backup) in caught.value.means
    assert "source is unchanged" not in caught.value.means
    assert "memories had been read" in caught.value.means
    assert describe(source).has_v15


@pytest.mark.parametrize("way", ["in place", "private copy"])
def test_triggers_of_the_source_do_not_see_the_upgrade(sources: Sources, database: Database, way: str) -> None:
    source = sources.published(13, v15=False)
    edit(source, "UPDATE knowledge_nodes SET tags = '[\"codebase:here\"]'")
    edit(source, "CREATE TRIGGER gone AFTER UPDATE ON knowledge_nodes BEGIN"
                 " DELETE FROM knowledge_nodes WHERE id = new.id; END")  # fmt: skip
    before = query(source, "SELECT id, content, updated_at FROM knowledge_nodes ORDER BY id")
    options: dict[str, Any] = {"allow_source_upgrade": True} if way == "in place" else {"upgrade_copy": True}
    assert copy(source, database, **options).memories_copied == len(before)
    assert query(source, "SELECT id, content, updated_at FROM knowledge_nodes ORDER BY id") == before
    assert query(source, "SELECT count(*) FROM sqlite_master WHERE name = 'gone'") == [(1,)]
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE codebase = 'here'") == len(before)


def test_another_copy_is_found_out_before_the_upgrade(sources: Sources, database: Database) -> None:
    source = sources.published(13, v15=False)
    with database.connect() as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('public'))", (LOCK_CLASS,))
        with untouched(source.parent), pytest.raises(DestinationBusyError):
            copy(source, database, allow_source_upgrade=True)


def test_a_role_that_lacks_a_right_is_found_out_before_the_upgrade(sources: Sources, bare_database: Database) -> None:
    source = sources.published(13, v15=False)
    with (
        role(bare_database, "GRANT CREATE, USAGE ON SCHEMA public TO {role}") as dsn,
        untouched(source.parent),
        pytest.raises(RefusedError, match="add pgvector"),
    ):
        copy(source, dsn, allow_source_upgrade=True)
