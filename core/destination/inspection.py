"""Inspects a destination, once a run: server, pgvector, privileges, schema, tables, and the registered model.

It refuses nothing: ``checks`` says what of all this a copy refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import LiteralString

from vestige_tui.core.destination import fit
from vestige_tui.core.destination.catalog import FoundTable, read_tables, with_rows
from vestige_tui.core.destination.connection import Connection, behind_pooler, ends_here, has_limits
from vestige_tui.core.destination.registry import REGISTRY, read_registered
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.tables import BY_NAME, KNOWLEDGE_NODES, Table


@dataclass(frozen=True, slots=True)
class Server:
    """The server and this connection to it. ``number`` is the version as libpq gives it, 18_00_04 for 18.4.

    ``tls`` is the protocol, None where the connection is not encrypted; ``local``: it ends on this machine.
    ``read_only``: transactions of this role begin so. ``unchecked``: no foreign key is checked for it. ``pglite``: it
    is PGlite, PostgreSQL in one process.
    """

    version: str
    number: int
    encoding: str
    database: str
    user: str
    tls: str | None
    local: bool
    standby: bool = False
    read_only: bool = False
    unchecked: bool = False
    pglite: bool = False


@dataclass(frozen=True, slots=True)
class Privileges:
    """What the role may do: create tables in the schema, temporary ones, add pgvector where it is not installed, and
    use it where it is (``vector``). Those on a table are in its ``FoundTable``.
    """

    create: bool
    temporary: bool
    extension: bool
    vector: bool = True


@dataclass(frozen=True, slots=True)
class Destination:
    """A PostgreSQL database as a run sees it.

    ``schema`` is that of the visible table of memories, else the one in which new tables are created; empty where no
    schema of the search path exists. ``pgvector_version`` is that of the database or, where ``vector_schema`` is None,
    the one that can be installed; empty where the server has none. ``registry`` is the table that names the model,
    ``registered`` the model in it, None where there is none or it cannot be read. ``dimension`` is that of the column
    of vectors. ``pooled``: a session ends with its transaction; ``limited``: each transaction then has to lift time
    limits. ``populated`` names the tables with rows. ``set_aside`` are tables that exist and that the run does not use,
    with what does not fit in each; they are not among the others.
    """

    server: Server
    privileges: Privileges
    schema: str
    pgvector_version: str
    vector_schema: str | None
    tables: Mapping[str, FoundTable]
    registry: FoundTable | None
    registered: ModelSignature | None
    dimension: int | None
    pooled: bool
    limited: bool
    populated: frozenset[str]
    set_aside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def without(self, set_aside: Mapping[str, tuple[str, ...]]) -> Destination:
        """The destination with these tables set aside."""
        return replace(
            self,
            tables={name: found for name, found in self.tables.items() if name not in set_aside},
            populated=self.populated - set_aside.keys(),
            set_aside=set_aside,
        )

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
        return frozenset({*self.tables, *self.set_aside})


_FACTS: LiteralString = """
    SELECT pg_is_in_recovery(),
           -- the value that a session begins with: a dry run sets its own
           (SELECT reset_val = 'on' FROM pg_settings WHERE name = 'default_transaction_read_only'),
           current_setting('session_replication_role') = 'replica',
           (SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()),
           version(),
           coalesce(place.schema, ''),
           coalesce(vector.version, (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), ''),
           vector.schema,
           coalesce(has_schema_privilege(place.schema, 'USAGE')
                    AND has_schema_privilege(place.schema, 'CREATE'), false), -- a list means any of them
           has_database_privilege(current_database(), 'TEMPORARY'),
           CASE WHEN vector.version IS NULL THEN (
               SELECT rolsuper OR (has_database_privilege(current_database(), 'CREATE') AND EXISTS (
                   SELECT FROM pg_available_extension_versions WHERE name = 'vector' AND (trusted OR NOT superuser)))
               FROM pg_roles WHERE rolname = current_user) ELSE false END,
           coalesce(has_schema_privilege(vector.schema, 'USAGE'), true)
    FROM (SELECT coalesce(
              (SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE c.relname = 'knowledge_nodes' AND pg_table_is_visible(c.oid)),
              current_schema())::text AS schema) place
    LEFT JOIN (SELECT e.extversion AS version, n.nspname::text AS schema
               FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
               WHERE e.extname = 'vector') vector ON true"""


def inspect(connection: Connection) -> Destination:
    """Inspect a destination without changing it. Raises ``psycopg.Error``."""
    facts = connection.execute(_FACTS).fetchone() or ()
    *server, build, schema, pgvector_version, vector_schema, create, temporary, extension, use = facts
    tables = read_tables(connection, schema, (*BY_NAME, REGISTRY.name))
    registry = tables.pop(REGISTRY.name, None)
    readable = registry is not None and registry.may_read and not any(fit.column_by_column(REGISTRY, registry))
    pooled = behind_pooler(connection)
    return Destination(
        server=replace(_server(connection, *server), pglite=is_pglite(build)),
        privileges=Privileges(create, temporary, extension, use),
        schema=schema,
        pgvector_version=pgvector_version,
        vector_schema=vector_schema,
        tables=tables,
        registry=registry,
        registered=read_registered(connection, schema) if readable else None,
        dimension=_dimension(tables),
        pooled=pooled,
        limited=pooled and has_limits(connection),
        populated=with_rows(connection, schema, tables),
    )


def _server(connection: Connection, standby: bool, read_only: bool, unchecked: bool, tls: str | None) -> Server:
    info = connection.info
    return Server(
        version=(info.parameter_status("server_version") or str(info.server_version)).split()[0],
        number=info.server_version,
        encoding=info.parameter_status("server_encoding") or "?",
        database=info.dbname,
        user=info.user,
        tls=(tls or "TLS") if connection.pgconn.ssl_in_use else None,
        local=ends_here(info.host, info.hostaddr),
        standby=standby,
        read_only=read_only,
        unchecked=unchecked,
    )


def is_pglite(build: str) -> bool:
    """Whether ``version()`` is that of PGlite; older ones name their compiler alone."""
    return re.search("PGlite|Emscripten", build) is not None


def _dimension(tables: Mapping[str, FoundTable]) -> int | None:
    """The dimension in the type of ``knowledge_nodes.embedding``, None where it has none."""
    memories = tables.get(KNOWLEDGE_NODES.name)
    column = memories.columns.get("embedding") if memories else None
    return column.modifier if column and column.modifier > 0 and column.domain is None else None
