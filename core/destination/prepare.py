"""Making a destination ready for rows: the extension, the tables, the registered model."""

from __future__ import annotations

import psycopg
from psycopg import sql

from vestige_tui.core.destination.catalog import Destination, inspect
from vestige_tui.core.destination.connect import Connection
from vestige_tui.core.destination.indexes import drop_premature
from vestige_tui.core.destination.references import suspend
from vestige_tui.core.destination.registry import register_model
from vestige_tui.core.destination.schema import create_missing_tables
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.tables import TABLES


def prepare(connection: Connection, destination: Destination, model: ModelSignature | None) -> Destination:
    """Create what is missing, in one transaction, and return the destination as it then is.

    Raises ``RefusedError`` where the role may not create it; nothing has been written then.
    """
    try:
        with connection.transaction():
            vector_schema = destination.vector_schema or _create_extension(connection, destination.schema)
            create_missing_tables(connection, destination.schema, vector_schema, destination.present)
            if not destination.present:
                suspend(connection, destination.schema, TABLES)
            if "knowledge_nodes" in destination.present - destination.populated:
                drop_premature(connection, destination)
            if model is not None:
                register_model(connection, destination.schema, vector_schema, model)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RefusedError(
            f"The role may not create what a copy needs: {error.diag.message_primary}.",
            remedy="Connect as the owner of the database, or let its owner run: "
            f"GRANT CREATE, USAGE ON SCHEMA {destination.schema} TO the role; CREATE EXTENSION vector.",
        ) from None
    return inspect(connection)


def _create_extension(connection: Connection, schema: str) -> str:
    connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA {}").format(sql.Identifier(schema)))
    return schema
