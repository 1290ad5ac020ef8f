"""Secondary indexes: which are missing, and building them after the rows have arrived.

Updating the HNSW index alone row by row makes a load several times slower; building it afterwards is cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from psycopg import sql

from vestige_tui.core.destination.autovacuum import SOONER
from vestige_tui.core.destination.build_resources import (
    MEMORY,
    WORKERS,
    Note,
    Resources,
    build_memory,
    build_with_fallback,
    build_workers,
    graph_size,
)
from vestige_tui.core.destination.catalog import count_rows
from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.tables import TABLES, Index

HNSW_NAME = "idx_knowledge_nodes_embedding_hnsw"
HNSW_MAX_VECTOR = 2_000
HNSW_MAX_HALFVEC = 4_000
"""The most dimensions that an HNSW index takes, by type (pgvector's README)."""

HNSW = Index(HNSW_NAME, "knowledge_nodes", ("embedding",), "hnsw")


def takes_dimension(dimension: int, pgvector_version: str) -> bool:
    """Whether an HNSW index takes vectors of this dimension."""
    return dimension <= HNSW_MAX_VECTOR or (dimension <= HNSW_MAX_HALFVEC and _has_halfvec(pgvector_version))


def missing_indexes(connection: Connection, destination: Destination) -> tuple[Index, ...]:
    """The missing indexes, HNSW last; an invalid index, as an interrupted build leaves it, counts as missing."""
    indexes = [index for table in TABLES if table.name not in destination.set_aside for index in table.indexes]
    wanted = [*indexes, *([HNSW] if _hnsw_expression(destination) is not None else [])]
    rows = connection.execute(
        """SELECT i.relname, c.relname, m.amname, CASE WHEN o.opcdefault THEN '' ELSE o.opcname END,
                  x.indpred IS NOT NULL,
                  ARRAY(SELECT a.attname::text FROM unnest(x.indkey) WITH ORDINALITY k(attnum, position)
                        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum ORDER BY k.position)
           FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
           JOIN pg_am m ON m.oid = i.relam JOIN pg_namespace n ON n.oid = c.relnamespace
           JOIN pg_opclass o ON o.oid = x.indclass[0]
           WHERE n.nspname = %s AND x.indisvalid""",
        (destination.schema,),
    ).fetchall()
    names = {(table, name) for name, table, *_ in rows}
    found = {(*facts, tuple(columns)) for _, *facts, columns in rows}
    return tuple(
        index
        for index in wanted
        if (index.table, index.name) not in names and not found & _equals(index, destination.dimension or 0)
    )


def _equals(index: Index, dimension: int) -> set[tuple[object, ...]]:
    """The other indexes that serve as well: table, method, operator class, whether partial, columns."""
    if index is HNSW and dimension > HNSW_MAX_VECTOR:
        return {(index.table, index.method, "halfvec_cosine_ops", False, ())}  # of an expression
    operators = "vector_cosine_ops" if index is HNSW else ""
    whole = (index.table, index.method, operators, False, index.columns)
    return {whole} if index.where is None else {whole, (*whole[:3], True, index.columns)}


def build(
    connection: Connection, destination: Destination, index: Index, patience: float = 0.0, note: Note = lambda _: None
) -> None:
    """Build one index in a transaction of its own, in place of an invalid one with its name.

    ``patience``: how many seconds to wait for the table's lock, 0 for ever. ``note`` takes what the server lacks for a
    quick build. Raises ``psycopg.Error``, among them ``LockNotAvailable`` when that time is over.
    """
    build_with_fallback(partial(_build, connection, destination, index, patience), note)


class Observed(NamedTuple):
    """A build as another connection sees it: whether its session works, whether it waits for a lock of another session,
    and the fraction done where the server reports it.
    """

    working: bool
    fraction: float | None
    waiting: bool = False


def observe(observer: Connection, builder: Connection) -> Observed:
    """Look at the session of ``builder``, which must not be behind a pooler. Raises ``psycopg.Error``."""
    row = observer.execute(
        """SELECT a.state = 'active', a.wait_event_type IS NOT DISTINCT FROM 'Lock',
                  CASE WHEN blocks_total > 0 THEN blocks_done::float8 / blocks_total
                       WHEN tuples_total > 0 THEN tuples_done::float8 / tuples_total END
           FROM pg_stat_activity a LEFT JOIN pg_stat_progress_create_index p USING (pid) WHERE a.pid = %s""",
        (builder.info.backend_pid,),
    ).fetchone()
    if row is None:
        return Observed(working=False, fraction=None)
    active, waiting, fraction = row
    return Observed(active and not waiting, None if fraction is None else min(1.0, fraction), active and waiting)


def _build(
    connection: Connection, destination: Destination, index: Index, patience: float, resources: Resources
) -> None:
    with unlimited(connection):
        settings = resources.limit(_build_settings(connection, destination, index))
        settings = {**settings, "lock_timeout": f"{patience * 1_000:.0f}ms"}
        statements: list[sql.Composable] = [
            sql.SQL(SOONER),
            *(sql.SQL("SET LOCAL {} = {}").format(sql.Identifier(name), value) for name, value in settings.items()),
        ]
        holder = _holder(connection, destination, index.name)
        if holder == index.table:
            statements.append(sql.SQL("DROP INDEX {}").format(sql.Identifier(destination.schema, index.name)))
        statements.append(_definition(destination, index, named=holder in (None, index.table)))
        connection.execute(sql.SQL(";\n").join(statements))


def _build_settings(connection: Connection, destination: Destination, index: Index) -> Mapping[str, str]:
    """The settings that give a build memory and processors."""
    if index is not HNSW:
        return {MEMORY: f"{build_memory(connection)}MB"}
    return hnsw_settings(connection, destination, count_rows(connection, destination.schema, index.table))


def hnsw_settings(connection: Connection, destination: Destination, rows: int) -> Mapping[str, str]:
    """The same for a vector index of so many rows."""
    graph = graph_size(rows, destination.dimension or 0)
    return {
        MEMORY: f"{build_memory(connection, graph)}MB",
        WORKERS: str(build_workers(connection, destination)),
    }


def _holder(connection: Connection, destination: Destination, name: str) -> str | None:
    """The table whose index has this name in the destination's schema; "" for another relation, None if it is free."""
    row = connection.execute(
        """SELECT coalesce((SELECT t.relname::text FROM pg_index x JOIN pg_class t ON t.oid = x.indrelid
                            WHERE x.indexrelid = c.oid), '')
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relname = %s""",
        (destination.schema, name),
    ).fetchone()
    return None if row is None else str(row[0])


def drop_premature(connection: Connection, destination: Destination) -> None:
    """Drop the HNSW index of an empty table: building it after the rows have arrived is many times faster."""
    owned = connection.execute(
        """SELECT 1 FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
           JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = %s AND c.relname = %s AND t.relname = %s AND pg_has_role(c.relowner, 'MEMBER')""",
        (destination.schema, HNSW_NAME, HNSW.table),
    ).fetchone()
    if owned:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(destination.schema, HNSW_NAME)))


def _definition(destination: Destination, index: Index, *, named: bool) -> sql.Composed:
    """The statement that creates an index; unless ``named``, the server chooses the name, because a renamed table may
    have kept ours.
    """
    if index is HNSW:
        return hnsw_statement(destination, index.name if named else "", _hnsw_expression(destination) or sql.SQL(""))
    keys = sql.SQL(", ").join(map(sql.Identifier, index.columns))
    tail = sql.SQL(f" WHERE {index.where}") if index.where else sql.SQL("")
    return (
        sql.SQL("CREATE INDEX {} ON {} USING {} ({})").format(
            sql.Identifier(index.name) if named else sql.SQL(""),
            sql.Identifier(destination.schema, index.table),
            sql.SQL(index.method),
            keys,
        )
        + tail
    )


def hnsw_statement(
    destination: Destination, name: str, expression: sql.Composable, *, concurrently: bool = False
) -> sql.Composed:
    """The statement that creates an HNSW index of memories; without a ``name`` the server chooses one."""
    return sql.SQL("CREATE INDEX {} {} ON {} USING hnsw ({}) WITH (m = 16, ef_construction = 64)").format(
        sql.SQL("CONCURRENTLY" if concurrently else ""),
        sql.Identifier(name) if name else sql.SQL(""),
        sql.Identifier(destination.schema, HNSW.table),
        expression,
    )


def _hnsw_expression(destination: Destination) -> sql.Composable | None:
    """What the HNSW index of a copy covers."""
    return hnsw_expression(destination, *HNSW.columns)


def hnsw_expression(destination: Destination, column: str) -> sql.Composable | None:
    """What an HNSW index of this column covers; None where the dimension is unknown or too large."""
    dimension, schema = destination.dimension, destination.vector_schema
    if dimension is None or schema is None or not takes_dimension(dimension, destination.pgvector_version):
        return None
    if dimension <= HNSW_MAX_VECTOR:
        return sql.SQL("{} {}").format(sql.Identifier(column), sql.Identifier(schema, "vector_cosine_ops"))
    return sql.SQL("({}::{}({})) {}").format(
        sql.Identifier(column),
        sql.Identifier(schema, "halfvec"),
        sql.Literal(dimension),
        sql.Identifier(schema, "halfvec_cosine_ops"),
    )


def _has_halfvec(version: str) -> bool:
    return tuple(int(part) for part in version.split(".")[:2]) >= (0, 7)
