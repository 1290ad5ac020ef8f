"""Where a file keeps vectors: the tables, the profiles, and SQL for what each row says of its model."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vestige_tui.core.model import MAX_DIMENSION
from vestige_tui.core.rows.convert import SqliteValue
from vestige_tui.core.rows.vectors import (
    CATALOGUE,
    FALSE_LABEL,
    FULL,
    LEGACY_PROFILE,
    NOMIC,
    OTHER_NAMES,
    SHORT,
    Fate,
    VectorGroup,
    true_name,
)
from vestige_tui.core.source.layouts import has
from vestige_tui.core.source.shape import Shape, quoted

_OWN = ("knowledge_nodes.id", "knowledge_nodes.embedding")
_PROFILES = tuple(f"embedding_profile_vectors.{name}" for name in ("profile_id", "node_id", "embedding"))
_STATE = ("embedding_profile_state.singleton", "embedding_profile_state.active_profile_id")
_MIRROR = ("node_embeddings.node_id", "node_embeddings.embedding")
_ACTIVE = "(SELECT active_profile_id FROM embedding_profile_state WHERE singleton = 1)"

NO_VECTOR = -1
"""Stands for the bytes of a value that is no BLOB."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An embedding profile of a file: its model, and the dimension of its vectors; None where nothing says so."""

    id: str
    model: str | None
    dimension: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """A table with vectors that could count: the column that names the memory, the profile that its rows must have, and
    SQL over the row ``e`` for the ``label`` from which, with the bytes of the vector, its ``model`` is told.
    """

    table: str
    memory: str
    profile: str | None
    label: str
    model: str

    @property
    def own(self) -> bool:
        """Whether the vector stands in the memory's own row."""
        return self.table == "knowledge_nodes"

    @property
    def index(self) -> set[str]:
        """The columns whose unique index finds a memory's vector."""
        return {self.memory} if self.profile is None else {"profile_id", self.memory}

    @property
    def rows(self) -> str:
        """SQL for the rows ``e`` that have a vector."""
        return f"FROM {quoted(self.table)} e NOT INDEXED WHERE {self.where('e')} AND e.embedding IS NOT NULL"

    def where(self, row: str) -> str:
        """SQL for whether a row is one of these."""
        return "true" if self.profile is None else f"{row}.profile_id = {_id(self.profile)}"

    def group(
        self, model: SqliteValue, size: int, count: int, fate: Fate = Fate.COPIED, named: tuple[str, ...] = ()
    ) -> VectorGroup:
        """Some vectors of the place, each a BLOB of ``size`` bytes."""
        dimension = size // 4 if size > 0 and size % 4 == 0 else None
        return VectorGroup(self.table, self.profile, readable(model), dimension, count, fate, named)


def _id(profile: str) -> str:
    """SQL for the id of the active profile. The legacy one is active also where the file does not say so; any other is
    taken from the file, as it may hold a NUL.
    """
    return literal(profile) if profile == LEGACY_PROFILE else _ACTIVE


def vector_tables(shape: Shape) -> set[str]:
    """The tables of a file that hold vectors and nothing else: groups of vectors account for all of their rows."""
    return {needs[0].partition(".")[0] for needs in (_PROFILES, _MIRROR) if has(shape, needs)}


def profiles_of(connection: sqlite3.Connection, shape: Shape) -> Mapping[str, Profile]:
    """The profiles that a file describes, and those of Vestige's catalogue."""
    found = {name: Profile(name, *known) for name, known in CATALOGUE.items()}
    columns = ("profile_id", "model_id", "embedding_dimension")
    if not has(shape, tuple(f"embedding_profiles.{column}" for column in columns[:2])):
        return found
    dimension = columns[2] if has(shape, (f"embedding_profiles.{columns[2]}",)) else "NULL"
    for name, model, size in connection.execute(f"SELECT profile_id, model_id, {dimension} FROM embedding_profiles"):
        if isinstance(name, str):
            known = found.get(name, Profile(name, None, None))
            length = size if isinstance(size, int) and 1 <= size <= MAX_DIMENSION else known.dimension
            label = model if isinstance(model, str) and model and "\0" not in model else None
            found[name] = Profile(name, true_name(label, length) if label else known.model, length)
    return found


def active_profile(connection: sqlite3.Connection, shape: Shape, profiles: Mapping[str, Profile]) -> Profile | None:
    """The profile whose vectors Vestige uses, None where nothing tells. Where a file does not say which is active, it
    is the one that Vestige begins with, if there are vectors of it.
    """
    if has(shape, _STATE):
        (name,) = connection.execute(f"SELECT {_ACTIVE}").fetchone()
        if isinstance(name, str):
            return profiles.get(name, Profile(name, None, None))
    return profiles[LEGACY_PROFILE] if has(shape, _PROFILES) and _has_legacy_vectors(connection) else None


def _has_legacy_vectors(connection: sqlite3.Connection) -> bool:
    found = "FROM embedding_profile_vectors NOT INDEXED WHERE profile_id = ? AND embedding IS NOT NULL LIMIT 1"
    return connection.execute(f"SELECT 1 {found}", (LEGACY_PROFILE,)).fetchone() is not None


def places_of(shape: Shape, active: Profile | None, profiles: Mapping[str, Profile]) -> Iterator[Place]:
    """Where vectors that count can be, in the order in which they do."""
    if has(shape, _OWN):
        yield Place("knowledge_nodes", "id", None, "NULL", "NULL")
    if active is not None and has(shape, _PROFILES):
        model = literal(active.model) if active.model is not None else "NULL"
        yield Place("embedding_profile_vectors", "node_id", active.id, "NULL", model)
    if (active is None or active.id == LEGACY_PROFILE) and has(shape, _MIRROR):
        yield _mirror(shape, profiles)


def other_spaces(
    connection: sqlite3.Connection, shape: Shape, active: Profile | None, profiles: Mapping[str, Profile]
) -> Iterator[VectorGroup]:
    """The vectors that do not count, whichever memory they belong to: those of other profiles than the active one."""
    if has(shape, _PROFILES):
        table = "embedding_profile_vectors"
        other = "true" if active is None else f"e.profile_id IS NOT {_id(active.id)}"
        for name, size, count in _sizes(connection, table, "e.profile_id", other):
            profile = profiles.get(name) if isinstance(name, str) else None
            model = profile.model if profile else None
            yield Place(table, "node_id", readable(name), "NULL", "NULL").group(model, size, count, Fate.OTHER_SPACE)
    if active is not None and active.id != LEGACY_PROFILE and has(shape, _MIRROR):
        mirror = _mirror(shape, profiles)
        for model, size, count in _sizes(connection, mirror.table, mirror.model):
            yield mirror.group(model, size, count, Fate.OTHER_SPACE)


def _sizes(connection: sqlite3.Connection, table: str, name: str, where: str = "true") -> list[tuple[Any, ...]]:
    """The vectors of a table by a name and their bytes: how many there are of each."""
    return connection.execute(
        f"SELECT {name} AS name, {size_of('e.embedding')} AS size, count(*) FROM {quoted(table)} e NOT INDEXED"
        f" WHERE {where} AND e.embedding IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    ).fetchall()


def _mirror(shape: Shape, profiles: Mapping[str, Profile]) -> Place:
    if has(shape, ("node_embeddings.model",)):
        return Place("node_embeddings", "node_id", None, "e.model", _labelled(profiles))
    return Place("node_embeddings", "node_id", None, "NULL", "NULL")


def _labelled(profiles: Mapping[str, Profile]) -> str:
    """SQL for the model of a row of ``node_embeddings``."""
    known: dict[str, str | None] = {name: profile.model for name, profile in profiles.items() if "\0" not in name}
    known |= OTHER_NAMES
    cases = " ".join(f"WHEN {literal(label)} THEN {literal(name)}" for label, name in known.items() if name)
    return (
        f"CASE WHEN e.model = {literal(FALSE_LABEL)} AND {size_of('e.embedding')} IN ({4 * FULL}, {4 * SHORT})"
        f" THEN {literal(NOMIC)} ELSE CASE e.model {cases} ELSE e.model END END"
    )


def literal(value: str) -> str:
    """A text for SQLite's SQL; it must hold no NUL."""
    return "'" + value.replace("'", "''") + "'"


def size_of(value: str) -> str:
    """SQL for the bytes of a vector."""
    return f"iif(typeof({value}) = 'blob', length({value}), {NO_VECTOR})"


def readable(value: SqliteValue) -> str | None:
    """A name as text, whatever a file holds there: vectors under a garbled name count as another model's."""
    return value.decode(errors="replace") if isinstance(value, bytes) else None if value is None else str(value)
