"""What of a store this role can ask: its columns, its words, its vectors and their index."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.registry import read_registered
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.model import ModelSignature

MEMORIES, REGISTRY, EDGES, USERS = "knowledge_nodes", "embedding_model", "edges", "users"

DEFAULT_CONFIGURATION = "pg_catalog.english"
"""Vestige's own text search configuration, where a store does not say which one it has."""

_NEEDED: Mapping[str, tuple[str, ...]] = {
    "id": ("uuid",),
    "content": ("text", "character varying"),
    "node_type": ("text", "character varying"),
    "created_at": ("timestamp with time zone",),
}
"""The columns that every answer shows, and the types that are known."""


class VectorIndex(Enum):
    """What an index of the vectors is over."""

    NONE = "none"
    VECTOR = "vector"
    HALFVEC = "halfvec"


@dataclass(frozen=True, slots=True)
class Shape:
    """A store as this role sees it.

    ``readable`` are the columns that it may read, by table. ``configuration`` is that of the column of indexed words,
    None where there is no such column. ``dimension`` is that in the type of the vectors, None where it has none.
    ``registered`` is the model of the vectors, None where none is registered or can be read.
    """

    database: str
    schema: str
    vector_schema: str | None
    pgvector: tuple[int, ...]
    readable: Mapping[str, frozenset[str]]
    configuration: str | None
    dimension: int | None
    index: VectorIndex
    registered: ModelSignature | None = None

    def may_read(self, table: str, *columns: str) -> bool:
        """Whether all of these columns can be read."""
        return self.readable.get(table, frozenset()).issuperset(columns) and table in self.readable

    @property
    def has_registry(self) -> bool:
        """Whether the model's name can be read."""
        return self.may_read(REGISTRY, "id", "name", "dimension", "hash")

    @property
    def has_vectors(self) -> bool:
        """Whether the vectors can be read."""
        return self.vector_schema is not None and self.may_read(MEMORIES, "embedding")

    @property
    def has_edges(self) -> bool:
        """Whether the connections can be read."""
        return self.may_read(EDGES, "source_id", "target_id", "edge_type", "weight", "created_at")

    def column(self, name: str) -> sql.Composable:
        """A column of the memories; NULL where this role cannot read it."""
        return sql.Identifier("k", name) if self.may_read(MEMORIES, name) else sql.SQL("NULL::text")

    def sql(self, template: LiteralString, **more: sql.Composable) -> sql.Composed:
        """SQL with the names of the store put in. ``k`` is the table of memories there."""
        vector_schema = self.vector_schema or "public"
        names: dict[str, sql.Composable] = {
            "memories": sql.Identifier(self.schema, MEMORIES),
            "registry": sql.Identifier(self.schema, REGISTRY),
            "edges": sql.Identifier(self.schema, EDGES),
            "users": sql.Identifier(self.schema, USERS),
            "vector": sql.Identifier(vector_schema, "vector"),
            "halfvec": sql.Identifier(vector_schema, "halfvec"),
            "distance": sql.SQL("OPERATOR({}.<=>)").format(sql.Identifier(vector_schema)),
            "configuration": sql.SQL("{}::regconfig").format(self.configuration or DEFAULT_CONFIGURATION),
        }
        return sql.SQL(template).format(**names, **more)


_PLACE: LiteralString = """
    SELECT c.oid, n.nspname::text, vector.schema, coalesce(vector.version, '')
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN (SELECT v.nspname::text AS schema, e.extversion AS version
               FROM pg_extension e JOIN pg_namespace v ON v.oid = e.extnamespace
               WHERE e.extname = 'vector' AND has_schema_privilege(v.oid, 'USAGE')) vector ON true
    WHERE c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND pg_table_is_visible(c.oid)
      AND has_schema_privilege(n.oid, 'USAGE')"""
_COLUMNS: LiteralString = """
    SELECT c.relname::text, a.attname::text, replace(split_part(format_type(a.atttypid, NULL), '.', -1), '"', ''),
           a.atttypmod, has_column_privilege(c.oid, a.attnum, 'SELECT'),
           CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE n.nspname = %s AND c.relname = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped"""
_INDEXES: LiteralString = """
    SELECT o.opcname::text
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
    JOIN pg_opclass o ON o.oid = x.indclass[0]
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.oid AND d.refobjid = x.indrelid
    JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = d.refobjsubid AND a.attname = 'embedding'
    WHERE x.indrelid = %s AND x.indisvalid AND x.indpred IS NULL AND m.amname IN ('hnsw', 'ivfflat')"""
_CONFIGURATION = re.compile(r"to_tsvector\('((?:[^']|'')+)'::regconfig")


def look(connection: Connection, before: Shape | None = None) -> Shape:
    """Look at the store; what was known ``before`` holds as long as the registry says the same.

    A swap of vectors locks the registry first. It is read here, so that none comes before the end of the transaction.
    Raises ``psycopg.Error``, and ``RefusedError`` where there is no store that this role can ask.
    """
    shape = before if before is not None else _look(connection)
    registered = read_registered(connection, shape.schema) if shape.has_registry else None
    if before is not None and before.registered == registered:
        return before
    if before is not None or (registered is not None and shape.dimension != registered.dimension):
        shape = _look(connection)  # a swap came between
    return replace(shape, registered=registered)


def _look(connection: Connection) -> Shape:
    database, user = connection.info.dbname, connection.info.user
    place = connection.execute(_PLACE, (MEMORIES,)).fetchone()
    if place is None:
        raise RefusedError(
            f"The role {user} sees no memory store of Vestige in the database {database}: "
            f"it needs the table {MEMORIES}.",
            remedy="Check the database, the search_path of the role, and its USAGE on the schema of the tables; "
            "or copy a Vestige database there first.",
        )
    oid, schema, vector_schema, version = place
    types: dict[tuple[str, str], tuple[str, int]] = {}
    readable: dict[str, set[str]] = {}
    configuration = None
    for table, name, type_, modifier, may_read, expression in connection.execute(
        _COLUMNS, (schema, [MEMORIES, REGISTRY, EDGES, USERS])
    ):
        types[table, name] = type_, modifier
        if not may_read:
            continue
        readable.setdefault(table, set()).add(name)
        if (table, name, type_) == (MEMORIES, "search_vec", "tsvector"):
            configuration = _configuration(expression)
    _check(types, readable, user, schema)
    type_, modifier = types.get((MEMORIES, "embedding"), ("", -1))
    if type_ != "vector":
        readable[MEMORIES].discard("embedding")
    operators = {row[0] for row in connection.execute(_INDEXES, (oid,))}
    return Shape(
        database=database,
        schema=schema,
        vector_schema=vector_schema,
        pgvector=tuple(int(part) for part in version.split(".")[:2] if part.isdigit()),
        readable={table: frozenset(columns) for table, columns in readable.items()},
        configuration=configuration,
        dimension=modifier if modifier > 0 else None,
        index=_index(operators),
    )


def _configuration(expression: str | None) -> str:
    """The configuration in the expression of a generated column."""
    match = _CONFIGURATION.search(expression or "")
    return match[1].replace("''", "'") if match else DEFAULT_CONFIGURATION


def _index(operators: set[str]) -> VectorIndex:
    if "vector_cosine_ops" in operators:
        return VectorIndex.VECTOR
    return VectorIndex.HALFVEC if "halfvec_cosine_ops" in operators else VectorIndex.NONE


def _check(
    types: Mapping[tuple[str, str], tuple[str, int]], readable: Mapping[str, set[str]], user: str, schema: str
) -> None:
    """Raise ``RefusedError`` where what every answer shows is missing, or may not be read."""
    unlike = [name for name, known in _NEEDED.items() if types.get((MEMORIES, name), ("", 0))[0] not in known]
    if unlike:
        raise RefusedError(
            f"The table {schema}.{MEMORIES} has another shape than a search knows: {', '.join(unlike)}.",
            remedy="Check the database and the search_path of the role.",
        )
    closed = [name for name in _NEEDED if name not in readable.get(MEMORIES, ())]
    if closed:
        raise RefusedError(
            f"The role {user} may not read {schema}.{MEMORIES} ({', '.join(closed)}).",
            remedy=f"Let its owner run: GRANT SELECT ON {schema}.{MEMORIES} TO the role. For connections and for a "
            f"search by meaning it also needs {EDGES} and {REGISTRY}.",
        )
