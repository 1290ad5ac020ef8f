"""Files that have been through something: each is read correctly, or reported in one sentence, and left as it was found."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.destination import Key, Row, read_tables
from tests.support.expected import expected_tables
from tests.support.hostile import (
    crashed_writer,
    folder_for_all,
    folder_state,
    in_wal_mode,
    overwrite_page,
    page_size,
    pages_with,
    run_python,
    untouched,
)
from tests.support.runs import copy
from tests.support.servers import Database, Server
from tests.support.sizes import sized
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query
from vestige_tui.core import events
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import SourceError
from vestige_tui.core.facts import DataState
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.source import describe as describing
from vestige_tui.core.source import opening
from vestige_tui.core.source.describe import describe
from vestige_tui.core.source.overview import file_overview
from vestige_tui.core.source.row_lookup import find_row

NOWHERE = Dsn.parse("postgresql://nobody@127.0.0.1:1/none")
"""A source that cannot be read is reported before the first connection."""


def source_error(source: Path, *, upgrade_copy: bool = False) -> SourceError:
    """The error with which a copy of this file ends; nothing beside it is changed."""
    with pytest.raises(SourceError) as caught:
        copy(source, NOWHERE, upgrade_copy=upgrade_copy)
    error = caught.value
    assert error.state is DataState.NOTHING_CHANGED
    assert str(source) in error.what
    assert "vestige-tui-private" not in str(error)
    assert error.what.count("\n") == 0
    assert error.remedy
    assert "sqlite3." not in error.what
    return error


# What is no database


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"SQLite format 3", "not a plain SQLite database"),
        (b"# Notes\n\nNothing but text.\n", "not a plain SQLite database"),
        (random.Random(3).randbytes(8 * 4096), "encrypted"),
        (b"\0" * 4096, "not a plain SQLite database"),
        (b"PK\x03\x04" + b"zip" * 99, "not a plain SQLite database"),
        (b"SQLite format 3\0", "database"),
        (b"SQLite format 3\0" + b"\0" * 84, "database"),
        (b"SQLite format 3\0" + random.Random(4).randbytes(4096), "database"),
    ],
    ids=["empty", "cut in the magic", "text", "SQLCipher", "zeros", "zip", "magic alone", "header of zeros", "noise"],
)
def test_no_database(tmp_path: Path, content: bytes, sentence: str) -> None:
    source = tmp_path / "file" / "vestige.db"
    source.parent.mkdir()
    source.write_bytes(content)
    with untouched(source.parent):
        assert sentence in source_error(source).what


def test_missing(tmp_path: Path) -> None:
    assert "does not exist" in source_error(tmp_path / "no" / "vestige.db").what
    assert "does not exist" in source_error(tmp_path / "vestige.db").what
    assert list(tmp_path.iterdir()) == []


def test_a_folder(tmp_path: Path) -> None:
    assert "is a folder" in source_error(tmp_path).what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    pipe = tmp_path / "vestige.db"
    os.mkfifo(pipe)
    found: list[SourceError] = []
    thread = threading.Thread(target=lambda: found.append(source_error(pipe)), daemon=True)
    thread.start()
    thread.join(20)
    waits = thread.is_alive()
    if waits:  # let it go
        os.close(os.open(pipe, os.O_RDWR | os.O_NONBLOCK))
    assert not waits
    assert "is not a file" in found[0].what


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no devices here")
def test_a_device() -> None:
    assert "is not a file" in source_error(Path("/dev/zero")).what


def test_a_link_to_itself(tmp_path: Path) -> None:
    loop = tmp_path / "vestige.db"
    loop.symlink_to(loop)
    assert source_error(loop).what


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    assert source_error(tmp_path / ("x" * 400)).what


def test_a_sqlcipher_file_is_not_taken_for_damage(sources: Sources) -> None:
    """An encrypted database is noise from its first byte on; a damaged one still has its header."""
    source = sources.seed()
    noise = random.Random(5).randbytes(source.stat().st_size)
    source.write_bytes(noise)
    error = source_error(source)
    assert "SQLCipher" in error.what
    assert "without encryption" in error.remedy


# Copied in a wrong way


def test_without_its_wal_and_nothing_else_in_it(tmp_path: Path) -> None:
    """A young database has all its tables in the WAL."""
    source = tmp_path / "made" / "vestige.db"
    source.parent.mkdir()
    with closing(sqlite3.connect(source, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE knowledge_nodes (id, content, created_at)")
        copied = tmp_path / "copied" / "vestige.db"
        copied.parent.mkdir()
        shutil.copyfile(source, copied)
    with untouched(copied.parent):
        error = source_error(copied)
    assert "not one of Vestige" in error.what
    assert "-wal" in error.remedy


def test_with_a_wal_that_is_cut_off(sources: Sources, database: Database) -> None:
    """What was committed in it completely is read, as SQLite itself does after a crash; the rest never happened."""
    source = sources.seed()
    in_wal_mode(source)
    crashed_writer(
        source,
        "UPDATE knowledge_nodes SET node_type = 'first'",
        "UPDATE knowledge_nodes SET node_type = 'second'",
    )
    wal = source.with_name("vestige.db-wal")
    with wal.open("r+b") as file:
        file.truncate(wal.stat().st_size - 1_000)
    source.with_name("vestige.db-shm").unlink()
    with untouched(source.parent):
        assert copy(source, database).memories_copied == 30
    assert database.rows("SELECT DISTINCT node_type FROM knowledge_nodes") == [("first",)]


@pytest.mark.parametrize("kept", [100, 512, 8192, 8192 * 3 + 77, -8192, -8192 * 4, -1])
def test_truncated(sources: Sources, database: Database, kept: int) -> None:
    """A file that is shorter than its header says is never taken for a smaller database."""
    source = sources.seed(replace(SMALL_SPEC, memories=80))
    size = source.stat().st_size
    os.truncate(source, kept if kept > 0 else size + kept)
    with untouched(source.parent), pytest.raises(SourceError) as caught:
        copy(source, database)
    assert "incomplete" in caught.value.what or "damaged" in caught.value.what or "not a SQLite" in caught.value.what
    if kept >= 100:
        assert "bytes are missing at its end" in caught.value.what


# Damaged pages


def damaged_files(source: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    """Copies of a file, each with one page zeroed, or filled with ones, or with noise in its second half."""
    size = page_size(source)
    noise = random.Random(6).randbytes(64)
    for page in range(0, source.stat().st_size // size, sized(2, 1)):
        for name, filling in (("zeros", b"\0"), ("ones", b"\xff"), ("noise", noise)):
            if name != "zeros" and page % 6:
                continue
            made = folder / f"{page}-{name}" / "vestige.db"
            made.parent.mkdir(parents=True)
            shutil.copyfile(source, made)
            if name == "noise":
                with made.open("r+b") as file:
                    file.seek(page * size + size // 2)
                    file.write(noise * (size // 128))
            else:
                overwrite_page(made, page, filling)
            yield f"page {page} {name}", made


@pytest.mark.long
def test_damaged_pages(sources: Sources, server: Server, tmp_path: Path) -> None:
    """Wherever the damage is: the run ends with a sentence, or every row is there and every wrong value is named.

    Without checksums in the file, valid noise cannot be distinguished from data: only values within a
    row may be wrong without a word, and only where the noise is.
    """
    source = sources.seed(replace(SMALL_SPEC, memories=40, dimension=64))
    edit(source, "UPDATE knowledge_nodes SET content = content || printf('%.20000c', 'x') WHERE rowid = 20")
    in_wal_mode(source, "delete")
    wanted = expected_tables(source)
    outcomes = {"refused": 0, "complete": 0}
    with server.database() as database:
        copy(source, database)
        for name, damaged in damaged_files(source, tmp_path / "damaged"):
            database.execute(*(f"DELETE FROM {table}" for table in ("knowledge_nodes", "groups", "domains")))
            with untouched(damaged.parent):
                try:
                    report = copy(damaged, database)
                except SourceError as error:
                    assert str(damaged) in error.what
                    outcomes["refused"] += 1
                    continue
            outcomes["complete"] += 1
            assert_nothing_is_missing(name, report, wanted, database)
    assert outcomes["refused"] > 10
    assert outcomes["complete"] > 3  # pages of indexes, free pages


def assert_nothing_is_missing(
    name: str, report: MigrationReport, wanted: dict[str, dict[Key, Row]], database: Database
) -> None:
    """No table is shorter than the undamaged one by more rows than were named."""
    found = read_tables(database)
    for table, rows in wanted.items():
        counts = report.tables[table]
        assert counts.read == counts.source == len(rows), (name, table, counts)
        assert len(found[table]) == counts.copied, (name, table)
    complained = {(error.table, error.row) for error in report.errors}
    if "noise" not in name:
        for key, row in wanted["knowledge_nodes"].items():
            if ("knowledge_nodes", str(key[0])) not in complained:
                assert found["knowledge_nodes"][key] == row, (name, key)


def test_keys_that_lead_astray(sources: Sources, database: Database) -> None:
    """A tree whose inner keys are wrong gives all its rows to a count, and fewer to a look-up."""
    source = sources.seed(replace(SMALL_SPEC, memories=300))
    in_wal_mode(source, "delete")
    ((root,),) = query(source, "SELECT rootpage FROM sqlite_master WHERE name = 'knowledge_nodes'")
    start = (root - 1) * page_size(source)
    content = bytearray(source.read_bytes())
    assert content[start] == 5, "not the inner page of a table"
    cell = start + int.from_bytes(content[start + 12 : start + 14], "big")  # a child's number, then the key
    assert content[cell + 4] < 128
    content[cell + 4] = 1
    source.write_bytes(content)
    assert query(source, "SELECT count(*) FROM knowledge_nodes NOT INDEXED") == [(300,)]
    assert len(query(source, "SELECT 1 FROM knowledge_nodes WHERE rowid IN (2, 3)")) < 2
    for dry_run in (True, False):
        with pytest.raises(SourceError, match="is damaged: its table knowledge_nodes holds 300 rows"):
            copy(source, database, dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [True, False], ids=["preview", "copy"])
@pytest.mark.parametrize("table", ["users", "knowledge_nodes", "domains"])
def test_more_rows_than_were_counted(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch, table: str, dry_run: bool
) -> None:
    """Such a file is as damaged as one that gives fewer."""
    count_rows = describing.count_rows
    rows = describe(small_source).rows[table]
    with monkeypatch.context() as patch:
        patch.setattr(describing, "count_rows", lambda on, name: count_rows(on, name) - (name == table))
        with pytest.raises(SourceError) as caught:
            copy(small_source, database, dry_run=dry_run)
    assert caught.value.what == (
        f"{small_source} is damaged: its table {table} holds {rows - 1:,} rows, and {rows:,} could be read."
    )
    assert isinstance(caught.value.report, MigrationReport)
    assert caught.value.report.outcome is Outcome.FAILED
    assert copy(small_source, database, dry_run=dry_run).outcome is Outcome.CLEAN


def test_damage_that_only_the_copying_meets(sources: Sources, database: Database) -> None:
    """Counting does not read the long contents: what has arrived by then stays, and the sentence says how far it came."""
    source = long_content(sources.published(13, replace(SMALL_SPEC, memories=60)), 50)
    with untouched(source.parent), pytest.raises(SourceError) as caught:
        copy(source, database, batch_size=5)
    error = caught.value
    assert "damaged" in error.what
    assert "stays" in error.means
    assert "of 60 memories had been read" in error.means
    assert isinstance(error.report, MigrationReport)
    assert error.report.outcome is Outcome.FAILED
    count = error.report.tables["knowledge_nodes"].inserted
    assert count <= 50
    assert database.value("SELECT count(*) FROM knowledge_nodes") >= count


@pytest.mark.parametrize("option", ["upgrade_copy", "allow_source_upgrade"])
def test_damage_in_a_file_that_must_be_upgraded(sources: Sources, database: Database, option: str) -> None:
    """The sentence names the file of the operator, and not a private copy of it that is gone by then."""
    source = long_content(sources.published(13, replace(SMALL_SPEC, memories=60), v15=False), 50)
    before = source.read_bytes()
    permission: dict[str, Any] = {option: True}
    with pytest.raises(SourceError) as caught:
        copy(source, database, batch_size=5, **permission)
    assert str(source) in caught.value.what
    assert "vestige-tui-private" not in str(caught.value)
    assert source.read_bytes() == before
    assert [file.name for file in source.parent.iterdir()] == ["vestige.db"]


def long_content(source: Path, number: int) -> Path:
    """Give a memory a content that fills pages of its own, and damage one of those pages."""
    memory = memory_ids(source)[number]
    edit(source, "DROP TRIGGER IF EXISTS knowledge_au")
    text = "".join(f"<{place:06}>" for place in range(20_000))
    edit(source, "UPDATE knowledge_nodes SET content = ? WHERE id = ?", (text, memory))
    in_wal_mode(source, "delete")
    middle = next(page for place in range(9_000, 9_100) for page in pages_with(source, f"<{place:06}>"))
    overwrite_page(source, middle, b"\xee")
    return source


# Where SQLite would have to write


HEADLESS = """
report = copier.run_sqlite_to_postgres(CopyPlan(Path(sys.argv[1]), Dsn.parse(sys.argv[2])))
print(report.outcome, report.memories_copied, report.notices)
"""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("how", ["wal", "wal and index", "clean wal mode", "hot journal", "link"])
def test_a_folder_that_may_not_be_written(source_cache: Path, tcp_database: Database, how: str) -> None:
    """What is only in the WAL is read, an unfinished transaction is not; and nothing beside the file is touched."""
    with folder_for_all() as folder:
        source = Sources(source_cache, folder / "source").seed()
        if how == "hot journal":
            in_wal_mode(source, "delete")
            spill(source)
        elif how != "clean wal mode":
            crashed_writer(source, "UPDATE knowledge_nodes SET content = 'only in the WAL'", "BEGIN IMMEDIATE",
                           "UPDATE knowledge_nodes SET content = 'never committed'")  # fmt: skip
        if how in ("wal", "link"):
            source.with_name("vestige.db-shm").unlink()
        named = source
        if how == "link":
            named = folder / "link.db"
            named.symlink_to(source)
        for file in source.parent.iterdir():
            file.chmod(0o444)
        source.parent.chmod(0o555)
        with untouched(folder):
            done = run_python(HEADLESS, str(named), tcp_database.url, as_nobody=True)
        assert done.stdout.startswith("clean 30"), done.stderr
    contents = tcp_database.rows("SELECT DISTINCT content FROM knowledge_nodes")
    if how in ("wal", "wal and index", "link"):
        assert contents == [("only in the WAL",)]
    else:
        assert len(contents) > 20
        assert ("never committed",) not in contents


def spill(source: Path) -> None:
    """Leave a transaction half way in the file itself, with the journal that undoes it beside it."""
    crashed_writer(
        source,
        "BEGIN IMMEDIATE",
        "UPDATE knowledge_nodes SET content = 'never committed', metadata = printf('{\"a\": \"%.9000c\"}', 'x')",
    )
    assert source.with_name("vestige.db-journal").stat().st_size > 512


def test_a_hot_journal_is_undone_for_the_reader_alone(sources: Sources, database: Database) -> None:
    """The file and its journal stay as they are: it is Vestige that recovers them."""
    source = sources.seed()
    wanted = expected_tables(source)["knowledge_nodes"]
    in_wal_mode(source, "delete")
    spill(source)
    assert b"never committed" in source.read_bytes()
    with untouched(source.parent):
        assert copy(source, database).outcome is Outcome.CLEAN
    assert read_tables(database)["knowledge_nodes"] == wanted


def test_no_room_to_read_a_private_copy(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    source = sources.seed()
    in_wal_mode(source, "delete")
    spill(source)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with untouched(source.parent):
        error = source_error(source)
    assert "No space left" in error.what
    assert "TMPDIR" in error.remedy


# Links


def test_a_link_is_read_with_the_wal_that_lies_beside_its_target(sources: Sources, database: Database) -> None:
    source = sources.seed(name="real.db")
    crashed_writer(source, "UPDATE knowledge_nodes SET content = 'only in the WAL'")
    source.with_name("real.db-shm").unlink()
    link = sources.folder / "elsewhere" / "vestige.db"
    link.parent.mkdir()
    link.symlink_to(source)
    with untouched(sources.folder):
        assert copy(link, database).memories_copied == 30
    assert database.rows("SELECT DISTINCT content FROM knowledge_nodes") == [("only in the WAL",)]


def test_nothing_is_left_beside_the_target_of_a_link(sources: Sources, database: Database) -> None:
    source = sources.seed(name="real.db")
    link = sources.folder / "elsewhere" / "vestige.db"
    link.parent.mkdir()
    link.symlink_to(source)
    with untouched(sources.folder):
        assert copy(link, database).memories_copied == 30
        assert describe(link).size == source.stat().st_size


# Locked, written to, replaced


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_locked_exclusively(sources: Sources, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    source = sources.seed()
    monkeypatch.setattr(opening, "BUSY_TIMEOUT", 0.1)
    monkeypatch.setattr(opening.connect, "__defaults__", (0.1,))
    in_wal_mode(source, mode)
    with subprocess.Popen([sys.executable, "-c", LOCK, str(source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as other:  # fmt: skip
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        before = folder_state(source.parent)
        assert "locked by another program" in source_error(source).what
        assert folder_state(source.parent) == before
        other.communicate("\n")


LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode = EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
connection.execute("UPDATE knowledge_nodes SET node_type = 'x'")
print("locked", flush=True)
sys.stdin.readline()
"""


def while_copying(then: Callable[[], object]) -> Callable[[events.Event], None]:
    """A watcher that does something once, when the first memories have arrived."""
    done = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes" and not done.is_set():
            done.set()
            then()

    return watch


@pytest.mark.parametrize("dry_run", [False, True])
def test_written_to_during_the_copy(sources: Sources, database: Database, dry_run: bool) -> None:
    """One moment is read, whatever Vestige writes meanwhile; it is never kept from writing, nor is its WAL taken away."""
    source = sources.seed(replace(SMALL_SPEC, memories=120))
    in_wal_mode(source)
    wanted = expected_tables(source)
    with closing(sqlite3.connect(source, isolation_level=None, timeout=5, check_same_thread=False)) as vestige:

        def write() -> None:
            vestige.execute("UPDATE knowledge_nodes SET content = 'late', tags = 'broken'")
            vestige.execute("DELETE FROM scheduling")
            vestige.execute("DROP TABLE review_events")
            vestige.execute("PRAGMA wal_checkpoint(PASSIVE)")

        report = copy(source, database, on_event=while_copying(write), batch_size=10, dry_run=dry_run)
        assert vestige.execute("SELECT DISTINCT content FROM knowledge_nodes").fetchall() == [("late",)]
    assert (report.outcome, report.memories_copied, report.scheduling_rows) == (Outcome.CLEAN, 120, 120)
    if not dry_run:
        found = read_tables(database)
        for table in ("knowledge_nodes", "scheduling", "edges", "review_events"):
            assert found[table] == wanted[table], table


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_replaced_or_removed_during_the_copy(sources: Sources, database: Database, how: str) -> None:
    """What is read is the file of the start, to its end; and the report says that another one is there now."""
    source = sources.seed(replace(SMALL_SPEC, memories=300))
    wanted = expected_tables(source)["knowledge_nodes"]
    in_wal_mode(source, "wal")
    other = sources.seed(replace(SMALL_SPEC, memories=300, seed=5), name="other/other.db")

    def happen() -> None:
        if how == "replaced":
            other.replace(source)
        else:
            source.unlink()

    report = copy(source, database, on_event=while_copying(happen), batch_size=10)
    assert report.outcome is Outcome.CLEAN
    (notice,) = report.notices
    assert "replaced or removed" in notice
    assert read_tables(database)["knowledge_nodes"] == wanted
    left = {file.name for file in source.parent.iterdir() if file.is_file()}
    assert left == ({"vestige.db"} if how == "replaced" else set())


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_overwritten_during_the_copy(sources: Sources, database: Database, mode: str) -> None:
    """As ``cp backup.db vestige.db`` does, past all of SQLite's locks: never a mixture of two files without a word."""
    source = sources.seed(replace(SMALL_SPEC, memories=1_500, dimension=16))
    backup = source.with_name("backup") / "vestige.db"
    backup.parent.mkdir()
    shutil.copyfile(source, backup)
    edit(backup, "UPDATE knowledge_nodes SET content = '?' || substr(content, 2)")
    for file in (source, backup):
        in_wal_mode(file, mode)
    try:
        report = copy(source, database, on_event=while_copying(lambda: shutil.copyfile(backup, source)), batch_size=10)
    except SourceError:
        return
    of_the_backup = database.value("SELECT count(*) FROM knowledge_nodes WHERE left(content, 1) = '?'")
    assert of_the_backup in (0, 1_500) or report.notices, f"{of_the_backup} of 1,500 memories are those of the backup"


def test_cut_short_during_the_copy(sources: Sources, database: Database) -> None:
    """Reading fails in the middle: what has arrived stays, and the sentence says so."""
    source = sources.seed(replace(SMALL_SPEC, memories=1_500, dimension=512))
    with pytest.raises(SourceError) as caught:
        copy(source, database, on_event=while_copying(lambda: os.truncate(source, 8192 * 3)), batch_size=10)
    assert "incomplete" in caught.value.what or "damaged" in caught.value.what
    assert "stays" in caught.value.means


def test_damage_that_is_met_in_a_private_copy(sources: Sources, database: Database) -> None:
    """The sentence names the operator's own file, not one that is gone by then."""
    source = sources.published(16, v15=False)
    text = "".join(f"<{place:06}>" for place in range(20_000))
    edit(source, "UPDATE domains SET label = ? WHERE rowid = 1", (text,))
    in_wal_mode(source, "delete")
    middle = next(page for place in range(9_000, 9_100) for page in pages_with(source, f"<{place:06}>"))
    overwrite_page(source, middle, b"\xee")
    with untouched(source.parent), pytest.raises(SourceError) as caught:
        copy(source, database, upgrade_copy=True)
    assert str(source) in caught.value.what
    assert "vestige-tui-private" not in str(caught.value)


def test_a_look_at_the_file_while_it_is_copied(sources: Sources, database: Database) -> None:
    """Locks belong to a process: the dialog that shows a row must not let a Vestige that ends write into our snapshot."""
    source = sources.seed(replace(SMALL_SPEC, memories=2_500, dimension=8, edges=0, review_events=0))
    in_wal_mode(source)
    script = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("UPDATE users SET metadata = '{}'")
print("ready", flush=True)
sys.stdin.readline()
connection.execute("UPDATE knowledge_nodes SET content = 'AFTER'")
connection.close()
"""
    vestige = subprocess.Popen(
        [sys.executable, "-c", script, str(source)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert vestige.stdout is not None
    assert vestige.stdout.readline() == "ready\n"

    def look() -> None:
        assert find_row(source, "knowledge_nodes", "nobody") is None
        assert file_overview(source).memories == 2_500
        vestige.communicate("go\n")

    report = copy(source, database, on_event=while_copying(look), batch_size=50, max_connections=1)
    assert vestige.wait() == 0
    assert report.outcome is Outcome.CLEAN
    assert database.value("SELECT count(*) FROM knowledge_nodes WHERE content = 'AFTER'") == 0
