"""Reads one memory whole, with where it lies and what it is connected to."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination import connection as opened
from vestige_tui.core.search.answers import Connection, Memory
from vestige_tui.core.search.rows import notes, states, texts
from vestige_tui.core.search.shape import MEMORIES, USERS, Shape
from vestige_tui.core.search.snippets import one_line, snippet

READ = 100_000
"""Characters of a content that are read."""

CONNECTIONS = 200
"""Connections that are read, the heaviest first."""

_EXCERPT = 160

_MEMORY: LiteralString = """
    SELECT k.id::text, k.node_type, to_json(k.created_at) #>> '{{}}', to_json({updated_at}) #>> '{{}}',
           left(k.content, {read}), char_length(k.content), {tags}, {notes}, {codebase}, {owner}::text, {handle},
           {visibility}, {groups}, {elements}
    FROM {memories} k WHERE k.id = %s::uuid"""
_CONNECTIONS: LiteralString = """
    SELECT k.id::text, edge.outgoing, edge.type, coalesce(edge.weight, 0)::float8, k.node_type,
           to_json(edge.created_at) #>> '{{}}', left(k.content, {read})
    FROM (SELECT target_id AS other, true AS outgoing, edge_type AS type, weight, created_at
          FROM {edges} WHERE source_id = %(id)s::uuid
          UNION ALL
          SELECT source_id, false, edge_type, weight, created_at
          FROM {edges} WHERE target_id = %(id)s::uuid AND source_id <> target_id) edge
    JOIN {memories} k ON k.id = edge.other
    ORDER BY edge.weight DESC NULLS LAST, edge.created_at DESC, k.id LIMIT {most} + 1"""
_HANDLE: LiteralString = "(SELECT u.handle FROM {users} u WHERE u.id = {owner})"
_ELEMENTS: LiteralString = "{schema}.vector_dims(k.embedding)"


def read(connection: opened.Connection, shape: Shape, memory: str) -> Memory | None:
    """One memory; None where this role sees none of that id, which is a UUID. Raises ``psycopg.Error``."""
    row = connection.execute(_statement(shape), (memory,)).fetchone()
    if row is None:
        return None
    id_, kind, created, updated, content, length, tags, noted, codebase, owner, handle, visibility, groups, size = row
    connections = _connections(connection, shape, memory) if shape.has_edges else ()
    return Memory(
        id=id_,
        database=shape.database,
        schema=shape.schema,
        kind=kind,
        created=created,
        updated=updated,
        content=content,
        length=length,
        tags=texts(tags),
        states=states(noted),
        codebase=codebase,
        owner=owner,
        owner_handle=handle,
        visibility=visibility,
        groups=texts(groups),
        elements=size,
        connections=connections[:CONNECTIONS],
        more_connections=len(connections) > CONNECTIONS,
        connections_readable=shape.has_edges,
    )


def _statement(shape: Shape) -> sql.Composed:
    owner = shape.column("owner_user_id")
    known = shape.may_read(USERS, "id", "handle") and shape.may_read(MEMORIES, "owner_user_id")
    elements = (
        shape.sql(_ELEMENTS, schema=sql.Identifier(shape.vector_schema or "public"))
        if shape.has_vectors
        else sql.SQL("NULL")
    )
    return shape.sql(
        _MEMORY,
        read=sql.Literal(READ),
        updated_at=shape.column("updated_at"),
        tags=shape.column("tags"),
        notes=notes(shape),
        codebase=shape.column("codebase"),
        owner=owner,
        handle=shape.sql(_HANDLE, owner=owner) if known else sql.SQL("NULL"),
        visibility=shape.column("visibility"),
        groups=shape.column("shared_with_groups"),
        elements=elements,
    )


def _connections(connection: opened.Connection, shape: Shape, memory: str) -> tuple[Connection, ...]:
    """Its connections in both directions, one more than are shown where there are more."""
    statement = shape.sql(_CONNECTIONS, read=sql.Literal(4 * _EXCERPT), most=sql.Literal(CONNECTIONS))
    return tuple(
        Connection(other, outgoing, type_, weight, kind, created, snippet(one_line(content), [], _EXCERPT))
        for other, outgoing, type_, weight, kind, created, content in connection.execute(statement, {"id": memory})
    )
