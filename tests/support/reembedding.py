"""Re-embedding a store, and what must hold of it at any moment and at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.destination import Row, read_table
from tests.support.embedders import HashEmbedder
from tests.support.servers import Database
from vestige_tui.core.destination.indexes import takes_dimension
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.reembed import events
from vestige_tui.core.reembed.events import Watcher
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.report import ReembedOutcome, ReembedReport
from vestige_tui.core.reembed.run import run_reembed
from vestige_tui.core.reembed.state import ReembedState, look

OPERATOR = "<=>"


def reembed(
    database: Database | Dsn,
    embedder: HashEmbedder | None,
    *,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    waits: Waits = DEFAULT_WAITS,
    **options: Any,
) -> ReembedReport:
    """Run a re-embedding and check what its report says of itself."""
    dsn = database.dsn if isinstance(database, Database) else database
    options.setdefault("batch_size", 8)
    report = run_reembed(ReembedPlan(dsn, **options), embedder, on_event=on_event, cancel=cancel, waits=waits)
    assert (report.refused_count > 0) == (report.outcome is ReembedOutcome.INCOMPLETE)
    return report


def state_of(database: Database) -> ReembedState:
    """What a re-embedding has left in a store."""
    with database.connect() as connection:
        return look(connection)


def memories(database: Database) -> dict[str, Row]:
    """Every memory by its id; vectors are little-endian float32 bytes."""
    with database.connect() as connection:
        rows = read_table(connection, "knowledge_nodes")
    assert rows is not None
    return {str(row["id"]): row for row in rows.values()}


def expected_vectors(rows: dict[str, Row], embedder: HashEmbedder) -> dict[str, bytes | None]:
    """The vector that each memory should have: none where its text is empty or refused."""
    full = [memory for memory, row in rows.items() if row["content"].strip()]
    made = embedder.embed([rows[memory]["content"] for memory in full], threading.Event()) if full else []
    vectors = {memory: vector if type(vector) is bytes else None for memory, vector in zip(full, made, strict=True)}
    return dict.fromkeys(rows) | vectors


def assert_embedded(database: Database, embedder: HashEmbedder) -> None:
    """All of the store is of this embedder: vectors, dimension, registry, and a valid index that finds a memory."""
    rows = memories(database)
    assert {memory: row["embedding"] for memory, row in rows.items()} == expected_vectors(rows, embedder)
    signature = embedder.model_signature()
    assert database.rows("SELECT id, name, dimension, hash FROM embedding_model") == [
        (1, signature.name, signature.dimension, signature.hash)
    ]
    assert type_of(database) == f"vector({signature.dimension})"
    version = database.value("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    is_indexed = takes_dimension(signature.dimension, version)
    assert vector_index(database) == (usual_index(signature.dimension) if is_indexed else None)


def type_of(database: Database, column: str = "embedding") -> str:
    """The type of a column of memories."""
    return str(
        database.value(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 'knowledge_nodes'::regclass AND attname = %s",
            (column,),
        )
    )


def usual_index(dimension: int) -> str:
    """The keys of the vector index that a copy would build."""
    if dimension <= 2_000:
        return "embedding vector_cosine_ops"
    return f"((embedding)::halfvec({dimension})) halfvec_cosine_ops"


def vector_index(database: Database) -> str | None:
    """The keys of the valid vector index of memories under its usual name, None where there is none."""
    found = database.rows(
        "SELECT substring(pg_get_indexdef(indexrelid) FROM 'USING hnsw \\((.*)\\) WITH') FROM pg_index"
        " WHERE indexrelid = to_regclass('idx_knowledge_nodes_embedding_hnsw') AND indisvalid"
    )
    return found[0][0] if found else None


@contextmanager
def nothing_else_changes(database: Database) -> Iterator[None]:
    """Whatever happens in the block, memories keep every value but their vectors; ``updated_at`` above all."""
    before = _but_vectors(database)
    yield
    assert _but_vectors(database) == before


def _but_vectors(database: Database) -> dict[str, Row]:
    return {
        memory: {name: value for name, value in row.items() if not name.startswith("embedding")}
        for memory, row in memories(database).items()
    }
