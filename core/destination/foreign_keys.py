"""Foreign keys that the copy checks for many rows at once while it fills new tables, and the server afterwards.

A server that checks row by row runs a query for each foreign key and locks the row that it finds, which costs more than
storing a small row. So a copy creates its tables with foreign keys NOT ENFORCED (PostgreSQL 18 and newer), looks up
itself what a group of batches refers to, and has the server enforce them at the end, which checks a whole table at
once. Until then a comment marks them for the run that completes an interrupted one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Literal

from psycopg import sql

from vestige_tui.core.destination.autovacuum import SOONER
from vestige_tui.core.destination.catalog import PENDING
from vestige_tui.core.destination.connection import Connection, unlimited
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.keys import KeyLookups
from vestige_tui.core.destination.row_errors import check, row_error
from vestige_tui.core.rows.batches import RowBatch
from vestige_tui.core.rows.copy_format import NULL
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import BY_NAME, ForeignKey, Table

Key = tuple[bytes, ...]
"""The fields of the columns of a foreign key."""

REMEMBERED = 10_000
"""Keys found before are not looked up again, up to so many: many memories belong to few users."""

LOCK_WAIT_MS = 250
"""How long one attempt to enforce a foreign key waits for each of its two locks. Other sessions that want the tables
queue behind it. Both together are less than the other session's ``deadlock_timeout``: where two sessions wait for each
other, this run gives up first, or is the one that the server ends (``SOONER``).
"""

_CAN_ENFORCE_LATER = 18_00_00


def enforce_later(server_version: int, schema: str, tables: Sequence[Table]) -> Iterator[sql.Composed]:
    """The statements that make the foreign keys of these new, empty tables NOT ENFORCED and mark them.

    None for a server that cannot enforce them later; ``server_version`` is libpq's number.
    """
    if server_version >= _CAN_ENFORCE_LATER:
        for table in tables:
            for foreign_key in table.foreign_keys:
                yield from _alterations(schema, table.name, foreign_key, state="NOT ENFORCED", mark=PENDING)


@dataclass(frozen=True, slots=True)
class PendingForeignKey:
    """A marked foreign key: the server does not enforce it yet."""

    table: str
    foreign_key: ForeignKey

    @property
    def name(self) -> str:
        """The name of its constraint."""
        return self.foreign_key.constraint(self.table)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are locked while it is enforced."""
        return tuple(dict.fromkeys((self.table, self.foreign_key.table)))


def pending(destination: Destination) -> Iterator[PendingForeignKey]:
    """The foreign keys that are not enforced yet, in the order of the descriptions: where a row violates several, the
    server names the one that was enforced first.
    """
    for name, found in destination.tables.items():
        for foreign_key in BY_NAME[name].foreign_keys:
            if foreign_key.constraint(name) in found.pending:
                yield PendingForeignKey(name, foreign_key)


def enforce(connection: Connection, destination: Destination, marked: PendingForeignKey) -> None:
    """Have the server check a foreign key for all rows, and enforce it from then on.

    Raises ``psycopg.Error``: ``ForeignKeyViolation`` where rows refer to rows that another session has removed,
    ``LockNotAvailable`` where another session uses one of the two tables.
    """
    statements = (
        sql.SQL(SOONER),
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
    """One error for all rows of a table that refer to rows that do not exist. Raises ``psycopg.Error``."""
    with unlimited(connection):
        (count,) = connection.execute(_dangling(destination, marked, sql.SQL("count(*)"))).fetchone() or (0,)
    return dangling_error(connection, destination, marked, count)


def dangling_keys(
    connection: Connection, destination: Destination, marked: PendingForeignKey
) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The missing keys that rows refer to, each with the number of those rows. It needs a transaction.

    Raises ``psycopg.Error``.
    """
    names = map(sql.Identifier, marked.foreign_key.columns)
    columns = sql.SQL(", ").join(sql.SQL("c.{}::text").format(name) for name in names)
    query = _dangling(destination, marked, sql.SQL("count(*), ") + columns) + sql.SQL(" GROUP BY ") + columns
    with connection.cursor(name="dangling") as cursor:  # on the server: there may be too many to fetch at once
        for count, *key in cursor.execute(query):
            yield count, tuple(key)


def dangling_error(connection: Connection, destination: Destination, marked: PendingForeignKey, count: int) -> RowError:
    """The error for ``count`` rows that refer to rows that do not exist; its message has the query that lists them."""
    query = _dangling(destination, marked, sql.SQL("*")).as_string(connection)
    message = (
        f"{count:,} {'row refers' if count == 1 else 'rows refer'} by {' and '.join(marked.foreign_key.columns)} to "
        f"{BY_NAME[marked.foreign_key.table].plural} that are not at the destination any more ({query})"
    )
    return RowError(
        marked.table, NIL_UUID, marked.foreign_key.columns[0], Kind.DANGLING_REFERENCE, message, copied=True
    )


def _dangling(destination: Destination, marked: PendingForeignKey, wanted: sql.Composable) -> sql.Composed:
    """The query for rows that refer to rows that do not exist."""
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
    """Checks the foreign keys that the server does not check, over one connection."""

    def __init__(self, connection: Connection, destination: Destination, lookups: KeyLookups) -> None:
        self._connection = connection
        self._destination = destination
        self._lookups = lookups
        self._met: dict[str, set[Key]] = {}

    def reject_orphans(self, table: Table, batches: Sequence[RowBatch]) -> Sequence[RowBatch]:
        """The batches with every record rejected that refers to a missing row. Raises ``psycopg.Error``."""
        found = self._destination.tables[table.name]
        foreign_keys = [one for one in table.foreign_keys if not found.enforces(one)]
        records = [record for batch in batches if batch.check_foreign_keys for record in batch.records]
        if not foreign_keys or not records:
            return batches
        orphans: dict[int, ForeignKey] = {}
        for foreign_key in foreign_keys:
            keys = _keys(records, [table.position(name) for name in foreign_key.columns])
            if missing := self._missing(BY_NAME[foreign_key.table], {*keys}):
                for place, key in enumerate(keys):
                    if key in missing:
                        orphans.setdefault(place, foreign_key)  # of several, the server names the first too
        for place in self._present(table, [*orphans], records):
            del orphans[place]  # a server does not check a row again either
        return _reject(table, batches, orphans) if orphans else batches

    def _present(self, table: Table, places: Sequence[int], records: Sequence[Record]) -> list[int]:
        """The places whose records are at the destination already."""
        lookup = self._lookups.by_key(table)
        keys = _keys([records[place] for place in places], lookup.positions)
        missing = lookup.missing(self._connection, [*zip(*keys, strict=True)])
        return [place for number, place in enumerate(places) if number not in missing]

    def _missing(self, parent: Table, keys: set[Key]) -> set[Key]:
        """The keys that the table does not have; a key with a NULL refers to nothing."""
        met = self._met.setdefault(parent.name, set())
        wanted = [key for key in keys - met if NULL not in key]
        absent = self._lookups.by(parent, parent.key).missing(self._connection, [*zip(*wanted, strict=True)])
        missing = {wanted[place] for place in absent}
        if len(met) > REMEMBERED:
            met.clear()
        met.update(keys - missing)
        return missing


def _reject(table: Table, batches: Sequence[RowBatch], orphans: Mapping[int, ForeignKey]) -> list[RowBatch]:
    """The batches with the orphans rejected, given by their position in all batches that are checked."""
    disallowed = check(table)
    places = count()
    checked: list[RowBatch] = []
    for batch in batches:
        kept: list[Record] = []
        rejected = [*batch.rejected]
        checked_first = disallowed(batch.records) if batch.check_foreign_keys else {}
        for place, record in enumerate(batch.records if batch.check_foreign_keys else ()):
            if (foreign_key := orphans.get(next(places))) is None:
                kept.append(record)
            elif place in checked_first:  # by the server, which names it
                rejected.append(row_error(table, record, Kind.VALUE_NOT_ALLOWED, (checked_first[place],)))
            else:
                rejected.append(row_error(table, record, Kind.MISSING_REFERENCE, foreign_key.columns))
        checked.append(replace(batch, records=kept, rejected=rejected) if batch.check_foreign_keys else batch)
    return checked


def _keys(records: Sequence[Record], positions: Sequence[int]) -> list[Key]:
    return [*zip(*([record.fields[position] for record in records] for position in positions), strict=True)]
