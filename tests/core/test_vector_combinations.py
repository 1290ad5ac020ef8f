"""Files of every version with the facts of Vestige's history in every combination, compared with another reading."""

from __future__ import annotations

import random
import sqlite3
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.hostile import assert_foretold
from tests.support.reading import Reading, read_source
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sizes import sized
from tests.support.sources import MODEL_NAME, Sources
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.problems import NIL_UUID
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import KNOWLEDGE_NODES
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.source.describe import describe, describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader
from vestige_tui.core.verify.expectation.vectors import LEGACY_PROFILE, Model
from vestige_tui.sample import SampleSpec

SPEC = SampleSpec(memories=40, edges=0, review_events=0, dimension=256, model_name=MODEL_NAME)
QWEN = "Qwen/Qwen3-Embedding-0.6B"
RETRIEVAL, WIDE = "nomic-v1.5-retrieval-v1-256", "qwen3-0.6b-retrieval-v1-1024"
VERSIONS = range(1, 40)


def blob(chance: random.Random, elements: int) -> bytes:
    return struct.pack(f"<{elements}f", *(chance.uniform(-1, 1) for _ in range(elements)))


def spelled(chance: random.Random, memory: str) -> str:
    how = (str.upper, lambda text: text.replace("-", ""), "{{{}}}".format, "urn:uuid:{}".format, "x{}".format)
    return chance.choice(how)(memory)


def labels(chance: random.Random) -> list[str]:
    """The labels that a file has: one of them most often."""
    known = [MODEL_NAME, "nomic-embed-text-v1.5", "all-MiniLM-L6-v2", QWEN, LEGACY_PROFILE, "BAAI/bge-base-en-v1.5"]
    return chance.choices(known, k=3) + [chance.choice(known[:3])] * 4


def spoil(connection: sqlite3.Connection, chance: random.Random, version: int) -> None:
    """Change a file of a version: each kind of change in about every second file, and there in some of the rows."""
    wanted = {fact: chance.random() < 0.5 for fact in
              ("spelled", "labels", "long", "broken", "stale", "orphans", "own", "profile", "pending")}  # fmt: skip
    tables = ["node_embeddings", *(["embedding_profile_vectors"] if version >= 28 else [])]
    for table in tables:
        for rowid, memory in connection.execute(f"SELECT rowid, node_id FROM {table}").fetchall():
            for column, value in _changes(wanted, chance, memory):
                connection.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE rowid = ?", (value, rowid))
    if version >= 28:
        _profiles(connection, chance, wanted)
    memories = [memory for (memory,) in connection.execute("SELECT id FROM knowledge_nodes ORDER BY id")]
    if wanted["stale"]:
        for memory in chance.sample(memories, 6):
            connection.execute("UPDATE knowledge_nodes SET has_embedding = 0 WHERE id = ?", (memory,))
    if wanted["orphans"]:
        for number in range(1, 4):
            _add(connection, str(UUID(int=number)), blob(chance, 256), chance.choice(labels(chance)))
        for memory in chance.sample(memories, 4):
            _add(connection, spelled(chance, memory), blob(chance, 256), chance.choice(labels(chance)))
    if wanted["own"]:
        connection.execute("ALTER TABLE knowledge_nodes ADD COLUMN embedding BLOB")
        for memory in chance.sample(memories, 8):
            value = chance.choice([b"", blob(chance, 256), blob(chance, 768), b"\0\0\0"])
            connection.execute("UPDATE knowledge_nodes SET embedding = ? WHERE id = ?", (value, memory))


def _changes(wanted: dict[str, bool], chance: random.Random, memory: str) -> Iterator[tuple[str, object]]:
    if wanted["spelled"] and chance.random() < 0.4:
        yield "node_id", spelled(chance, memory)
    if wanted["labels"]:
        yield "model", chance.choice(labels(chance))
    if wanted["long"] and chance.random() < 0.5:
        yield "embedding", blob(chance, 768)
    if wanted["broken"] and chance.random() < 0.2:
        yield "embedding", chance.choice([b"", b"\0\0\0\0\0", blob(chance, 8), bytes(1024), bytes(3072)])


def _add(connection: sqlite3.Connection, memory: str, vector: bytes, model: str) -> None:
    connection.execute("INSERT OR IGNORE INTO node_embeddings (node_id, embedding, dimensions, model, created_at)"
                 " VALUES (?, ?, 0, ?, '2026-01-01')", (memory, vector, model))  # fmt: skip


def _profiles(connection: sqlite3.Connection, chance: random.Random, wanted: dict[str, bool]) -> None:
    if wanted["pending"]:
        connection.execute("DELETE FROM embedding_profile_vectors WHERE rowid % 3 = 0")
    if not wanted["profile"]:
        return
    profile, model, dimension = chance.choice([(RETRIEVAL, MODEL_NAME, 256), (WIDE, QWEN, 1024), ("", "", 0)])
    if not profile:
        connection.execute("DELETE FROM embedding_profile_state")
        return
    connection.execute("INSERT INTO embedding_profiles VALUES (?, ?, ?, 'active', '2026-01-01', '2026-01-01')",
         (profile, model, dimension))  # fmt: skip
    connection.execute("UPDATE embedding_profile_state SET active_profile_id = ?", (profile,))
    for (memory,) in connection.execute("SELECT id FROM knowledge_nodes LIMIT 20"):
        elements = chance.choice([dimension, dimension, 768])
        connection.execute("INSERT INTO embedding_profile_vectors VALUES (?, ?, ?, 0, ?, '2026-01-01')",
             (profile, memory, blob(chance, elements), chance.choice([profile, model])))  # fmt: skip


def made(sources: Sources, version: int, number: int) -> Path:
    """A file of a version, spoilt; the newest adds nothing that concerns vectors."""
    source = sources.published(min(version, 38), SPEC)
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        if version >= 16:
            connection.execute("DELETE FROM embedding_model")
        connection.execute("UPDATE schema_version SET version = ?", (version,))
        spoil(connection, random.Random(f"{version} {number}"), version)
    return source


def reading(source: Path) -> Reading:
    """What the file holds for a copy of its own model."""
    read = read_source(source, 256, MODEL_NAME)
    model = read.model or Model(MODEL_NAME, 256)
    return read if model == Model(MODEL_NAME, 256) else read_source(source, model.dimension, model.name)


def vectors_of(read: Reading) -> dict[UUID, bytes]:
    """The vector of each memory that has one."""
    return {key[0]: row["embedding"] for key, row in read.rows["knowledge_nodes"].items() if row["embedding"]}


def fates(read: Reading) -> Counter[tuple[str, str | None, str | None, int | None, str]]:
    """How many vectors of each kind have each fate."""
    counts: Counter[tuple[str, str | None, str | None, int | None, str]] = Counter()
    for group, count in read.vectors.items():
        counts[group.table, group.profile, group.model, group.dimension, group.fate] += count
    return counts


def counted(groups: Sequence[VectorGroup]) -> Counter[tuple[str, str | None, str | None, int | None, str]]:
    """The same, as the tool says it."""
    return Counter({(group.table, group.profile, group.model, group.dimension, group.fate.value): group.count
                    for group in groups})  # fmt: skip


def vector(record: Record) -> bytes:
    """The vector in a record's field, as a source would have it; empty for NULL."""
    numbers = record.fields[KNOWLEDGE_NODES.position("embedding")][8:]
    return struct.pack(f"<{len(numbers) // 4}f", *struct.unpack(f">{len(numbers) // 4}f", numbers))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_and_combination(sources: Sources, version: int) -> None:
    """The reader gives every vector that counts, bit for bit, and the description says what all others are."""
    for number in range(sized(1, 2)):
        check_combination(made(sources, version, number))


def check_combination(source: Path) -> None:
    """One file of a version."""
    wanted = reading(source)
    with open_source(source) as connection:
        found = describe_open(connection, source)
        model = found.model or ModelSignature(MODEL_NAME, 256)
        reader = TableReader(connection, found.sources["knowledge_nodes"], model.dimension, model.name)
        records = [record for batch in reader.batches(7) for record in batch.records]
    assert (found.model and Model(found.model.name, found.model.dimension)) == wanted.model
    assert counted(found.vectors) == fates(wanted)
    assert {UUID(str(record.key[0])): vector(record) for record in records if vector(record)} == vectors_of(wanted)
    problems = {(problem.row, problem.kind.value) for record in records for problem in record.problems}
    assert problems == {(row, kind) for _, row, field, kind, _ in wanted.complaints
                        if field == "embedding" and row != NIL_UUID}  # fmt: skip


@pytest.mark.parametrize("version", [4, 13, 27, 28, 39])
def test_what_arrives_of_them(sources: Sources, database: Database, version: int) -> None:
    """The same through dry run and copy, to the destination's rows."""
    source = made(sources, version, 100)
    wanted = reading(source)
    preview, report = copy(source, database, dry_run=True), copy(source, database)
    assert_foretold(preview, report)
    assert preview.vectors == report.vectors == describe(source).vectors
    rows = read_tables(database)["knowledge_nodes"]
    assert {key[0]: row["embedding"] for key, row in rows.items() if row["embedding"]} == vectors_of(wanted)


def test_the_combinations_have_everything(sources: Sources) -> None:
    """Every fate comes, or the files above would prove little."""
    seen = {fate for version in (*range(5, 39, 4), 39) for *_, fate in fates(reading(made(sources, version, 0)))}
    assert seen == {fate.value for fate in Fate}
