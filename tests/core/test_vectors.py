"""Which vector arrives with which memory, and what is said of all others: every fact of Vestige's history by itself."""

from __future__ import annotations

import json
import sqlite3
import struct
from array import array
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest

from tests.support.destination import read_tables
from tests.support.hostile import assert_foretold
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import MODEL_NAME, RELEASE, Sources, edit, memory_ids, query
from vestige_tui.cli.inspect import to_json
from vestige_tui.core.model import ModelSignature, signature_hash
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows import vectors
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.source.describe import describe
from vestige_tui.core.verify.expectation.vectors import cut
from vestige_tui.sample import SampleSpec

SPEC = SampleSpec(memories=24, edges=4, review_events=0, dimension=256, model_name=MODEL_NAME)
LEGACY = "nomic-v1.5-legacy-raw-256"
RETRIEVAL = "nomic-v1.5-retrieval-v1-256"
FALSE_LABEL = "all-MiniLM-L6-v2"
QWEN = "Qwen/Qwen3-Embedding-0.6B"


def blob(seed: float, dimension: int = 256) -> bytes:
    """A vector that is unlike those of other seeds."""
    return struct.pack(
        f"<{dimension}f", *(((seed * 7919 + place * 104729) % 1_000) / 500 - 1 for place in range(dimension))
    )


def embedded(source: Path) -> dict[str, bytes]:
    """The vectors of ``node_embeddings`` by memory."""
    return dict(query(source, "SELECT node_id, embedding FROM node_embeddings ORDER BY node_id"))


def arrived(database: Database) -> dict[str, bytes]:
    """The vectors at the destination by memory."""
    rows = read_tables(database)["knowledge_nodes"]
    return {str(key[0]): row["embedding"] for key, row in rows.items() if row["embedding"] is not None}


def fates(groups: Sequence[VectorGroup]) -> dict[tuple[str, str | None, str | None, int | None, Fate], int]:
    """How many vectors each group has."""
    return {(group.table, group.profile, group.model, group.dimension, group.fate): group.count for group in groups}


def copied(source: Path, database: Database) -> MigrationReport:
    """A copy that a dry run has foretold, and whose groups are those of ``inspect``."""
    reported = json.loads(to_json(describe(source)))["vectors"]
    preview = copy(source, database, dry_run=True)
    report = copy(source, database)
    assert_foretold(preview, report)
    assert reported == json.loads(preview.to_json())["vectors"] == json.loads(report.to_json())["vectors"]
    return report


def put(source: Path, table: str, memory: str, vector: bytes | None, **columns: object) -> None:
    """One more row with a vector."""
    names = ["node_id", "embedding", "dimensions", "created_at", *columns]
    values = [memory, vector, len(vector or b"") // 4, "2026-01-01T00:00:00Z", *columns.values()]
    marks = ", ".join("?" * len(names))
    edit(source, f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", values)


def activate(source: Path, profile: str, model: str, dimension: int = 256) -> None:
    """Make a profile the active one."""
    edit(source, "INSERT OR IGNORE INTO embedding_profiles VALUES (?, ?, ?, 'active', '2026-01-01', '2026-01-01')",
         (profile, model, dimension))  # fmt: skip
    edit(source, "UPDATE embedding_profile_state SET active_profile_id = ?", (profile,))


# Spelled otherwise

SPELLINGS = (
    "upper(node_id)",
    "replace(node_id, '-', '')",
    "'{' || node_id || '}'",
    "'urn:uuid:' || node_id",
    "'URN:UUID:{' || upper(replace(node_id, '-', '')) || '}'",
)


@pytest.mark.parametrize("version", [13, 38])
def test_the_memory_of_a_vector_is_spelled_otherwise(sources: Sources, database: Database, version: int) -> None:
    """In every way, one after the other."""
    source = sources.published(version, SPEC)
    wanted = embedded(source)
    tables = ["node_embeddings"] + (["embedding_profile_vectors"] if version == 38 else [])
    ways = " ".join(f"WHEN {number} THEN {spelling}" for number, spelling in enumerate(SPELLINGS))
    for table in tables:
        edit(source, f"UPDATE {table} SET node_id = CASE rowid % {len(SPELLINGS)} {ways} END")
        assert not {*wanted} & {memory for (memory,) in query(source, f"SELECT node_id FROM {table}")}
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted
    assert len(wanted) > 20


def test_the_memory_itself_is_spelled_otherwise(sources: Sources, database: Database) -> None:
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    edit(source, "UPDATE knowledge_nodes SET id = upper(id)")
    edit(source, "UPDATE memory_connections SET source_id = upper(source_id), target_id = upper(target_id)")
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted


def test_several_spellings_are_one_memory(sources: Sources, database: Database) -> None:
    """The first in the order of storage counts, the others are counted."""
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    chosen = next(iter(wanted))
    put(source, "node_embeddings", chosen.upper(), blob(1), model=MODEL_NAME)
    put(source, "node_embeddings", chosen.replace("-", ""), blob(2), model=MODEL_NAME)
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, wanted)
    assert fates(report.vectors) == {
        ("node_embeddings", None, MODEL_NAME, 256, Fate.COPIED): len(wanted),
        ("node_embeddings", None, MODEL_NAME, 256, Fate.SUPERSEDED): 2,
    }


def test_what_is_no_spelling_of_an_id(sources: Sources, database: Database) -> None:
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    odd = ["-{}", "{{{}", "{}}}", "urn:{}", "{}\0", " {}"]
    chosen = dict(zip(wanted, odd, strict=False))
    for memory, spelling in chosen.items():
        edit(source, "UPDATE node_embeddings SET node_id = ? WHERE node_id = ?", (spelling.format(memory), memory))
    report = copied(source, database)
    assert arrived(database) == {memory: vector for memory, vector in wanted.items() if memory not in chosen}
    assert fates(report.vectors)["node_embeddings", None, MODEL_NAME, 256, Fate.NO_MEMORY] == len(odd)


@pytest.mark.parametrize("turned", [False, True])
def test_an_index_that_is_wrong_hides_no_vector(sources: Sources, database: Database, turned: bool) -> None:
    """The index knows no memory, or finds for each one the vector of the next: the table counts."""
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("CREATE TABLE aside AS SELECT rowid AS number, node_id FROM node_embeddings")
        connection.execute(
            "UPDATE node_embeddings SET node_id = 'x' || coalesce("
            "(SELECT a.node_id FROM aside a WHERE a.number > node_embeddings.rowid ORDER BY a.number LIMIT 1),"
            " (SELECT a.node_id FROM aside a ORDER BY a.number LIMIT 1))"
        )
        if turned:
            connection.execute("UPDATE node_embeddings SET node_id = substr(node_id, 2)")
        connection.execute("PRAGMA writable_schema = ON")
        ((root,),) = connection.execute(
            "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_node_embeddings_1'"
        )
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'node_id TEXT PRIMARY KEY', 'node_id TEXT')"
                           " WHERE name = 'node_embeddings'")  # fmt: skip
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'sqlite_autoindex_node_embeddings_1'")
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute("UPDATE node_embeddings SET node_id ="
                           " (SELECT node_id FROM aside WHERE number = node_embeddings.rowid)")  # fmt: skip
        connection.execute("DROP TABLE aside")
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'node_id TEXT', 'node_id TEXT PRIMARY KEY')"
                           " WHERE name = 'node_embeddings'")  # fmt: skip
        connection.execute(
            "INSERT INTO sqlite_schema"
            " VALUES ('index', 'sqlite_autoindex_node_embeddings_1', 'node_embeddings', ?, NULL)",
            (root,),
        )
    memory, vector = next(iter(wanted.items()))
    assert query(source, "SELECT embedding FROM node_embeddings WHERE node_id = ?", (memory,)) != [(vector,)]
    assert len(embedded(source)) == len(wanted)
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted


def test_names_in_another_case(sources: Sources, database: Database) -> None:
    source = sources.published(38, SPEC)
    wanted = embedded(source)
    for table in ("node_embeddings", "embedding_profile_vectors", "embedding_profiles", "embedding_profile_state"):
        for (column,) in query(source, f"SELECT name FROM pragma_table_info('{table}')"):
            edit(source, f"ALTER TABLE {table} RENAME COLUMN {column} TO {column.upper()}")
        edit(source, f"ALTER TABLE {table} RENAME TO {table.title()}x")
        edit(source, f"ALTER TABLE {table.title()}x RENAME TO {table.title()}")
    before = describe(source)
    assert (before.model, before.profile) == (ModelSignature(MODEL_NAME, 256), LEGACY)
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, wanted)
    assert not {name.lower() for name in report.left_behind} & {"node_embeddings", "embedding_profile_vectors"}


def test_two_memories_with_one_id(sources: Sources, database: Database) -> None:
    """The first is kept, and its vector is the one that the second's spelling names."""
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    chosen = next(iter(wanted))
    columns = ", ".join(name for (name,) in query(source, "SELECT name FROM pragma_table_info('knowledge_nodes')"))
    values = columns.replace("id,", "upper(id),", 1).replace("created_at", "'2001-01-01T00:00:00Z'")
    edit(
        source, f"INSERT INTO knowledge_nodes ({columns}) SELECT {values} FROM knowledge_nodes WHERE id = ?", (chosen,)
    )
    report = copied(source, database)
    assert [(error.row, error.kind) for error in report.errors if error.table == "knowledge_nodes"] == [
        (chosen, Kind.DUPLICATE_ID)
    ]
    assert arrived(database) == wanted


def test_a_table_of_vectors_without_numbers(sources: Sources, database: Database) -> None:
    """``WITHOUT ROWID``, and ids spelled otherwise."""
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    for statement in (
        "CREATE TABLE bare (node_id TEXT PRIMARY KEY, embedding BLOB, model TEXT) WITHOUT ROWID",
        "INSERT INTO bare SELECT upper(node_id), embedding, model FROM node_embeddings",
        "DROP TABLE node_embeddings",
        "ALTER TABLE bare RENAME TO node_embeddings",
    ):
        edit(source, statement)
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted


# Several tables


@pytest.mark.parametrize("value", [None, b""])
def test_an_empty_column_hides_no_vector(sources: Sources, database: Database, value: bytes | None) -> None:
    """The first vector that is there counts: the memory's own column, and then ``node_embeddings``."""
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    edit(source, "ALTER TABLE knowledge_nodes ADD COLUMN embedding BLOB")
    edit(source, "UPDATE knowledge_nodes SET embedding = ? WHERE id IN (SELECT node_id FROM node_embeddings)", (value,))
    chosen = next(iter(wanted))
    edit(source, "UPDATE knowledge_nodes SET embedding = ? WHERE id = ?", (blob(1), chosen))
    report = copied(source, database)
    assert report.outcome is Outcome.CLEAN
    assert arrived(database) == wanted | {chosen: blob(1)}
    assert fates(report.vectors)["node_embeddings", None, MODEL_NAME, 256, Fate.SUPERSEDED] == 1


def test_vectors_of_a_seed_file_beside_other_tables(sources: Sources, database: Database) -> None:
    source = sources.seed(SPEC)
    wanted = dict(query(source, "SELECT id, embedding FROM knowledge_nodes WHERE embedding IS NOT NULL"))
    lacking = query(source, "SELECT id FROM knowledge_nodes WHERE embedding IS NULL") or [(next(iter(wanted)),)]
    edit(source, "UPDATE knowledge_nodes SET embedding = NULL WHERE id = ?", lacking[0])
    edit(source, "CREATE TABLE node_embeddings (node_id TEXT PRIMARY KEY, embedding BLOB, model TEXT)")
    edit(source, "INSERT INTO node_embeddings VALUES (?, ?, NULL)", (lacking[0][0], blob(3)))
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted | {lacking[0][0]: blob(3)}


# False labels


def test_the_false_label_is_nomic(sources: Sources, database: Database) -> None:
    """What Vestige 1.x wrote, and 2.0.1 to 2.1.1: the model is registered under its real name."""
    source = sources.published(11, SPEC)
    wanted = embedded(source)
    edit(source, "UPDATE node_embeddings SET model = ?", (FALSE_LABEL,))
    edit(source, "UPDATE node_embeddings SET model = 'nomic-embed-text-v1.5' WHERE rowid % 3 = 0")
    edit(source, "UPDATE node_embeddings SET model = ? WHERE rowid % 3 = 1", (MODEL_NAME,))
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, wanted)
    assert database.rows("SELECT name, dimension, hash FROM embedding_model") == [(MODEL_NAME, 256, "unknown")]
    assert fates(report.vectors) == {("node_embeddings", None, MODEL_NAME, 256, Fate.COPIED): len(wanted)}


def test_a_real_all_minilm_is_another_model(sources: Sources, database: Database) -> None:
    source = sources.published(11, SPEC)
    chosen = next(iter(embedded(source)))
    edit(source, "UPDATE node_embeddings SET model = ?, embedding = ? WHERE node_id = ?",
         (FALSE_LABEL, blob(1, 384), chosen))  # fmt: skip
    report = copied(source, database)
    assert [error.kind for error in report.errors] == [Kind.OTHER_MODEL]
    assert chosen not in arrived(database)
    assert fates(report.vectors)["node_embeddings", None, FALSE_LABEL, 384, Fate.OTHER_MODEL] == 1


def test_a_registry_with_the_false_label(sources: Sources, database: Database) -> None:
    """Its hash is one of the false name, and no longer known."""
    source = sources.published(17, SPEC)
    wanted = embedded(source)
    edit(source, "UPDATE node_embeddings SET model = ?", (FALSE_LABEL,))
    edit(source, "DELETE FROM embedding_model")
    edit(source, "INSERT INTO embedding_model (id, name, dimension, hash, created_at)"
                 f" VALUES (1, '{FALSE_LABEL}', 256, 'abcd', '2026-01-01T00:00:00Z')")  # fmt: skip
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted
    assert database.rows("SELECT name, dimension, hash FROM embedding_model") == [(MODEL_NAME, 256, "unknown")]


# 768 elements and 256


@pytest.mark.parametrize("batch_size", [5, 500])
def test_long_vectors_beside_short_ones_are_cut(sources: Sources, database: Database, batch_size: int) -> None:
    """A file that grew through the versions, most of its vectors old ones."""
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    long = {memory: blob(number, 768) for number, memory in enumerate(sorted(wanted)[4:])}
    for memory, vector in long.items():
        edit(source, "UPDATE node_embeddings SET embedding = ?, model = ? WHERE node_id = ?",
             (vector, FALSE_LABEL, memory))  # fmt: skip
    zeros = min(long)
    long[zeros] = bytes(3072)
    edit(source, "UPDATE node_embeddings SET embedding = ? WHERE node_id = ?", (long[zeros], zeros))
    preview = copy(source, database, dry_run=True)
    report = copy(source, database, batch_size=batch_size)
    assert_foretold(preview, report)
    assert report.outcome is Outcome.CLEAN
    assert arrived(database) == wanted | {memory: cut(vector) for memory, vector in long.items()}
    assert arrived(database)[zeros] == bytes(1024)
    assert fates(report.vectors) == {
        ("node_embeddings", None, MODEL_NAME, 768, Fate.CUT): len(long),
        ("node_embeddings", None, MODEL_NAME, 256, Fate.COPIED): len(wanted) - len(long),
    }
    assert report.source.model == ModelSignature(MODEL_NAME, 256)


def test_long_vectors_alone_stay_as_they_are(sources: Sources, database: Database) -> None:
    source = sources.published(4, SPEC)
    wanted = {memory: blob(number, 768) for number, memory in enumerate(embedded(source))}
    for memory, vector in wanted.items():
        edit(source, "UPDATE node_embeddings SET embedding = ?, model = ? WHERE node_id = ?",
             (vector, FALSE_LABEL, memory))  # fmt: skip
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted
    assert database.rows("SELECT name, dimension FROM embedding_model") == [(MODEL_NAME, 768)]


def test_what_a_cut_cannot_mend(sources: Sources, database: Database) -> None:
    """NaN among the first 256 elements is a problem, and behind them it is gone; another model's 768 are no nomic's."""
    source = sources.published(13, SPEC)
    nan, hidden, other = sorted(embedded(source))[:3]
    broken = struct.pack("<768f", float("nan"), *[1.0] * 767)
    late = struct.pack("<768f", *[1.0] * 767, float("inf"))
    for memory, vector, model in ((nan, broken, MODEL_NAME), (hidden, late, MODEL_NAME), (other, late, QWEN)):
        edit(source, "UPDATE node_embeddings SET embedding = ?, model = ? WHERE node_id = ?", (vector, model, memory))
    report = copied(source, database)
    assert [(error.row, error.kind) for error in report.errors if error.kind is not Kind.OTHER_MODEL] == [
        (nan, Kind.BAD_VECTOR)
    ]
    found = arrived(database)
    assert found[hidden] == cut(late)
    assert {nan, other}.isdisjoint(found)


@pytest.mark.parametrize(
    "values",
    [[1e30], [1e-30], [1e-44], [-0.0], [3.4e38, -3.4e38], [0.1, 0.7, -0.3, 1e-8], [16_777_216.0, 1.0]],
    ids=str,
)
def test_the_arithmetic_is_that_of_float32(values: Sequence[float]) -> None:
    """Overflow, underflow and rounding as the processor does them: a sum in another order or precision differs."""
    numbers = (list(values) * 768)[:768]
    (short,) = vectors.shortened([array("f", numbers).tobytes()])
    total = array("f", [0.0])
    for number in array("f", numbers[:256]):
        (square,) = array("f", [number * number])
        total = array("f", [total[0] + square])
    (norm,) = array("f", [total[0] ** 0.5])
    assert (
        short == array("f", [number / norm if norm > 0 else number for number in array("f", numbers[:256])]).tobytes()
    )


# Profiles


def test_the_model_is_that_of_the_profile(sources: Sources, database: Database) -> None:
    """Whatever stands beside the vector: the model, the profile's id, or a false label."""
    source = sources.published(38, SPEC)
    wanted = embedded(source)
    edit(source, "DELETE FROM embedding_model")
    for number, label in enumerate((LEGACY, FALSE_LABEL, "something/else")):
        edit(source, f"UPDATE embedding_profile_vectors SET model = ? WHERE profile_id = '{LEGACY}' AND rowid % 4 = ?",
             (label, number))  # fmt: skip
        edit(source, f"UPDATE node_embeddings SET model = '{LEGACY}' WHERE rowid % 4 = ?", (number,))
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, wanted)
    assert database.rows("SELECT name, dimension, hash FROM embedding_model") == [(MODEL_NAME, 256, "unknown")]
    groups = fates(report.vectors)
    assert groups["embedding_profile_vectors", LEGACY, MODEL_NAME, 256, Fate.COPIED] == len(wanted)
    assert groups["node_embeddings", None, MODEL_NAME, 256, Fate.SUPERSEDED] == len(wanted)
    assert describe(source).profile == LEGACY


def test_vectors_of_two_spaces_are_not_mixed(sources: Sources, database: Database) -> None:
    """Another profile of the same model and dimension is active: what it has counts, and nothing else."""
    source = sources.published(38, SPEC)
    old = embedded(source)
    activate(source, RETRIEVAL, MODEL_NAME)
    new = {memory: blob(number) for number, memory in enumerate(sorted(old)[:9])}
    for memory, vector in new.items():
        put(source, "embedding_profile_vectors", memory, vector, profile_id=RETRIEVAL, model=RETRIEVAL)
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, new)
    groups = fates(report.vectors)
    assert groups["embedding_profile_vectors", RETRIEVAL, MODEL_NAME, 256, Fate.COPIED] == 9
    assert groups["node_embeddings", None, MODEL_NAME, 256, Fate.OTHER_SPACE] == len(old)
    assert groups["embedding_profile_vectors", LEGACY, MODEL_NAME, 256, Fate.OTHER_SPACE] == len(old)


def test_the_active_profile_is_registered(sources: Sources, database: Database) -> None:
    """Its name and dimension; the registry's hash counts where it is one of those."""
    source = sources.published(38, SPEC)
    activate(source, "qwen3-0.6b-retrieval-v1-1024", QWEN, 1_024)
    memory = next(iter(embedded(source)))
    put(
        source,
        "embedding_profile_vectors",
        memory,
        blob(1, 1_024),
        profile_id="qwen3-0.6b-retrieval-v1-1024",
        model=QWEN,
    )
    report = copied(source, database)
    assert database.rows("SELECT name, dimension, hash FROM embedding_model") == [(QWEN, 1_024, "unknown")]
    assert arrived(database) == {memory: blob(1, 1_024)}
    (notice,) = [notice for notice in report.notices if "hash" in notice]
    assert "--embedder NAME:DIM:HASH" in notice
    assert "compares name, dimension and hash exactly" in notice


@pytest.mark.parametrize("name", [MODEL_NAME, QWEN])
def test_the_hash_of_the_registry_is_one_of_its_name(sources: Sources, name: str) -> None:
    source = sources.published(38, SPEC)
    known = signature_hash(name, 256, RELEASE)
    edit(source, "DELETE FROM embedding_model")
    edit(source, "INSERT INTO embedding_model (id, name, dimension, hash, created_at)"
                 f" VALUES (1, '{name}', 256, '{known}', '2026-01-01T00:00:00Z')")  # fmt: skip
    assert describe(source).model == ModelSignature(MODEL_NAME, 256, known if name == MODEL_NAME else "unknown")


def test_a_profile_that_is_not_described(sources: Sources, database: Database) -> None:
    """The catalogue knows its model; of one that is in neither, the operator has to."""
    source = sources.published(38, SPEC)
    wanted = embedded(source)
    edit(source, "DELETE FROM embedding_model")
    edit(source, "DELETE FROM embedding_profiles")
    assert describe(source).model == ModelSignature(MODEL_NAME, 256)
    edit(source, "UPDATE embedding_profile_state SET active_profile_id = 'home-made'")
    edit(source, f"UPDATE embedding_profile_vectors SET profile_id = 'home-made' WHERE profile_id = '{LEGACY}'")
    found = describe(source)
    assert (found.model, found.dimension) == (None, 256)
    report = copy(source, database, ModelSignature("my/model", 256))
    assert report.outcome is Outcome.CLEAN
    in_profile = {
        memory
        for (memory,) in query(source, "SELECT node_id FROM embedding_profile_vectors WHERE profile_id = 'home-made'")
    }
    assert arrived(database) == {memory: vector for memory, vector in wanted.items() if memory in in_profile}


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM embedding_profile_state", "DROP TABLE embedding_profile_state"],
    ids=["no row", "no table"],
)
def test_a_file_that_does_not_say_which_profile_is_active(sources: Sources, database: Database, statement: str) -> None:
    """Vestige begins with the legacy profile: its vectors count, those that the mirror lacks among them."""
    source = sources.published(38, SPEC)
    wanted = embedded(source)
    edit(source, "DELETE FROM embedding_model")
    edit(source, "DELETE FROM node_embeddings")
    edit(source, statement)
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, wanted)
    assert fates(report.vectors)["embedding_profile_vectors", LEGACY, MODEL_NAME, 256, Fate.COPIED] == len(wanted)


def test_an_old_vector_in_the_mirror_of_a_new_file(sources: Sources, database: Database) -> None:
    source = sources.published(38, SPEC)
    chosen = next(iter(embedded(source)))
    edit(source, "DELETE FROM embedding_profile_vectors WHERE node_id = ?", (chosen,))
    edit(source, "UPDATE node_embeddings SET embedding = ?, model = ? WHERE node_id = ?",
         (blob(5, 768), FALSE_LABEL, chosen))  # fmt: skip
    report = copied(source, database)
    assert report.outcome is Outcome.CLEAN
    assert arrived(database)[chosen] == cut(blob(5, 768))
    assert fates(report.vectors)["node_embeddings", None, MODEL_NAME, 768, Fate.CUT] == 1


# Stale, and of no memory


@pytest.mark.parametrize("version", [1, 13, 38])
def test_a_stale_vector_is_not_copied(sources: Sources, database: Database, version: int) -> None:
    source = sources.published(version, SPEC)
    wanted = embedded(source)
    stale = sorted(wanted)[:3]
    for memory, flag in zip(stale, ("0", "'0'", "0.0"), strict=True):
        edit(source, f"UPDATE knowledge_nodes SET has_embedding = {flag} WHERE id = ?", (memory,))
    edit(source, "UPDATE knowledge_nodes SET has_embedding = NULL WHERE id = ?", (sorted(wanted)[3],))
    report = copied(source, database)
    assert {(error.row, error.field, error.kind, error.copied) for error in report.errors} == {
        (memory, "embedding", Kind.STALE_VECTOR, True) for memory in stale
    }
    assert len(report.errors) == 3
    assert report.tables["knowledge_nodes"].repaired == 3
    assert arrived(database) == {memory: vector for memory, vector in wanted.items() if memory not in stale}
    assert sum(count for (*_, fate), count in fates(report.vectors).items() if fate is Fate.STALE) == 3


def test_the_flag_as_text(sources: Sources, database: Database) -> None:
    """In a table whose columns have no types, it stays one."""
    source = sources.published(13, SPEC)
    chosen = next(iter(embedded(source)))
    edit(source, "CREATE TABLE loose AS SELECT * FROM knowledge_nodes")
    edit(source, "ALTER TABLE loose DROP COLUMN has_embedding")
    edit(source, "ALTER TABLE loose ADD COLUMN has_embedding")
    edit(source, "UPDATE loose SET has_embedding = CASE WHEN id = ? THEN '0' ELSE '1' END", (chosen,))
    edit(source, "DROP TABLE knowledge_nodes")
    edit(source, "ALTER TABLE loose RENAME TO knowledge_nodes")
    assert query(source, "SELECT count(*) FROM knowledge_nodes WHERE typeof(has_embedding) = 'text'") == [(24,)]
    report = copied(source, database)
    assert [(error.row, error.kind) for error in report.errors] == [(chosen, Kind.STALE_VECTOR)]


def test_a_seed_file_knows_no_such_flag(sources: Sources, database: Database) -> None:
    """There it is a column like any other."""
    source = sources.seed(SPEC)
    edit(source, "ALTER TABLE knowledge_nodes ADD COLUMN has_embedding INTEGER DEFAULT 0")
    report = copied(source, database)
    assert report.outcome is Outcome.CLEAN
    assert database.value("SELECT count(embedding) FROM knowledge_nodes") == report.vectors[0].count
    assert database.value("SELECT metadata ->> 'has_embedding' FROM knowledge_nodes LIMIT 1") == "0"


def test_a_number_is_not_taken_for_a_stale_vector(sources: Sources, database: Database) -> None:
    source = sources.published(13, SPEC)
    chosen = next(iter(embedded(source)))
    edit(source, "UPDATE node_embeddings SET embedding = 0 WHERE node_id = ?", (chosen,))
    report = copied(source, database)
    assert [(error.row, error.kind) for error in report.errors] == [(chosen, Kind.BAD_VECTOR)]
    assert fates(report.vectors)["node_embeddings", None, MODEL_NAME, None, Fate.UNUSABLE] == 1


def test_vectors_of_no_memory_are_counted_and_named(sources: Sources, database: Database) -> None:
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    absent = [str(UUID(int=number)) for number in range(1, 13)]
    for memory in absent:
        put(source, "node_embeddings", memory, blob(1), model=MODEL_NAME)
    report = copied(source, database)
    assert (report.outcome, arrived(database)) == (Outcome.CLEAN, wanted)
    (group,) = [group for group in report.vectors if group.fate is Fate.NO_MEMORY]
    assert (group.count, group.named) == (12, tuple(absent[:10]))


def test_they_do_not_decide_which_model_it_is(sources: Sources, database: Database) -> None:
    source = sources.published(13, SPEC)
    wanted = embedded(source)
    for number in range(1, 60):
        put(source, "node_embeddings", str(UUID(int=number)), blob(1), model=QWEN)
    assert copied(source, database).outcome is Outcome.CLEAN
    assert arrived(database) == wanted


def test_an_empty_centroid_is_none(sources: Sources, database: Database) -> None:
    source = sources.seed(SPEC)
    edit(source, "UPDATE domains SET centroid = x''")
    report = copied(source, database)
    assert (report.outcome, report.domains_copied) == (Outcome.CLEAN, SPEC.domains)
    assert database.value("SELECT count(centroid) FROM domains") == 0


def test_ids_and_memories_with_all_of_it_at_once(sources: Sources, database: Database) -> None:
    """Sums add up: every vector of the file is in one group."""
    source = sources.published(38, SPEC)
    memories = memory_ids(source)
    edit(source, "UPDATE node_embeddings SET node_id = upper(node_id)")
    edit(source, f"DELETE FROM embedding_profile_vectors WHERE profile_id = '{LEGACY}' AND rowid % 2 = 0")
    edit(source, "UPDATE node_embeddings SET model = ? WHERE rowid % 5 = 0", (QWEN,))
    edit(source, "UPDATE node_embeddings SET embedding = x'' WHERE rowid % 7 = 0")
    edit(source, "UPDATE knowledge_nodes SET has_embedding = 0 WHERE rowid % 6 = 0")
    put(source, "node_embeddings", "note-7", blob(1), model=MODEL_NAME)
    report = copied(source, database)
    ((total,),) = query(
        source, "SELECT (SELECT count(*) FROM node_embeddings) + (SELECT count(*) FROM embedding_profile_vectors)"
    )
    assert sum(group.count for group in report.vectors) == total
    usable = sum(group.count for group in report.vectors if group.fate is Fate.COPIED)
    assert len(arrived(database)) == usable
    assert report.memories_copied == len(memories)
    assert {error.kind for error in report.errors} <= {Kind.STALE_VECTOR, Kind.OTHER_MODEL, Kind.BAD_VECTOR}
