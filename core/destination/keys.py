"""Looks up keys: which of many rows are at the destination already, without reading those rows."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, count

import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.batches import BatchResult, KeyBatch, RowBatch
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.records import ARROW
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.rows.values import ValueProblem


class _Array:
    """Fields of one column, to be sent as one array."""

    def __init__(self, kind: PgType, count: int, fields: bytes) -> None:
        if kind.oid is None:
            raise TypeError(f"no key can be of type {kind.sql}")
        self.value = copy_format.joined_array(kind.oid, count, fields)[4:]  # a parameter brings its length itself


class _ArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Array) -> Buffer:
        return obj.value


def look_up(connection: Connection, lookup: KeyLookup, batches: Sequence[KeyBatch]) -> list[BatchResult]:
    """Look the keys of these batches up: which rows are present, and which are absent. Raises ``psycopg.Error``."""
    fields = map(b"".join, zip(*(batch.fields for batch in batches), strict=True))
    missing = lookup.missing_of(connection, sum(batch.count for batch in batches), [*fields], distinct=True)
    results: list[BatchResult] = []
    first = 0
    for batch in batches:
        places = range(first, first := first + batch.count)
        absent: array[int] | None = None
        if found := missing.intersection(places):
            rowids = batch.rowids.split(",")
            absent = array("q", (int(rowids[place - places.start]) for place in found))
        results.append(BatchResult(already_present=batch.count - len(found), absent=absent))
    return results


def skip_present(
    connection: Connection, lookup: KeyLookup, batches: Sequence[RowBatch]
) -> list[tuple[RowBatch, BatchResult]]:
    """Look up the rows that may be at the destination already: for each batch what remains of it, and the result of the
    rows that are present. Raises ``psycopg.Error``.
    """
    waiting = [batch for batch in batches if batch.look_up]
    records = [*chain.from_iterable(batch.records for batch in waiting)]
    missing = lookup.missing(connection, [[record.fields[place] for record in records] for place in lookup.positions])
    places = count()
    found: list[tuple[RowBatch, BatchResult]] = []
    for batch in batches:
        remaining, result = batch, BatchResult()
        if batch.look_up:
            marked = [(record, next(places) in missing) for record in batch.records]
            present = [record for record, is_missing in marked if not is_missing]
            problems = tuple(chain.from_iterable(record.problems for record in present))
            result = BatchResult(already_present=len(present), problems=problems)
            remaining = replace(batch, records=[record for record, is_missing in marked if is_missing])
        if batch.look_up_rejected:
            remaining, skipped = _skip_rejected(connection, lookup, remaining)
            result += skipped
        found.append((remaining, result))
    return found


def _skip_rejected(connection: Connection, lookup: KeyLookup, batch: RowBatch) -> tuple[RowBatch, BatchResult]:
    """A row that cannot be sent counts as present where it has arrived before."""
    keys = {place: key for place, error in enumerate(batch.rejected) if (key := lookup.key_of(error)) is not None}
    missing = lookup.missing(connection, [*zip(*keys.values(), strict=True)])
    present = {place for number, place in enumerate(keys) if number not in missing}
    problems = tuple(replace(batch.rejected[place], copied=True) for place in sorted(present))
    remaining = [error for place, error in enumerate(batch.rejected) if place not in present]
    return replace(batch, rejected=remaining), BatchResult(already_present=len(present), problems=problems)


class KeyLookup:
    """Finds rows of one table by ``columns``, which an index should cover: each key costs one index lookup."""

    def __init__(self, destination: Destination, table: Table, columns: Sequence[str]) -> None:
        self.positions = [table.position(name) for name in columns]
        self._table = table
        self._names = columns
        self._types = table.types(columns)
        numbered = [sql.Identifier(f"c{number}") for number in range(len(columns))]
        # A scalar subquery runs key by key; a join could scan the whole table for a few keys.
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

        (column, *more), (kind, *_) = columns, self._types
        # One scan of the index looks up many keys, but of a single column only.
        self._count = sql.SQL("SELECT count(DISTINCT {0}) FROM {1} WHERE {0} = ANY ($1::{2}[])").format(
            sql.Identifier(column), sql.Identifier(destination.schema, table.name), sql.SQL(kind.sql)
        )
        self._countable = not more

    def key_of(self, error: RowError) -> list[bytes] | None:
        """The fields to look up the row that an error names; None where the error does not contain them."""
        parts = dict(zip(self._table.key, error.row.split(ARROW), strict=False))
        try:
            return [self._table.columns[self._table.position(name)].converter.one(parts[name]) for name in self._names]
        except (KeyError, ValueProblem):
            return None

    def missing(self, connection: Connection, keys: Sequence[Sequence[bytes]]) -> set[int]:
        """The positions of the keys that are missing. ``keys`` has a list of fields for each column.

        Raises ``psycopg.Error``.
        """
        return self.missing_of(connection, len(keys[0]) if keys else 0, [*map(b"".join, keys)])

    def missing_of(
        self, connection: Connection, count: int, fields: Sequence[bytes], *, distinct: bool = False
    ) -> set[int]:
        """The same for ``count`` keys, with the fields of each column joined. Where all are ``distinct``, one quick
        query tells whether none is missing, which is the usual case.
        """
        if not count:
            return set()
        columns = [_Array(kind, count, joined) for kind, joined in zip(self._types, fields, strict=True)]
        with psycopg.RawCursor(connection) as cursor:
            cursor.adapters.register_dumper(_Array, _ArrayDumper)
            if distinct and self._countable and cursor.execute(self._count, columns).fetchone() == (count,):
                return set()
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
