"""The scans of a source's tables by two threads: SQLite does not hold up Python while it scans."""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.source.opening import Reading, begin_reading
from vestige_tui.core.system import processors
from vestige_tui.core.verify.expectation import Expectation, Survey

log = logging.getLogger(__name__)

LEAST_BYTES = 50_000_000
"""The size of a file whose scan is worth a second connection. Of 350 MB a scan takes a fifth of a verification."""

ExpectationOf = Callable[[sqlite3.Connection], Expectation]


def surveyed(reading: Reading, expectation_of: ExpectationOf) -> Expectation:
    """The expectation of what ``reading`` sees; the tables of a large file are scanned. Raises ``sqlite3.Error``.

    A second connection takes every table that this thread has not come to. What it finds counts only where nothing was
    committed since ``reading`` began; else its tables are scanned again when they are asked for.
    """
    expectation = expectation_of(reading)
    (size,) = reading.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()
    if processors() < 2 or size < LEAST_BYTES:
        return expectation
    waiting = deque(BY_NAME)
    with ThreadPoolExecutor(1, "survey") as beside:
        coming = beside.submit(_surveys, reading.path, expectation_of, waiting)
        try:
            for table in _each(waiting):
                expectation.survey(table)
        finally:
            waiting.clear()
        found = coming.result()
    if found and reading.is_newest():
        expectation.add_surveys(found)
    return expectation


def _surveys(path: Path, expectation_of: ExpectationOf, waiting: deque[str]) -> dict[str, Survey]:
    """Scan tables through another connection; nothing where that is not possible."""
    try:
        with closing(begin_reading(path)) as other:
            expectation = expectation_of(other)
            found = {table: expectation.survey(table) for table in _each(waiting)}
    except (sqlite3.Error, OSError) as error:
        log.info("verify: one scan at a time: %s", type(error).__name__)
        return {}
    return {table: survey for table, survey in found.items() if survey is not None}


def _each(waiting: deque[str]) -> Iterator[str]:
    """Every table that the other thread has not taken."""
    while waiting:
        try:
            yield waiting.pop()
        except IndexError:  # the other one was quicker
            return
