"""Prepares a destination for rows: the extension, the tables, the registered model."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.foreign_keys import enforce_later
from vestige_tui.core.destination.indexes import drop_premature
from vestige_tui.core.destination.inspection import Destination, inspect
from vestige_tui.core.destination.registry import REGISTRY, registration
from vestige_tui.core.destination.schema import missing_tables
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.tables import BY_NAME, TABLES


def prepare(connection: Connection, destination: Destination, model: ModelSignature | None) -> Destination:
    """Create what is missing in one transaction, and return the destination as it is then.

    Raises ``RefusedError`` where the role may not create it, or where another session has changed the destination since
    its inspection; nothing is written then.
    """
    statements = _statements(destination, model, connection.info.server_version)
    try:
        with unlimited(connection):
            if "knowledge_nodes" in destination.present - destination.populated:
                drop_premature(connection, destination)
            connection.execute(sql.SQL(";\n").join(statements))
            prepared = inspect(connection).without(destination.set_aside)
            _check_expected(prepared, destination, model)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"The role may not create what a copy needs: {error.diag.message_primary}.",
            remedy=_remedy(destination),
        ) from None
    return prepared


def _remedy(destination: Destination) -> str:
    """What the role lacks: a policy where row-level security applies to it, else privileges."""
    tables = {**destination.tables, **({REGISTRY.name: destination.registry} if destination.registry else {})}
    secured = [name for name, found in tables.items() if not found.plain]
    if secured:
        return (
            "Connect as the owner of the tables, or let their owner give the role policies to read and insert all rows "
            f"under row-level security: {', '.join(secured)}."
        )
    return (
        "Connect as the owner of the database, or let its owner run: "
        f"GRANT CREATE, USAGE ON SCHEMA {destination.schema} TO the role; CREATE EXTENSION vector."
    )


def _check_expected(prepared: Destination, before: Destination, model: ModelSignature | None) -> None:
    """Compare a destination with what it must be now. Vestige does not take a copy's advisory lock, so it may have
    created tables or registered a model since the inspection.
    """
    expected = (frozenset(BY_NAME), model, model.dimension if model else before.dimension)
    if (prepared.present, prepared.registered, prepared.dimension) != expected:
        raise RefusedError(
            "Another session has changed the destination's tables or its model while this copy was about to begin.",
            remedy="Run again: the next run inspects the destination anew.",
        )


def _statements(
    destination: Destination, model: ModelSignature | None, server_version: int
) -> Iterator[sql.Composable]:
    """All statements; they are sent together, since each answer of a distant server takes time."""
    schema = destination.schema
    vector_schema = destination.vector_schema or schema
    if destination.vector_schema is None:
        yield sql.SQL("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA {}").format(sql.Identifier(schema))
    yield from missing_tables(schema, vector_schema, destination.present, registry_missing=destination.registry is None)
    if not destination.present:
        yield from enforce_later(server_version, schema, TABLES)
    if model is not None:
        yield from registration(
            schema,
            vector_schema,
            model,
            registered=destination.registered is not None,
            stamped=destination.dimension is not None,
        )
