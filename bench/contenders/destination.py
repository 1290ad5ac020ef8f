"""What the baselines share with the tool: the schema and the indexes."""

from __future__ import annotations

import psycopg
from psycopg import errors

from bench.tasks import Task
from vestige_tui.core.destination import foreign_keys, indexes
from vestige_tui.core.destination.autovacuum import step_aside
from vestige_tui.core.destination.connection import Connection, conninfo
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.destination.prepare import prepare
from vestige_tui.core.model import ModelSignature


def connect(task: Task) -> Connection:
    """One connection as the tool opens it, in autocommit mode."""
    return psycopg.connect(conninfo(task.dsn), autocommit=True)


def prepared(connection: Connection, model: ModelSignature | None, *, foreign_keys_last: bool = False) -> Destination:
    """The tool's schema, with no secondary index yet; foreign keys are enforced, as in Vestige's schema."""
    destination = prepare(connection, inspect(connection), model)
    if not foreign_keys_last:
        enforce_foreign_keys(connection, destination)
    return destination


def enforce_foreign_keys(connection: Connection, destination: Destination) -> None:
    """Enforce the foreign keys that the tool leaves for the end. Autovacuum steps aside, as it does for the tool."""
    for foreign_key in foreign_keys.pending(destination):
        while True:
            try:
                foreign_keys.enforce(connection, destination, foreign_key)
            except errors.LockNotAvailable:
                step_aside(connection, destination.schema, foreign_key.tables)
            else:
                break


def build_indexes(connection: Connection, destination: Destination, *, hnsw: bool) -> None:
    """The tool's secondary indexes, built as it builds them, one after the other."""
    for index in indexes.missing_indexes(connection, destination):
        if hnsw or index is not indexes.HNSW:
            indexes.build(connection, destination, index)
