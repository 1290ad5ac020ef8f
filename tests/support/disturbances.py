"""Runs that something disturbs: what their end must look like, and the run that comes after them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from tests.support.expected import expected_tables
from tests.support.proxy import COMMIT
from tests.support.runs import assert_adds_up, copy
from tests.support.servers import Database
from vestige_tui.core.errors import DestinationBusyError, MigrationError
from vestige_tui.core.report import MigrationReport, Outcome

E = TypeVar("E", bound=MigrationError)

INSERT_MEMORIES = b'."knowledge_nodes" ("id", "content"'
"""In every statement that brings memories from the staging table."""

STAGING = "making a staging table"
ENFORCING = "enforcing a reference"
MOMENTS = {
    "looking": b"pg_is_in_recovery",
    "locking": b"pg_try_advisory_lock",
    "making tables": b"CREATE TABLE",
    STAGING: b"CREATE TEMPORARY TABLE",
    "sending": b"COPY ",
    "inserting": INSERT_MEMORIES,
    "committing": COMMIT,
    "building an index": b'CREATE INDEX "idx',
    ENFORCING: b'_fkey" ENFORCED',
}
"""What a run asks of the server in its course, by a part of the request."""

PATIENCE = 20.0
"""Seconds after which something is taken to hang; nothing here takes one of them on an idle machine."""


def completed(source: Path, database: Database, **options: Any) -> MigrationReport:
    """The copy that comes after an interruption; the server may take a moment to notice that the last one is gone."""
    for _ in range(100):
        try:
            report = copy(source, database, **options)
        except DestinationBusyError:
            time.sleep(0.1)
            continue
        assert report.outcome in (Outcome.CLEAN, Outcome.DIFFERENT), "rows of another sample may be there"
        assert report.verified
        assert database.value("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated") == 0
        return report
    raise AssertionError("the lock of a copy that is gone was never released")


def interrupted(kind: type[E], run: Callable[[], object]) -> E:
    """The error of a run that something interrupts; its report adds up."""
    found: list[BaseException] = []

    def work() -> None:
        try:
            run()
        except BaseException as error:
            found.append(error)

    for _ in range(100):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the run hangs"
        assert found, "nothing interrupted the run"
        if not isinstance(found[0], DestinationBusyError):
            break
        found.clear()  # the server has not noticed yet that the last copy is gone
        time.sleep(0.1)
    (error,) = found
    assert isinstance(error, kind), repr(error)
    assert "\n" not in error.what
    assert error.remedy
    assert isinstance(error.report, MigrationReport)
    assert error.report.outcome is Outcome.FAILED
    assert error.report.failure == error.what
    assert_adds_up(error.report)
    return error


def arrived(database: Database, table: str = "knowledge_nodes") -> int:
    """Rows at the destination, 0 where there is no such table yet."""
    try:
        return int(database.value(f"SELECT count(*) FROM {table}"))
    except psycopg.errors.UndefinedTable:
        return 0


def assert_equal(source: Path, database: Database) -> None:
    """The memories and all that belongs to them are as the source has them."""
    wanted = expected_tables(source)
    assert arrived(database) == len(wanted["knowledge_nodes"])
    for table in ("scheduling", "edges", "review_events", "domains", "group_memberships"):
        assert arrived(database, table) == len(wanted[table]), table


def outlast(seconds: float) -> None:
    """Take longer than some limit. What is slow on purpose calls this; what waits for something calls ``wait_until``."""
    time.sleep(seconds)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until something holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
