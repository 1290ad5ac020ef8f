"""The destination's side: the rows of a table in the order of their keys, column by column.

Values come as the comparison needs them, and no two different values of a column look alike: UUIDs, text and JSON as
text, lists as JSON (one whose first item is not number 1 in PostgreSQL's own form, which is no JSON), timestamps as the
server writes them in UTC, vectors as the bytes that it sends, numbers as numbers. NULL is None.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress, count
from typing import Any

from psycopg import sql

from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.errors import RefusedError, SchemaMismatchError
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import TABLES, Column, Table
from vestige_tui.core.verify.snapshot import Snapshot

Key = tuple[str, ...]
"""A key as text, as the destination spells it."""

_FIRST_ROWS = 250
_MOST_BYTES = 8_000_000
"""Rows of the first answer of the server; bytes of a later one, as far as the answers before it tell."""

_TEXT = "{0}::pg_catalog.text"
_LIST = (
    "CASE WHEN pg_catalog.array_lower({0}, 1) OPERATOR(pg_catalog.<>) 1 THEN {0}::pg_catalog.text"
    " ELSE pg_catalog.array_to_json({0})::pg_catalog.text END"
)
FORMS = {
    PgType.UUID: _TEXT,
    PgType.TEXT: _TEXT,
    PgType.TIMESTAMPTZ: _TEXT,
    PgType.JSONB: _TEXT,
    PgType.TEXT_ARRAY: _LIST,
    PgType.UUID_ARRAY: _LIST,
}
"""By type the expression that yields the compared form; other types are compared as they are sent."""

_numbers = count(1)


def check_comparable(destination: Destination) -> None:
    """Check that the role may read the tables and that their columns hold values of the compared types.

    A table that does not exist is no obstacle: its rows are missing. Raises ``RefusedError``.
    """
    closed = ", ".join(name for name, found in destination.tables.items() if not found.may_read)
    if closed:
        raise RefusedError(
            f"The role may not read {closed}.",
            remedy=f"Let the owner run: GRANT SELECT ON {closed} TO the role.",
        )
    differences = tuple(
        difference
        for table in TABLES
        for column in table.columns
        if (difference := _obstacle(destination, table, column)) is not None
    )
    if differences:
        raise SchemaMismatchError(differences, schema=destination.schema)


def _obstacle(destination: Destination, table: Table, column: Column) -> str | None:
    if table.name not in destination.tables:
        return None
    found = destination.tables[table.name].columns.get(column.name)
    if found is None:
        return f"{table.name}.{column.name} is missing ({column.type.sql})"
    if found.type not in column.type.fits:
        return f"{table.name}.{column.name} is {found.shown}, it can only be compared with {column.type.sql}"
    return None


@dataclass(slots=True)
class StoredRows:
    """Rows that the destination has: their values by column, and where each stands among the keys that were asked for.

    ``old`` tells of each row whether it was there before. ``extra`` counts the rows in between that were not asked for.
    """

    columns: dict[str, list[Any]]
    places: list[int]
    old: list[bool]
    extra: int


class StoredTable:
    """A table of the destination, read once from its first row to its last, in the order of ``key``: columns of text
    and UUIDs.

    ``first`` is the first key of a range, ``last`` is the first key after it: both are UUIDs of the first column.
    ``since``: the number of the first transaction that was not over when the copy began, as ``pg_snapshot_xmax`` gives
    it; None where there was no copy.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        destination: Destination,
        table: Table,
        key: Sequence[str],
        since: str | None = None,
        *,
        first: Key | None = None,
        last: Key | None = None,
    ) -> None:
        self._watchdog = snapshot.watchdog
        self._names = table.column_names
        self._key = [table.position(name) for name in key]
        self._most = _FIRST_ROWS
        self._left: _Fetched | None = None
        self._ended = table.name not in destination.tables
        self._name = sql.Identifier(f"verified {next(_numbers)}")
        self._cursor = snapshot.connection.cursor(binary=True)
        if not self._ended:
            query = sql.SQL("DECLARE {} NO SCROLL CURSOR FOR {}").format(
                self._name, _query(destination, table, key, since, _range(key[0], first, last))
            )
            with self._watchdog.step(cancellable=True):
                self._cursor.execute(query)

    def find(self, keys: Sequence[Sequence[str]]) -> StoredRows:
        """The rows with these keys, of which each column has a list. They must ascend, from call to call as well.

        Raises ``psycopg.Error``, and as ``Watchdog.step`` does.
        """
        found = _Found(keys, len(self._names) + 1)
        last = found.last
        reached = False
        while not reached and (rows := self._left or self._fetch(found.wanted)):
            self._left = None
            if (reached := self._key_at(rows, -1) >= last) and self._key_at(rows, -1) > last:
                end = self._position_after(rows, last)
                rows, self._left = rows.cut(0, end), rows.cut(end, rows.count)
            found.add(rows, [rows.columns[position] for position in self._key])
        *columns, old = found.columns
        return StoredRows(dict(zip(self._names, columns, strict=True)), found.places, old, found.extra)

    def rest(self) -> int:
        """How many rows come after all that were asked for; none of them is read. It ends the table."""
        rest, self._left = self._left.count if self._left else 0, None
        if not self._ended:
            with self._watchdog.step(cancellable=True):
                rest += self._cursor.execute(sql.SQL("MOVE FORWARD ALL FROM {}").format(self._name)).rowcount
                self._cursor.execute(sql.SQL("CLOSE {}").format(self._name))
        self._ended = True
        return rest

    def _position_after(self, rows: _Fetched, key: Key) -> int:
        return bisect_right(range(rows.count), key, key=lambda position: self._key_at(rows, position))

    def _key_at(self, rows: _Fetched, position: int) -> Key:
        return tuple(rows.columns[column][position] for column in self._key)

    def _fetch(self, wanted: int) -> _Fetched | None:
        """The next rows, about as many as are wanted; None where there are no more."""
        if self._ended:
            return None
        asked = max(1, min(wanted, self._most))
        with self._watchdog.step(cancellable=True):
            self._cursor.execute(sql.SQL("FETCH FORWARD {} FROM {}").format(asked, self._name))
            rows = self._cursor.fetchall()
        self._ended = len(rows) < asked
        if not rows:
            return None
        fetched = _Fetched([list(values) for values in zip(*rows, strict=True)], len(rows))
        self._most = min(2 * self._most, max(1, _MOST_BYTES * len(rows) // fetched.size))
        return fetched


@dataclass(slots=True)
class _Fetched:
    """Rows as columns: those of the table, and whether each row was there before."""

    columns: list[list[Any]]
    count: int

    def cut(self, start: int, end: int) -> _Fetched:
        return _Fetched([values[start:end] for values in self.columns], end - start)

    @property
    def size(self) -> int:
        """Bytes, roughly."""
        return sum(
            sum(map(len, filter(None, values))) if isinstance(values[0], str | bytes) else 8 * self.count
            for values in self.columns
        )


class _Found:
    """Collects the rows that were asked for by their keys."""

    def __init__(self, keys: Sequence[Sequence[str]], columns: int) -> None:
        self.columns: list[list[Any]] = [[] for _ in range(columns)]
        self.places: list[int] = []
        self.extra = 0
        self._keys = keys
        self._place: dict[Key, int] = {}

    @property
    def last(self) -> Key:
        """The last key."""
        return tuple(column[-1] for column in self._keys)

    @property
    def wanted(self) -> int:
        """How many rows there may be still."""
        return len(self._keys[0]) - (self.places[-1] + 1 if self.places else 0)

    def add(self, rows: _Fetched, keys: list[list[str]]) -> None:
        """Take what was asked for: usually these are just the next rows."""
        start = len(self._keys[0]) - self.wanted
        if keys == [[*column[start : start + rows.count]] for column in self._keys]:
            self.places += range(start, start + rows.count)
            kept = rows.columns
        else:
            self._place = self._place or dict(zip(zip(*self._keys, strict=True), count()))
            chosen = [self._take(self._place.get(key)) for key in zip(*keys, strict=True)]
            kept = [[*compress(values, chosen)] for values in rows.columns]
            self.extra += rows.count - sum(chosen)
        for values, more in zip(self.columns, kept, strict=True):
            values.extend(more)

    def _take(self, place: int | None) -> bool:
        """Whether a row is wanted; a second one with the same key, which a wider key of the table allows, is not."""
        if place is None or (self.places and place <= self.places[-1]):
            return False
        self.places.append(place)
        return True


def _range(column: str, first: Key | None, last: Key | None) -> sql.Composable:
    """The condition that a row is in a range."""
    bounds = [(sign, bound[0]) for sign, bound in ((">=", first), ("<", last)) if bound is not None]
    conditions = [
        sql.SQL("{} OPERATOR(pg_catalog.{}) {}::pg_catalog.uuid").format(
            sql.Identifier(column), sql.SQL(sign), sql.Literal(bound)
        )
        for sign, bound in bounds
    ]
    return sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true")


def _query(
    destination: Destination, table: Table, key: Sequence[str], since: str | None, condition: sql.Composable
) -> sql.Composed:
    """All rows in the order of their keys, each with the question whether it was there before."""
    columns = [sql.SQL(FORMS.get(column.type, "{0}")).format(sql.Identifier(column.name)) for column in table.columns]
    old: sql.Composable = sql.SQL("false")
    if since is not None:
        first = sql.Literal(str(int(since) % 2**32))
        old = sql.SQL("pg_catalog.age(xmin) OPERATOR(pg_catalog.>) pg_catalog.age({}::pg_catalog.xid)").format(first)
    order = [
        sql.SQL('{}::pg_catalog.text COLLATE "C"' if kind is PgType.TEXT else "{}").format(sql.Identifier(name))
        for name, kind in zip(key, table.types(key), strict=True)
    ]
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(
        sql.SQL(", ").join([*columns, old]),
        sql.Identifier(destination.schema, table.name),
        condition,
        sql.SQL(", ").join(order),
    )
