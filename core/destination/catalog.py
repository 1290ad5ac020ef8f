"""What a destination is: its server, pgvector, schema, tables, keys and registered model; and whether they fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import LiteralString

from vestige_tui.core.destination.connect import Connection, behind_pooler
from vestige_tui.core.destination.registry import read_registered, stamped_dimension
from vestige_tui.core.destination.relations import FoundColumn, FoundTable, read_tables, with_rows
from vestige_tui.core.errors import RefusedError, SchemaMismatchError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.tables import BY_NAME, Column, Table

MIN_SERVER_VERSION = 16_00_00
MIN_PGVECTOR = (0, 5)

REGISTRY = "embedding_model"
REGISTRY_COLUMNS = ("id", "name", "dimension", "hash")


@dataclass(frozen=True, slots=True)
class Destination:
    """A PostgreSQL database seen by a copy. ``vector_schema`` is None where pgvector is only available yet;
    ``registry`` is the table that names the model; ``pooled`` tells that a session does not outlast a transaction;
    ``populated`` names the tables that have rows.
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
    populated: frozenset[str]

    def key_of(self, table: Table) -> tuple[str, ...]:
        """The columns of a table's primary key here; the described ones where the table is yet to be made."""
        found = self.tables.get(table.name)
        return found.key if found else table.key

    @property
    def pending(self) -> frozenset[str]:
        """The names of the tables with references that the server does not enforce yet."""
        return frozenset(name for name, found in self.tables.items() if found.pending)

    @property
    def present(self) -> frozenset[str]:
        """The names of the tables that are there."""
        return frozenset(self.tables)


def inspect(connection: Connection) -> Destination:
    """Look at a destination without changing it. Raises ``RefusedError`` where no copy could work."""
    server_version = _check_server(connection)
    pgvector_version, vector_schema = _check_pgvector(connection)
    schema = _find_schema(connection)
    tables = read_tables(connection, schema, (*BY_NAME, REGISTRY))
    registry = tables.pop(REGISTRY, None)
    lacking = [name for name in REGISTRY_COLUMNS if registry is not None and name not in registry.columns]
    if lacking:
        differences = tuple(f"embedding_model.{name} is missing" for name in lacking)
        raise SchemaMismatchError(differences, schema=schema)
    if registry is not None and not registry.may_read:
        raise RefusedError(
            "The role may not read the table embedding_model, which names the model of the vectors there.",
            remedy=f"Let its owner run: GRANT SELECT ON {schema}.embedding_model TO the role; where no model is "
            "registered in it yet, the role needs INSERT too.",
        )
    return Destination(
        schema=schema,
        server_version=server_version,
        pgvector_version=pgvector_version,
        vector_schema=vector_schema,
        tables=tables,
        registry=registry,
        registered=read_registered(connection, schema) if registry is not None else None,
        dimension=stamped_dimension(connection, schema) if "knowledge_nodes" in tables else None,
        pooled=behind_pooler(connection),
        populated=with_rows(connection, schema, tables),
    )


def check_fit(destination: Destination, model: ModelSignature | None) -> None:
    """Compare the tables that are there with what a copy needs. Raises ``SchemaMismatchError`` with all differences."""
    differences = [text for name, found in destination.tables.items() for text in _differences(BY_NAME[name], found)]
    if model and destination.dimension not in (None, model.dimension):
        differences.append(
            f"knowledge_nodes.embedding is vector({destination.dimension}), the source needs vector({model.dimension})"
        )
    if differences:
        raise SchemaMismatchError(tuple(differences), schema=destination.schema)


def check_writable(connection: Connection, destination: Destination, model: ModelSignature | None) -> None:
    """See whether the role may do what a copy does. Raises ``RefusedError`` with everything that it may not."""
    lacking = []
    if destination.vector_schema is None and not may_create_extension(connection):
        lacking.append("add pgvector to this database (its administrator may, with CREATE EXTENSION vector)")
    if destination.vector_schema is not None and not _flag(
        connection, "SELECT has_schema_privilege(%s, 'USAGE')", destination.vector_schema
    ):
        lacking.append(f"use pgvector, which is in schema {destination.vector_schema} (GRANT USAGE ON SCHEMA)")
    # what a session begins with: a dry run's own has been told to write nothing
    if _flag(
        connection,
        "SELECT pg_is_in_recovery() OR reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'",
    ):
        lacking.append("write at all: default_transaction_read_only is on for it")
    if not _flag(connection, "SELECT has_database_privilege(current_database(), 'TEMPORARY')"):
        lacking.append("create temporary tables (GRANT TEMPORARY ON DATABASE)")
    complete = len(destination.tables) == len(BY_NAME) and destination.registry is not None
    if not complete and not _flag(
        connection,
        "SELECT has_schema_privilege(%s, 'USAGE') AND has_schema_privilege(%s, 'CREATE')",  # a list means any of them
        destination.schema,
        destination.schema,
    ):
        lacking.append(f"create tables in schema {destination.schema} (GRANT USAGE, CREATE ON SCHEMA)")
    lacking += [
        f"read and insert into {name} (GRANT SELECT, INSERT)"
        for name, found in destination.tables.items()
        if not (found.may_read and found.may_insert)
    ]
    closed = [name for name, found in destination.tables.items() if found.closed]
    if destination.registered is None and destination.registry is not None and destination.registry.closed:
        closed.append(REGISTRY)  # there may be a model that this role does not see
    lacking += [
        f"read and insert into {name}: row-level security has no policies for it (CREATE POLICY, or BYPASSRLS)"
        for name in closed
    ]
    if model is not None:
        lacking += _lacking_for_model(connection, destination)
    if lacking:
        raise RefusedError(
            "The role may not do what a copy needs. It may not:\n" + "\n".join(f"  - {item}" for item in lacking),
            remedy="Connect as the owner of the database, or let its administrator grant what is named above.",
        )


def _lacking_for_model(connection: Connection, destination: Destination) -> Iterable[str]:
    """What the role may not do of what registering a model needs."""
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
    """Version of pgvector, and the schema it is installed in (None: it can be, and is not yet)."""
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
    """The schema of the memories that are visible, or else the one in which new tables would be made."""
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
    """The answer to a query that asks one yes-or-no question."""
    row = connection.execute(query, parameters).fetchone()
    return bool(row and row[0])


def _differences(table: Table, found: FoundTable) -> Iterable[str]:
    for column in table.columns:
        yield from _column_differences(table, column, found.columns.get(column.name))
    if found.has_rules:
        yield f"{table.name} has rules for INSERT or UPDATE, with which INSERT … ON CONFLICT does not work"
    if found.key_can_wait:
        yield f"{table.name} has a DEFERRABLE primary key, with which INSERT … ON CONFLICT does not work"
    for name, extra in found.columns.items():
        if name not in table.column_names and extra.not_null and not extra.filled:
            yield f"{table.name}.{name} is an extra column that must be filled, and a copy has nothing for it"
    if not set(table.key) <= set(found.key) <= {column.name for column in table.columns if column.type.oid}:
        has = ", ".join(found.key) or "none"
        yield f"{table.name} has the primary key ({has}), the copy needs ({', '.join(table.key)})"


def _column_differences(table: Table, column: Column, found: FoundColumn | None) -> Iterable[str]:
    if found is None:
        yield f"{table.name}.{column.name} is missing ({column.type.sql})"
    elif found.type not in column.type.fits:
        yield f"{table.name}.{column.name} is {found.type}, the copy needs {column.type.sql}"
    elif found.generated:
        yield f"{table.name}.{column.name} is generated by the server, the copy has to write it"
    elif found.not_null and column.nullable:
        yield f"{table.name}.{column.name} allows no NULL, the copy needs it for rows that have none"
