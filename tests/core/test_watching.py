"""What a run reports: its report, its watcher, its log; and how it ends when it is cancelled or cut off."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.destination import fingerprint
from tests.support.runs import TABLES, assert_equal_everywhere, copy, counts
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids
from vestige_tui.core import events
from vestige_tui.core.errors import DestinationError
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import RowError
from vestige_tui.sample import SampleSpec


def test_report_as_json(sources: Sources, database: Database, tmp_path: Path) -> None:
    source = sources.seed()
    edit(source, "UPDATE knowledge_nodes SET metadata = 'secret plans' WHERE id = ?", (memory_ids(source)[3],))
    report = copy(source, database.secret, batch_size=9)
    document = json.loads(report.to_json())

    model = {"name": SMALL_SPEC.model_name, "dimension": 8, "hash": SMALL_SPEC.model_hash}
    assert document["format"] == "vestige-tui/report/1"
    assert document["dry_run"] is False
    assert document["outcome"] == "errors"
    assert document["source"] == {"path": str(source), "layout": "seed", "version": 15, "model": model}
    assert document["destination"]["model"] == model
    assert document["destination"]["server_version"] == database.value("SHOW server_version").split()[0]
    assert document["destination"]["pgvector_version"] == database.value(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
    )
    assert document["plan"] == {
        "batch_size": 9, "max_connections": 4, "allow_source_upgrade": False, "upgrade_copy": False,
    }  # fmt: skip
    assert document["memories_copied"] == document["scheduling_rows"] == 30
    assert document["users_copied"] == 4
    assert tuple(document["tables"]) == TABLES
    seconds = document["tables"]["knowledge_nodes"].pop("seconds")
    assert seconds > 0
    assert document["tables"]["knowledge_nodes"] == {
        "source": 30, "read": 30, "inserted": 30, "already_present": 0, "failed": 0, "repaired": 1,
        "already_equal": 0, "already_different": 0,
    }  # fmt: skip
    assert document["errors"] == [
        {
            "table": "knowledge_nodes",
            "row": memory_ids(source)[3],
            "field": "metadata",
            "kind": "malformed_json",
            "message": "metadata is not valid JSON",
            "copied": True,
        }
    ]
    assert document["left_behind"] == {}
    assert datetime.fromisoformat(document["started_at"]).tzinfo is UTC
    assert document["duration_ms"] > 0
    assert database.password not in report.to_json()
    assert "secret plans" not in report.to_json()


def test_a_watcher_gets_every_event_in_order(small_source: Path, database: Database) -> None:
    ids = memory_ids(small_source)
    edit(small_source, "UPDATE knowledge_nodes SET metadata = '{' WHERE id = ?", (ids[0],))
    seen: list[events.Event] = []
    report = copy(small_source, database, on_event=seen.append, batch_size=8)

    assert [event.phase for event in seen if isinstance(event, events.PhaseStarted)] == [
        events.Phase.SOURCE, events.Phase.DESTINATION, events.Phase.PREPARE, events.Phase.COPY, events.Phase.INDEXES,
        events.Phase.VERIFY,
    ]  # fmt: skip
    (planned,) = [event for event in seen if isinstance(event, events.TablesPlanned)]
    assert planned.totals == counts(report, "source")
    finished = [event.table for event in seen if isinstance(event, events.TableFinished)]
    assert sorted(finished) == sorted(TABLES)
    assert max(map(finished.index, ("users", "groups"))) < finished.index("group_memberships")
    assert finished.index("users") < finished.index("knowledge_nodes")
    assert finished.index("knowledge_nodes") < min(map(finished.index, ("scheduling", "edges", "review_events")))
    memories = [event for event in seen if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes"]
    assert [event.read for event in memories] == [8, 16, 24, 30]
    assert [event.inserted for event in memories] == [8, 16, 24, 30]
    assert [event.error for event in seen if isinstance(event, events.RowProblem)] == report.errors
    built = {event.name: event for event in seen if isinstance(event, events.IndexProgress)}
    assert sorted(event.position for event in built.values()) == list(range(1, len(built) + 1))
    assert {event.total for event in built.values()} == {len(built)}
    assert "idx_knowledge_nodes_embedding_hnsw" in built


def test_cancelling_ends_after_what_is_in_flight_and_the_next_run_completes(
    sources: Sources, database: Database
) -> None:
    source = sources.seed(replace(SMALL_SPEC, memories=200))
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes":
            cancel.set()

    report = copy(source, database, on_event=watch, cancel=cancel, batch_size=2, max_connections=1)
    assert report.outcome is Outcome.CANCELLED
    arrived = report.tables["knowledge_nodes"].inserted
    assert 2 <= arrived < 100
    assert report.tables["knowledge_nodes"].read == arrived
    assert report.scheduling_rows == 0
    there = {str(row[0]) for row in database.rows("SELECT id FROM knowledge_nodes")}
    assert there == set(memory_ids(source)[:arrived])

    finished = copy(source, database)
    assert finished.outcome is Outcome.CLEAN
    assert finished.tables["knowledge_nodes"].inserted == 200 - arrived
    assert_equal_everywhere(source, database)


def test_cancelled_before_it_began(small_source: Path, database: Database) -> None:
    cancel = threading.Event()
    cancel.set()
    before = fingerprint(database)
    assert copy(small_source, database, cancel=cancel).outcome is Outcome.CANCELLED
    assert fingerprint(database) == before


@pytest.mark.parametrize(("table", "connections"), [("knowledge_nodes", 1), ("knowledge_nodes", 4), ("edges", 4)])
def test_a_lost_connection_ends_the_run_and_the_next_one_completes(
    sources: Sources, database: Database, table: str, connections: int
) -> None:
    source = sources.seed(replace(SMALL_SPEC, memories=200, edges=200))
    cut = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == table and not cut.is_set():
            cut.set()
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    with pytest.raises(DestinationError) as caught:
        copy(source, database, on_event=watch, batch_size=2, max_connections=connections)
    assert "What had arrived stays" in caught.value.means
    report = caught.value.report
    assert isinstance(report, MigrationReport)
    assert report.outcome is Outcome.FAILED
    arrived = database.value(f"SELECT count(*) FROM {table}")
    assert 2 <= report.tables[table].inserted <= arrived < 200

    finished = copy(source, database)
    assert finished.outcome is Outcome.CLEAN
    assert finished.tables[table].already_present == arrived
    assert_equal_everywhere(source, database)


def test_log_has_the_parameters_the_counts_and_no_secret(
    sources: Sources, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    source = sources.seed(SampleSpec(memories=2_100, edges=0, review_events=0, dimension=4))
    chosen = memory_ids(source)[10]
    edit(source, "UPDATE knowledge_nodes SET metadata = '{\"diary\": secret' WHERE id = ?", (chosen,))
    caplog.set_level(logging.INFO, logger="vestige_tui.core")
    copy(source, database.secret)

    text = caplog.text
    assert f"source: {source.as_uri()}?mode=ro" in text
    assert "destination: postgresql://" in text
    assert "batch_size: 500" in text
    batches = [record.getMessage() for record in caplog.records if "batch committed" in record.getMessage()]
    assert [int(message.rpartition("=")[2]) // 1_000 for message in batches] == [1, 2]
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert chosen in warning.getMessage()
    assert "metadata is not valid JSON" in warning.getMessage()
    assert "memories_copied=2100" in caplog.records[-1].getMessage()
    assert "errors=1" in caplog.records[-1].getMessage()
    assert database.password not in text
    assert "diary" not in text


def test_with_and_without_a_watcher_the_same_is_reported(
    sources: Sources, database: Database, other_database: Database
) -> None:
    source = sources.seed(SampleSpec(memories=40, edges=10, review_events=10, dimension=4, broken_rows=True))

    def reported(report: MigrationReport) -> tuple[list[RowError], list[dict[str, int]]]:
        return report.errors, [counts(report, field) for field in ("read", "inserted", "already_present", "failed")]

    assert reported(copy(source, database)) == reported(copy(source, other_database, on_event=lambda event: None))
