"""To add a table is to add its description: schema, reading, writing, preview, counters and summary follow from it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from rich.console import Console

from tests.support.ninth import NOTES, add_ninth_table, note_id, write_notes
from tests.support.servers import Database
from tests.support.sources import edit, memory_ids
from vestige_tui.cli.summary import print_summary
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.run.copier import run_sqlite_to_postgres


def run(source: Path, database: Database, *, dry_run: bool) -> MigrationReport:
    return run_sqlite_to_postgres(CopyPlan(source, database.dsn, dry_run=dry_run))


def summary(report: MigrationReport) -> list[list[str]]:
    """The words of each line of the summary."""
    text = StringIO()
    print_summary(Console(file=text, width=200), report)
    return [line.split() for line in text.getvalue().splitlines()]


def test_a_ninth_table_is_a_description(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_ninth_table(monkeypatch)
    memories = memory_ids(small_source)
    write_notes(small_source, memories)
    for dry_run in (True, False):
        report = run(small_source, database, dry_run=dry_run)
        assert report.outcome is Outcome.ERRORS, report.errors
        assert [(error.table, error.row, error.field, error.kind, error.copied) for error in report.errors] == [
            ("notes", note_id(1), "weight", Kind.MISSING_VALUE, True)
        ]
        counts = report.tables["notes"]
        assert (counts.source, counts.read, counts.inserted, counts.repaired) == (30, 30, 30, 1)
        assert report.notes_copied == report.counters()["notes_copied"] == 30
        document = json.loads(report.to_json())
        assert (document["notes_copied"], document["tables"]["notes"]["inserted"]) == (30, 30)
        assert ["Notes:", "30"] in summary(report)
    rows = database.rows("SELECT id, memory_id, words, weight, labels, noted_at, metadata FROM notes ORDER BY id")
    assert rows == [
        (
            UUID(note_id(number)),
            UUID(memory),
            *(
                (f"note {number}", number / 4, [f"label {number}"], datetime(2026, 2, 13, 10, 11, 12, tzinfo=UTC))
                if number != 1
                else ("bare", 1.0, [], None)
            ),
            {"mood": "calm"} if number != 1 else {},
        )
        for number, memory in enumerate(memories)
    ]
    assert database.value("SELECT count(*) FROM pg_indexes WHERE indexname = %s", (NOTES.indexes[0].name,)) == 1
    again = run(small_source, database, dry_run=False)
    assert (again.tables["notes"].inserted, again.tables["notes"].already_present) == (0, 30)


def test_a_row_of_it_that_refers_to_nothing(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_ninth_table(monkeypatch)
    write_notes(small_source, memory_ids(small_source))
    edit(small_source, "UPDATE notes SET memory_id = ?, weight = 1 WHERE words = 'bare'", (note_id(99),))
    messages = []
    for dry_run in (True, False):
        report = run(small_source, database, dry_run=dry_run)
        messages.append([(error.kind, error.message) for error in report.errors])
        assert (report.tables["notes"].failed, report.notes_copied) == (1, 29)
    wanted = "memory_id refers to a memory that is neither copied nor at the destination"
    assert messages == [[(Kind.MISSING_REFERENCE, wanted)]] * 2
