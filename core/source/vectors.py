"""Which vector of which table counts for which memory, and what all other vectors of a source are.

Three tables can hold vectors that count: ``knowledge_nodes`` itself, ``embedding_profile_vectors`` with the rows of the
active profile, and ``node_embeddings``. ``find_vectors`` groups all vectors of a file and gives the SQL by which the
reader finds the one that counts, so that the report and the copy agree.

In an ordinary file the tables' own indexes find the vectors, after one query has shown that they lead to every vector,
once, and for the right memory. For other files (ids spelled in several ways, several models, stale vectors, a damaged
index) ``vector_list`` makes a list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.vectors import Fate, VectorGroup, for_model, most_used
from vestige_tui.core.source import vector_list
from vestige_tui.core.source.query import rowid_name, spelled_otherwise
from vestige_tui.core.source.shape import Shape, folded, quoted
from vestige_tui.core.source.vector_tables import (
    Profile,
    VectorTable,
    active_profile,
    counting_tables,
    other_spaces,
    profiles_of,
    size_of,
)


@dataclass(frozen=True, slots=True)
class FoundVectors:
    """``signature`` is the model that the file names, by its active ``profile`` or else by its registry.
    ``expression`` is SQL over the memory ``n`` for its vector; it works on the connection that was searched.
    """

    signature: ModelSignature | None
    profile: str | None
    groups: tuple[VectorGroup, ...]
    expression: str | None


def find_vectors(connection: sqlite3.Connection, shape: Shape, registered: ModelSignature | None) -> FoundVectors:
    """Find all vectors of a file; ``registered`` is the model in its registry. Raises ``sqlite3.Error``."""
    profiles = profiles_of(connection, shape)
    active = active_profile(connection, shape, profiles)
    signature = _signature(active, registered)
    tables = [table for table in counting_tables(shape, active, profiles) if _any(connection, table)]
    name = signature.name if signature else None
    groups, expression = _Indexes(connection, _stale(shape)).find(tables, name) or vector_list.create(
        connection, tables, name, _stale(shape)
    )
    groups = [*groups, *other_spaces(connection, shape, active, profiles)]
    groups_for_model = for_model(groups, signature or most_used(groups))
    return FoundVectors(signature, active.id if active else None, groups_for_model, expression)


def _signature(active: Profile | None, registered: ModelSignature | None) -> ModelSignature | None:
    """The model that a file names; the registry adds the hash where it names the same one."""
    if active is None or active.model is None or active.dimension is None:
        return registered
    own = ModelSignature(active.model, active.dimension)
    same = registered is not None and (registered.name, registered.dimension) == (own.name, own.dimension)
    return registered if same else own


def _stale(shape: Shape) -> str:
    """SQL for whether the memory ``n`` was edited after its vector was made; only published Vestige records that."""
    if not shape.has("knowledge_nodes", "has_embedding", "last_accessed"):
        return "false"
    return "((n.has_embedding = 0 OR n.has_embedding = '0') IS TRUE)"


def _any(connection: sqlite3.Connection, table: VectorTable) -> bool:
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 {table.rows})").fetchone()[0])


@dataclass(frozen=True, slots=True)
class _Indexes:
    """Finds vectors by the indexes of their tables. ``stale`` is SQL over the memory ``n``."""

    connection: sqlite3.Connection
    stale: str

    def find(self, tables: Sequence[VectorTable], name: str | None) -> tuple[list[VectorGroup], str | None] | None:
        """The groups of all vectors, and SQL for those that count: those of the model ``name`` (None: of the one model
        that the file names). None where the indexes may lead to other vectors, or not to all.
        """
        if not all(table.own for table in tables) and not self._canonical_ids():
            return None
        groups: list[VectorGroup] = []
        lookups: list[_Lookup] = []
        for table in tables:
            rowid = None if table.own else rowid_name(self.connection, table.name)
            index = self._index(table) if rowid else None
            if index is None and not table.own:
                return None
            try:
                lookup = _lookup(table, rowid, index)
                found = self._groups(table, lookup, lookups)
            except sqlite3.OperationalError:  # SQLite cannot use the index for this
                return None
            if found is None:
                return None
            groups += found
            lookups.append(lookup)
        if len({name, *(group.model for group in groups)} - {None}) > 1:
            return None
        return groups, f"coalesce({', '.join(lookup.value for lookup in lookups)}, NULL)" if lookups else None

    def _canonical_ids(self) -> bool:
        """Whether every memory's id is spelled canonically."""
        (odd,) = self.connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM knowledge_nodes n NOT INDEXED WHERE {spelled_otherwise('n.id')})"
        ).fetchone()
        return not odd

    def _index(self, table: VectorTable) -> str | None:
        """A unique index that finds the vector of a memory."""
        for (index,) in self.connection.execute(
            'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (table.name,)
        ).fetchall():
            columns = self.connection.execute("SELECT name FROM pragma_index_info(?)", (index,))
            if {folded(name or "") for (name,) in columns} == table.index:
                return str(index)
        return None

    def _groups(self, table: VectorTable, lookup: _Lookup, preferred: Sequence[_Lookup]) -> list[VectorGroup] | None:
        """The groups of one table; vectors that the ``preferred`` lookups lead to count before those of this table.

        None unless ``lookup`` leads to every row once, each for the memory that it names, none of them empty or stale,
        and all with the same label.
        """
        superseded = " OR ".join(other.exists for other in preferred) or "0"
        size = size_of(lookup.vector)
        row = self.connection.execute(
            f"SELECT count({lookup.vector}), {lookup.checks}, total({self.stale}), min({size}), max({size}),"
            f" count({table.label}), min({table.label}), max({table.label}), sum({superseded}) {lookup.rows}"
        ).fetchone()
        count, distinct, correct, stale, smallest, largest, labelled, first_label, last_label, others = row
        if {distinct, correct} != {count} or (not table.own and count != self._count(table)):
            return None
        if stale or smallest < 1 or labelled not in (0, count) or first_label != last_label:
            return None
        if smallest == largest:
            (model,) = self.connection.execute(f"SELECT {table.model} {lookup.rows} LIMIT 1").fetchone()
            groups = [(model, smallest, 0, count - others), (model, smallest, 1, others)]
        else:
            columns = f"{table.model}, {size}, {superseded}"
            query = f"SELECT {columns}, count(*) {lookup.rows} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
            groups = self.connection.execute(query).fetchall()
        return [
            table.group(model, size, count, Fate.SUPERSEDED if other else Fate.COPIED)
            for model, size, other, count in groups
            if count
        ]

    def _count(self, table: VectorTable) -> int:
        (count,) = self.connection.execute(f"SELECT count(*) {table.rows}").fetchone()
        return int(count)


@dataclass(frozen=True, slots=True)
class _Lookup:
    """SQL that leads from the memory ``n`` to its vector in one table.

    ``value`` is a memory's vector, and ``exists`` whether it has one. ``rows`` joins all memories with theirs; there,
    ``vector`` is the vector. ``checks`` counts the different rows reached, and those of the right memory.
    """

    value: str
    exists: str
    rows: str
    vector: str
    checks: str


def _lookup(table: VectorTable, rowid: str | None, index: str | None) -> _Lookup:
    if index is None:
        rows = "FROM knowledge_nodes n NOT INDEXED WHERE n.embedding IS NOT NULL"
        return _Lookup("n.embedding", "n.embedding IS NOT NULL", rows, "n.embedding", "count(*), count(*)")
    name, key = quoted(table.name), f"{table.where('k')} AND k.{table.memory} = n.id"
    by_index = f"{name} k INDEXED BY {quoted(index)}"
    return _Lookup(
        f"(SELECT k.embedding FROM {by_index} WHERE {key})",
        f"EXISTS (SELECT 1 FROM {by_index} WHERE {key})",
        f"FROM knowledge_nodes n NOT INDEXED CROSS JOIN {by_index} ON {key}"
        f" CROSS JOIN {name} e ON e.{rowid} = k.{rowid}",
        "e.embedding",
        f"count(DISTINCT k.{rowid}), sum(e.{table.memory} = n.id)",
    )
