"""Digests of the destination's tables, computed by the server: ``docs/receipt.md`` has the same queries for ``psql``.

A row's hash is SHA-256 over the bytes of ``record_send``: every column of the table's description, with its type. The
hashes of a part, sorted, make the digest of the part, and those of the parts, in order, the digest of the table. So
neither the order of the rows nor a collation matters, and a part tells where something changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import TABLES, Column, Table

PART_DIGITS = 32
"""Hexadecimal digits of a part's digest that a receipt keeps: 128 bits. The digest of the table is kept whole."""


class Part(NamedTuple):
    """A part of a table: how many rows, and the SHA-256 over their hashes, sorted (64 hexadecimal digits)."""

    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class TableDigest:
    """The digest of a table, 64 hexadecimal digits, and of its parts that have rows, by name (``00`` to ``ff``)."""

    rows: int
    digest: str
    parts: Mapping[str, Part]

    @classmethod
    def of(cls, parts: Mapping[str, Part]) -> TableDigest:
        """The digest of a table from those of its parts."""
        in_order = dict(sorted(parts.items()))
        joined = b"".join(bytes.fromhex(part.digest) for part in in_order.values())
        rows = sum(part.rows for part in in_order.values())
        return cls(rows, hashlib.sha256(joined).hexdigest(), in_order)

    def parts_as_text(self) -> dict[str, str]:
        """The parts as a receipt has them: rows and the first ``PART_DIGITS`` of the digest, such as ``12 3f0c…``."""
        return {name: f"{part.rows} {part.digest[:PART_DIGITS]}" for name, part in self.parts.items()}


@dataclass(frozen=True, slots=True)
class Taken:
    """The digests of all tables in one snapshot, ``at`` a moment of the server's clock.

    No transaction from ``xid`` on, a 64-bit number, had begun to write then.
    """

    tables: Mapping[str, TableDigest]
    at: datetime
    xid: int


def take(
    connection: Connection,
    destination: Destination,
    *,
    step: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Taken:
    """The digests of every table, for a receipt; arguments and errors are those of ``digests``."""
    ((at, xid),) = connection.execute(
        "SELECT pg_catalog.now(), pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text"
    ).fetchall()
    return Taken(digests(connection, destination, step=step), at, int(xid))


def digests(
    connection: Connection,
    destination: Destination,
    *,
    step: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> dict[str, TableDigest]:
    """The digests of the tables that exist, by name.

    The connection is inside the caller's transaction (REPEATABLE READ, READ ONLY). ``step`` is entered around the query
    of each table. Raises ``psycopg.Error``.
    """
    found = {}
    for table in TABLES:
        if table.name in destination.tables:
            with step():
                found[table.name] = TableDigest.of(read_parts(connection, destination, table))
    return found


def read_parts(
    connection: Connection, destination: Destination, table: Table, condition: sql.Composable | None = None
) -> dict[str, Part]:
    """The parts of a table by name, of all its rows or of those that a ``condition`` on the alias ``t`` selects.

    Functions are qualified: a database's search path may lead to others of the same name.
    """
    query = sql.SQL(
        "SELECT part, pg_catalog.count(*), pg_catalog.encode(pg_catalog.sha256("
        "pg_catalog.string_agg(hash, ''::pg_catalog.bytea ORDER BY hash)), 'hex'::pg_catalog.text)"
        " FROM (SELECT {part} AS part, pg_catalog.sha256(pg_catalog.record_send(ROW({values}))) AS hash"
        " FROM {table} t{where} OFFSET 0) hashed GROUP BY part"  # OFFSET 0 keeps whole rows out of the sort
    ).format(
        part=part_of(table),
        values=sql.SQL(", ").join(_value(column, destination.vector_schema) for column in table.columns),
        table=sql.Identifier(destination.schema, table.name),
        where=sql.SQL(" WHERE {}").format(condition) if condition is not None else sql.SQL(""),
    )
    return {f"{part:02x}": Part(rows, digest) for part, rows, digest in connection.execute(query)}


def part_of(table: Table) -> sql.Composed:
    """The number of a row's part, from its key: the last byte of a UUID, or the first byte of a text's SHA-256."""
    column = table.columns[table.position(table.key[0])]
    name = sql.Identifier("t", column.name)
    if column.type is PgType.UUID:
        return sql.SQL("pg_catalog.get_byte(pg_catalog.uuid_send({}), 15)").format(name)
    return sql.SQL(
        "pg_catalog.get_byte(pg_catalog.sha256(pg_catalog.convert_to({}::pg_catalog.text, 'UTF8'::pg_catalog.name)), 0)"
    ).format(name)


def _value(column: Column, vector_schema: str | None) -> sql.Composed:
    """A column as it goes into the hash, so that the type of a table that others have made does not matter."""
    name = sql.Identifier("t", column.name)
    match column.type:
        case PgType.TEXT | PgType.TEXT_ARRAY:
            return sql.SQL("{}::pg_catalog.{}").format(name, sql.SQL(column.type.sql))
        case PgType.INT2 | PgType.INT4:
            return sql.SQL("{}::pg_catalog.int8").format(name)
        case PgType.VECTOR:  # as bytes, since the number of its type differs between databases
            schema = sql.Identifier(vector_schema or "public")
            return sql.SQL("{0}.vector_send({1}::{0}.vector)").format(schema, name)
    return sql.SQL("{}").format(name)
