"""Sample databases as a published Vestige leaves them ("layout B", ``vestige-schemas.md`` section 4)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from vestige_tui.sample import clock, registry
from vestige_tui.sample.database import columns, insert, new_database
from vestige_tui.sample.full_text import create_full_text, create_vector_journal
from vestige_tui.sample.leftovers import write_leftovers
from vestige_tui.sample.profiles import write_profiles
from vestige_tui.sample.published_rows import (
    CONNECTION_COLUMNS,
    EMBEDDING_COLUMNS,
    connection_rows,
    embedding_rows,
    node_rows,
)
from vestige_tui.sample.published_schema import VERSIONS, create_indexes, create_tables
from vestige_tui.sample.spec import DEFAULT_SPEC, SampleSpec
from vestige_tui.sample.v15 import create_v15_parts
from vestige_tui.sample.world import World


def create_published_sample(path: Path, spec: SampleSpec = DEFAULT_SPEC, *, version: int) -> None:
    """Write a new database as Vestige leaves one whose schema is at ``version``, an upgrade's traces included.

    ``schema_version`` has one row and ``user_version`` stays 0. Edges are in ``memory_connections``, from version 3
    on; there are no review events, users or groups in this line, so those counts of the spec have no effect. Vectors
    are in ``node_embeddings`` and from 28 on in an active embedding profile as well; ``domains`` and the
    ``embedding_model`` registry exist from 16 on. A third of the memories carries a tag ``codebase:NAME``. Of
    ``spec.broken_rows`` this layout can have four: two ids, a vector and a content.

    Raises:
        FileExistsError: ``path`` exists.
        FileNotFoundError: its folder does not.
        ValueError: no such version.
    """
    if version not in VERSIONS:
        raise ValueError(f"published Vestige has schema versions {VERSIONS[0]} to {VERSIONS[-1]}, not {version}")
    with new_database(path, page_size=8192 if version >= 7 else 4096) as connection:
        world = World(spec)
        create_tables(connection, version)
        _write_memories(connection, world, version)
        write_leftovers(connection, world)
        create_indexes(connection, version)
        create_full_text(connection, version)
        if version >= 32:
            create_vector_journal(connection)
        applied = clock.text(clock.END - 9 * clock.DAY, clock.Form.SQLITE)
        insert(connection, "schema_version", ("version", "applied_at"), [(version, applied)])


def add_v15_parts(connection: sqlite3.Connection) -> None:
    """Add the seed's V15 columns, tables and bootstrap user to a database of either layout, and commit.

    What is there already stays as it is, so doing it twice is doing it once. ``user_version`` and ``schema_version``
    are left alone.

    Raises:
        sqlite3.OperationalError: the database has no ``knowledge_nodes``.
    """
    with connection:
        create_v15_parts(connection)


def _write_memories(connection: sqlite3.Connection, world: World, version: int) -> None:
    names = columns(connection, "knowledge_nodes")
    insert(connection, "knowledge_nodes", names, node_rows(world, names))
    insert(connection, "node_embeddings", EMBEDDING_COLUMNS, embedding_rows(world))
    if version >= 3:
        insert(connection, "memory_connections", CONNECTION_COLUMNS, connection_rows(world))
    if version >= 16:
        registry.write_domains(connection, world)
        registry.write_model(connection, world)
    if version >= 28:
        write_profiles(connection, world)
