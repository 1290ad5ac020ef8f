"""A few rows for the tables of the published layout that have no place in PostgreSQL.

A migration must name them and their row counts. What they say matters little, so their columns are filled by name and
type instead of table by table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from vestige_tui.sample import clock
from vestige_tui.sample.chance import pick
from vestige_tui.sample.content import sentence
from vestige_tui.sample.database import Row, insert
from vestige_tui.sample.phrases import FILES
from vestige_tui.sample.profiles import ACTIVE_PROFILE
from vestige_tui.sample.world import World

COUNTS = {
    "intentions": 12, "insights": 8, "memory_states": 60, "fsrs_cards": 60, "consolidation_history": 20,
    "state_transitions": 25, "sessions": 15, "knowledge_edges": 3, "memory_access_log": 120, "fsrs_config": 1,
    "dream_history": 6, "retention_snapshots": 10, "sync_tombstones": 5, "deletion_tombstones": 4, "merge_plans": 3,
    "merge_operations": 2, "composition_events": 6, "composition_members": 18, "connector_cursors": 2,
    "agent_runs": 4, "agent_traces": 20, "memory_receipts": 7, "memory_prs": 2, "synaptic_tags": 9,
    "artifact_lineage": 5, "code_memory_anchors": 10, "vector_journal": 15, "failure_feedback": 2,
    "suppression_operations": 1,
}  # fmt: skip
"""Rows by table, at most one per memory in those that refer to memories. Tables not named stay empty."""

_MEMORY_IDS = frozenset(("memory_id", "node_id", "failure_id", "subject_id", "source_id", "target_id"))
"""Columns that hold a memory's id."""

_PARENTS = {"event_id": "composition_events", "plan_id": "merge_plans", "run_id": "agent_runs"}
"""Columns that refer to a table of this module, when they are not its key."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "trigger_type": ("time", "event", "context"),
    "insight_type": ("hidden_connection", "recurring_pattern", "contradiction"),
    "state": ("active", "dormant", "silent"),
    "from_state": ("active",),
    "to_state": ("dormant",),
    "access_type": ("search_hit", "promote", "demote"),
    "reason_type": ("time_decay", "access"),
    "node_type": ("fact", "note"),
    "edge_type": ("semantic",),
    "kind": ("merge", "supersede"),
    "op_type": ("merge",),
    "op": ("upsert",),
    "role": ("primary", "supporting", "related"),
    "tool": ("search", "smart_ingest", "deep_reference"),
    "first_tool": ("search",),
    "event_type": ("mcp.call", "memory.retrieve"),
    "table_name": ("knowledge_nodes",),
    "source_system": ("github", "linear"),
    "source_kind": ("memory",),
    "derived_kind": ("insight",),
    "relation": ("derived_from",),
    "file_path": FILES,
    "key": ("w20",),
    "reason": ("user request", "duplicate", "expired"),
    "scope": ("harbor-api", "quill"),
    "profile_id": (ACTIVE_PROFILE,),
}
"""Values that rotate through a column of this name, in any table."""

_TIMES = frozenset(("timestamp", "last_access", "last_review", "due_date", "deadline", "at"))
"""Columns that hold a time without a name that ends in ``_at``."""

_LISTS = frozenset(("source_memories",))
_OBJECTS = frozenset(("payload", "undo_payload", "trigger_data", "before_state", "after_state"))
"""Columns that hold JSON, without a default that shows it."""


class _Column(NamedTuple):
    """A row of ``PRAGMA table_info``."""

    position: int
    name: str
    type: str
    required: int
    default: str | None
    key: int


def write_leftovers(connection: sqlite3.Connection, world: World) -> None:
    """Write a few rows into each table of :data:`COUNTS` that exists."""
    for table, count in COUNTS.items():
        described = [_Column(*row) for row in connection.execute(f'PRAGMA table_info("{table}")')]
        names = [column.name for column in described]
        most = world.linked_count if _MEMORY_IDS.intersection(names) else count
        if described:
            insert(connection, table, names, _rows(world, table, described, min(count, most)))


def _rows(world: World, table: str, described: list[_Column], count: int) -> Iterator[Row]:
    for number in range(count):
        rng = world.rng(table, number)
        yield [_value(world, rng, table, number, column) for column in described]


def _value(world: World, rng: Random, table: str, number: int, column: _Column) -> object:
    """Return a value that suits a column: by its name where that says enough, else by its type."""
    name = column.name
    if name in _CHOICES:
        return _CHOICES[name][number % len(_CHOICES[name])]
    if name in _MEMORY_IDS and not table.endswith("tombstones"):
        return world.memory_id(world.linked((number + (name == "target_id")) % world.linked_count))
    if name in _PARENTS:
        return world.uuid(_PARENTS[name], number % COUNTS[_PARENTS[name]])
    if name in _TIMES or name.endswith("_at"):
        return clock.text(clock.END - rng.randrange(90 * clock.DAY))
    if column.type != "TEXT":
        return _number(rng, column)
    return _text(world, rng, table, number, column)


def _number(rng: Random, column: _Column) -> object:
    if column.type == "REAL":
        return round(rng.random(), 6)
    return None if column.key == 1 else rng.randrange(20, 900) if column.name.endswith("_ms") else rng.randint(1, 4)


def _text(world: World, rng: Random, table: str, number: int, column: _Column) -> str | None:
    if column.default:
        return column.default.strip("'")
    if column.name in _LISTS or column.name in _OBJECTS:
        return "[]" if column.name in _LISTS else "{}"
    if column.name.endswith("id"):
        return world.uuid(f"{table}.{column.name}" if column.name != "id" else table, number)
    return sentence(rng, pick(rng, world.topics)) if column.required else None
