"""What a source says, worked out with the standard library: the rows that a copy of it has to write.

For sound sources only: a value that cannot be read raises. Rules and names are those of the specification and of
``vestige-schemas.md``; nothing of ``vestige_tui.core`` is used.
"""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from tests.support.destination import KEYS, Key, Row

BOOTSTRAP_USER = UUID("00000000-0000-0000-0000-000000000001")

_MAPPED = {
    "id", "content", "node_type", "tags", "embedding", "created_at", "updated_at", "metadata", "domains",
    "domain_scores", "owner_user_id", "visibility", "shared_with_groups", "codebase",
}  # fmt: skip
_SCHEDULED = {
    "stability", "difficulty", "retention_strength", "last_accessed", "next_review", "reps", "lapses",
}  # fmt: skip
"""Columns of the published ``knowledge_nodes`` that become a row of ``scheduling``."""


def expected_tables(source: Path) -> dict[str, dict[Key, Row]]:
    """By table and key, every row that a copy of ``source`` has to bring to an empty destination."""
    with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        columns = {row[1] for row in connection.execute("PRAGMA table_info(knowledge_nodes)")}
        published = "last_accessed" in columns

        def read(table: str, make: Callable[[sqlite3.Row], Row]) -> list[Row]:
            return [make(row) for row in connection.execute(f'SELECT * FROM "{table}"')] if table in tables else []

        vectors = _published_vectors(connection, tables) if published else {}
        rows: dict[str, list[Row]] = {
            "users": read("users", _party),
            "groups": read("groups", _party),
            "group_memberships": read("group_memberships", _membership),
            "knowledge_nodes": read(
                "knowledge_nodes", lambda row: _published_memory(row, vectors) if published else _memory(row)
            ),
            "scheduling": (
                read("knowledge_nodes", _published_schedule) if published else read("scheduling", _schedule)
            ),
            "edges": read("memory_connections", _connection) if published else read("edges", _edge),
            "review_events": read("review_events", _review_event),
            "domains": read("domains", _domain),
        }
    return {table: _by_key(table, found) for table, found in rows.items()}


def _by_key(table: str, rows: Iterable[Row]) -> dict[Key, Row]:
    keyed = {}
    for row in rows:
        key = tuple(row[name] for name in KEYS[table])
        assert key not in keyed, f"two rows of {table} have the key {key}"
        keyed[key] = row
    return keyed


def _party(row: sqlite3.Row) -> Row:
    return {
        "id": UUID(row["id"]),
        "handle": row["handle"],
        "display_name": row["display_name"],
        "created_at": moment(row["created_at"]),
        "metadata": json.loads(row["metadata"]),
    }


def _membership(row: sqlite3.Row) -> Row:
    return {
        "user_id": UUID(row["user_id"]),
        "group_id": UUID(row["group_id"]),
        "role": row["role"],
        "joined_at": moment(row["joined_at"]),
    }


def _memory(row: sqlite3.Row) -> Row:
    return _common(row) | {
        "embedding": row["embedding"],
        "metadata": json.loads(row["metadata"]),
        "codebase": row["codebase"],
    }


def _common(row: sqlite3.Row) -> Row:
    names = row.keys()
    return {
        "id": UUID(row["id"]),
        "content": row["content"],
        "node_type": row["node_type"],
        "tags": json.loads(row["tags"]),
        "created_at": moment(row["created_at"]),
        "updated_at": moment(row["updated_at"]),
        "owner_user_id": UUID(row["owner_user_id"]),
        "visibility": row["visibility"],
        "shared_with_groups": [UUID(group) for group in json.loads(row["shared_with_groups"])],
        "domains": json.loads(row["domains"]) if "domains" in names else [],
        "domain_scores": json.loads(row["domain_scores"]) if "domain_scores" in names else {},
    }


def _published_memory(row: sqlite3.Row, vectors: dict[str, bytes]) -> Row:
    tagged = [tag.removeprefix("codebase:") for tag in json.loads(row["tags"]) if tag.startswith("codebase:")]
    others = {name: row[name] for name in row.keys() if name not in _MAPPED | _SCHEDULED}  # noqa: SIM118
    return _common(row) | {
        "embedding": vectors.get(row["id"]),
        "metadata": {name: value for name, value in others.items() if value is not None},
        "codebase": row["codebase"] or (tagged[0] if tagged else None),
    }


def _published_vectors(connection: sqlite3.Connection, tables: set[str]) -> dict[str, bytes]:
    """The vector of each memory: the active profile's where there is one, else that of ``node_embeddings``."""
    vectors = {row["node_id"]: row["embedding"] for row in connection.execute("SELECT * FROM node_embeddings")}
    if "embedding_profile_vectors" in tables:
        (active,) = connection.execute("SELECT active_profile_id FROM embedding_profile_state").fetchone()
        for row in connection.execute("SELECT * FROM embedding_profile_vectors WHERE profile_id = ?", (active,)):
            vectors[row["node_id"]] = row["embedding"]
    return vectors


def _schedule(row: sqlite3.Row) -> Row:
    return {
        "memory_id": UUID(row["memory_id"]),
        **{name: row[name] for name in ("stability", "difficulty", "retrievability", "reps", "lapses")},
        "last_review": moment(row["last_review"]),
        "next_review": moment(row["next_review"]),
    }


def _published_schedule(row: sqlite3.Row) -> Row:
    return {
        "memory_id": UUID(row["id"]),
        **{name: row[name] for name in ("stability", "difficulty", "reps", "lapses")},
        "retrievability": row["retention_strength"],
        "last_review": moment(row["last_accessed"]),
        "next_review": moment(row["next_review"]),
    }


def _edge(row: sqlite3.Row) -> Row:
    return {
        "source_id": UUID(row["source_id"]),
        "target_id": UUID(row["target_id"]),
        "edge_type": row["edge_type"],
        "weight": row["weight"],
        "created_at": moment(row["created_at"]),
    }


def _connection(row: sqlite3.Row) -> Row:
    return {
        "source_id": UUID(row["source_id"]),
        "target_id": UUID(row["target_id"]),
        "edge_type": row["link_type"],
        "weight": row["strength"],
        "created_at": moment(row["created_at"]),
    }


def _review_event(row: sqlite3.Row) -> Row:
    return {
        "id": UUID(row["id"]),
        "memory_id": UUID(row["memory_id"]),
        "occurred_at": moment(row["occurred_at"]),
        **{name: row[name] for name in ("retrievability_before", "retrievability_after", "rating", "kind")},
        "metadata": json.loads(row["metadata"]),
    }


def _domain(row: sqlite3.Row) -> Row:
    return {
        "id": row["id"],
        "label": row["label"],
        "centroid": row["centroid"],
        "top_terms": json.loads(row["top_terms"]),
        "memory_count": row["memory_count"],
        "created_at": moment(row["created_at"]),
    }


def moment(text: str | None) -> datetime | None:
    """A timestamp of Vestige's in any of its three forms, digits after the microseconds cut; empty text is None."""
    if not text:
        return None
    whole, point, fraction = text.partition(".")
    if point:
        digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
        text = f"{whole}.{digits[:6].ljust(6, '0')}{fraction[len(digits) :]}"
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def floats(blob: bytes) -> tuple[float, ...]:
    """The float32 values of a vector as Vestige stores it."""
    return struct.unpack(f"<{len(blob) // 4}f", blob)
