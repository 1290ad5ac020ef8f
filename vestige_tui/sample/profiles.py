"""Embedding profiles: where published Vestige keeps its vectors from V28 on."""

from __future__ import annotations

import sqlite3

from vestige_tui.sample import clock
from vestige_tui.sample.broken import OTHER_MODEL, other_dimension
from vestige_tui.sample.database import insert
from vestige_tui.sample.published_rows import EMBEDDING_COLUMNS
from vestige_tui.sample.world import World

ACTIVE_PROFILE = "nomic-v1.5-legacy-raw-256"
"""The id Vestige gives the vectors that it finds when it upgrades to V28, whatever the model."""

_RETIRED_PROFILE = "minilm-l6-v2-384"
_RETIRED_VECTORS = 20
_PENDING = 97
"""Each so many-th mirrored vector is not in the profile yet, as after a write by an older Vestige."""


def write_profiles(connection: sqlite3.Connection, world: World) -> None:
    """Fill the profile tables from ``node_embeddings``, which must be complete and stays as the mirror.

    The active profile holds the mirror's vectors, all but a few that exist in the mirror only. A retired profile of
    another model and dimension still has vectors for the first memories; those are not read any more.
    """
    spec = world.spec
    now = clock.text(clock.END - 9 * clock.DAY, clock.Form.SQLITE)
    profiles = [
        (ACTIVE_PROFILE, spec.model_name, spec.dimension, "active", now, now),
        (_RETIRED_PROFILE, OTHER_MODEL, other_dimension(spec.dimension), "installed", now, now),
    ]
    names = ("profile_id", "model_id", "embedding_dimension", "status", "created_at", "updated_at")
    insert(connection, "embedding_profiles", names, profiles)
    state = ("singleton", "active_profile_id", "previous_profile_id", "activated_at", "updated_at")
    insert(connection, "embedding_profile_state", state, [(1, ACTIVE_PROFILE, _RETIRED_PROFILE, now, now)])
    _write_vectors(connection, world, now)
    connection.execute(
        "INSERT INTO embedding_profile_manifests (profile_id, manifest_json, vector_count, updated_at)"
        " SELECT profile_id, '{}', count(*), ? FROM embedding_profile_vectors GROUP BY profile_id",
        (now,),
    )


def _write_vectors(connection: sqlite3.Connection, world: World, now: str) -> None:
    connection.execute(
        "INSERT INTO embedding_profile_vectors (profile_id, node_id, embedding, dimensions, model, created_at)"
        " SELECT ?, node_id, embedding, dimensions, model, created_at FROM node_embeddings WHERE rowid % ? <> 0",
        (ACTIVE_PROFILE, _PENDING),
    )
    retired = (
        (_RETIRED_PROFILE, world.memory_id(number), vector, dimension, model, now)
        for number in map(world.linked, range(min(_RETIRED_VECTORS, world.linked_count)))
        for model, dimension, vector in [world.other_embedding(number)]
    )
    insert(connection, "embedding_profile_vectors", ("profile_id", *EMBEDDING_COLUMNS), retired)
