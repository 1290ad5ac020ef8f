"""Opening a source without leaving a trace, understanding it, and reading it as of one moment."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.destination import read_tables
from tests.support.expected import expected_tables
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import SMALL_SPEC, Sources, edit, memory_ids, query, signature
from vestige_tui.core import events
from vestige_tui.core.destination.writer import TableWriter
from vestige_tui.core.errors import SourceError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.source.describe import Layout, SourceDescription, describe
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader
from vestige_tui.sample import SampleSpec

ODD_NAMES = [
    "vestige.db",
    "my memories.db",
    "what?.db",
    "what?mode=rwc",
    "no#1.db",
    "100%.db",
    "%41.db",
    "a&b=c;d.db",
    "Gedächtnis – 記憶 🧠.db",
    "quote'double\"back\\slash.db",
    "new\nline.db",
    ":memory:",
    "file:x.db",
    "-option.db",
    "folder with spaces/what?/no#1/50%20/vestige.db",
]


def state(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file of a folder: a hash of its bytes, its time of change, its mode."""
    return {
        str(file.relative_to(folder)): (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
            file.stat().st_mode,
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


# Paths


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_path_is_taken_literally(sources: Sources, name: str) -> None:
    """The file that was named is the one that is read, and no other one comes into being."""
    source = sources.seed(name=name)
    before = state(sources.folder)
    found = describe(source)
    assert found.path == source
    assert found.rows["knowledge_nodes"] == 30
    assert state(sources.folder) == before


def test_a_path_below_the_working_folder(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    source = sources.seed(name="what?#.db")
    monkeypatch.chdir(source.parent)
    assert describe(Path(source.name)).rows["knowledge_nodes"] == 30


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
def test_a_path_that_is_not_unicode(sources: Sources) -> None:
    source = sources.seed(name=os.fsdecode(b"caf\xe9.db"))
    assert describe(source).rows["knowledge_nodes"] == 30


def test_a_symbolic_link(sources: Sources, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(sources.seed())
    assert describe(link).rows["knowledge_nodes"] == 30


def test_an_odd_path_is_copied_whole(sources: Sources, database: Database) -> None:
    source = sources.seed(name="what?/no#1/50%20 ü.db")
    report = copy(source, database)
    assert (report.outcome, report.memories_copied) == (Outcome.CLEAN, 30)
    assert report.source.path == str(source)


# Files that are no source


def problem(path: Path) -> SourceError:
    with pytest.raises(SourceError) as caught:
        describe(path)
    assert caught.value.state is DataState.NOTHING_CHANGED
    assert str(path) in caught.value.what
    assert caught.value.remedy
    return caught.value


def test_missing_file(tmp_path: Path) -> None:
    assert "does not exist" in problem(tmp_path / "nothing here.db").what
    assert "does not exist" in problem(tmp_path / "no" / "such" / "folder.db").what
    assert list(tmp_path.iterdir()) == []


def test_folder(tmp_path: Path) -> None:
    assert "is a folder" in problem(tmp_path).what


def test_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "vestige.db"
    path.touch()
    assert "is empty" in problem(path).what
    assert path.read_bytes() == b""


@pytest.mark.parametrize(
    "content",
    [b"just some notes\n", b"SQLite format 3", b"SQLite format 3\n" + bytes(100), b"\0" * 4096, bytes(range(256)) * 64],
    ids=["text", "too short", "other magic", "zeros", "encrypted"],
)
def test_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "vestige.db"
    path.write_bytes(content)
    error = problem(path)
    assert "not a plain SQLite database" in error.what
    assert "encrypted" in error.what
    assert path.read_bytes() == content


def test_header_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "vestige.db"
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    assert "not a plain SQLite database" in problem(path).what


@pytest.mark.parametrize(
    "schema", ["CREATE TABLE t (x)", "CREATE TABLE knowledge_nodes (x)", "CREATE TABLE users (id, handle)"]
)
def test_database_of_another_program(tmp_path: Path, schema: str) -> None:
    path = tmp_path / "vestige.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(schema)
    assert "not one of Vestige" in problem(path).what


def test_no_permission(sources: Sources) -> None:
    source = sources.seed()
    source.chmod(0)
    try:
        if os.access(source, os.R_OK):
            pytest.skip("root may read every file")
        assert problem(source).what == f"{source} may not be read by this user."
    finally:
        source.chmod(0o600)


def test_damaged_page(sources: Sources) -> None:
    """A page that cannot be right ends the reading in plain words; what SQLite says is kept as the cause."""
    source = sources.seed()
    with source.open("r+b") as file:
        file.seek(8192 * 2)
        file.write(b"\xee" * 8192 * 6)
    with pytest.raises(SourceError) as caught, open_source(source) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            connection.execute(f'SELECT * FROM "{name}"').fetchall()
    assert "damaged" in caught.value.what
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)


# No trace is left


@pytest.mark.parametrize("journal", ["wal", "delete"])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_copy_leaves_the_source_as_it_was(sources: Sources, database: Database, journal: str, dry_run: bool) -> None:
    """Byte for byte, with its time of change, and nothing beside it that was not there."""
    source = sources.seed()
    with closing(sqlite3.connect(source)) as connection:
        assert connection.execute(f"PRAGMA journal_mode = {journal}").fetchone() == (journal,)
    os.utime(source, (1_700_000_000, 1_700_000_000))
    before = state(sources.folder)
    assert list(before) == ["vestige.db"]
    assert copy(source, database, dry_run=dry_run).memories_copied == 30
    assert state(sources.folder) == before


def test_a_failed_copy_leaves_the_source_as_it_was(
    sources: Sources, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = sources.seed()
    before = state(sources.folder)

    def fall_over(*_: object) -> None:
        raise RuntimeError("writer")

    monkeypatch.setattr(TableWriter, "write", fall_over)
    with pytest.raises(RuntimeError, match="writer"):
        copy(source, database)
    assert state(sources.folder) == before


def test_the_connection_can_write_nothing(sources: Sources) -> None:
    source = sources.seed()
    with pytest.raises(SourceError), open_source(source) as connection:
        connection.execute("DELETE FROM knowledge_nodes")
    with pytest.raises(SourceError), open_source(source) as connection:
        connection.execute("PRAGMA query_only = 0")
        connection.execute("DELETE FROM knowledge_nodes")
    assert len(memory_ids(source)) == 30


def test_two_readers_at_once(sources: Sources) -> None:
    source = sources.seed()
    before = state(sources.folder)
    with open_source(source) as first, open_source(source) as second:
        for connection in (first, second):
            assert connection.execute("SELECT count(*) FROM knowledge_nodes").fetchone() == (30,)
    assert state(sources.folder) == before


def test_a_read_only_file_in_a_read_only_folder(sources: Sources, database: Database) -> None:
    source = sources.seed()
    source.chmod(0o400)
    source.parent.chmod(0o500)
    try:
        assert copy(source, database).memories_copied == 30
        assert [file.name for file in source.parent.iterdir()] == ["vestige.db"]
    finally:
        source.parent.chmod(0o700)


# A source that another program writes to


CRASHED_WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("UPDATE knowledge_nodes SET content = 'only in the WAL'")
connection.execute("BEGIN")
connection.execute("UPDATE knowledge_nodes SET content = 'never committed'")
os._exit(1)
"""


@pytest.mark.parametrize("with_index", [True, False], ids=["with -shm", "without -shm"])
def test_what_is_still_in_the_wal_is_read(sources: Sources, database: Database, with_index: bool) -> None:
    """Vestige was killed: its last memories are in the WAL alone, and the files stay as they are."""
    source = sources.seed()
    subprocess.run([sys.executable, "-c", CRASHED_WRITER, str(source)], check=False)
    index = source.with_name("vestige.db-shm")
    if not with_index:
        index.unlink()
    before = state(sources.folder)
    assert "vestige.db-wal" in before

    assert copy(source, database).memories_copied == 30
    assert database.rows("SELECT DISTINCT content FROM knowledge_nodes") == [("only in the WAL",)]
    after = state(sources.folder)
    assert after["vestige.db"] == before["vestige.db"]
    assert after["vestige.db-wal"] == before["vestige.db-wal"]
    assert after.keys() == before.keys()


def test_a_writer_at_work_does_not_tear_the_copy(sources: Sources, database: Database) -> None:
    """Between two batches another program deletes, adds and changes memories: the copy is of the moment it began."""
    source = sources.seed()
    wanted = expected_tables(source)
    ids = memory_ids(source)
    with closing(sqlite3.connect(source, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 1")

        def write(event: events.Event) -> None:
            if isinstance(event, events.TableProgress) and event.table == "users":
                writer.execute("DELETE FROM knowledge_nodes WHERE id = ?", (ids[20],))
                writer.execute("DELETE FROM scheduling")
                writer.execute("UPDATE knowledge_nodes SET content = 'late', created_at = '2030-01-01T00:00:00Z'")
                writer.execute("DROP TABLE review_events")
            if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes":
                writer.execute("DELETE FROM edges WHERE rowid IN (SELECT rowid FROM edges LIMIT 2)")

        report = copy(source, database, on_event=write, batch_size=7)
        assert writer.execute("SELECT count(*) FROM scheduling").fetchone() == (0,)
    assert report.outcome is Outcome.CLEAN
    found = read_tables(database)
    for table in ("knowledge_nodes", "scheduling", "edges", "review_events"):
        assert found[table] == wanted[table], table


def test_a_writer_that_never_stops(sources: Sources, database: Database) -> None:
    """Pairs of counters that a writer always changes together are never seen apart."""
    source = sources.seed(SampleSpec(memories=400, edges=0, review_events=0, dimension=4))
    edit(source, "UPDATE knowledge_nodes SET node_type = '0'")
    edit(source, "UPDATE scheduling SET reps = 0")
    stop, changes = threading.Event(), [0]

    def keep_writing() -> None:
        with closing(sqlite3.connect(source, isolation_level=None, timeout=30)) as writer:
            while not stop.is_set():
                changes[0] += 1
                writer.execute("BEGIN IMMEDIATE")
                writer.execute("UPDATE knowledge_nodes SET node_type = ?", (str(changes[0]),))
                writer.execute("UPDATE scheduling SET reps = ?", (changes[0],))
                writer.execute("COMMIT")

    thread = threading.Thread(target=keep_writing)
    thread.start()
    try:
        while changes[0] < 3:
            pass
        report = copy(source, database, batch_size=20)
    finally:
        stop.set()
        thread.join()
    assert report.outcome is Outcome.CLEAN
    ((types, reps, one, other),) = database.rows(
        "SELECT count(DISTINCT node_type), count(DISTINCT reps), min(node_type)::int, min(reps)"
        " FROM knowledge_nodes JOIN scheduling ON memory_id = id"
    )
    assert (types, reps) == (1, 1)
    assert one == other


def test_an_exclusive_lock_is_explained(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    source = sources.seed()
    with closing(sqlite3.connect(source, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = delete")
        writer.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("vestige_tui.core.source.opening.connect.__defaults__", (0.1,))
        assert "locked by another program" in problem(source).what


# What a file is


@pytest.mark.parametrize("version", range(1, 39))
def test_published_layout_of_every_version(sources: Sources, version: int) -> None:
    spec = SampleSpec(memories=12, edges=9, review_events=9, domains=3, dimension=8, model_hash=signature(8).hash)
    source = sources.published(version, spec, v15=False)
    found = describe(source)
    assert found.layout is Layout.PUBLISHED
    assert (found.user_version, found.schema_version, found.version) == (0, version, version)
    assert not found.has_v15
    assert len(found.missing_v15) == 7
    assert found.rows == {
        "knowledge_nodes": 12,
        "scheduling": 12,
        **({"edges": 9} if version >= 3 else {}),
        **({"domains": 3} if version >= 16 else {}),
    }
    assert settled_vectors(found) == {(8, Fate.COPIED): query(source, "SELECT count(*) FROM node_embeddings")[0][0]}
    registered = ModelSignature(spec.model_name, 8, spec.model_hash)
    assert found.registered == (registered if version >= 16 else None)
    assert found.profile == ("nomic-v1.5-legacy-raw-256" if version >= 28 else None)
    assert found.model == (registered if version >= 16 else ModelSignature(spec.model_name, 8))
    assert found.journal_mode == "wal"
    assert found.left_behind == left_behind(source)
    assert ("intentions" in found.left_behind) == (version >= 3)
    assert found.size == source.stat().st_size


def settled_vectors(found: SourceDescription) -> dict[tuple[int | None, Fate], int]:
    """How many vectors of each dimension and fate there are, but for those that a copy of theirs supersedes, and those
    of profiles that Vestige does not use.
    """
    counts: Counter[tuple[int | None, Fate]] = Counter()
    for group in found.vectors:
        if group.fate not in (Fate.SUPERSEDED, Fate.OTHER_SPACE):
            counts[group.dimension, group.fate] += group.count
    return dict(counts)


def left_behind(source: Path) -> dict[str, int]:
    """Rows of the tables that have no destination, by the names that published Vestige gave its tables."""
    ours = {"knowledge_nodes", "node_embeddings", "memory_connections", "schema_version", "domains", "embedding_model",
            "embedding_profiles", "embedding_profile_state", "embedding_profile_vectors", "users", "groups",
            "group_memberships"}  # fmt: skip
    names = [row[0] for row in query(source, "SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {
        name: query(source, f'SELECT count(*) FROM "{name}"')[0][0]
        for name in names
        if name not in ours and not name.startswith(("sqlite_", "knowledge_fts"))
    }
    counts |= {
        f"memory_connections.{name}": query(source, f"SELECT count({name}) FROM memory_connections")[0][0]
        for name in ("last_activated", "activation_count")
        if "memory_connections" in names
    }
    return {name: count for name, count in counts.items() if count}


@pytest.mark.parametrize("version", range(11, 16))
def test_seed_layout_of_every_version(sources: Sources, version: int) -> None:
    found = describe(sources.seed(version=version))
    assert found.layout is Layout.SEED
    assert (found.user_version, found.schema_version, found.version) == (version, None, version)
    assert found.has_v15 == (version == 15)
    assert found.rows == {
        "knowledge_nodes": 30,
        "scheduling": 30,
        "edges": 20,
        **({"review_events": 15} if version >= 12 else {}),
        **({"domains": 3} if version >= 14 else {}),
        **({"users": 4, "groups": 2, "group_memberships": 4} if version >= 15 else {}),
    }
    assert found.registered == (signature(8) if version >= 14 else None)
    assert found.left_behind == {}


def test_v15_is_a_matter_of_parts_not_of_numbers(sources: Sources) -> None:
    """A number below 15, or none at all, with all parts; and a number of 15 without them."""
    complete = sources.published(13)
    assert describe(complete).has_v15
    assert describe(complete).version == 13
    unnumbered = sources.seed(name="unnumbered.db")
    edit(unnumbered, "PRAGMA user_version = 0")
    assert describe(unnumbered).has_v15
    assert describe(unnumbered).version == 15
    claimed = sources.seed(version=14, name="claimed.db")
    edit(claimed, "PRAGMA user_version = 15")
    assert not describe(claimed).has_v15


def test_the_larger_marker_counts(sources: Sources) -> None:
    source = sources.published(13)
    edit(source, "PRAGMA user_version = 15")
    found = describe(source)
    assert (found.user_version, found.schema_version, found.version) == (15, 13, 15)


def test_what_vectors_say_of_their_model(sources: Sources) -> None:
    """Their length counts, not what a column says of it; the model of most of them is the file's."""
    source = sources.published(13)
    total = query(source, "SELECT count(*) FROM node_embeddings")[0][0]
    ids = [row[0] for row in query(source, "SELECT node_id FROM node_embeddings ORDER BY node_id")]
    edit(source, "UPDATE node_embeddings SET dimensions = 768")
    for memory in ids[:3]:
        edit(source, "UPDATE node_embeddings SET embedding = zeroblob(48), model = 'all-MiniLM-L6-v2' WHERE node_id = ?",
             (memory,))  # fmt: skip
    for memory in ids[3:5]:
        edit(source, "UPDATE node_embeddings SET embedding = zeroblob(20) WHERE node_id = ?", (memory,))
    edit(source, "UPDATE node_embeddings SET embedding = x'' WHERE node_id = ?", (ids[5],))
    edit(source, "UPDATE node_embeddings SET embedding = 'text' WHERE node_id = ?", (ids[6],))
    found = describe(source)
    name = SMALL_SPEC.model_name
    table = "node_embeddings"
    assert set(found.vectors) == {
        VectorGroup(table, None, name, 8, total - 7, Fate.COPIED),
        VectorGroup(table, None, "all-MiniLM-L6-v2", 12, 3, Fate.OTHER_MODEL),
        VectorGroup(table, None, name, 5, 2, Fate.WRONG_DIMENSION),
        VectorGroup(table, None, name, None, 2, Fate.UNUSABLE),  # the text, and the empty one
    }
    assert found.model == ModelSignature(name, 8, "unknown")


@pytest.mark.parametrize(
    ("column", "value"), [("name", None), ("dimension", "big"), ("dimension", 0), ("dimension", None)]
)
def test_a_registry_that_makes_no_sense_registers_nothing(sources: Sources, column: str, value: Any) -> None:
    source = sources.seed()
    edit(source, "CREATE TABLE loose AS SELECT * FROM embedding_model")
    edit(source, "DROP TABLE embedding_model")
    edit(source, "ALTER TABLE loose RENAME TO embedding_model")
    edit(source, f"UPDATE embedding_model SET {column} = ?", (value,))
    found = describe(source)
    assert found.registered is None
    assert found.dimension == 8


def test_a_registry_without_a_hash(sources: Sources) -> None:
    source = sources.seed()
    edit(source, "UPDATE embedding_model SET hash = ''")
    assert describe(source).registered == ModelSignature(SMALL_SPEC.model_name, 8, "unknown")


# How it is read


@pytest.mark.parametrize("layout", ["seed", "published"])
def test_memories_come_in_the_order_of_their_creation(sources: Sources, layout: str) -> None:
    """By ``created_at`` and then ``id``, as texts, whatever order the file has them in."""
    source = sources.seed() if layout == "seed" else sources.published(35)
    for number, memory in enumerate(memory_ids(source)):
        created = f"2026-01-{(number * 7) % 10 + 1:02d}T00:00:00Z"
        edit(source, "UPDATE knowledge_nodes SET created_at = ? WHERE id = ?", (created, memory))
    wanted = query(source, "SELECT id FROM knowledge_nodes ORDER BY created_at, id")
    with open_source(source) as connection:
        table = describe(source).sources["knowledge_nodes"]
        batches = list(TableReader(connection, table, dimension=8, model=None).batches(7))
    assert [len(batch.records) for batch in batches] == [7, 7, 7, 7, 2]
    assert [batch.read for batch in batches] == [7, 7, 7, 7, 2]
    assert [record.key for batch in batches for record in batch.records] == wanted


def test_keys_are_the_sources_own_texts(sources: Sources) -> None:
    source = sources.seed()
    first = memory_ids(source)[0]
    edit(source, "UPDATE knowledge_nodes SET id = ? WHERE id = ?", ("{" + first.upper() + "}", first))
    with open_source(source) as connection:
        table = describe(source).sources["knowledge_nodes"]
        (batch,) = TableReader(connection, table, dimension=8, model=None).batches(500)
    keys = [record.key for record in batch.records]
    assert ("{" + first.upper() + "}",) in keys
    assert (first,) not in keys


def test_tables_without_rowid(sources: Sources, database: Database) -> None:
    source = sources.seed()
    wanted = expected_tables(source)
    edit(source, "CREATE TABLE other (memory_id TEXT PRIMARY KEY, stability, difficulty, retrievability, last_review,"
                 " next_review, reps, lapses) WITHOUT ROWID")  # fmt: skip
    edit(source, "INSERT INTO other SELECT * FROM scheduling")
    edit(source, "DROP TABLE scheduling")
    edit(source, "ALTER TABLE other RENAME TO scheduling")
    assert copy(source, database, batch_size=4).outcome is Outcome.CLEAN
    assert read_tables(database)["scheduling"] == wanted["scheduling"]


def test_more_columns_than_are_known(sources: Sources, database: Database) -> None:
    """What a later Vestige adds to a memory goes along in ``metadata``, beside a key of the same name."""
    source = sources.seed()
    edit(source, 'ALTER TABLE knowledge_nodes ADD COLUMN "Odd ""name""" TEXT')
    edit(source, "ALTER TABLE knowledge_nodes ADD COLUMN score REAL")
    edit(source, "ALTER TABLE knowledge_nodes ADD COLUMN picture BLOB")
    first, second, *_ = memory_ids(source)
    edit(source, 'UPDATE knowledge_nodes SET metadata = \'{"score": "mine"}\', score = 0.5, "Odd ""name""" = \'ü"\','
                 " picture = x'00ff' WHERE id = ?", (first,))  # fmt: skip
    edit(source, "UPDATE knowledge_nodes SET metadata = '{}' WHERE id = ?", (second,))
    assert copy(source, database).outcome is Outcome.CLEAN
    metadata = dict(database.rows("SELECT id::text, metadata FROM knowledge_nodes"))
    assert metadata[first] == {
        "score": "mine", "score (column)": 0.5, 'Odd "name"': 'ü"', "picture": {"base64": "AP8="},
    }  # fmt: skip
    assert metadata[second] == {}


def test_a_missing_optional_column_is_filled_without_a_word(sources: Sources, database: Database) -> None:
    source = sources.seed()
    edit(source, "DROP INDEX idx_nodes_type")
    for column in ("node_type", "tags", "metadata", "domain_scores"):
        edit(source, f"ALTER TABLE knowledge_nodes DROP COLUMN {column}")
    assert copy(source, database).errors == []
    assert database.rows("SELECT DISTINCT node_type, tags, metadata, domain_scores FROM knowledge_nodes") == [
        ("fact", [], {}, {})
    ]


def test_a_copy_of_the_file_is_the_same_source(sources: Sources, tmp_path: Path) -> None:
    source = sources.seed()
    shutil.copyfile(source, tmp_path / "copy.db")
    assert describe(source).rows == describe(tmp_path / "copy.db").rows
