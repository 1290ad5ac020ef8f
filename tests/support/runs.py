"""Running copies, and what must hold after every one of them."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from tests.support.destination import read_tables
from tests.support.expected import BOOTSTRAP_USER, expected_tables
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources
from vestige_tui.core import events
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.embedder import PresentedEmbedder
from vestige_tui.core.events import Watcher
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.run.copier import run_sqlite_to_postgres

IMPATIENT = Waits(answer=0.7)
"""No answer is waited for longer than this."""

_BARE = str.maketrans("", "", "-{}")

TABLES = (
    "users", "groups", "group_memberships", "knowledge_nodes", "scheduling", "edges", "review_events", "domains",
)  # fmt: skip

COUNTER_OF = {
    "users": "users_copied",
    "groups": "groups_copied",
    "group_memberships": "group_memberships_copied",
    "knowledge_nodes": "memories_copied",
    "scheduling": "scheduling_rows",
    "edges": "edges_copied",
    "review_events": "review_events_copied",
    "domains": "domains_copied",
}


def copy(
    source: Path,
    destination: Database | Dsn,
    embedder: ModelSignature | None = None,
    *,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    waits: Waits = DEFAULT_WAITS,
    only: Mapping[str, Collection[str]] | None = None,
    **options: Any,
) -> MigrationReport:
    """Run a copy and check that its counts add up."""
    dsn = destination.dsn if isinstance(destination, Database) else destination
    report = run_sqlite_to_postgres(
        CopyPlan(source, dsn, **options),
        PresentedEmbedder(embedder) if embedder else None,
        on_event=on_event,
        cancel=cancel,
        only=only,
        waits=waits,
    )
    assert_adds_up(report)
    return report


def found_by_keys(report: MigrationReport) -> bool:
    """Whether that is all that a run has to say: rows were there, and were not looked at any further."""
    return len(report.notices) == 1 and "found by key" in report.notices[0]


def all_compared(report: MigrationReport) -> bool:
    """Whether a run has nothing to say but that every row that was there before is equal."""
    present = sum(counts(report, "already_present").values())
    return report.verified and not report.notices and present == sum(counts(report, "already_equal").values()) > 0


def assert_adds_up(report: MigrationReport) -> None:
    """For every table: read = inserted + already there + failed, and every failed row has its error."""
    assert tuple(report.tables) == TABLES
    for name, table in report.tables.items():
        assert table.read == table.inserted + table.already_present + table.failed, (name, table)
        assert 0 <= table.repaired <= table.inserted, (name, table)
        if report.outcome.finished:
            assert table.read == table.source, (name, table)
        lost = [error for error in report.errors if error.table == name and not error.copied]
        assert table.failed == len(lost), (name, table, lost)
        assert getattr(report, COUNTER_OF[name]) == table.inserted + table.already_present, (name, table)
    if report.outcome.finished:
        assert (report.outcome is Outcome.ERRORS) == bool(report.errors)
        fine = not report.errors and not report.incomplete
        assert (report.outcome in (Outcome.CLEAN, Outcome.DIFFERENT)) == fine
        assert not (report.verified and report.differences) or report.outcome is not Outcome.CLEAN
    for name, table in report.tables.items():
        if table.already_equal is not None and table.already_different is not None:
            assert table.already_present == table.already_equal + table.already_different, (name, table)


def assert_nothing_new(first: MigrationReport, again: MigrationReport) -> None:
    """A second run finds everything there that the first one brought, and fails where the first one failed.

    Only a bootstrap user that the first run could not bring is there, since that run then made one.
    """
    assert counts(again, "inserted") == dict.fromkeys(TABLES, 0)
    assert counts(again, "read") == counts(first, "read")
    made = [error for error in first.errors if error.table == "users" and error.kind is Kind.ALREADY_TAKEN
            and error.row.translate(_BARE).lower().removeprefix("urn:uuid:") == BOOTSTRAP_USER.hex]  # fmt: skip
    failed = counts(first, "failed")
    assert counts(again, "failed") == failed | {"users": failed["users"] - len(made)}


def assert_equal_everywhere(source: Path, database: Database, schema: str = "public") -> None:
    """Every row of the source is at the destination, every column of it equal, and nothing else is there."""
    wanted, found = expected_tables(source), read_tables(database, schema)
    if (BOOTSTRAP_USER,) not in wanted["users"]:  # then a copy makes one
        bootstrap = found["users"].pop((BOOTSTRAP_USER,))
        assert (bootstrap["handle"], bootstrap["display_name"], bootstrap["metadata"]) == ("local", "Local User", {})
    for table in TABLES:
        assert found[table].keys() == wanted[table].keys(), table
        for key, row in wanted[table].items():
            assert found[table][key] == row, (table, key)


def fill(database: Database, sources: Sources) -> None:
    """Copy the small source into an empty database, from which others are cloned."""
    assert copy(sources.seed(SMALL_SPEC), database).memories_copied == SMALL_SPEC.memories


def counts(report: MigrationReport, field: str) -> dict[str, int]:
    """One of the counts (``inserted``, ``failed`` …) of every table."""
    return {name: getattr(table, field) for name, table in report.tables.items()}


def only_error(report: MigrationReport) -> RowError:
    """The one error of a run that had one."""
    (error,) = report.errors
    return error
