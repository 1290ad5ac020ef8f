"""Sample databases in the seed's layout ("layout A", ``vestige-schemas.md`` section 3)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from vestige_tui.sample import clock, registry, v15
from vestige_tui.sample.chance import pick
from vestige_tui.sample.database import Row, columns, create_table, insert, new_database
from vestige_tui.sample.memories import Memory, json_list, memories, schedule
from vestige_tui.sample.people import Membership, Party, People
from vestige_tui.sample.phrases import FILES, PEOPLE
from vestige_tui.sample.relations import Review, edges, reviews
from vestige_tui.sample.spec import DEFAULT_SPEC, SampleSpec
from vestige_tui.sample.world import World

VERSIONS = range(11, 16)
"""Versions of this layout; 11 is the oldest the seed knows."""

_ENCODE = json.JSONEncoder(ensure_ascii=False).encode

_NODE = """
    id TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    node_type TEXT NOT NULL DEFAULT 'fact',
    tags TEXT NOT NULL DEFAULT '[]',
    embedding BLOB,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}'
"""
_DOMAIN_COLUMNS = ("domains TEXT NOT NULL DEFAULT '[]'", "domain_scores TEXT NOT NULL DEFAULT '{}'")
_MEMORY = "REFERENCES knowledge_nodes(id) ON DELETE CASCADE"

_TABLES = (
    (11, "knowledge_nodes", _NODE),
    (11, "scheduling", f"""
    memory_id TEXT PRIMARY KEY {_MEMORY},
    stability REAL NOT NULL DEFAULT 1.0,
    difficulty REAL NOT NULL DEFAULT 5.0,
    retrievability REAL NOT NULL DEFAULT 1.0,
    last_review TEXT,
    next_review TEXT,
    reps INTEGER NOT NULL DEFAULT 0,
    lapses INTEGER NOT NULL DEFAULT 0
"""),
    (11, "edges", f"""
    source_id TEXT NOT NULL {_MEMORY},
    target_id TEXT NOT NULL {_MEMORY},
    edge_type TEXT NOT NULL,
    weight REAL NOT NULL DEFAULT 1.0,
    created_at TEXT NOT NULL,
    PRIMARY KEY (source_id, target_id)
"""),
    (12, "review_events", f"""
    id TEXT PRIMARY KEY,
    memory_id TEXT NOT NULL {_MEMORY},
    occurred_at TEXT NOT NULL,
    retrievability_before REAL,
    retrievability_after REAL,
    rating INTEGER,
    kind TEXT NOT NULL DEFAULT 'review',
    metadata TEXT NOT NULL DEFAULT '{{}}'
"""),
    (14, "domains", registry.DOMAINS),
    (14, "embedding_model", registry.EMBEDDING_MODEL),
)  # fmt: skip
"""Tables by the version that brings them; :mod:`vestige_tui.sample.v15` adds the rest."""

_INDEXES = (
    (11, "idx_nodes_created ON knowledge_nodes(created_at, id)"),
    (11, "idx_nodes_type ON knowledge_nodes(node_type)"),
    (11, "idx_scheduling_next_review ON scheduling(next_review)"),
    (11, "idx_edges_target ON edges(target_id)"),
    (12, "idx_review_events_memory ON review_events(memory_id, occurred_at)"),
    (15, "idx_nodes_owner ON knowledge_nodes(owner_user_id)"),
)


def create_seed_sample(path: Path, spec: SampleSpec = DEFAULT_SPEC, *, version: int = 15) -> None:
    """Write a new database in the seed's layout, with ``user_version`` set to ``version`` and no ``schema_version``.

    Version 11 has no ``review_events``, 12 and 13 have; 14 adds ``domains``, ``embedding_model`` and the domain
    columns; 15 adds users, groups, memberships and the four columns that refer to them. Before 15 a memory's code
    base is in its metadata under ``codebase``, where the seed's fallback looks for it. Every memory has one row of
    ``scheduling``, except those whose flaw is their id.

    Raises:
        FileExistsError: ``path`` exists.
        FileNotFoundError: its folder does not.
        ValueError: no such version.
    """
    if version not in VERSIONS:
        raise ValueError(f"the seed's layout has versions {VERSIONS[0]} to {VERSIONS[-1]}, not {version}")
    with new_database(path) as connection:
        world = World(spec)
        _create_tables(connection, version)
        _write_memories(connection, world)
        _write_relations(connection, world, version)
        if version >= 14:
            registry.write_domains(connection, world)
            registry.write_model(connection, world)
        if version >= 15:
            _write_people(connection, People(world))
        for since, index in _INDEXES:
            if version >= since:
                connection.execute(f"CREATE INDEX {index}")
        connection.execute(f"PRAGMA user_version = {version}")


def _create_tables(connection: sqlite3.Connection, version: int) -> None:
    for since, table, body in _TABLES:
        if version >= since:
            create_table(connection, table, body)
    if version >= 14:
        for column in _DOMAIN_COLUMNS:
            connection.execute(f"ALTER TABLE knowledge_nodes ADD COLUMN {column}")
    if version >= 15:
        v15.create_v15_parts(connection)


def _write_memories(connection: sqlite3.Connection, world: World) -> None:
    names = columns(connection, "knowledge_nodes")
    insert(connection, "knowledge_nodes", names, _node_rows(world, names))
    schedules = (_schedule_row(world, world.linked(position)) for position in range(world.linked_count))
    insert(connection, "scheduling", columns(connection, "scheduling"), schedules)


def _node_rows(world: World, names: list[str]) -> Iterator[Row]:
    """Yield rows of ``knowledge_nodes``: values for all versions' columns, of which the table takes what it has."""
    people = People(world)
    for memory in memories(world):
        values = _node(world, memory) | people.ownership(memory)._asdict()
        values["metadata"] = _metadata(world, memory, keep_codebase="codebase" not in names)
        yield [values[name] for name in names]


def _node(world: World, memory: Memory) -> dict[str, object]:
    embedding = world.embedding(memory.number)
    return {
        "id": memory.id,
        "content": memory.content,
        "node_type": memory.node_type,
        "tags": json_list(memory.tags),
        "embedding": embedding.vector if embedding else None,
        **memory.stamps,
        "domains": json_list(tuple(memory.scores)),
        "domain_scores": json.dumps(memory.scores),
        "codebase": memory.codebase,
    }


def _metadata(world: World, memory: Memory, *, keep_codebase: bool) -> str:
    """Return a JSON object with a handful of keys, some of them nested, some beyond ASCII; or the memory's flaw."""
    flaw = world.flaws.get(memory.number)
    if flaw and flaw.column == "metadata":
        return flaw.value
    rng = memory.rng
    first = int(rng.random() * len(_METADATA))
    keys = (_METADATA * 2)[first : first + pick(rng, (0, 1, 2, 3, 5))]
    metadata = {key: value(rng, memory) for key, value in keys}
    if keep_codebase and memory.codebase:
        metadata["codebase"] = memory.codebase
    return _ENCODE(metadata) if rng.random() < 0.8 else json.dumps(metadata)


_METADATA: tuple[tuple[str, Callable[[Random, Memory], object]], ...] = (
    ("source", lambda rng, _: {"kind": pick(rng, ("chat", "commit", "import")), "session": int(rng.random() * 9_999)}),
    ("confidence", lambda rng, _: round(0.4 + 0.6 * rng.random(), 3)),
    ("author", lambda rng, _: pick(rng, PEOPLE)),
    ("files", lambda rng, _: [pick(rng, FILES), pick(rng, FILES)]),
    ("importance", lambda rng, _: pick(rng, ("low", "normal", "high", None))),
    (
        "context",
        lambda rng, memory: {"branch": f"fix/{memory.topic.slug}", "editor": {"line": int(rng.random() * 900)}},
    ),
    ("verified", lambda rng, _: rng.random() < 0.5),
    ("comment", lambda rng, _: pick(rng, ("später prüfen", "voir l’annexe", "要確認", "👍 merged", 'said "fine"'))),
)
"""Keys of the metadata, and what stands under them."""


def _schedule_row(world: World, number: int) -> Row:
    state = schedule(world, number)
    return (
        world.memory_id(number),
        state.stability,
        state.difficulty,
        state.retrievability,
        clock.text(state.last_review) if state.last_review else None,
        clock.text(state.next_review) if state.next_review else None,
        state.reps,
        state.lapses,
    )


def _write_relations(connection: sqlite3.Connection, world: World, version: int) -> None:
    insert(connection, "edges", ("source_id", "target_id", "edge_type", "weight", "created_at"), edges(world))
    if version >= 12:
        insert(connection, "review_events", Review._fields, reviews(world))


def _write_people(connection: sqlite3.Connection, people: People) -> None:
    insert(connection, "users", Party._fields, people.users)
    insert(connection, "groups", Party._fields, people.groups)
    insert(connection, "group_memberships", Membership._fields, people.memberships())
