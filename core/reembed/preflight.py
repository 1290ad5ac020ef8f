"""What must hold before a store is re-embedded: a run refuses with every reason before it changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, LiteralString

from vestige_tui.core.destination.catalog import FoundTable
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.reembed.store import COLUMN, MEMORIES, REGISTRY, TRIGGER, Store

_NEEDED = {
    "id": ("uuid",),
    "content": ("text", "character varying"),
    COLUMN: ("vector",),
    "updated_at": ("timestamp with time zone",),
}
"""The columns that a run works with, and the types that it knows."""


def store_of(destination: Destination) -> Store:
    """The store, whose tables exist. Raises ``RefusedError`` where there is none, or one of an unknown shape."""
    memories = destination.tables.get(MEMORIES)
    if memories is None or destination.registry is None or destination.vector_schema is None:
        raise RefusedError(
            "There is no memory store of Vestige in this database: "
            f"it needs the tables {MEMORIES} and {REGISTRY}, and pgvector.",
            remedy="Check the database and the search_path of the role, or copy a Vestige database there first.",
        )
    _raise_for("The table of memories has another shape than a run knows:", _shape(memories))
    return Store(destination.schema, destination.vector_schema)


def check_in_place(connection: Connection, destination: Destination, store: Store) -> None:
    """What storing vectors in place needs. Raises ``RefusedError`` with every reason."""
    _raise_for(_LEAD, [*_server(destination), *_table(connection, store, MEMORIES)])


def check_swap(connection: Connection, destination: Destination, store: Store) -> None:
    """What a swap needs. Raises ``RefusedError`` with every reason."""
    reasons = [*_server(destination)]
    for table in (MEMORIES, REGISTRY):
        reasons += _table(connection, store, table)
    reasons += _dependents(connection, store)
    reasons += _referring(connection, store)
    reasons += _published(connection, store)
    _raise_for(_LEAD, reasons)


def check_removal(connection: Connection, destination: Destination, store: Store) -> None:
    """What removing the parts of a run needs. Raises ``RefusedError`` with every reason."""
    _raise_for(_LEAD, [*_session(destination), *_ownership(connection, store, MEMORIES)])


def other_indexes(connection: Connection, store: Store) -> list[str]:
    """The indexes of vectors that a run does not build anew: those that are not HNSW by cosine distance."""
    return [name for name, hnsw in _vector_indexes(connection, store) if not hnsw]


def update_triggers(connection: Connection, store: Store) -> list[str]:
    """The triggers of the table's owner that run whenever a memory is updated, in whatever column."""
    rows = connection.execute(
        """SELECT tgname::text FROM pg_trigger
           WHERE tgrelid = %s::regclass AND NOT tgisinternal AND tgtype & 16 = 16 AND tgattr = '' AND tgenabled <> 'D'
             AND tgname NOT IN ('knowledge_nodes_updated_at', %s) ORDER BY tgname""",
        (store.name(MEMORIES), TRIGGER),
    )
    return [name for (name,) in rows]


_LEAD = "This store cannot be re-embedded as it is:"


def _raise_for(lead: str, reasons: Iterable[str]) -> None:
    listed = "\n".join(f"  - {reason}" for reason in reasons)
    if listed:
        raise RefusedError(f"{lead}\n{listed}", remedy="Change what is named above, then run again.")


def _shape(memories: FoundTable) -> Iterator[str]:
    for name, types in _NEEDED.items():
        column = memories.columns.get(name)
        if column is None:
            yield f"{MEMORIES}.{name} is missing"
        elif column.type not in types or column.domain is not None:
            yield f"{MEMORIES}.{name} is {column.domain or column.shown}, a run needs {types[0]}"
        elif name == COLUMN and column.not_null:
            yield f"{MEMORIES}.{name} allows no NULL, which memories without a text need"
    if memories.key != ("id",):
        yield f"{MEMORIES} has the primary key ({', '.join(memories.key) or 'none'}), a run needs (id)"


def _session(destination: Destination) -> Iterator[str]:
    if destination.pooled:
        yield (
            "the connection goes through a pooler, which may lend another session for each transaction: connect to the "
            "server itself"
        )
    if destination.server.read_only:
        yield "default_transaction_read_only is on for this role"


def _server(destination: Destination) -> Iterator[str]:
    yield from _session(destination)
    if not destination.privileges.create:
        yield f"the role may not create tables in schema {destination.schema} (GRANT USAGE, CREATE ON SCHEMA)"


_OWNER: LiteralString = """
    SELECT pg_has_role(c.relowner, 'USAGE'), pg_get_userbyid(c.relowner)::text
    FROM pg_class c WHERE c.oid = %s::regclass"""


def _ownership(connection: Connection, store: Store, table: str) -> Iterator[str]:
    ((owns, owner),) = connection.execute(_OWNER, (store.name(table),)).fetchall()
    if not owns:
        yield f"{table} belongs to {owner}: only its owner can change its columns. Connect as {owner}, or as a member"


_TABLE: LiteralString = """
    SELECT c.relkind::text, row_security_active(c.oid),
           EXISTS (SELECT FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent))
    FROM pg_class c WHERE c.oid = %s::regclass"""


def _table(connection: Connection, store: Store, table: str) -> Iterator[str]:
    """Why a table cannot be changed by this role, or not in the way of a run."""
    ((kind, secured, inherits),) = connection.execute(_TABLE, (store.name(table),)).fetchall()
    if kind == "p":
        yield f"{table} is partitioned"
    elif kind != "r":
        yield f"{table} is not a table of its own (relkind {kind})"
    elif inherits:
        yield f"{table} inherits from another table, or another one from it"
    yield from _ownership(connection, store, table)
    if secured:
        yield f"row-level security applies to this role on {table}: it may not see every row"


def _dependents(connection: Connection, store: Store) -> Iterator[str]:
    """What depends on the column of vectors and would stay with the old ones: views, checks, defaults, policies."""
    rows = _rows(
        connection,
        """SELECT DISTINCT CASE WHEN d.classid = 'pg_rewrite'::regclass
                       THEN 'view ' || (SELECT ev_class::regclass::text FROM pg_rewrite WHERE oid = d.objid)
                       ELSE pg_describe_object(d.classid, d.objid, d.objsubid) END
           FROM pg_depend d JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
           WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s::regclass AND a.attname = %(column)s
             AND NOT (d.classid = 'pg_class'::regclass AND EXISTS (SELECT FROM pg_index WHERE indexrelid = d.objid))
           ORDER BY 1""",
        table=store.name(MEMORIES),
        column=COLUMN,
    )
    for (name,) in rows:
        yield f"{name} uses {MEMORIES}.{COLUMN}: it would go on with the old vectors. Drop it for the run"


def _referring(connection: Connection, store: Store) -> Iterator[str]:
    rows = _rows(
        connection,
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = %(table)s::regclass",
        table=store.name(REGISTRY),
    )
    for (name,) in rows:
        yield f"{name} has a foreign key to {REGISTRY}, whose row is replaced at the swap"


def _published(connection: Connection, store: Store) -> Iterator[str]:
    rows = _rows(
        connection,
        """SELECT DISTINCT pubname::text FROM pg_publication_tables
           WHERE schemaname = %(schema)s AND tablename = ANY (%(tables)s)""",
        schema=store.schema,
        tables=[MEMORIES, REGISTRY],
    )
    for (name,) in rows:
        yield f"publication {name} replicates these tables: a subscriber would stop at the new column"


_INDEXES: LiteralString = """
    SELECT DISTINCT i.relname::text, m.amname = 'hnsw' AND o.opcname IN ('vector_cosine_ops', 'halfvec_cosine_ops')
                    AND x.indpred IS NULL
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
    JOIN pg_opclass o ON o.oid = x.indclass[0]
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.oid
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %(table)s::regclass AND x.indrelid = d.refobjid
      AND a.attname = %(column)s AND (x.indisvalid OR NOT %(valid)s) ORDER BY 1"""


def _vector_indexes(
    connection: Connection, store: Store, column: str = COLUMN, *, valid: bool = False
) -> list[tuple[str, bool]]:
    return _rows(connection, _INDEXES, table=store.name(MEMORIES), column=column, valid=valid)


def hnsw_indexes(connection: Connection, store: Store, column: str = COLUMN, *, valid: bool = False) -> list[str]:
    """The names of the HNSW indexes of a column of vectors, or only of those that are ``valid``."""
    return [name for name, hnsw in _vector_indexes(connection, store, column, valid=valid) if hnsw]


def _rows(connection: Connection, query: LiteralString, **values: object) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()
