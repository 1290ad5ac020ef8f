"""What must hold of a destination that a copy works with, or refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.destination import fingerprint, read_tables
from tests.support.expected import expected_tables
from tests.support.runs import TABLES, copy
from tests.support.servers import Database
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import MigrationError, RefusedError
from vestige_tui.core.facts import DataState
from vestige_tui.core.report import MigrationReport, Outcome


@contextmanager
def nothing_changes(database: Database) -> Iterator[None]:
    """Whatever happens in the block, the database is afterwards what it was before."""
    before = fingerprint(database)
    yield
    assert fingerprint(database) == before


def assert_is_explained(error: MigrationError) -> None:
    """What happened, what it means, what to do; and a report that says the same."""
    assert error.state is DataState.NOTHING_CHANGED
    assert error.what
    assert error.remedy
    assert str(error) == f"{error.what}\n{error.means}\n{error.remedy}"
    assert isinstance(error.report, MigrationReport)
    assert error.report.outcome is Outcome.FAILED
    assert error.report.failure == error.what
    assert all(table.inserted == 0 for table in error.report.tables.values())


def refused(source: Path, dsn: Dsn, owner: Database, *, dry_run: bool = False) -> RefusedError:
    """Why a copy does not start; the database is afterwards what it was before."""
    before = fingerprint(owner)
    with pytest.raises(RefusedError) as caught:
        copy(source, dsn, dry_run=dry_run)
    error = caught.value
    assert fingerprint(owner) == before
    assert error.state is DataState.NOTHING_CHANGED
    assert error.remedy
    assert isinstance(error.report, MigrationReport)
    assert not any(table.read for table in error.report.tables.values())
    return error


def assert_copied(source: Path, database: Database, schema: str = "public") -> None:
    """Everything is there, in this schema."""
    wanted, found = expected_tables(source), read_tables(database, schema)
    for table in TABLES:
        assert found[table].keys() == wanted[table].keys(), table
        for key, row in wanted[table].items():
            assert found[table][key].items() >= row.items(), (table, key)
