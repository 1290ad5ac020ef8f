"""A second process that compares a part: the result is the same, and what happens to it is never called equal."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.destination import fingerprint
from tests.support.disturbances import wait_until
from tests.support.servers import Database
from tests.support.sources import edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.destination.waits import DEFAULT_WAITS
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.run import surveying
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.source.opening import Reading, open_source
from vestige_tui.core.verify import compare as compare_module
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome
from vestige_tui.core.verify.second import comparison, process
from vestige_tui.core.verify.second.process import SecondProcess

CHANGES = (
    "UPDATE knowledge_nodes SET content = content || ' ', visibility = 'public' WHERE get_byte(uuid_send(id), 15) % 3 = 0",
    "DELETE FROM edges WHERE weight > 0.5",
    "UPDATE review_events SET rating = 1, metadata = '{\"changed\": true}' WHERE get_byte(uuid_send(id), 15) < 128",
    "UPDATE domains SET label = label || '!'",
)

NEVER_DONE = """
import time, vestige_tui.core.verify.second.__main__ as second
second.compare = lambda *_, **__: time.sleep(600)
second.main()
"""
"""A second process that begins, and has compared nothing when it is disturbed."""


@pytest.fixture
def in_two(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Even the smallest comparison is shared; says of each second process whether what it found counted."""
    used: list[bool] = []
    is_useful = SecondProcess.is_useful

    def noted(self: SecondProcess, stop: Callable[[], None]) -> bool:
        used.append(is_useful(self, stop))
        return used[-1]

    monkeypatch.setattr(SecondProcess, "is_useful", noted)
    monkeypatch.setattr(comparison, "LEAST_ROWS", 1)
    monkeypatch.setattr(comparison, "processors", lambda: 2)
    monkeypatch.setattr(surveying, "LEAST_BYTES", 1)
    monkeypatch.setattr(surveying, "processors", lambda: 2)
    monkeypatch.setattr(compare_module, "_BLOCK", 7)
    return used


def verified(source: Path, database: Database, **options: Any) -> tuple[VerificationReport, dict[str, Any]]:
    """The report, and the last progress of each table."""
    last: dict[str, Any] = {}

    def watch(event: events.Event) -> None:
        if isinstance(event, events.VerificationProgress):
            last[event.table] = event

    return run_verification(VerificationPlan(source, database.dsn), on_event=watch, **options), last


@pytest.mark.parametrize("proven", [True, False], ids=["one moment", "another moment"])
def test_what_another_connection_has_scanned(
    proven: bool, small_source: Path, in_two: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts only where that connection has seen the same rows."""
    surveys, added = surveying._surveys, []

    def add(self: Expectation, found: Mapping[str, Any]) -> None:
        added.append(found)

    monkeypatch.setattr(surveying, "_surveys", lambda path, of, _: surveys(path, of, deque(["edges", "users"])))
    monkeypatch.setattr(Expectation, "add_surveys", add)
    with open_source(small_source) as reading:
        if not proven:
            monkeypatch.setattr(Reading, "is_newest", lambda self: False)
        of = partial(Expectation, dimension=256)
        expected = of(reading).surveys
        assert surveying.surveyed(reading, of).surveys == expected
        assert added == ([{name: expected[name] for name in ("edges", "users")}] if proven else [])
        assert surveys(small_source / "not there", of, deque(["edges"])) == {}


@pytest.mark.parametrize("proven", [True, False], ids=["one moment", "another moment"])
def test_the_result_is_that_of_one_process(
    proven: bool, small_source: Path, copied_database: Database, in_two: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts, differences and progress. What a second process has found counts only if it has seen the same source."""
    copied_database.execute(*CHANGES)
    if not proven:
        monkeypatch.setattr(Reading, "is_newest", lambda self: False)
    shared, progress = verified(small_source, copied_database)
    assert in_two == [proven]
    monkeypatch.setattr(comparison, "LEAST_ROWS", 10**9)
    alone, usual = verified(small_source, copied_database)
    assert alone.comparison is not None
    assert len(alone.comparison.differences) > 20
    assert shared.comparison == alone.comparison
    assert progress == usual
    assert len(in_two) == 1


@pytest.mark.parametrize("how", ["killed", "silent", "cancelled"])
def test_what_happens_to_a_second_process(
    how: str, small_source: Path, copied_database: Database, in_two: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that dies or hangs is a failure with a name, and neither waits for it when an operator wants to stop."""
    before = fingerprint(copied_database)
    cancel = threading.Event()
    found: list[subprocess.Popen[bytes]] = []
    look = SecondProcess.look

    def disturb(self: SecondProcess) -> bool:
        if look(self) and not found:
            found.append(self._process)
            os.kill(self._process.pid, signal.SIGKILL if how == "killed" else signal.SIGSTOP)
            if how == "cancelled":
                cancel.set()
        return look(self)

    monkeypatch.setattr(SecondProcess, "look", disturb)
    monkeypatch.setattr(process, "COMMAND", (process.COMMAND[0], "-P", "-c", NEVER_DONE))
    monkeypatch.setattr(process, "_LEAVING", 0.2)
    waits = replace(DEFAULT_WAITS, answer=0.5 if how == "silent" else 120.0)
    if how == "cancelled":
        report, _ = verified(small_source, copied_database, cancel=cancel, waits=waits)
        assert report.outcome is VerificationOutcome.CANCELLED
    else:
        with pytest.raises(MigrationError, match="second process of the comparison") as raised:
            verified(small_source, copied_database, waits=waits)
        assert isinstance(raised.value.report, VerificationReport)
        assert raised.value.report.outcome is VerificationOutcome.FAILED
    assert found[0].poll() is not None
    sessions = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vestige-tui' AND datname = current_database()"
    )
    wait_until(lambda: copied_database.value(sessions) == 0)
    assert fingerprint(copied_database) == before


def test_one_that_cannot_begin(
    small_source: Path, copied_database: Database, in_two: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process does it all."""
    monkeypatch.setattr(process, "COMMAND", (process.COMMAND[0], "-c", "raise SystemExit(3)"))
    report, _ = verified(small_source, copied_database)
    assert (report.outcome, in_two) == (VerificationOutcome.EQUAL, [False])


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_whether_a_source_is_still_the_same(mode: str, small_source: Path) -> None:
    """A commit of another program is noticed, also one in a WAL; what was read before it stays what it was."""
    with closing(sqlite3.connect(small_source)) as connection:
        connection.execute(f"PRAGMA journal_mode = {mode}")
    with open_source(small_source) as reading:
        assert reading.is_newest()
        if mode == "delete":  # a reader keeps the writer out
            with closing(sqlite3.connect(small_source, timeout=0)) as writer:
                writer.execute("DELETE FROM edges")
                with pytest.raises(sqlite3.OperationalError):
                    writer.commit()
            assert reading.is_newest()
        else:
            edit(
                small_source,
                "UPDATE knowledge_nodes SET content = 'other' WHERE id = ?",
                (memory_ids(small_source)[0],),
            )
            assert not reading.is_newest()


@pytest.mark.skipif(sys.platform != "linux", reason="only there may any bytes be a name")
def test_a_name_that_is_not_utf_8(small_source: Path, copied_database: Database, in_two: list[bool]) -> None:
    odd = small_source.rename(small_source.with_name(os.fsdecode(b"odd\xff?.db")))
    report, _ = verified(odd, copied_database)
    assert (in_two, report.outcome) == ([True], VerificationOutcome.EQUAL)


def test_another_file_in_the_place_of_the_source_is_not_the_same(
    small_source: Path, copied_database: Database, in_two: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second process would read that one, in which nobody has committed anything since."""
    other = small_source.with_name("other.db")
    shutil.copyfile(small_source, other)
    edit(other, "UPDATE knowledge_nodes SET content = 'other'")
    edit(other, "UPDATE review_events SET rating = 9")
    begin = SecondProcess.__init__

    def after_the_change(self: SecondProcess, *arguments: Any) -> None:
        other.replace(small_source)
        begin(self, *arguments)

    monkeypatch.setattr(SecondProcess, "__init__", after_the_change)
    report, _ = verified(small_source, copied_database)
    assert (in_two, report.outcome) == ([False], VerificationOutcome.EQUAL)
