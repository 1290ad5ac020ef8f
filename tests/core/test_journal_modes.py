"""A second program that writes to the source while a copy reads it: what either does to the other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.core.test_hostile_files import while_copying
from tests.support.destination import read_tables
from tests.support.expected import expected_tables
from tests.support.hostile import in_wal_mode
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, query
from vestige_tui.core.report import Outcome
from vestige_tui.core.run import source_steps
from vestige_tui.core.source.overview import FileUsage

ROLLBACK = ["delete", "truncate", "persist"]
SPEC = replace(SMALL_SPEC, memories=120)

WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0.1)
connection.execute(f"PRAGMA journal_mode = {sys.argv[2]}")
connection.execute("SELECT count(*) FROM knowledge_nodes").fetchone()
print("ready", flush=True)
for line in sys.stdin:
    try:
        connection.execute(line)
        print("done", flush=True)
    except sqlite3.OperationalError as error:
        print(error.sqlite_errorname, flush=True)
"""

LATE = "UPDATE knowledge_nodes SET content = 'late'"


class Writer:
    """Another process that has a source open, and executes what it is given."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.answers: list[str] = []
        assert self._answer() == "ready"

    def execute(self, statement: str) -> str:
        """``done``, or the name of SQLite's error."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{statement}\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.answers.append(answer)
        return answer

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@contextmanager
def writer(source: Path, mode: str) -> Iterator[Writer]:
    """A second program that works on the source in a journal mode."""
    command = [sys.executable, "-c", WRITER, str(source), mode]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Writer(process)
        finally:
            process.kill()


def contents(source: Path) -> set[str]:
    return {content for (content,) in query(source, "SELECT content FROM knowledge_nodes")}


@pytest.mark.parametrize("dry_run", [False, True])
def test_in_wal_mode_it_goes_on_writing(sources: Sources, database: Database, dry_run: bool) -> None:
    """The copy is of the moment at which it began, and there is nothing to report."""
    source = sources.seed(SPEC)
    in_wal_mode(source)
    wanted = expected_tables(source)["knowledge_nodes"]
    with writer(source, "wal") as vestige:
        report = copy(
            source, database, on_event=while_copying(lambda: vestige.execute(LATE)), batch_size=10, dry_run=dry_run
        )
        assert vestige.answers == ["done"]
        assert contents(source) == {"late"}
    assert (report.outcome, report.notices, report.memories_copied) == (Outcome.CLEAN, [], 120)
    if not dry_run:
        assert read_tables(database)["knowledge_nodes"] == wanted


@pytest.mark.parametrize("mode", ROLLBACK)
@pytest.mark.parametrize("dry_run", [False, True])
def test_in_rollback_journal_mode_it_has_to_wait(
    sources: Sources, database: Database, mode: str, dry_run: bool
) -> None:
    """It gets BUSY until the copy is over, which says so; what it writes then arrives with the next copy of that row."""
    source = sources.seed(SPEC)
    in_wal_mode(source, mode)
    wanted = expected_tables(source)["knowledge_nodes"]
    with writer(source, mode) as vestige:
        report = copy(
            source, database, on_event=while_copying(lambda: vestige.execute(LATE)), batch_size=10, dry_run=dry_run
        )
        assert vestige.answers == ["SQLITE_BUSY"]
        assert vestige.execute(LATE) == "done"
        assert contents(source) == {"late"}
    assert (report.outcome, report.memories_copied) == (Outcome.CLEAN, 120)
    (notice,) = report.notices
    assert "rollback-journal mode" in notice
    assert "process " in notice
    assert "cannot write to it while this run reads" in notice
    if not dry_run:
        assert read_tables(database)["knowledge_nodes"] == wanted


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_a_transaction_that_is_open_when_the_copy_begins(sources: Sources, database: Database, mode: str) -> None:
    """What it has not committed is not copied. In rollback-journal mode its COMMIT has to wait for the copy."""
    source = sources.seed(SPEC)
    in_wal_mode(source, mode)
    wanted = expected_tables(source)["knowledge_nodes"]
    with writer(source, mode) as vestige:
        assert [vestige.execute("BEGIN IMMEDIATE"), vestige.execute(LATE)] == ["done", "done"]
        report = copy(source, database, on_event=while_copying(lambda: vestige.execute("COMMIT")), batch_size=10)
        assert vestige.answers[2:] == ["done" if mode == "wal" else "SQLITE_BUSY"]
        if mode == "delete":
            assert vestige.execute("COMMIT") == "done"
        assert contents(source) == {"late"}
    assert report.outcome is Outcome.CLEAN
    assert read_tables(database)["knowledge_nodes"] == wanted


def test_a_private_copy_makes_no_writer_wait(sources: Sources, database: Database) -> None:
    """The file is read for the moment of the copy alone."""
    source = sources.published(13, SPEC, v15=False)
    in_wal_mode(source, "delete")
    with writer(source, "delete") as vestige:
        write = while_copying(lambda: vestige.execute(LATE))
        report = copy(source, database, on_event=write, batch_size=10, upgrade_copy=True)
        assert vestige.answers == ["done"]
    assert not any("rollback-journal" in notice for notice in report.notices)


@pytest.mark.parametrize("mode", ROLLBACK)
def test_no_notice_where_no_program_has_it_open(sources: Sources, database: Database, mode: str) -> None:
    source = sources.seed()
    in_wal_mode(source, mode)
    assert copy(source, database).notices == []


@pytest.mark.parametrize(("side_files", "reported"), [(True, True), (False, False)])
def test_where_the_system_does_not_name_the_program(
    sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch, side_files: bool, reported: bool
) -> None:
    """The files beside it are the only sign."""
    source = sources.seed()
    in_wal_mode(source, "delete")
    monkeypatch.setattr(source_steps, "file_usage", lambda _: FileUsage(None, side_files, certain=False))
    assert any("another program has it open" in notice for notice in copy(source, database).notices) == reported
