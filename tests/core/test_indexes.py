"""Secondary indexes, the full-text column and the trigger of a destination."""

from __future__ import annotations

import json
import random
import string
import struct
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psycopg
import pytest

from tests.support.destination import read_tables
from tests.support.disturbances import wait_until
from tests.support.expected import expected_tables
from tests.support.runs import copy
from tests.support.servers import HALFVEC_SINCE, Database, Server
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, signature
from vestige_tui.core import events
from vestige_tui.core.destination import build_resources, index_forecast, inspection
from vestige_tui.core.destination import indexes as builds
from vestige_tui.core.destination.build_observer import BuildObserver
from vestige_tui.core.destination.build_resources import (
    Resources,
    build_memory,
    build_with_fallback,
    build_workers,
    graph_size,
)
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.explain import index_advice, index_foretold, index_time
from vestige_tui.core.facts import Shortage
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.report import Outcome
from vestige_tui.core.run import index_foretelling
from vestige_tui.core.run.index_builder import IndexBuilder
from vestige_tui.core.run.progress import Progress
from vestige_tui.core.run.recorder import Recorder
from vestige_tui.sample import SampleSpec

HNSW = "idx_knowledge_nodes_embedding_hnsw"

WANTED = {
    "idx_knowledge_nodes_node_type": "public.knowledge_nodes USING btree (node_type)",
    "idx_knowledge_nodes_created_at": "public.knowledge_nodes USING btree (created_at)",
    "idx_knowledge_nodes_updated_at": "public.knowledge_nodes USING btree (updated_at)",
    "idx_knowledge_nodes_owner_user_id": "public.knowledge_nodes USING btree (owner_user_id)",
    "idx_knowledge_nodes_codebase": "public.knowledge_nodes USING btree (codebase) WHERE (codebase IS NOT NULL)",
    "idx_knowledge_nodes_search_vec": "public.knowledge_nodes USING gin (search_vec)",
    "idx_knowledge_nodes_domains": "public.knowledge_nodes USING gin (domains)",
    "idx_knowledge_nodes_tags": "public.knowledge_nodes USING gin (tags)",
    "idx_knowledge_nodes_shared_with_groups": "public.knowledge_nodes USING gin (shared_with_groups)",
    "idx_scheduling_next_review": "public.scheduling USING btree (next_review)",
    "idx_scheduling_last_review": "public.scheduling USING btree (last_review)",
    "idx_edges_source_id": "public.edges USING btree (source_id)",
    "idx_edges_target_id": "public.edges USING btree (target_id)",
    "idx_edges_edge_type": "public.edges USING btree (edge_type)",
    "idx_review_events_memory_id": "public.review_events USING btree (memory_id)",
    "idx_review_events_occurred_at": "public.review_events USING btree (occurred_at)",
    HNSW: "public.knowledge_nodes USING hnsw (embedding vector_cosine_ops) WITH (m='16', ef_construction='64')",
}
"""Of ``vestige-schemas.md`` section 7: every index but those of keys and unique constraints."""


def indexes(database: Database) -> dict[str, str]:
    """By name, what each index that belongs to no constraint is on; all of them valid."""
    rows = database.rows(
        """SELECT i.relname, pg_get_indexdef(i.oid), x.indisvalid
           FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
           WHERE n.nspname = 'public' AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid)"""
    )
    assert all(valid for *_, valid in rows)
    return {name: definition.partition(" ON ")[2] for name, definition, _ in rows}


def files(database: Database) -> dict[str, int]:
    """By name, the file number of each index: another one after it was rebuilt."""
    return dict(
        database.rows("SELECT relname, relfilenode::bigint FROM pg_class WHERE relkind = 'i' AND relname ~ '^idx_'")
    )


def built(into: list[str]) -> Callable[[events.Event], None]:
    """A watcher that notes which indexes are built, each once."""

    def watch(event: events.Event) -> None:
        if isinstance(event, events.IndexProgress) and event.name in WANTED and event.name not in into[-1:]:
            into.append(event.name)

    return watch


def test_indexes_of_a_fresh_destination(small_source: Path, database: Database) -> None:
    names: list[str] = []
    copy(small_source, database, on_event=built(names))
    assert indexes(database) == WANTED
    assert sorted(names) == sorted(WANTED)
    assert [name for name in names if name.startswith("idx_knowledge_nodes")][-1] == HNSW  # it takes the longest


def test_they_are_built_after_the_rows_of_their_table_are_in(small_source: Path, database: Database) -> None:
    early: dict[str, list[str]] = {}

    def watch(event: events.Event) -> None:
        if isinstance(event, events.TableFinished):
            early[event.table] = [on for on in indexes(database).values() if on.startswith(f"public.{event.table} ")]

    copy(small_source, database, on_event=watch, batch_size=4)
    assert early == {table: [] for table in early}
    assert {"knowledge_nodes", "scheduling", "edges", "review_events"} <= early.keys()


def test_running_again_rebuilds_nothing(small_source: Path, copied_database: Database) -> None:
    before, names = files(copied_database), list[str]()
    copy(small_source, copied_database, on_event=built(names))
    assert names == []
    assert files(copied_database) == before
    assert len(before) == len(WANTED)


def test_a_missing_index_is_built_again_and_the_others_stay(small_source: Path, copied_database: Database) -> None:
    copied_database.execute("DROP INDEX idx_knowledge_nodes_tags", f"DROP INDEX {HNSW}")
    kept, names = files(copied_database), list[str]()
    copy(small_source, copied_database, on_event=built(names))
    assert names == ["idx_knowledge_nodes_tags", HNSW]
    assert indexes(copied_database) == WANTED
    assert {name: file for name, file in files(copied_database).items() if name in kept} == kept


def test_an_invalid_index_is_replaced(small_source: Path, server: Server, copied_database: Database) -> None:
    """As an interrupted CREATE INDEX CONCURRENTLY leaves one."""
    if not server.is_superuser:
        pytest.skip("only a superuser can change the catalog")
    copied_database.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{HNSW}'::regclass")
    names: list[str] = []
    copy(small_source, copied_database, on_event=built(names))
    assert names == [HNSW]
    assert indexes(copied_database) == WANTED


def test_an_equal_index_of_another_name_is_enough(small_source: Path, copied_database: Database) -> None:
    copied_database.execute(
        "ALTER INDEX idx_knowledge_nodes_tags RENAME TO by_tag", f"ALTER INDEX {HNSW} RENAME TO neighbours"
    )
    names: list[str] = []
    copy(small_source, copied_database, on_event=built(names))
    assert names == []


def test_a_table_that_was_put_aside_keeps_its_indexes(small_source: Path, copied_database: Database) -> None:
    """Their names are those that the indexes of the new table would have."""
    copied_database.execute(
        "CREATE TABLE fresh (LIKE knowledge_nodes INCLUDING ALL)",
        *(f"ALTER TABLE {table} DROP CONSTRAINT {table}_{column}_fkey"
          for table, column in (("scheduling", "memory_id"), ("edges", "source_id"), ("edges", "target_id"),
                                ("review_events", "memory_id"))),
        "ALTER TABLE knowledge_nodes RENAME TO aside",
        "ALTER TABLE fresh RENAME TO knowledge_nodes",
    )  # fmt: skip
    copied_database.execute(
        *(f"DROP INDEX {name}" for name, on in indexes(copied_database).items() if on.startswith("public.knowledge_"))
    )
    aside = {name: file for name, file in files(copied_database).items() if name.startswith("idx_knowledge_nodes")}
    assert len(aside) == 10
    copy(small_source, copied_database)
    assert aside.items() <= files(copied_database).items()
    on_new = sorted(on for on in indexes(copied_database).values() if on.startswith("public.knowledge_nodes "))
    assert on_new == sorted(on for on in WANTED.values() if on.startswith("public.knowledge_nodes "))
    names: list[str] = []
    copy(small_source, copied_database, on_event=built(names))
    assert names == []


WAITS_LONG = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    " AND clock_timestamp() - query_start > interval '300 milliseconds'"
)


def test_a_limit_on_statements_does_not_count_for_a_build(copied_database: Database) -> None:
    """Nor for counting the rows before it: both may take long."""
    with copied_database.connect() as connection, copied_database.connect() as other:
        destination = inspection.inspect(connection)
        connection.execute(f"DROP INDEX {HNSW}")
        connection.execute("SET statement_timeout = '200ms'")
        with other.transaction():
            other.execute("LOCK TABLE knowledge_nodes IN ACCESS EXCLUSIVE MODE")
            build = threading.Thread(target=builds.build, args=(connection, destination, builds.HNSW))
            build.start()
            wait_until(lambda: copied_database.value(WAITS_LONG) == 1)
        build.join()
    assert HNSW in indexes(copied_database)


def test_the_error_that_ended_a_build_comes_before_later_ones(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shut_down(*_: object) -> None:
        raise psycopg.errors.AdminShutdown

    progress = Progress(Recorder(copy(small_source, copied_database), events.ignore), threading.Event())
    copied_database.execute(f"DROP INDEX {HNSW}")
    monkeypatch.setattr(builds, "build", shut_down)
    sessions = Sessions(copied_database.dsn, progress.cancel)
    with sessions.open() as session:
        builder = IndexBuilder(session, inspection.inspect(session.connection), progress, Waits())
        observer = BuildObserver([], sessions)
        with pytest.raises(psycopg.errors.AdminShutdown), closing(observer), builder.in_background(set()):
            builder.watch(observer)
            raise psycopg.OperationalError


def test_cancelling_while_indexes_are_built(small_source: Path, database: Database) -> None:
    """The rows are in; the next run builds the rest."""
    cancel = threading.Event()

    def watch(event: events.Event) -> None:
        if isinstance(event, events.IndexProgress) and event.position == 4:
            cancel.set()

    report = copy(small_source, database, on_event=watch, cancel=cancel)
    assert report.outcome is Outcome.CANCELLED
    assert report.memories_copied == 30
    assert 3 <= len(indexes(database)) <= 4
    assert copy(small_source, database).outcome is Outcome.CLEAN
    assert indexes(database) == WANTED


def vectors_of(sources: Sources, dimension: int) -> Path:
    """A small source with vectors of many dimensions."""
    spec = replace(SMALL_SPEC, memories=6, edges=0, review_events=0, dimension=dimension, domains=1,
                   model_hash=signature(dimension).hash)  # fmt: skip
    return sources.seed(spec)


@pytest.mark.parametrize(
    ("dimension", "expression"),
    [(2_000, "embedding vector_cosine_ops"), (2_001, "((embedding)::halfvec(2001)) halfvec_cosine_ops"), (4_001, None)],
)
def test_hnsw_by_dimension(
    sources: Sources, server: Server, database: Database, dimension: int, expression: str | None
) -> None:
    """``vector`` up to 2,000 dimensions, half-precision up to 4,000, and beyond that none, which is said."""
    if dimension > 2_000 and server.pgvector < HALFVEC_SINCE:
        expression = None
    source = vectors_of(sources, dimension)
    report = copy(source, database)
    assert report.outcome is Outcome.CLEAN
    assert read_tables(database)["knowledge_nodes"] == expected_tables(source)["knowledge_nodes"]
    if expression is None:
        assert HNSW not in indexes(database)
        assert len(report.notices) == 1
        assert f"{dimension:,}" in report.notices[0]
        assert copy(source, database, dry_run=True).notices == report.notices
    else:
        assert indexes(database)[HNSW] == (
            f"public.knowledge_nodes USING hnsw ({expression}) WITH (m='16', ef_construction='64')"
        )
        assert report.notices == []
    names: list[str] = []
    copy(source, database, on_event=built(names))
    assert names == []


def test_without_a_model_there_is_no_hnsw(sources: Sources, database: Database) -> None:
    source = sources.seed()
    edit(source, "DELETE FROM embedding_model")
    copy(source, database)
    assert indexes(database) == {name: on for name, on in WANTED.items() if name != HNSW}


def test_nearest_neighbours_come_from_the_index(sources: Sources, database: Database) -> None:
    """What the index is for: the neighbours of a memory by cosine distance, the same as by brute force."""
    source = sources.seed(SampleSpec(memories=300, edges=0, review_events=0, dimension=32))
    copy(source, database)
    vectors = {
        str(row["id"]): struct.unpack("<32f", row["embedding"])
        for row in expected_tables(source)["knowledge_nodes"].values()
        if row["embedding"]
    }
    asked = next(iter(vectors.values()))
    exact = sorted(vectors, key=lambda name: -sum(x * y for x, y in zip(asked, vectors[name], strict=True)))[:5]
    with database.connect() as connection:
        connection.execute("SET enable_seqscan = off")
        query = "SELECT id::text FROM knowledge_nodes ORDER BY embedding <=> %s::vector LIMIT 5"
        plan = "\n".join(row[0] for row in connection.execute(f"EXPLAIN {query}", (str(list(asked)),)))
        found = [row[0] for row in connection.execute(query, (str(list(asked)),))]
    assert HNSW in plan
    assert found[0] == exact[0]
    assert len(set(found) & set(exact)) >= 4


# The trigger


def test_updated_at_moves_on_update_and_on_nothing_else(small_source: Path, copied_database: Database) -> None:
    wanted = expected_tables(small_source)["knowledge_nodes"]
    assert {key: row["updated_at"] for key, row in read_tables(copied_database)["knowledge_nodes"].items()} == {
        key: row["updated_at"] for key, row in wanted.items()
    }
    first, second, *_ = memory_ids(small_source)
    before = datetime.now(UTC)
    copied_database.execute(f"UPDATE knowledge_nodes SET content = 'new' WHERE id = '{first}'")
    found = {str(key[0]): row for key, row in read_tables(copied_database)["knowledge_nodes"].items()}
    assert found[first]["updated_at"] >= before
    assert found[first]["created_at"] < before
    assert found[second]["updated_at"] < before

    copy(small_source, copied_database)
    assert {str(key[0]): row for key, row in read_tables(copied_database)["knowledge_nodes"].items()} == found


# What is too much for an index


_LETTERS = (string.ascii_lowercase * 10)[:256].encode()


def words(count: int, length: int) -> list[str]:
    """Words of random letters, next to none of them twice."""
    drawn = random.Random(count).randbytes(count * length).translate(_LETTERS).decode()
    return [drawn[start : start + length] for start in range(0, len(drawn), length)]


def huge() -> dict[str, str]:
    """Texts of which a tsvector of the whole would be too long, or that its parser takes apart in many ways."""
    rng = random.Random(1)
    kanji = "".join(rng.choices([chr(point) for point in range(0x4E00, 0x9FA5)], k=350_000))
    rare = [chr(point) for point in range(0x20000, 0x2A6D6)]  # four bytes each in UTF-8
    drawn = "".join(rng.choices(rare, k=240_000))
    return {
        "3 MB of words": " ".join(words(400_000, 7)),
        "1 MB with hyphens": "-".join(words(140_000, 6)),
        "1 MB of hyphenated pairs": " ".join(f"{word[:4]}-{word[4:]}" for word in words(110_000, 8)),
        "1 MB of addresses": " ".join(f"{word[:5]}.{word[5:8]}.com/{word[8:]}/{word}" for word in words(30_000, 12)),
        "1 MB of CJK": " ".join(kanji[start : start + 5] for start in range(0, 300_000, 5)),
        "CJK in one piece": kanji,
        "pairs of rare characters": " ".join(
            f"{drawn[start : start + 2]}-{drawn[start + 2 : start + 4]}" for start in range(0, len(drawn), 4)
        ),
        "single rare characters": " ".join(rare),
        "one word of 3 MB": "x" * 3_000_000,
        "emoji": "🧠" * 500_000,
        "paths and numbers": " ".join(
            f"/{word[:3]}/{word[3:]}.{number}" for number, word in enumerate(words(80_000, 7))
        ),
    }


def test_memories_that_are_too_long_for_a_tsvector(sources: Sources, database: Database) -> None:
    """A tsvector over 1 MB is an error, so a bounded part is indexed; the memory itself arrives whole."""
    source = sources.seed()
    ids = memory_ids(source)
    texts = huge()
    for memory, text in zip(ids, texts.values(), strict=False):
        edit(source, "UPDATE knowledge_nodes SET content = ?, node_type = 'fact' WHERE id = ?", (text, memory))
    tags = json.dumps(words(20_000, 9))
    edit(source, "UPDATE knowledge_nodes SET tags = ? WHERE id = ?", (tags, ids[0]))
    report = copy(source, database)
    assert report.errors == []
    assert read_tables(database)["knowledge_nodes"] == expected_tables(source)["knowledge_nodes"]
    first = texts["3 MB of words"].partition(" ")[0]
    found = database.rows(
        "SELECT id::text FROM knowledge_nodes WHERE search_vec @@ to_tsquery('english', %s)", (first,)
    )
    assert found == [(ids[0],)]


LONG = "".join(random.Random(3).choices(string.ascii_lowercase, k=60_000))


def test_values_that_are_too_long_for_their_indexes(sources: Sources, database: Database) -> None:
    """A long value (60,000 random letters) is no reason for a run to fail when the rows are in already."""
    source = sources.seed()
    edit(source, "UPDATE knowledge_nodes SET node_type = ? WHERE rowid = 7", (LONG,))
    edit(source, "UPDATE knowledge_nodes SET codebase = ? WHERE rowid = 8", (LONG,))
    edit(source, "UPDATE knowledge_nodes SET tags = ? WHERE rowid = 9", (f'["{LONG}"]',))
    edit(source, "UPDATE knowledge_nodes SET domains = ? WHERE rowid = 10", (f'["{LONG}"]',))
    edit(source, "UPDATE edges SET edge_type = ? WHERE rowid = 7", (LONG,))
    report = copy(source, database)
    assert report.outcome.finished
    assert report.memories_copied >= 26
    assert copy(source, database).tables["knowledge_nodes"].inserted == 0


def test_a_vector_that_half_precision_cannot_hold(sources: Sources, server: Server, database: Database) -> None:
    """Beyond 2,000 dimensions the index is of half-precision numbers, which end at 65,504."""
    if server.pgvector < HALFVEC_SINCE:
        pytest.skip("this pgvector has no half-precision numbers")
    source = vectors_of(sources, 2_500)
    blob = struct.pack("<2500f", 1e6, *[0.5] * 2_499)
    edit(source, "UPDATE knowledge_nodes SET embedding = ? WHERE rowid = 3", (blob,))
    report = copy(source, database)
    assert report.outcome is Outcome.INCOMPLETE
    assert report.incomplete == (MissingPart(PartKind.INDEX, HNSW, "knowledge_nodes", Reason.VALUE_TOO_LARGE),)
    assert report.memories_copied == 6


def test_a_build_asks_for_what_it_needs_and_the_server_may_have(
    copied_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In MB, for vectors of 8 dimensions, where the administrator allows 300 anyway."""
    free = 40_000
    monkeypatch.setattr(build_resources, "free_memory", lambda: free)
    with copied_database.connect() as connection:
        connection.execute("SET maintenance_work_mem = '292969kB'")
        for rows, cache, wanted in ((1_000, "4GB", 300), (400_000, "4GB", 516), (10**7, "4GB", 2_048),
                                    (10**7, "1GB", 536), (10**7, "64MB", 300)):  # fmt: skip
            connection.execute(f"SET effective_cache_size = '{cache}'")
            assert build_memory(connection, graph_size(rows, 8)) == wanted
        assert build_memory(connection) == 300
        connection.execute("RESET maintenance_work_mem")
        assert build_memory(connection) == 256
        connection.execute("SET effective_cache_size = '4GB'")
        free = 900
        here = connection.info.host.startswith("/")
        assert build_memory(connection, graph_size(10**7, 8)) == (450 if here else 2_048)


@pytest.mark.parametrize(
    ("allowed", "highest", "wanted"), [(64, 2_097_151, 2_047), (2_147, 2_097_151, 2_047), (64, 2**31 - 1, 2_048)]
)
def test_no_build_asks_for_more_than_the_setting_takes(allowed: int, highest: int, wanted: int) -> None:
    """On Windows that was less than 2 GB, until PostgreSQL 18."""
    answer = SimpleNamespace(fetchall=lambda: [(10_000, 2**21), (allowed, highest // 1_024)])
    connection = SimpleNamespace(execute=lambda _: answer, info=SimpleNamespace(host="db.example"))
    assert build_memory(cast(Connection, connection), 5_000) == wanted


@pytest.mark.parametrize(
    ("refused", "used", "said"),
    [
        ({}, [Resources.ALL], []),
        ({Resources.ALL: "dsm_impl.c"}, [Resources.ALL, Resources.MEMORY], [Shortage.SHARED_MEMORY]),
        ({Resources.ALL: "dsm_impl.c", Resources.MEMORY: "mcxt.c"}, [*Resources], [*Shortage]),
        ({Resources.ALL: "aset.c"}, [Resources.ALL, Resources.NEITHER], [Shortage.MEMORY]),
    ],
)
def test_a_build_makes_do_with_what_the_server_has(
    refused: dict[Resources, str], used: list[Resources], said: list[Shortage]
) -> None:
    """Without shared memory for its workers, one process keeps the memory that they would have had."""

    class Refused(psycopg.errors.DiskFull):
        def __init__(self, file: str) -> None:
            self.file = file

        @property
        def diag(self) -> psycopg.errors.Diagnostic:
            return cast(psycopg.errors.Diagnostic, SimpleNamespace(source_file=self.file))

    attempts: list[Resources] = []
    noted: list[Shortage] = []

    def build(resources: Resources) -> None:
        attempts.append(resources)
        if resources in refused:
            raise Refused(refused[resources])

    build_with_fallback(build, noted.append)
    assert attempts == used
    assert noted == said
    wanted = {"maintenance_work_mem": "300MB", "max_parallel_maintenance_workers": "7"}
    assert Resources.ALL.limit(wanted) == wanted
    assert Resources.MEMORY.limit(wanted) == {**wanted, "max_parallel_maintenance_workers": "0"}
    assert Resources.NEITHER.limit(wanted) == {"max_parallel_maintenance_workers": "0"}


def test_how_long_the_vector_index_would_take(
    copied_database: Database, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By rows, dimension, memory and workers, in the words that an operator reads."""
    monkeypatch.setattr(index_forecast, "_slowness", lambda _: 1.0)
    monkeypatch.setattr(build_resources, "free_memory", lambda: 40_000)
    monkeypatch.setattr(index_forecast, "own_processors", lambda *_: None)
    with database.connect() as connection:
        destination = replace(inspection.inspect(connection), dimension=256)
        connection.execute("SET max_parallel_maintenance_workers = 1")
        connection.execute("SET effective_cache_size = '1600MB'")
        monkeypatch.setattr(index_forecast, "build_workers", lambda *_: 1)
        small = index_forecast.forecast(connection, destination, 5_000)
        large = index_forecast.forecast(connection, destination, 500_000)
    assert small is not None
    assert index_time(small) == ""
    assert [*index_advice(small)] == []
    assert large is not None
    assert (large.workers, large.memory, large.needed, large.more_workers) == (1, 838, 1_265, 3)
    assert index_time(large) == (
        "Of that, the index for searching by meaning takes about 8 to 23 minutes, with 1 parallel worker and 838 MB of "
        "memory."
    )
    assert index_foretold(small) == ""
    assert index_foretold(large) == (
        "After the rows, the index for searching by meaning will take about 8 to 23 minutes, with 1 parallel worker and "
        "838 MB of memory."
    )
    assert [*index_advice(large)] == [
        "The graph of the search index needs about 1,265 MB. If the server has the memory, maintenance_work_mem = "
        "'1265MB' makes it about 1.7 times as fast.",
        "If the server has 4 processors to spare, max_parallel_maintenance_workers = 3 makes the search index about 1.9 "
        "times as fast.",
    ]
    assert "takes about 15 to 41 seconds, with one process" in index_time(replace(large, least=15, most=41, workers=0))
    with copied_database.connect() as connection:
        there = inspection.inspect(connection)
        assert index_forecast.forecast(connection, there, 100) is None, "the index is there"
        connection.execute(f"DROP INDEX {HNSW}")
        assert index_forecast.forecast(connection, there, 100) is not None


def test_a_copy_foretells_the_vector_index(
    small_source: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, before the first row, where there are many vectors and the index is to be built; the report keeps it."""
    assert copy(small_source, database).index_estimate is None, "of so few vectors it takes no time"
    monkeypatch.setattr(index_foretelling, "FEWEST", 1)
    assert copy(small_source, database).index_estimate is None, "the index is there"
    database.execute(f"DROP INDEX {HNSW}")
    seen: list[events.Event] = []
    report = copy(small_source, database, on_event=seen.append)
    told = [event for event in seen if isinstance(event, events.IndexForetold)]
    assert report.index_estimate is not None
    assert told == [events.IndexForetold(report.index_estimate)]
    first = next(place for place, event in enumerate(seen) if isinstance(event, events.TableProgress))
    assert seen.index(told[0]) < first
    assert report.as_dict()["index_estimate"]["workers"] == report.index_estimate.workers


NOTE_WORKERS = (
    "CREATE TABLE noted (name text, workers integer)",
    """CREATE FUNCTION note_workers() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           INSERT INTO noted SELECT objid::regclass::text, current_setting('max_parallel_maintenance_workers')::integer
           FROM pg_event_trigger_ddl_commands(); END $$""",
    "CREATE EVENT TRIGGER note_workers ON ddl_command_end WHEN TAG IN ('CREATE INDEX') EXECUTE FUNCTION note_workers()",
)


def workers_of_builds(source: Path, database: Database) -> dict[str, int]:
    """How many parallel workers each index may have while it is built, by its name."""
    database.execute(*NOTE_WORKERS)
    copy(source, database)
    noted = dict(database.rows("SELECT name, workers FROM noted"))
    assert noted.keys() == WANTED.keys()
    return noted


@pytest.mark.parametrize(("chosen", "workers"), [(None, 7), (0, 0), (2, 2), (9, 9)])
def test_the_vector_index_may_use_all_processors_of_this_machine(
    small_source: Path, copied_database: Database, monkeypatch: pytest.MonkeyPatch, chosen: int | None, workers: int
) -> None:
    """Unless a number has been chosen; here is where a server is reached over a socket file."""
    dsn = copied_database.dsn
    if chosen is not None:
        dsn = dsn.with_parameters(options=f"-c max_parallel_maintenance_workers={chosen}")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    with psycopg.connect(dsn.conninfo(), autocommit=True) as connection:
        destination = inspection.inspect(connection)
        elsewhere = 2 if chosen is None else chosen
        here = dsn.parameters["host"].startswith("/")
        assert build_workers(connection, destination) == (workers if here else elsewhere)
        assert build_workers(connection, replace(destination, pooled=True)) == elsewhere


def test_processors_for_the_vector_index_alone(
    small_source: Path, database: Database, tcp_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a server that is reached over TCP the number is unknown."""
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert set(workers_of_builds(small_source, tcp_database).values()) == {2}
    workers = workers_of_builds(small_source, database)
    assert workers.pop(HNSW) == (7 if database.dsn.parameters["host"].startswith("/") else 2)
    assert set(workers.values()) == {2}


@pytest.mark.parametrize(
    "other",
    [
        "CREATE INDEX other ON knowledge_nodes USING hnsw (embedding vector_l2_ops)",
        "CREATE INDEX other ON knowledge_nodes (created_at) WHERE node_type = 'fact'",
    ],
)
def test_an_index_that_is_only_alike_is_not_enough(small_source: Path, copied_database: Database, other: str) -> None:
    name = HNSW if "hnsw" in other else "idx_knowledge_nodes_created_at"
    copied_database.execute(f"DROP INDEX {name}", other)
    copy(small_source, copied_database)
    assert {name, "other"} <= indexes(copied_database).keys()
