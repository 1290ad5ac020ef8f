"""What holds for all rows of a table before any of them is read: one query for each table, none for each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import Table
from vestige_tui.core.source.describe import count_rows
from vestige_tui.core.source.layouts import ResolvedSource
from vestige_tui.core.source.query import rowid_name, spelled_otherwise
from vestige_tui.core.source.shape import quoted


class Guarantees:
    """Guarantees for a source that cannot change: ``connection`` is inside a read transaction.

    All methods raise ``sqlite3.Error``.
    """

    def __init__(self, connection: sqlite3.Connection, sources: Mapping[str, ResolvedSource]) -> None:
        self._connection = connection
        self._sources = sources
        self._exact: dict[str, str | None] = {}
        self._repeats: dict[str, bool] = {}

    def keys_may_repeat(self, table: Table) -> bool:
        """Whether two rows of a table may have the same canonical key.

        They cannot where every id is spelled canonically and no two are equal. The query uses no index: an index may be
        damaged, or compare in another way than it says. Keys that are text may always repeat: they can become equal
        when a character that PostgreSQL cannot store is replaced, or a number becomes text.
        """
        if any(table.columns[table.position(name)].type is not PgType.UUID for name in table.key):
            return True
        source = self._sources[table.name]
        keys = [source.expressions[table.position(name)] or "NULL" for name in table.key]
        repeats = " OR ".join(["count(*) > 1", *map(spelled_otherwise, keys)])
        rows = f"FROM {quoted(source.source.table)} n NOT INDEXED WHERE {source.condition}"
        rows += f" GROUP BY {', '.join(map(_sortable, keys))}"
        if rows not in self._repeats:  # scheduling may come from the table of the memories
            self._repeats[rows] = self._exists(f"{rows} HAVING {repeats}")
        return self._repeats[rows]

    def foreign_keys_resolve(self, table: Table) -> bool:
        """Whether every row that a table refers to is in the source, with its id spelled in the same way."""
        return all(
            len(foreign_key.columns) == 1 and self._resolves(table, *foreign_key.columns, foreign_key.table)
            for foreign_key in table.foreign_keys
        )

    def _resolves(self, table: Table, column: str, parent: str) -> bool:
        if parent not in self._sources:
            return False
        if parent not in self._exact:
            self._exact[parent] = self._exact_index(self._sources[parent])
        index = self._exact[parent]
        value = self._sources[table.name].expressions[table.position(column)]
        if index is None or value is None:
            return False
        key, source = _key(self._sources[parent]), self._sources[table.name]
        return not self._exists(
            f"FROM {quoted(source.source.table)} n NOT INDEXED WHERE {source.condition} AND ({value} IS NULL"
            f" OR NOT EXISTS (SELECT 1 FROM {quoted(self._sources[parent].source.table)} p INDEXED BY {quoted(index)}"
            f" WHERE p.{quoted(key or '')} = {value}))"
        )

    def _exact_index(self, source: ResolvedSource) -> str | None:
        """An index of a table's key that has each row once, and nothing else: a damaged index may contain rows that the
        table has lost, or lack rows that it has.
        """
        table, key, rowid = source.source.table, _key(source), rowid_name(self._connection, source.source.table)
        if key is None or rowid is None:
            return None
        for index in self._unique_indexes(table, key):
            by_index = f"FROM {quoted(table)} p INDEXED BY {quoted(index)} WHERE p.{quoted(key)}"
            try:
                (entries,) = self._connection.execute(f"SELECT count(p.{rowid}) {by_index} IS NOT NULL").fetchone()
                if entries == count_rows(self._connection, table) and not self._exists(
                    f"FROM {quoted(table)} n NOT INDEXED"
                    f" WHERE (SELECT p.{rowid} {by_index} = n.{quoted(key)}) IS NOT n.{rowid}"
                ):
                    return index
            except (
                sqlite3.DatabaseError
            ):  # SQLite notices the damage; whether the table is damaged too, its reader will see
                continue
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


def _sortable(expression: str) -> str:
    """SQL for an id that SQLite must sort: of a WITHOUT ROWID table it would trust the order of rows."""
    return f"+{expression} COLLATE BINARY"


def _key(source: ResolvedSource) -> str | None:
    """The source column that is a table's only key column, unchanged, of all its rows; None where there is none."""
    if len(source.table.key) > 1 or source.without is not None:
        return None
    expression = source.expressions[source.table.position(source.table.key[0])]
    name = source.table.key[0]
    return name if expression == f"n.{quoted(name)}" else None
