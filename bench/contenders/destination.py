"""What the baselines take over from the tool: the same schema, and the same indexes."""

from __future__ import annotations

from contextlib import suppress

import psycopg
from psycopg import errors

from bench.tasks import Task
from vestige_tui.core.destination import foreign_keys, indexes
from vestige_tui.core.destination.connection import Connection, conninfo
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.destination.prepare import prepare
from vestige_tui.core.model import ModelSignature


def connect(task: Task) -> Connection:
    """One connection as the tool opens it, in autocommit mode."""
    return psycopg.connect(conninfo(task.dsn), autocommit=True)


def prepared(connection: Connection, model: ModelSignature | None, *, references_last: bool = False) -> Destination:
    """The tool's schema, with no secondary index yet; references are enforced, as they are in Vestige's schema."""
    destination = prepare(connection, inspect(connection), model)
    if not references_last:
        enforce_references(connection, destination)
    return destination


def enforce_references(connection: Connection, destination: Destination) -> None:
    """Have the server enforce the references that the tool leaves for the end, as soon as autovacuum lets it."""
    for reference in foreign_keys.pending(destination):
        while True:
            with suppress(errors.LockNotAvailable):
                foreign_keys.enforce(connection, destination, reference)
                break


def build_indexes(connection: Connection, destination: Destination, *, hnsw: bool) -> None:
    """The tool's secondary indexes, built as it builds them, one after the other."""
    for index in indexes.missing_indexes(connection, destination):
        if hnsw or index is not indexes.HNSW:
            indexes.build(connection, destination, index)
