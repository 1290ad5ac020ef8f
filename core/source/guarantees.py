"""What holds for all rows of a table before any of them is read: one query for each table, none for each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.query import rowid_name, spelled_otherwise
from vestige_tui.core.source.shape import quoted

_CACHE = 8_000
"""KiB that hold the index of 100,000 ids. With SQLite's own 2,000 the lookups take 0.7 s more of 3 s (600,000 rows)."""

_ROOM = 1 << 32
"""Room for the second of two rowids in one number."""


class _ExactIndex(NamedTuple):
    """An index of a table's key that has each row once, and nothing else; ``canonical`` where every key is spelled so.

    Then no two rows have the same key: a lookup finds one row for each key.
    """

    name: str
    canonical: bool


class Guarantees:
    """Guarantees for a source that cannot change: ``connection`` is inside a read transaction.

    All methods raise ``sqlite3.Error``.
    """

    def __init__(self, connection: sqlite3.Connection, sources: Mapping[str, ResolvedSource]) -> None:
        self._connection = connection
        self._sources = sources
        self._exact: dict[str, _ExactIndex | None] = {}
        self._may_repeat: dict[str, bool] = {}
        self._repeats: dict[str, bool] = {}
        self._references: dict[str, bool] = {}

    def keys_may_repeat(self, table: Table, *, alone: bool = False) -> bool:
        """Whether two rows of a table may have the same canonical key.

        They cannot where every id is spelled canonically and no two are equal. The query trusts no index: an index may
        be damaged, or compare in another way than it says. Keys that are text may always repeat: they can become equal
        when a character that PostgreSQL cannot store is replaced, or a number becomes text.

        ``alone``: probably nothing else will be asked of the table. Sorting its keys is quicker then.
        """
        if any(table.columns[table.position(name)].type is not PgType.UUID for name in table.key):
            return True
        if table.name not in self._may_repeat:
            self._may_repeat[table.name] = (alone or not self._told_by_references(table)) and self._repeat(table)
        return self._may_repeat[table.name]

    def _told_by_references(self, table: Table) -> bool:
        """Whether questions that are asked in any case tell that no key of a table repeats."""
        if self._keys_are_references(table):
            return True
        return self._is_referenced(table) and (index := self._index_of(table.name)) is not None and index.canonical

    def foreign_keys_resolve(self, table: Table) -> bool:
        """Whether every row that a table refers to is in the source, with its id spelled in the same way."""
        known = table.key if self._keys_are_references(table) else ()
        return all(
            len(foreign_key.columns) == 1
            and (foreign_key.columns[0] in known or self._resolves(table, *foreign_key.columns, foreign_key.table))
            for foreign_key in table.foreign_keys
        )

    def _repeat(self, table: Table) -> bool:
        """Whether a key repeats or is spelled otherwise, by sorting all keys."""
        source = self._sources[table.name]
        keys = [source.expressions[table.position(name)] or "NULL" for name in table.key]
        repeats = " OR ".join(["count(*) > 1", *map(spelled_otherwise, keys)])
        rows = f"FROM {quoted(source.source.table)} n NOT INDEXED WHERE {source.condition}"
        rows += f" GROUP BY {', '.join(map(_sortable, keys))}"
        if rows not in self._repeats:  # scheduling may come from the table of the memories
            self._repeats[rows] = self._exists(f"{rows} HAVING {repeats}")
        return self._repeats[rows]

    def _keys_are_references(self, table: Table) -> bool:
        """Whether each key of a table consists of canonical ids of rows in the source, and no two keys are equal."""
        if table.name not in self._references:
            self._references[table.name] = self._are_distinct_references(table)
        return self._references[table.name]

    def _are_distinct_references(self, table: Table) -> bool:
        """``_keys_are_references``, from one query: it sorts rowids, which is quicker than to sort keys."""
        source = self._sources[table.name]
        parents = {key.columns[0]: key.table for key in table.foreign_keys if len(key.columns) == 1}
        rowids = []
        for name in table.key:
            value, parent = source.expressions[table.position(name)], parents.get(name, "")
            index = self._index_of(parent) if value is not None and parent in self._sources else None
            if index is None or not index.canonical:
                return False
            rowids.append(self._rowid(parent, index, value or ""))
        number = rowids[0]
        for rowid in rowids[1:]:  # where two pairs give the same number, the keys only seem to repeat
            number = f"({number}) * {_ROOM} + {rowid}"
        # LIMIT -1 keeps SQLite from looking every rowid up again for each of its uses.
        rows = (
            f"SELECT {number} AS r FROM {quoted(source.source.table)} n NOT INDEXED WHERE {source.condition} LIMIT -1"
        )
        with _larger_cache(self._connection):
            return not self._exists(f"FROM ({rows}) GROUP BY r HAVING count(*) > 1 OR r IS NULL")

    def _is_referenced(self, table: Table) -> bool:
        """Whether other tables of the source refer to this one: then its index is compared with it in any case."""
        tables = [source.table for name, source in self._sources.items() if name != table.name]
        return any(foreign_key.table == table.name for other in tables for foreign_key in other.foreign_keys)

    def _resolves(self, table: Table, column: str, parent: str) -> bool:
        index = self._index_of(parent) if parent in self._sources else None
        source = self._sources[table.name]
        value = source.expressions[table.position(column)]
        if index is None or value is None:
            return False
        with _larger_cache(self._connection):
            return not self._exists(
                f"FROM {quoted(source.source.table)} n NOT INDEXED WHERE {source.condition} AND ({value} IS NULL"
                f" OR {self._rowid(parent, index, value)} IS NULL)"
            )

    def _rowid(self, parent: str, index: _ExactIndex, value: str) -> str:
        """SQL for the rowid of the row of ``parent`` whose key is ``value``; NULL where there is none."""
        source = self._sources[parent]
        rowid = rowid_name(self._connection, source.source.table)
        return f"(SELECT p.{rowid} {_by_index(source, index.name)} = {value})"

    def _index_of(self, name: str) -> _ExactIndex | None:
        if name not in self._exact:
            self._exact[name] = self._exact_index(self._sources[name])
        return self._exact[name]

    def _exact_index(self, source: ResolvedSource) -> _ExactIndex | None:
        """The exact index of a table's key, if there is one: a damaged index may contain rows that the table has lost,
        or lack rows that it has.
        """
        table, key, rowid = source.source.table, _key(source), rowid_name(self._connection, source.source.table)
        if key is None or rowid is None:
            return None
        for index in self._unique_indexes(table, key):
            by_index = _by_index(source, index)
            try:
                with _larger_cache(self._connection):
                    (entries,) = self._connection.execute(f"SELECT count(p.{rowid}) {by_index} IS NOT NULL").fetchone()
                    rows, found, otherwise = self._connection.execute(
                        f"SELECT count(*), total((SELECT p.{rowid} {by_index} = n.{quoted(key)}) IS n.{rowid}),"
                        f" total({spelled_otherwise(f'n.{quoted(key)}')}) FROM {quoted(table)} n NOT INDEXED"
                    ).fetchone()
            except sqlite3.DatabaseError:
                continue  # SQLite notices the damage; whether the table is damaged too, its reader will see
            if entries == rows == found:
                return _ExactIndex(index, canonical=not otherwise)
        return None

    def _unique_indexes(self, table: str, key: str) -> list[str]:
        """The unique indexes of a table over this column alone."""
        indexes = self._connection.execute(
            'SELECT name FROM pragma_index_list(?) l WHERE "unique" AND NOT partial'
            " AND NOT EXISTS (SELECT 1 FROM pragma_index_info(l.name) WHERE lower(name) IS NOT ?)",
            (table, key),
        )
        return [index for (index,) in indexes]

    def _exists(self, clauses: str) -> bool:
        (value,) = self._connection.execute(f"SELECT EXISTS (SELECT 1 {clauses})").fetchone()
        return bool(value)


@contextmanager
def _larger_cache(connection: sqlite3.Connection) -> Iterator[None]:
    """More memory while the block looks keys up. Reading goes on without it: what it reads is not to be an old page.

    Sorting long keys goes on without it, too: SQLite sorts parts as large as its cache, and larger ones take longer.
    """
    (usual,) = connection.execute("PRAGMA cache_size").fetchone()
    connection.execute(f"PRAGMA cache_size = -{_CACHE}")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA cache_size = {usual}")


def _sortable(expression: str) -> str:
    """SQL for an id that SQLite must sort: of a WITHOUT ROWID table it would trust the order of rows."""
    return f"+{expression} COLLATE BINARY"


def _by_index(source: ResolvedSource, index: str) -> str:
    """SQL for the rows ``p`` of a table by an index of its key; what the key is compared with is to follow."""
    return f"FROM {quoted(source.source.table)} p INDEXED BY {quoted(index)} WHERE p.{quoted(_key(source) or '')}"


def _key(source: ResolvedSource) -> str | None:
    """The source column that is a table's only key column, unchanged, of all its rows; None where there is none."""
    if len(source.table.key) > 1 or source.without is not None:
        return None
    expression = source.expressions[source.table.position(source.table.key[0])]
    name = source.table.key[0]
    return name if expression == f"n.{quoted(name)}" else None
