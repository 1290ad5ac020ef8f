"""The independent reading against rows that are worked out by hand: what other tests compare with has to be right."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.support.reading import Reading, read_source
from vestige_tui.core.verify.expectation.values import Broken, real, uuid
from vestige_tui.core.verify.expectation.vectors import Model, cut

ID = "5b0c1d2e-0000-4000-8000-00000000000a"
NOMIC = "nomic-ai/nomic-embed-text-v1.5"


def floats(*values: float) -> bytes:
    """A vector as Vestige stores it."""
    return struct.pack(f"<{len(values)}f", *values)


def reading_of(path: Path, *statements: str | tuple[str, Sequence[Any]], dimension: int = 2) -> Reading:
    """Read a file that these statements make."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(*((statement, ()) if isinstance(statement, str) else statement))
    return read_source(path, dimension, NOMIC)


def memory(reading: Reading) -> dict[str, Any]:
    """The one memory that arrives."""
    (row,) = reading.rows["knowledge_nodes"].values()
    return row


@pytest.mark.parametrize(
    ("value", "found", "kind"),
    [
        (2.5, 2.5, None),
        (2**53, 9007199254740992.0, None),
        (2**53 + 1, 9007199254740992.0, "bad_number"),
        ("9007199254740993", 9007199254740992.0, "bad_number"),
        ("0.1", 0.1, None),
        ("1e999", None, "bad_number"),
        ("1e-999", None, "bad_number"),
        ("0e-999", 0.0, None),
        (b"1", None, "bad_number"),
    ],
)
def test_numbers(value: object, found: float | None, kind: str | None) -> None:
    if kind is None:
        assert real(value) == found
        return
    with pytest.raises(Broken) as broken:
        real(value)
    assert broken.value.kind == kind
    assert found is None or broken.value.instead == found


@pytest.mark.parametrize("spelled", [ID, ID.upper(), ID.replace("-", ""), f"{{{ID}}}", f"urn:uuid:{ID}"])
def test_ids(spelled: str) -> None:
    assert uuid(spelled) == UUID(ID)


def test_cutting_a_vector() -> None:
    """3 and 4 among zeros have length 5; what comes after the 256th element counts for nothing."""
    long = floats(3.0, *[0.0] * 254, 4.0, *[7.0] * 512)
    assert cut(long) == floats(struct.unpack("<f", struct.pack("<f", 3 / 5))[0], *[0.0] * 254, 4 / 5)
    assert cut(bytes(4 * 768)) == bytes(4 * 256)


def test_names_are_those_of_sqlite(tmp_path: Path) -> None:
    """Another case, another order, a generated column and a view: all of them are read, extra columns as spelled."""
    reading = reading_of(
        tmp_path / "vestige.db",
        "CREATE TABLE Knowledge_Nodes (Tags TEXT, CONTENT TEXT, Id TEXT, CREATED_AT TEXT, updated_at TEXT, Kind TEXT,"
        " Node_Type TEXT GENERATED ALWAYS AS (lower(Kind)) VIRTUAL)",
        ("INSERT INTO knowledge_nodes (id, content, created_at, updated_at, tags, kind) VALUES (?, 'c', ?, ?, '[\"t\"]', 'IDEA')",
         (ID, "2026-01-02 03:04:05", "2026-01-02 03:04:05")),
        "CREATE TABLE people (id TEXT, handle TEXT)",
        f"INSERT INTO people VALUES ('{ID}', 'ada')",
        "CREATE VIEW USERS AS SELECT * FROM people",
    )  # fmt: skip
    found = memory(reading)
    assert (found["tags"], found["node_type"], found["metadata"]) == (["t"], "idea", {"Kind": "IDEA"})
    assert [row["handle"] for row in reading.rows["users"].values()] == ["ada"]
    assert reading.left_behind == {}  # the view shows every row and column of its table


def test_what_metadata_takes_along(tmp_path: Path) -> None:
    """A column whose name is a key already, a key that comes twice, and the whole of what was cut."""
    node_type = "é" * 1301
    reading = reading_of(
        tmp_path / "vestige.db",
        "CREATE TABLE knowledge_nodes (id, content, created_at, updated_at, node_type, metadata, mood, a)",
        ("INSERT INTO knowledge_nodes VALUES (?, 'c', ?, ?, ?, ?, 'calm', x'00ff')",
         (ID, "2026-01-02 03:04:05", "2026-01-02 03:04:05", node_type,
          '{"mood": 1, "mood (column)": 2, "b": {"x": 1, "x": 2}, "node_type": 3}')),
    )  # fmt: skip
    found = memory(reading)
    assert found["node_type"] == "é" * 1300
    assert found["metadata"] == {
        "mood": 1, "mood (column)": 2, "b": {"x": 2}, "node_type": 3, "mood (column 2)": "calm", "a": {"base64": "AP8="},
        "node_type (column)": node_type,
    }  # fmt: skip
    assert {(field, kind) for _, _, field, kind, _ in reading.complaints} == {
        ("node_type", "too_long_for_index"),
        ("metadata", "duplicate_json_key"),
    }
    assert reading.renamed == {("knowledge_nodes", "mood"): 1}


def test_which_vector_counts(tmp_path: Path) -> None:
    """The mirror counts where its profile is active; labels are not believed; ids are compared as ids."""
    profile = "nomic-v1.5-legacy-raw-256"
    statements: list[str | tuple[str, Sequence[Any]]] = [
        "CREATE TABLE knowledge_nodes (id, content, created_at, updated_at, last_accessed, has_embedding)",
        (
            "INSERT INTO knowledge_nodes VALUES (?, 'c', ?, ?, '', 1)",
            (ID, "2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ),
        "CREATE TABLE node_embeddings (node_id, embedding, model)",
        ("INSERT INTO node_embeddings VALUES (?, ?, 'all-MiniLM-L6-v2')", (ID.upper(), floats(*[1.0] * 256))),
        "CREATE TABLE embedding_profile_state (singleton, active_profile_id)",
        f"INSERT INTO embedding_profile_state VALUES (1, '{profile}')",
    ]
    reading = reading_of(tmp_path / "legacy.db", *statements, dimension=256)
    assert reading.model == Model(NOMIC, 256)
    assert memory(reading)["embedding"] == floats(*[1.0] * 256)

    other = "UPDATE embedding_profile_state SET active_profile_id = 'nomic-v1.5-retrieval-v1-256'"
    reading = reading_of(tmp_path / "other.db", *statements, other, dimension=256)
    assert memory(reading)["embedding"] is None
    assert [group.fate for group in reading.vectors] == ["other_space"]

    stale = "UPDATE knowledge_nodes SET has_embedding = 0"
    reading = reading_of(tmp_path / "stale.db", *statements, stale, dimension=256)
    assert memory(reading)["embedding"] is None
    assert list(reading.complaints) == [("knowledge_nodes", ID, "embedding", "stale_vector", True)]
