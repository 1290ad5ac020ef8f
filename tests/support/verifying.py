"""Comparing a source with a destination, as the tests do it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.servers import Database
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.destination.sessions import Session, Sessions
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.verify.compare import compare
from vestige_tui.core.verify.cuts import middle
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.result import Comparison, Difference, TableComparison
from vestige_tui.core.verify.snapshot import open_snapshot


@contextmanager
def inspected(database: Database | Dsn, cancel: threading.Event | None = None) -> Iterator[tuple[Session, Destination]]:
    """A session that may not write, and what it sees."""
    dsn = database.dsn if isinstance(database, Database) else database
    with Sessions(dsn, cancel or threading.Event(), read_only=True).open() as session:
        yield session, inspect(session.connection)


def verify(source: Path, database: Database | Dsn, *, model: str | None = None, **options: Any) -> Comparison:
    """Compare every value; the counts of each table add up."""
    with inspected(database) as (session, destination), open_source(source) as connection:
        expectation = Expectation(connection, model=model, dimension=destination.dimension)
        with open_snapshot(session) as snapshot:
            comparison = compare(expectation, snapshot, destination, **options)
        for name, counts in comparison.tables.items():
            assert_adds_up(counts, expectation.counts.get(name, 0))
    return comparison


def assert_same_in_two_parts(source: Path, database: Database | Dsn, model: str) -> None:
    """What two processes find, each of one part, is what one finds alone."""
    parts: list[Difference] = []
    whole: list[Difference] = []
    with inspected(database) as (session, destination), open_source(source) as connection:
        expectation = Expectation(connection, model=model, dimension=destination.dimension)
        cut = middle(expectation, BY_NAME)
        with open_snapshot(session) as snapshot:
            sides = expectation, snapshot, destination
            alone = compare(*sides, found=whole.extend)
            first, second = (
                compare(*sides, start=start, end=end, found=parts.extend) for start, end in [(None, cut), (cut, None)]
            )
    if cut is not None:
        assert first.followed_by(second) == alone
        assert parts == whole


def assert_adds_up(counts: TableComparison, source: int) -> None:
    """Every row of the source is counted once."""
    assert counts.source == source == counts.left_out + counts.compared + counts.missing
    assert counts.compared == counts.equal + counts.different


def named(comparison: Comparison) -> set[tuple[str, tuple[str, ...], str | None]]:
    """The differences: table, key, and the field, None for a missing row."""
    assert comparison.differences_omitted == 0
    found = [(one.table, one.key, one.field) for one in comparison.differences]
    assert len(found) == len({*found})
    return {*found}
