"""What of a destination a run refuses. Nothing is asked of the server here but what depends on the agreed model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from vestige_tui.core.destination import fit
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.registry import REGISTRY, stamp_obstacles
from vestige_tui.core.errors import RefusedError, SchemaMismatchError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.tables import BY_NAME, KNOWLEDGE_NODES, TABLES

MIN_SERVER_VERSION = 16_00_00
MIN_PGVECTOR = (0, 5)


def require(refusals: Iterable[RefusedError]) -> None:
    """Raise the first of these refusals, where there is one."""
    for refusal in refusals:
        raise refusal


def without_unneeded(destination: Destination, rows: Mapping[str, int]) -> Destination:
    """The destination with those tables set aside that do not fit and that a copy of so many ``rows`` does not need.

    It needs the tables that it has rows for, that of the memories, and those that these or missing tables refer to.
    """
    needed = {KNOWLEDGE_NODES.name, *(name for name, count in rows.items() if count)}
    for table in reversed(TABLES):
        if table.name in needed or table.name not in destination.present:
            needed |= {foreign_key.table for foreign_key in table.foreign_keys}
    unneeded = {
        name: tuple(fit.differences(BY_NAME[name], found))
        for name, found in destination.tables.items()
        if name not in needed
    }
    return destination.without({name: differences for name, differences in unneeded.items() if differences})


def all_refusals(connection: Connection, destination: Destination) -> tuple[RefusedError, ...]:
    """Why no copy into it could start, whatever the source; of another model than the registered one nothing is known.

    Tables and privileges are judged only on a server that will do.
    """
    model = destination.registered
    return tuple(server_refusals(destination)) or (
        *table_refusals(connection, destination, model),
        *privilege_refusals(destination, model),
    )


def server_refusals(destination: Destination, *, to_read: bool = False) -> Iterator[RefusedError]:
    """What stands against any use of the server and the database; ``to_read``: against reading it alone."""
    server = destination.server
    if server.pglite:
        yield RefusedError(
            "What answers there is PGlite: PostgreSQL in one process, whose connections share a single session.",
            remedy="A copy needs several sessions, with a lock between them. Choose a PostgreSQL server, or the "
            "embedded one (--postgres-url embedded).",
        )
        return
    if server.standby and not to_read:
        yield RefusedError(
            "The server is a standby: it follows another server and accepts no writes.",
            remedy="Connect to the primary server.",
        )
    if server.number < MIN_SERVER_VERSION:
        yield RefusedError(
            f"The server is PostgreSQL {server.version}; version 16 or newer is needed.",
            remedy="Upgrade the server, or choose another one.",
        )
    if server.encoding != "UTF8":
        yield RefusedError(
            f"The database stores text as {server.encoding}, which cannot hold every memory.",
            remedy="Create a database with ENCODING 'UTF8' TEMPLATE template0, and name that one.",
        )
    yield from _pgvector_refusals(destination.pgvector_version, server.number // 10_000)
    if not destination.schema:
        yield RefusedError(
            "No schema of this role's search_path exists in the database.",
            remedy="Create the schema, or set search_path for this role.",
        )
    if destination.registry is not None and not destination.registry.may_read:
        yield RefusedError(
            "The role may not read the table embedding_model, which names the model of the vectors there.",
            remedy=f"Let its owner run: GRANT SELECT ON {destination.schema}.embedding_model TO the role; where no "
            "model is registered in it yet, the role needs INSERT too.",
        )


def _pgvector_refusals(version: str, major: int) -> Iterator[RefusedError]:
    if not version:
        yield RefusedError(
            "The server does not have pgvector, the extension that stores embeddings.",
            remedy=f"On Debian or Ubuntu: apt install postgresql-{major}-pgvector. "
            "With Docker: use the image pgvector/pgvector. Then run this again.",
        )
    elif tuple(int(part) for part in version.split(".")[:2]) < MIN_PGVECTOR:
        yield RefusedError(
            f"The server has pgvector {version}; version {'.'.join(map(str, MIN_PGVECTOR))} or newer is needed.",
            remedy=f"Install a newer postgresql-{major}-pgvector, then run ALTER EXTENSION vector UPDATE.",
        )


def table_refusals(
    connection: Connection, destination: Destination, model: ModelSignature | None
) -> Iterator[SchemaMismatchError]:
    """All differences between the existing tables and what a copy needs, else what prevents giving existing vectors
    the model's dimension.
    """
    found = tuple(_differences(destination, model)) or tuple(_stamp_obstacles(connection, destination, model))
    if found:
        yield SchemaMismatchError(found, schema=destination.schema)


def _differences(destination: Destination, model: ModelSignature | None) -> Iterator[str]:
    for name, found in destination.tables.items():
        yield from fit.differences(BY_NAME[name], found)
    registry = destination.registry
    if registry is not None:
        yield from fit.column_by_column(REGISTRY, registry)
    if registry is not None and destination.registered is None:
        yield from fit.extra_columns(REGISTRY, registry)
        if REGISTRY.key not in registry.unique.values():
            yield f"{REGISTRY.name}.id is not unique"
    for name in _needed_parents(destination):
        if BY_NAME[name].key not in destination.tables[name].unique.values():
            key = ", ".join(BY_NAME[name].key)
            yield f"{name} is not unique by ({key}), and the tables that are missing have to refer to it by that"
    stamped = destination.dimension
    if model and stamped not in (None, model.dimension):
        yield f"knowledge_nodes.embedding is vector({stamped}), the source needs vector({model.dimension})"


def _stamp_obstacles(connection: Connection, destination: Destination, model: ModelSignature | None) -> Iterable[str]:
    memories = destination.tables.get(KNOWLEDGE_NODES.name)
    if model is None or destination.dimension is not None or destination.vector_schema is None:
        return ()
    if memories is None or not memories.may_read or not destination.privileges.vector:
        return ()
    return stamp_obstacles(connection, destination.schema, destination.vector_schema, model.dimension)


def privilege_refusals(destination: Destination, model: ModelSignature | None) -> Iterator[RefusedError]:
    """Everything that the role may not do and a copy does, in one refusal."""
    lacking = [*_lacking_in_database(destination), *_lacking_on_tables(destination)]
    if model is not None:
        lacking += _lacking_for_model(destination)
    if lacking:
        yield RefusedError(
            "The role may not do what a copy needs. It may not:\n" + "\n".join(f"  - {item}" for item in lacking),
            remedy="Connect as the owner of the database, or let its administrator grant what is named above.",
        )


def _lacking_in_database(destination: Destination) -> Iterator[str]:
    """What the role may not do in the database and the schema."""
    may = destination.privileges
    if destination.vector_schema is None and not may.extension:
        yield "add pgvector to this database (its administrator may, with CREATE EXTENSION vector)"
    if not may.vector:
        yield f"use pgvector, which is in schema {destination.vector_schema} (GRANT USAGE ON SCHEMA)"
    if destination.server.read_only:
        yield "write at all: default_transaction_read_only is on for it"
    if not may.temporary:
        yield "create temporary tables (GRANT TEMPORARY ON DATABASE)"
    complete = destination.present == set(BY_NAME) and destination.registry is not None
    if not complete and not may.create:
        yield f"create tables in schema {destination.schema} (GRANT USAGE, CREATE ON SCHEMA)"


def _lacking_on_tables(destination: Destination) -> Iterator[str]:
    """What the role may not do with the tables that exist."""
    for name, found in destination.tables.items():
        if not (found.may_read and found.may_insert):
            yield f"read and insert into {name} (GRANT SELECT, INSERT)"
    for name in _needed_parents(destination):
        if not destination.tables[name].may_refer:
            yield f"make tables that refer to {name} (GRANT REFERENCES)"
    if destination.server.unchecked:
        yield "have foreign keys checked: session_replication_role is replica for it (ALTER ROLE … RESET)"
    closed = [name for name, found in destination.tables.items() if found.closed]
    if destination.registered is None and destination.registry is not None and destination.registry.closed:
        closed.append(REGISTRY.name)  # it may have a model that this role cannot see
    for name in closed:
        yield f"read and insert into {name}: row-level security has no policies for it (CREATE POLICY, or BYPASSRLS)"


def _lacking_for_model(destination: Destination) -> Iterator[str]:
    """What the role may not do to register a model."""
    if destination.registered is None and destination.registry is not None and not destination.registry.may_insert:
        yield f"register the model in {REGISTRY.name} (GRANT INSERT)"
    memories = destination.tables.get(KNOWLEDGE_NODES.name)
    if destination.dimension is None and memories is not None and not memories.owned:
        yield "give the vectors in knowledge_nodes their dimension (only the table's owner may)"


def _needed_parents(destination: Destination) -> list[str]:
    """The existing tables that missing tables will refer to."""
    parents = {
        foreign_key.table
        for name, table in BY_NAME.items()
        if name not in destination.present
        for foreign_key in table.foreign_keys
    }
    return [name for name in destination.tables if name in parents]


def own_rules(destination: Destination) -> dict[str, tuple[str, ...]]:
    """The triggers, constraints and policies that the destination's owner has added, by table. They may refuse or
    change rows, which no preview can foretell.
    """
    by_table = {name: tuple(fit.own_rules(BY_NAME[name], found)) for name, found in destination.tables.items()}
    return {name: rules for name, rules in by_table.items() if rules}
