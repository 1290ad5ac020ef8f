"""References that are checked by the group while a copy fills tables of its own making, and by the server afterwards.

A server that checks row by row looks every reference up by a statement of its own, and locks the row that it finds:
for small rows that costs more than storing them. So a copy that makes the tables has their references NOT ENFORCED at
first (PostgreSQL 18 and newer), looks up itself what a group of batches refers to, and has the server enforce them in
the end, which checks a whole table at once. A comment marks them until then, for the next run after an interruption.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from psycopg import sql

from vestige_tui.core.destination.catalog import PENDING
from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.keys import KeyLookups
from vestige_tui.core.destination.row_errors import check, row_error
from vestige_tui.core.report import NIL_UUID, RowError
from vestige_tui.core.rows.batches import Batch
from vestige_tui.core.rows.copy_format import NULL
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import BY_NAME, ForeignKey, Table

Key = tuple[bytes, ...]
"""Fields of the columns of a reference."""

REMEMBERED = 10_000
"""Rows that were found and need not be looked up again: many memories belong to few users."""

LOCK_WAIT_MS = 500
"""How long one attempt to have a reference enforced waits for a lock. Everybody else who wants the table waits behind
it; and it is less than ``deadlock_timeout``, so that of two who wait for each other it is this run that steps back.
"""

_CAN_ENFORCE_LATER = 18_00_00


def suspensions(server_version: int, schema: str, tables: Sequence[Table]) -> Iterator[sql.Composed]:
    """What has the server not enforce the references of these tables, which have no rows yet, and marks them.

    Nothing for a server that could not enforce them later on; ``server_version`` as libpq gives it.
    """
    if server_version >= _CAN_ENFORCE_LATER:
        for table in tables:
            for foreign_key in table.foreign_keys:
                yield from _alterations(schema, table.name, foreign_key, state="NOT ENFORCED", mark=PENDING)


@dataclass(frozen=True, slots=True)
class PendingForeignKey:
    """A reference of a table that is marked: the server does not enforce it yet."""

    table: str
    foreign_key: ForeignKey

    @property
    def name(self) -> str:
        """The name of its constraint."""
        return self.foreign_key.constraint(self.table)


def pending(destination: Destination) -> Iterator[PendingForeignKey]:
    """The references that are not enforced yet, in the order of their descriptions: of several that a row breaks, a
    server names the one that it has enforced the longest.
    """
    for name, found in destination.tables.items():
        for foreign_key in BY_NAME[name].foreign_keys:
            if foreign_key.constraint(name) in found.pending:
                yield PendingForeignKey(name, foreign_key)


def enforce(connection: Connection, destination: Destination, marked: PendingForeignKey) -> None:
    """Have the server check a reference for all rows that are there, and enforce it from then on.

    Raises ``psycopg.Error``: ``ForeignKeyViolation`` where rows refer to what somebody has removed,
    ``LockNotAvailable`` where somebody is at work with one of the two tables.
    """
    statements = (
        sql.SQL("SET LOCAL lock_timeout = {}").format(LOCK_WAIT_MS),
        *_alterations(destination.schema, marked.table, marked.foreign_key, state="ENFORCED", mark=None),
    )
    with unlimited(connection):
        connection.execute(sql.SQL(";\n").join(statements))


def _alterations(
    schema: str, table: str, foreign_key: ForeignKey, *, state: Literal["ENFORCED", "NOT ENFORCED"], mark: str | None
) -> Iterator[sql.Composed]:
    names = {
        "table": sql.Identifier(schema, table),
        "constraint": sql.Identifier(foreign_key.constraint(table)),
        "state": sql.SQL(state),
        "mark": sql.Literal(mark),
    }
    yield sql.SQL("ALTER TABLE {table} ALTER CONSTRAINT {constraint} {state}").format(**names)
    yield sql.SQL("COMMENT ON CONSTRAINT {constraint} ON {table} IS {mark}").format(**names)


def dangling_rows(connection: Connection, destination: Destination, marked: PendingForeignKey) -> RowError:
    """The one error that stands for all rows of a table that refer to what is not there. Raises ``psycopg.Error``."""
    with unlimited(connection):
        (count,) = connection.execute(_dangling(destination, marked, sql.SQL("count(*)"))).fetchone() or (0,)
    return dangling_error(connection, destination, marked, count)


def dangling_keys(
    connection: Connection, destination: Destination, marked: PendingForeignKey
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The keys that rows refer to and that are not there, each with the number of rows. Inside a transaction alone.

    Raises ``psycopg.Error``.
    """
    names = map(sql.Identifier, marked.foreign_key.columns)
    columns = sql.SQL(", ").join(sql.SQL("c.{}::text").format(name) for name in names)
    query = _dangling(destination, marked, sql.SQL("count(*), ") + columns) + sql.SQL(" GROUP BY ") + columns
    with connection.cursor(name="dangling") as cursor:  # as many as the server has: they are not fetched at once
        for count, *key in cursor.execute(query):
            yield count, tuple(key)


def dangling_error(connection: Connection, destination: Destination, marked: PendingForeignKey, count: int) -> RowError:
    """The error for so many rows that refer to what is not there; its message has the query that lists all of them."""
    query = _dangling(destination, marked, sql.SQL("*")).as_string(connection)
    message = (
        f"{count:,} {'row refers' if count == 1 else 'rows refer'} by {' and '.join(marked.foreign_key.columns)} to "
        f"{BY_NAME[marked.foreign_key.table].title.lower()} that are not at the destination any more ({query})"
    )
    return RowError(
        marked.table, NIL_UUID, marked.foreign_key.columns[0], Kind.DANGLING_REFERENCE, message, copied=True
    )


def _dangling(destination: Destination, marked: PendingForeignKey, wanted: sql.Composable) -> sql.Composed:
    """The query for rows that refer to what is not there."""
    parent = BY_NAME[marked.foreign_key.table]
    return sql.SQL("SELECT {} FROM {} c WHERE NOT EXISTS (SELECT FROM {} p WHERE {})").format(
        wanted,
        sql.Identifier(destination.schema, marked.table),
        sql.Identifier(destination.schema, parent.name),
        sql.SQL(" AND ").join(
            sql.SQL("p.{} = c.{}").format(sql.Identifier(key), sql.Identifier(column))
            for key, column in zip(parent.key, marked.foreign_key.columns, strict=True)
        ),
    )


class ForeignKeyChecks:
    """Looks up what rows refer to, over one connection, where the server does not."""

    def __init__(self, connection: Connection, destination: Destination, lookups: KeyLookups) -> None:
        self._connection = connection
        self._destination = destination
        self._lookups = lookups
        self._met: dict[str, set[Key]] = {}

    def reject_orphans(self, table: Table, batches: Sequence[Batch]) -> None:
        """Turn records that refer to rows which are not there into errors. Raises ``psycopg.Error``."""
        found = self._destination.tables[table.name]
        foreign_keys = [one for one in table.foreign_keys if not found.enforces(one)]
        batches = [batch for batch in batches if batch.check_foreign_keys]
        if not foreign_keys or not batches:
            return
        records = [record for batch in batches for record in batch.records]
        orphans: dict[int, ForeignKey] = {}
        for foreign_key in foreign_keys:
            keys = _keys(records, [table.position(name) for name in foreign_key.columns])
            if missing := self._missing(BY_NAME[foreign_key.table], {*keys}):
                for place, key in enumerate(keys):
                    if key in missing:
                        orphans.setdefault(place, foreign_key)  # of several the server, too, names the first
        for place in self._there(table, [*orphans], records):
            del orphans[place]  # what has arrived before is not looked at again by a server either
        if orphans:
            _reject(table, batches, orphans)

    def _there(self, table: Table, places: Sequence[int], records: Sequence[Record]) -> list[int]:
        """Those of these places whose records are at the destination already."""
        lookup = self._lookups.by_key(table)
        keys = _keys([records[place] for place in places], lookup.positions)
        missing = lookup.missing(self._connection, [*zip(*keys, strict=True)])
        return [place for number, place in enumerate(places) if number not in missing]

    def _missing(self, parent: Table, keys: set[Key]) -> set[Key]:
        """Those of the keys that the table does not have; one with a NULL refers to nothing."""
        met = self._met.setdefault(parent.name, set())
        wanted = [key for key in keys - met if NULL not in key]
        absent = self._lookups.by(parent, parent.key).missing(self._connection, [*zip(*wanted, strict=True)])
        missing = {wanted[place] for place in absent}
        if len(met) > REMEMBERED:
            met.clear()
        met.update(keys - missing)
        return missing


def _reject(table: Table, batches: Sequence[Batch], orphans: Mapping[int, ForeignKey]) -> None:
    """Turn these records, by their position in all batches, into errors."""
    disallowed = check(table)
    first = 0
    for batch in batches:
        kept: list[Record] = []
        for place, record in enumerate(batch.records, start=first):
            if (foreign_key := orphans.get(place)) is None:
                kept.append(record)
            elif (column := disallowed(record)) is not None:  # what the server checks first it also names
                batch.rejected.append(row_error(table, record, Kind.VALUE_NOT_ALLOWED, (column,)))
            else:
                batch.rejected.append(row_error(table, record, Kind.MISSING_REFERENCE, foreign_key.columns))
        first += len(batch.records)
        batch.records = kept


def _keys(records: Sequence[Record], positions: Sequence[int]) -> list[Key]:
    return [*zip(*([record.fields[position] for record in records] for position in positions), strict=True)]
