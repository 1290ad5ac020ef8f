"""Inspects a destination: server, pgvector, schema, tables, keys and registered model; and checks that they fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import LiteralString

from vestige_tui.core.destination import fit
from vestige_tui.core.destination.catalog import FoundTable, read_tables, with_rows
from vestige_tui.core.destination.connection import Connection, behind_pooler, has_limits
from vestige_tui.core.destination.registry import read_registered, stamp_obstacles, stamped_dimension
from vestige_tui.core.errors import RefusedError, SchemaMismatchError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.converters import Int2, Int4, Text
from vestige_tui.core.rows.tables import BY_NAME, Column, Table

MIN_SERVER_VERSION = 16_00_00
MIN_PGVECTOR = (0, 5)

REGISTRY = "embedding_model"

_REGISTERED = Table(
    REGISTRY,
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


@dataclass(frozen=True, slots=True)
class Destination:
    """A PostgreSQL database as a copy sees it. ``vector_schema`` is None where pgvector is available and not installed.
    ``registry`` is the table that names the model. ``pooled``: a session ends with its transaction; ``limited``: each
    transaction then has to lift time limits. ``populated`` names the tables with rows.
    """

    schema: str
    server_version: str
    pgvector_version: str
    vector_schema: str | None
    tables: Mapping[str, FoundTable]
    registry: FoundTable | None
    registered: ModelSignature | None
    dimension: int | None
    pooled: bool
    limited: bool
    populated: frozenset[str]

    def key_of(self, table: Table) -> tuple[str, ...]:
        """The columns of a table's primary key here; those of its description where it does not exist yet."""
        found = self.tables.get(table.name)
        return found.key if found else table.key

    @property
    def pending(self) -> frozenset[str]:
        """The names of the tables with foreign keys that the server does not enforce yet."""
        return frozenset(name for name, found in self.tables.items() if found.pending)

    @property
    def unchecked(self) -> frozenset[str]:
        """The names of the tables with foreign keys that the server does not check for each row."""
        return frozenset(
            name
            for name, found in self.tables.items()
            if not all(found.enforces(foreign_key) for foreign_key in BY_NAME[name].foreign_keys)
        )

    @property
    def present(self) -> frozenset[str]:
        """The names of the tables that exist."""
        return frozenset(self.tables)


def inspect(connection: Connection) -> Destination:
    """Inspect a destination without changing it. Raises ``RefusedError`` where no copy could work."""
    server_version = _check_server(connection)
    pgvector_version, vector_schema = _check_pgvector(connection)
    schema = _find_schema(connection)
    tables = read_tables(connection, schema, (*BY_NAME, REGISTRY))
    registry = tables.pop(REGISTRY, None)
    if registry is not None and (differences := tuple(fit.column_by_column(_REGISTERED, registry))):
        raise SchemaMismatchError(differences, schema=schema)
    if registry is not None and not registry.may_read:
        raise RefusedError(
            "The role may not read the table embedding_model, which names the model of the vectors there.",
            remedy=f"Let its owner run: GRANT SELECT ON {schema}.embedding_model TO the role; where no model is "
            "registered in it yet, the role needs INSERT too.",
        )
    pooled = behind_pooler(connection)
    return Destination(
        schema=schema,
        server_version=server_version,
        pgvector_version=pgvector_version,
        vector_schema=vector_schema,
        tables=tables,
        registry=registry,
        registered=read_registered(connection, schema) if registry is not None else None,
        dimension=stamped_dimension(connection, schema) if "knowledge_nodes" in tables else None,
        pooled=pooled,
        limited=pooled and has_limits(connection),
        populated=with_rows(connection, schema, tables),
    )


def check_fit(destination: Destination, model: ModelSignature | None) -> None:
    """Compare the existing tables with what a copy needs. Raises ``SchemaMismatchError`` with all differences."""
    differences = [text for name, found in destination.tables.items() for text in fit.differences(BY_NAME[name], found)]
    if destination.registry is not None and destination.registered is None:
        differences += fit.extra_columns(_REGISTERED, destination.registry)
        if ("id",) not in destination.registry.unique.values():
            differences.append(f"{REGISTRY}.id is not unique")
    differences += _cannot_be_referred_to(destination)
    if model and destination.dimension not in (None, model.dimension):
        differences.append(
            f"knowledge_nodes.embedding is vector({destination.dimension}), the source needs vector({model.dimension})"
        )
    if differences:
        raise SchemaMismatchError(tuple(differences), schema=destination.schema)


def check_stamp(connection: Connection, destination: Destination, model: ModelSignature | None) -> None:
    """Check that existing vectors can take the model's dimension. Raises ``SchemaMismatchError``."""
    memories = destination.tables.get("knowledge_nodes")
    if model is None or destination.dimension is not None or destination.vector_schema is None:
        return
    if memories is not None and memories.may_read:
        found = tuple(stamp_obstacles(connection, destination.schema, destination.vector_schema, model.dimension))
        if found:
            raise SchemaMismatchError(found, schema=destination.schema)


def check_writable(connection: Connection, destination: Destination, model: ModelSignature | None) -> None:
    """Check that the role may do what a copy does. Raises ``RefusedError``, which lists everything that it may not."""
    lacking = [*_lacking_in_database(connection, destination), *_lacking_on_tables(connection, destination)]
    if model is not None:
        lacking += _lacking_for_model(connection, destination)
    if lacking:
        raise RefusedError(
            "The role may not do what a copy needs. It may not:\n" + "\n".join(f"  - {item}" for item in lacking),
            remedy="Connect as the owner of the database, or let its administrator grant what is named above.",
        )


def _lacking_in_database(connection: Connection, destination: Destination) -> Iterable[str]:
    """What the role may not do in the database and the schema."""
    if destination.vector_schema is None and not may_create_extension(connection):
        yield "add pgvector to this database (its administrator may, with CREATE EXTENSION vector)"
    if destination.vector_schema is not None and not _flag(
        connection, "SELECT has_schema_privilege(%s, 'USAGE')", destination.vector_schema
    ):
        yield f"use pgvector, which is in schema {destination.vector_schema} (GRANT USAGE ON SCHEMA)"
    # the value that a session begins with: a dry run sets its own
    if _flag(
        connection,
        "SELECT pg_is_in_recovery() OR reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'",
    ):
        yield "write at all: default_transaction_read_only is on for it"
    if not _flag(connection, "SELECT has_database_privilege(current_database(), 'TEMPORARY')"):
        yield "create temporary tables (GRANT TEMPORARY ON DATABASE)"
    complete = len(destination.tables) == len(BY_NAME) and destination.registry is not None
    if not complete and not _flag(
        connection,
        "SELECT has_schema_privilege(%s, 'USAGE') AND has_schema_privilege(%s, 'CREATE')",  # a list means any of them
        destination.schema,
        destination.schema,
    ):
        yield f"create tables in schema {destination.schema} (GRANT USAGE, CREATE ON SCHEMA)"


def _lacking_on_tables(connection: Connection, destination: Destination) -> Iterable[str]:
    """What the role may not do with the tables that exist."""
    for name, found in destination.tables.items():
        if not (found.may_read and found.may_insert):
            yield f"read and insert into {name} (GRANT SELECT, INSERT)"
    for name in _needed_parents(destination):
        if not destination.tables[name].may_refer:
            yield f"make tables that refer to {name} (GRANT REFERENCES)"
    if _flag(connection, "SELECT current_setting('session_replication_role') = 'replica'"):
        yield "have foreign keys checked: session_replication_role is replica for it (ALTER ROLE … RESET)"
    closed = [name for name, found in destination.tables.items() if found.closed]
    if destination.registered is None and destination.registry is not None and destination.registry.closed:
        closed.append(REGISTRY)  # it may have a model that this role cannot see
    for name in closed:
        yield f"read and insert into {name}: row-level security has no policies for it (CREATE POLICY, or BYPASSRLS)"


def _lacking_for_model(connection: Connection, destination: Destination) -> Iterable[str]:
    """What the role may not do to register a model."""
    if destination.registered is None and destination.registry is not None and not destination.registry.may_insert:
        yield f"register the model in {REGISTRY} (GRANT INSERT)"
    if destination.dimension is None and "knowledge_nodes" in destination.tables:
        owns: LiteralString = (
            "SELECT pg_has_role(relowner, 'MEMBER') FROM pg_class"
            " WHERE oid = format('%%I.knowledge_nodes', %s::text)::regclass"
        )
        if not _flag(connection, owns, destination.schema):
            yield "give the vectors in knowledge_nodes their dimension (only members of the table's owner may)"


def may_create_extension(connection: Connection) -> bool:
    """Whether the role may add pgvector to this database."""
    return _flag(
        connection,
        """SELECT rolsuper OR (has_database_privilege(current_database(), 'CREATE') AND EXISTS (
               SELECT 1 FROM pg_available_extension_versions WHERE name = 'vector' AND (trusted OR NOT superuser)))
           FROM pg_roles WHERE rolname = current_user""",
    )


def _check_server(connection: Connection) -> str:
    version = connection.info.server_version
    shown = connection.info.parameter_status("server_version") or str(version)
    if _flag(connection, "SELECT pg_is_in_recovery()"):
        raise RefusedError(
            "The server is a standby: it follows another server and accepts no writes.",
            remedy="Connect to the primary server.",
        )
    if version < MIN_SERVER_VERSION:
        raise RefusedError(
            f"The server is PostgreSQL {shown}; version 16 or newer is needed.",
            remedy="Upgrade the server, or choose another one.",
        )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise RefusedError(
            f"The database stores text as {encoding}, which cannot hold every memory.",
            remedy="Create a database with ENCODING 'UTF8' TEMPLATE template0, and name that one.",
        )
    return shown.split()[0]


def _check_pgvector(connection: Connection) -> tuple[str, str | None]:
    """The version of pgvector, and its schema (None: it is available and not installed)."""
    major = connection.info.server_version // 10_000
    row = connection.execute(
        "SELECT e.extversion, n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
        " WHERE e.extname = 'vector'"
    ).fetchone()
    if row is None:
        row = connection.execute(
            "SELECT default_version, NULL FROM pg_available_extensions WHERE name = 'vector'"
        ).fetchone()
    if row is None:
        raise RefusedError(
            "The server does not have pgvector, the extension that stores embeddings.",
            remedy=f"On Debian or Ubuntu: apt install postgresql-{major}-pgvector. "
            "With Docker: use the image pgvector/pgvector. Then run this again.",
        )
    version, schema = row
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_PGVECTOR:
        raise RefusedError(
            f"The server has pgvector {version}; version {'.'.join(map(str, MIN_PGVECTOR))} or newer is needed.",
            remedy=f"Install a newer postgresql-{major}-pgvector, then run ALTER EXTENSION vector UPDATE.",
        )
    return version, schema


def _find_schema(connection: Connection) -> str:
    """The schema of the visible table of memories, else the one in which new tables would be created."""
    row = connection.execute(
        """SELECT coalesce(
               (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE c.relname = 'knowledge_nodes' AND pg_table_is_visible(c.oid)),
               current_schema())"""
    ).fetchone()
    if row is None or row[0] is None:
        raise RefusedError(
            "No schema of this role's search_path exists in the database.",
            remedy="Create the schema, or set search_path for this role.",
        )
    return str(row[0])


def _flag(connection: Connection, query: LiteralString, *parameters: object) -> bool:
    """The answer to a yes-or-no query."""
    row = connection.execute(query, parameters).fetchone()
    return bool(row and row[0])


def own_rules(destination: Destination) -> dict[str, tuple[str, ...]]:
    """The triggers, constraints and policies that the destination's owner has added, by table. They may refuse or
    change rows, which no preview can foretell.
    """
    by_table = {name: tuple(fit.own_rules(BY_NAME[name], found)) for name, found in destination.tables.items()}
    return {name: rules for name, rules in by_table.items() if rules}


def _cannot_be_referred_to(destination: Destination) -> Iterable[str]:
    for name in _needed_parents(destination):
        if BY_NAME[name].key not in destination.tables[name].unique.values():
            key = ", ".join(BY_NAME[name].key)
            yield f"{name} is not unique by ({key}), and the tables that are missing have to refer to it by that"


def _needed_parents(destination: Destination) -> list[str]:
    """The existing tables that missing tables will refer to."""
    parents = {
        foreign_key.table
        for name, table in BY_NAME.items()
        if name not in destination.tables
        for foreign_key in table.foreign_keys
    }
    return [name for name in destination.tables if name in parents]
