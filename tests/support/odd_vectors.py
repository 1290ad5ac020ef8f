"""Files of published Vestige whose vectors are in every state that Vestige's history has left them in: a strategy."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.support.odd_sources import LEGACY, OTHER_PROFILE, RETRIEVAL

NOMIC, QWEN, BGE = "nomic-ai/nomic-embed-text-v1.5", "Qwen/Qwen3-Embedding-0.6B", "BAAI/bge-base-en-v1.5"
PROFILES = {LEGACY: NOMIC, RETRIEVAL: NOMIC, OTHER_PROFILE: QWEN}
HAVE_PROFILES = 28

SIZES = (256, 256, 256, 768, 384, 0, 255.5)
"""Elements of a vector; half of one is too many bytes for 255."""

LABELS = (NOMIC, NOMIC, "all-MiniLM-L6-v2", "nomic-embed-text-v1.5", QWEN, BGE, LEGACY, RETRIEVAL)
SPELLINGS: tuple[Callable[[str], str], ...] = (
    str, str, str.upper, lambda text: text.replace("-", ""), "{{{}}}".format, "urn:uuid:{}".format, lambda text: f"{text}x",
)  # fmt: skip


@dataclass(frozen=True)
class VectorFact:
    """One vector: by number the memory that it is for, in which profile it is (None: the mirror, "own": the memory's row),
    how long it is, what is written beside it and how the memory's id is spelled.
    """

    memory: int
    place: str | None
    size: float
    label: str
    spelling: int

    def put(self, connection: sqlite3.Connection, ids: list[str]) -> None:
        """Write it; one that is there already stays."""
        node = SPELLINGS[self.spelling](ids[self.memory])
        length = int(4 * self.size)
        blob = bytes((self.memory * 31 + place * 7 + 1) % 120 for place in range(length))
        values: dict[str, object] = {"node_id": node, "embedding": blob, "dimensions": max(1, length // 4),
                                     "model": self.label, "created_at": "2026-01-01 00:00:00"}  # fmt: skip
        if self.place == "own":
            connection.execute("UPDATE knowledge_nodes SET embedding = ? WHERE id = ?", (blob, ids[self.memory]))
            return
        if self.place is not None:
            values["profile_id"] = self.place
        table = "node_embeddings" if self.place is None else "embedding_profile_vectors"
        connection.execute(
            f"INSERT OR IGNORE INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})",
            [*values.values()],
        )


@dataclass(frozen=True)
class VectorFacts:
    """All vectors of a file of a ``version``, which profile is active, which memories are stale, and whether a registry
    names the model.
    """

    version: int
    active: str
    registered: bool
    vectors: tuple[VectorFact, ...]
    stale: tuple[int, ...]

    def apply(self, source: Path) -> None:
        """Replace the vectors of a sample of the version."""
        with closing(sqlite3.connect(source)) as connection, connection:
            ids = [row[0] for row in connection.execute("SELECT id FROM knowledge_nodes ORDER BY id")]
            connection.execute("DELETE FROM node_embeddings")
            if any(vector.place == "own" for vector in self.vectors):
                connection.execute("ALTER TABLE knowledge_nodes ADD COLUMN embedding BLOB")
            if self.version >= HAVE_PROFILES:
                for table in ("vectors", "manifests", "state"):
                    connection.execute(f"DELETE FROM embedding_profile_{table}")
                connection.execute("DELETE FROM embedding_profiles")
                connection.executemany(
                    "INSERT INTO embedding_profiles VALUES (?, ?, 256, 'ready', '2026-01-01', '2026-01-01')",
                    PROFILES.items(),
                )
                if self.active:
                    connection.execute(
                        "INSERT INTO embedding_profile_state (singleton, active_profile_id, activated_at, updated_at)"
                        " VALUES (1, ?, '2026-01-01', '2026-01-01')",
                        (self.active,),
                    )
            if (
                not self.registered
                and connection.execute("SELECT 1 FROM pragma_table_list('embedding_model')").fetchone()
            ):
                connection.execute("DELETE FROM embedding_model")
            for vector in self.vectors:
                vector.put(connection, ids)
            connection.execute("UPDATE knowledge_nodes SET has_embedding = 1")
            for number in self.stale:
                connection.execute("UPDATE knowledge_nodes SET has_embedding = 0 WHERE id = ?", (ids[number],))


@st.composite
def vector_facts(draw: st.DrawFn, memories: int) -> VectorFacts:
    """Some vectors for a sample of so many memories, in any version of published Vestige."""
    version = draw(st.sampled_from([1, 4, 13, 16, 22, 28, 31, 35, 38]))
    places: list[str | None] = [None, None, "own"] if draw(st.integers(0, 3)) == 0 else [None]
    if version >= HAVE_PROFILES:
        places += [*PROFILES, LEGACY]
    fact = st.builds(
        VectorFact,
        st.integers(0, memories - 1),
        st.sampled_from(places),
        st.sampled_from(SIZES),
        st.sampled_from(LABELS),
        st.integers(0, len(SPELLINGS) - 1),
    )
    return VectorFacts(
        version,
        draw(st.sampled_from([LEGACY, LEGACY, RETRIEVAL, OTHER_PROFILE, "", "gone"])),
        draw(st.booleans()),
        tuple(draw(st.lists(fact, min_size=memories // 2, max_size=3 * memories))),
        tuple(draw(st.lists(st.integers(0, memories - 1), max_size=3, unique=True))),
    )
