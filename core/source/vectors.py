"""Which vector of which table counts for which memory, and what all other vectors of a source are.

Three tables can hold vectors that count: ``knowledge_nodes`` itself, the rows of the active profile, and
``node_embeddings``. ``look`` groups all vectors of a file, and gives the SQL with which the reader finds the one that
counts: what is said of them and what is read comes from one place.

In an ordinary file the tables' own indexes find the vectors, once a question to SQLite has shown that they find every
vector, each once and for the right memory. For all other files (ids spelled in several ways, several models, stale
vectors, a damaged index) ``vector_list`` makes a list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.vectors import Fate, VectorGroup, most_used, settled
from vestige_tui.core.source import vector_list
from vestige_tui.core.source.layouts import has
from vestige_tui.core.source.query import rowid_name, spelled_otherwise
from vestige_tui.core.source.shape import Shape, folded, quoted
from vestige_tui.core.source.vector_places import (
    Place,
    Profile,
    active_profile,
    other_spaces,
    places_of,
    profiles_of,
    size_of,
)


@dataclass(frozen=True, slots=True)
class Vectors:
    """What ``look`` finds. ``signature`` is what the file itself says of its model, the active ``profile`` or else the
    registry; ``expression`` is SQL over the memory ``n`` for its vector, meant for the connection that was asked.
    """

    signature: ModelSignature | None
    profile: str | None
    groups: tuple[VectorGroup, ...]
    expression: str | None


def look(connection: sqlite3.Connection, shape: Shape, registered: ModelSignature | None) -> Vectors:
    """Look at all vectors of a file; ``registered`` is what its registry says. Raises ``sqlite3.Error``."""
    profiles = profiles_of(connection, shape)
    active = active_profile(connection, shape, profiles)
    signature = _signature(active, registered)
    places = [place for place in places_of(shape, active, profiles) if _any(connection, place)]
    name = signature.name if signature else None
    groups, expression = _Indexes(connection, _stale(shape)).find(places, name) or vector_list.make(
        connection, places, name, _stale(shape)
    )
    groups = [*groups, *other_spaces(connection, shape, active, profiles)]
    settled_groups = settled(groups, signature or most_used(groups))
    return Vectors(signature, active.id if active else None, settled_groups, expression)


def _signature(active: Profile | None, registered: ModelSignature | None) -> ModelSignature | None:
    """What a file says of its model; the registry knows the hash where it speaks of the same."""
    if active is None or active.model is None or active.dimension is None:
        return registered
    own = ModelSignature(active.model, active.dimension)
    same = registered is not None and (registered.name, registered.dimension) == (own.name, own.dimension)
    return registered if same else own


def _stale(shape: Shape) -> str:
    """SQL for whether the memory ``n`` was edited after its vector was made: only published Vestige keeps that."""
    if not has(shape, ("knowledge_nodes.has_embedding", "knowledge_nodes.last_accessed")):
        return "false"
    return "((n.has_embedding = 0 OR n.has_embedding = '0') IS TRUE)"


def _any(connection: sqlite3.Connection, place: Place) -> bool:
    return bool(connection.execute(f"SELECT EXISTS (SELECT 1 {place.rows})").fetchone()[0])


@dataclass(frozen=True, slots=True)
class _Indexes:
    """Finds vectors by the indexes of their tables. ``stale`` is SQL over the memory ``n``."""

    connection: sqlite3.Connection
    stale: str

    def find(self, places: Sequence[Place], name: str | None) -> tuple[list[VectorGroup], str | None] | None:
        """The groups of all vectors, and SQL for those that count, which are those of the model ``name`` (None: of the
        one that is named). None where the indexes might not find all of them, or something else.
        """
        if not all(place.own for place in places) and not self._canonical_ids():
            return None
        groups: list[VectorGroup] = []
        ways: list[_Way] = []
        for place in places:
            rowid = None if place.own else rowid_name(self.connection, place.table)
            index = self._index(place) if rowid else None
            if index is None and not place.own:
                return None
            try:
                way = _way(place, rowid, index)
                found = self._groups(place, way, ways)
            except sqlite3.OperationalError:  # SQLite cannot use the index for this
                return None
            if found is None:
                return None
            groups += found
            ways.append(way)
        if len({name, *(group.model for group in groups)} - {None}) > 1:
            return None
        return groups, f"coalesce({', '.join(way.value for way in ways)}, NULL)" if ways else None

    def _canonical_ids(self) -> bool:
        """Whether every memory's id is spelled canonically."""
        (odd,) = self.connection.execute(
            f"SELECT EXISTS (SELECT 1 FROM knowledge_nodes n NOT INDEXED WHERE {spelled_otherwise('n.id')})"
        ).fetchone()
        return not odd

    def _index(self, place: Place) -> str | None:
        """A unique index that finds the vector of a memory."""
        for (index,) in self.connection.execute(
            'SELECT name FROM pragma_index_list(?) WHERE "unique" AND NOT partial', (place.table,)
        ).fetchall():
            columns = self.connection.execute("SELECT name FROM pragma_index_info(?)", (index,))
            if {folded(name or "") for (name,) in columns} == place.index:
                return str(index)
        return None

    def _groups(self, place: Place, way: _Way, before: Sequence[_Way]) -> list[VectorGroup] | None:
        """The groups of one place; ``before`` are the ways to the vectors of a memory that count before it.

        None unless the way leads to as many rows as there are, all different, each for the memory that it names, none
        of them empty or stale, all with the same label.
        """
        superseded = " OR ".join(other.exists for other in before) or "0"
        size = size_of(way.vector)
        row = self.connection.execute(
            f"SELECT count({way.vector}), {way.checks}, total({self.stale}), min({size}), max({size}),"
            f" count({place.label}), min({place.label}), max({place.label}), sum({superseded}) {way.rows}"
        ).fetchone()
        found, distinct, right, stale, least, most, labelled, label, last, others = row
        if {distinct, right} != {found} or (not place.own and found != self._count(place)):
            return None
        if stale or least < 1 or labelled not in (0, found) or label != last:
            return None
        if least == most:
            (model,) = self.connection.execute(f"SELECT {place.model} {way.rows} LIMIT 1").fetchone()
            groups = [(model, least, 0, found - others), (model, least, 1, others)]
        else:
            columns = f"{place.model}, {size}, {superseded}"
            query = f"SELECT {columns}, count(*) {way.rows} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3"
            groups = self.connection.execute(query).fetchall()
        return [
            place.group(model, size, count, Fate.SUPERSEDED if other else Fate.COPIED)
            for model, size, other, count in groups
            if count
        ]

    def _count(self, place: Place) -> int:
        (count,) = self.connection.execute(f"SELECT count(*) {place.rows}").fetchone()
        return int(count)


@dataclass(frozen=True, slots=True)
class _Way:
    """How the vectors of a place are reached from the memory ``n``, in SQL: a memory's vector as a ``value``, and
    whether it ``exists``; the ``rows`` of all memories with theirs, and in these the ``vector``; ``checks`` count how
    many different ones are reached, and for how many memories rightly.
    """

    value: str
    exists: str
    rows: str
    vector: str
    checks: str


def _way(place: Place, rowid: str | None, index: str | None) -> _Way:
    if index is None:
        rows = "FROM knowledge_nodes n NOT INDEXED WHERE n.embedding IS NOT NULL"
        return _Way("n.embedding", "n.embedding IS NOT NULL", rows, "n.embedding", "count(*), count(*)")
    table, key = quoted(place.table), f"{place.where('k')} AND k.{place.memory} = n.id"
    by_index = f"{table} k INDEXED BY {quoted(index)}"
    return _Way(
        f"(SELECT k.embedding FROM {by_index} WHERE {key})",
        f"EXISTS (SELECT 1 FROM {by_index} WHERE {key})",
        f"FROM knowledge_nodes n NOT INDEXED CROSS JOIN {by_index} ON {key}"
        f" CROSS JOIN {table} e ON e.{rowid} = k.{rowid}",
        "e.embedding",
        f"count(DISTINCT k.{rowid}), sum(e.{place.memory} = n.id)",
    )
