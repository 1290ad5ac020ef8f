"""Looking keys up: which of many rows are at the destination already, without reading any of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from vestige_tui.core import wire
from vestige_tui.core.destination.catalog import Destination
from vestige_tui.core.destination.connect import Connection
from vestige_tui.core.source.reader import Batch
from vestige_tui.core.tables import PgType, Table


class _Array:
    """Fields of one column, to be sent as one array."""

    def __init__(self, kind: PgType, fields: Sequence[bytes]) -> None:
        if kind.oid is None:
            raise TypeError(f"no key can be of type {kind.sql}")
        self.value = wire.array_of(kind.oid, fields)[4:]  # a parameter brings its length itself


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> Buffer:
        return obj.value


def sift(connection: Connection, lookup: KeyLookup, batches: Sequence[Batch]) -> None:
    """Look the unsent rows of these batches up, and make records of those that are not there."""
    waiting = [(batch, batch.unsent) for batch in batches if batch.unsent is not None]
    if not waiting:
        return
    keys = [[*chain(*columns)] for columns in zip(*(unsent.keys for _, unsent in waiting), strict=True)]
    missing = lookup.missing(connection, keys)
    first = 0
    for batch, unsent in waiting:
        batch.unsent = None
        if missing:
            batch.add_all(unsent.make(row) for place, row in enumerate(unsent.rows, start=first) if place in missing)
        batch.known = len(unsent.rows) - len(batch.records)
        first += len(unsent.rows)


class KeyLookup:
    """Finds rows of one table by ``columns``, which an index should cover: each key costs one look into it."""

    def __init__(self, destination: Destination, table: Table, columns: Sequence[str]) -> None:
        self.positions = [table.position(name) for name in columns]
        self._types = table.types(columns)
        numbered = [sql.Identifier(f"c{number}") for number in range(len(columns))]
        # A scalar subquery is carried out key by key; a join could scan the whole table for every few keys.
        self._query = sql.SQL(
            "SELECT k.ord - 1 FROM unnest({}) WITH ORDINALITY k({}, ord)"
            " WHERE (SELECT true FROM {} t WHERE {} LIMIT 1) IS NULL"
        ).format(
            sql.SQL(", ").join(sql.SQL(f"${number}::{kind.sql}[]") for number, kind in enumerate(self._types, start=1)),
            sql.SQL(", ").join(numbered),
            sql.Identifier(destination.schema, table.name),
            sql.SQL(" AND ").join(
                sql.SQL("t.{} = k.{}").format(sql.Identifier(name), number)
                for name, number in zip(columns, numbered, strict=True)
            ),
        )

    def missing(self, connection: Connection, keys: Sequence[Sequence[bytes]]) -> set[int]:
        """Positions of those keys that are not there. ``keys`` has a list of fields for each column.

        Raises ``psycopg.Error``.
        """
        if not keys or not keys[0]:
            return set()
        columns = [_Array(kind, fields) for kind, fields in zip(self._types, keys, strict=True)]
        with psycopg.RawCursor(connection) as cursor:
            cursor.adapters.register_dumper(_Array, _ArrayDumper)
            return {row[0] for row in cursor.execute(self._query, columns)}


class KeyLookups:
    """The lookups into one destination, each made once."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._made: dict[tuple[str, tuple[str, ...]], KeyLookup] = {}

    def by(self, table: Table, columns: Sequence[str]) -> KeyLookup:
        """The lookup of a table by these columns."""
        place = (table.name, tuple(columns))
        if place not in self._made:
            self._made[place] = KeyLookup(self._destination, table, columns)
        return self._made[place]

    def by_key(self, table: Table) -> KeyLookup:
        """The lookup of a table by its primary key."""
        return self.by(table, self._destination.key_of(table))
