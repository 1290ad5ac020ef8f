"""The destination's embedding model, and the type ``vector(N)`` by which the server enforces its dimension."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.converters import Int2, Int4, Text
from vestige_tui.core.rows.tables import Column, Table

REGISTRY = Table(
    "embedding_model",
    "Models",
    "model",
    columns=(
        Column("id", Int2(nullable=False)),
        Column("name", Text(nullable=False)),
        Column("dimension", Int4(nullable=False)),
        Column("hash", Text(nullable=False)),
    ),
    key=("id",),
)
"""The columns of the registry that a copy reads and writes."""


def read_registered(connection: Connection, schema: str) -> ModelSignature | None:
    """The registered signature, or None; the registry table exists."""
    row = connection.execute(
        sql.SQL("SELECT name, dimension, hash FROM {} WHERE id = 1").format(sql.Identifier(schema, "embedding_model"))
    ).fetchone()
    return ModelSignature(*row) if row else None


def registration(
    schema: str, vector_schema: str, signature: ModelSignature, *, registered: bool, stamped: bool
) -> Iterator[sql.Composed]:
    """The statements that write the registry's row unless ``registered``, and set ``vector(N)`` unless ``stamped``.

    A role without the privilege needs neither. ``prepare`` checks afterwards that the row names the same model.
    """
    if not registered:
        yield sql.SQL(
            "INSERT INTO {} (id, name, dimension, hash) VALUES (1, {}, {}, {}) ON CONFLICT (id) DO NOTHING"
        ).format(
            sql.Identifier(schema, "embedding_model"),
            sql.Literal(signature.name),
            sql.Literal(signature.dimension),
            sql.Literal(signature.hash),
        )
    if not stamped:
        yield sql.SQL("ALTER TABLE {} ALTER COLUMN embedding TYPE {}({})").format(
            sql.Identifier(schema, "knowledge_nodes"),
            sql.Identifier(vector_schema, "vector"),
            sql.Literal(signature.dimension),
        )


def stamp_obstacles(connection: Connection, schema: str, vector_schema: str, dimension: int) -> Iterator[str]:
    """What prevents giving ``knowledge_nodes.embedding`` its dimension, one sentence each."""
    other = connection.execute(
        sql.SQL("SELECT {1}.vector_dims(embedding) FROM {0} WHERE {1}.vector_dims(embedding) <> {2} LIMIT 1").format(
            sql.Identifier(schema, "knowledge_nodes"), sql.Identifier(vector_schema), sql.Literal(dimension)
        )
    ).fetchone()
    if other:
        yield f"knowledge_nodes.embedding holds vectors of {other[0]} dimensions, the source needs vector({dimension})"
    view = connection.execute(
        """SELECT r.ev_class::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
           JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           WHERE d.classid = 'pg_rewrite'::regclass AND a.attname = 'embedding'
             AND d.refobjid = format('%%I.knowledge_nodes', %s::text)::regclass LIMIT 1""",
        (schema,),
    ).fetchone()
    if view:
        yield f"the view {view[0]} uses knowledge_nodes.embedding, which has to become vector({dimension})"
