"""The tables ``domains`` and ``embedding_model``, alike in both layouts from the version on that has them."""

from __future__ import annotations

import json
import sqlite3

from vestige_tui.sample import clock
from vestige_tui.sample.database import insert
from vestige_tui.sample.world import World

DOMAINS = """
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    centroid BLOB,
    top_terms TEXT NOT NULL DEFAULT '[]',
    memory_count INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
"""

EMBEDDING_MODEL = """
    id INTEGER PRIMARY KEY CHECK (id = 1),
    name TEXT NOT NULL,
    dimension INTEGER NOT NULL,
    hash TEXT NOT NULL,
    created_at TEXT NOT NULL
"""


def write_domains(connection: sqlite3.Connection, world: World) -> None:
    """Write ``spec.domains`` domains with centroids of ``spec.dimension`` float32 values."""
    counts = world.topic_counts()
    rows = (
        (
            topic.slug,
            topic.label,
            world.vectors.centroid(number),
            json.dumps(topic.terms),
            counts[number],
            clock.text(clock.START + (30 + number) * clock.DAY),
        )
        for number, topic in enumerate(world.topics[: world.spec.domains])
    )
    insert(connection, "domains", ("id", "label", "centroid", "top_terms", "memory_count", "created_at"), rows)


def write_model(connection: sqlite3.Connection, world: World) -> None:
    """Register the model of the spec, if it asks for that."""
    spec = world.spec
    if spec.register_model:
        row = (1, spec.model_name, spec.dimension, spec.model_hash, clock.text(clock.START + clock.DAY))
        insert(connection, "embedding_model", ("id", "name", "dimension", "hash", "created_at"), [row])
