"""By meaning: the memories whose vectors are nearest to that of the question, through the vector index."""

from __future__ import annotations

import math
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.treatment import values
from vestige_tui.core.search.answers import Meaning, Notice
from vestige_tui.core.search.shape import Shape, VectorIndex

Distances = dict[str, float]
"""The distance of each memory that was found, the nearest first."""

_LEAST_CANDIDATES, _MOST_CANDIDATES = 100, 1_000
"""What ``hnsw.ef_search`` is set to: the most is pgvector's own."""

_ITERATIVE_SINCE = (0, 8)

_NEAREST: LiteralString = """
    SELECT near.id::text, near.distance FROM (
        SELECT k.id, (k.embedding {distance} {query})::float8 AS distance
        FROM {memories} k WHERE k.embedding IS NOT NULL {same_dimension}
        ORDER BY {ordered} LIMIT %(depth)s) near
    ORDER BY near.distance, near.id"""
_QUERY: LiteralString = "%(vector)s::{vector}"
_BY_VECTOR: LiteralString = "k.embedding {distance} {query}"
_BY_HALFVEC: LiteralString = """
    k.embedding::{halfvec}({dimension}) {distance} {query}::{halfvec}({dimension})"""
_SAME_DIMENSION: LiteralString = "AND {vector_schema}.vector_dims(k.embedding) = {dimension}"


def obstacle(shape: Shape, model: ModelSignature) -> Notice | None:
    """Why vectors of a model cannot be compared with those of the store: they have to be of the same model."""
    if not shape.has_vectors:
        return Notice.NO_VECTORS
    if shape.registered is None:
        return Notice.NO_MODEL
    fits = shape.registered.matches(model) and shape.dimension in (None, model.dimension)
    return None if fits else Notice.OTHER_MODEL


def settings(shape: Shape, depth: int) -> dict[str, str]:
    """The settings of pgvector for one transaction.

    With an iterative scan the index goes on until it has enough memories that this role may read.
    """
    found = {"hnsw.ef_search": str(max(_LEAST_CANDIDATES, min(2 * depth, _MOST_CANDIDATES)))}
    if shape.pgvector >= _ITERATIVE_SINCE:
        found["hnsw.iterative_scan"] = "strict_order"
    return found


def find(connection: Connection, shape: Shape, meaning: Meaning, depth: int) -> Distances:
    """The ``depth`` nearest memories. Raises ``psycopg.Error``.

    An index stops looking after a while where this role may read few memories; then all that it may read are compared.
    """
    found = _nearest(connection, shape, meaning, depth)
    if len(found) < depth and shape.index is not VectorIndex.NONE:
        connection.execute("SELECT set_config('enable_indexscan', 'off', true)")
        found = _nearest(connection, shape, meaning, depth)
        connection.execute("SELECT set_config('enable_indexscan', 'on', true)")
    return found


def _nearest(connection: Connection, shape: Shape, meaning: Meaning, depth: int) -> Distances:
    dimension = len(meaning.vector) // 4
    query = shape.sql(_QUERY)
    named: dict[str, sql.Composable] = {"query": query, "dimension": sql.Literal(dimension)}
    ordered = shape.sql(_BY_HALFVEC if shape.index is VectorIndex.HALFVEC else _BY_VECTOR, **named)
    same = sql.Composed([])
    if shape.dimension is None:  # nothing but the registry says so
        same = shape.sql(_SAME_DIMENSION, vector_schema=sql.Identifier(shape.vector_schema or "public"), **named)
    statement = shape.sql(_NEAREST, ordered=ordered, same_dimension=same, query=query)
    rows = connection.execute(statement, {"vector": _literal(meaning.vector), "depth": depth}).fetchall()
    return {memory: distance for memory, distance in rows if math.isfinite(distance)}


def _literal(vector: bytes) -> str:
    """A vector as pgvector reads it; nine digits give every float32 back."""
    return f"[{','.join(f'{number:.9g}' for number in values(vector))}]"
