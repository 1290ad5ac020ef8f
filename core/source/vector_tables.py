"""The tables and profiles in which a file keeps vectors, and SQL for the model of each row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vestige_tui.core.model import MAX_DIMENSION
from vestige_tui.core.rows.values import SqliteValue
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
from vestige_tui.core.source.shape import Shape, quoted

_OWN = ("knowledge_nodes", "id", "embedding")
_PROFILES = ("embedding_profile_vectors", "profile_id", "node_id", "embedding")
_STATE = ("embedding_profile_state", "singleton", "active_profile_id")
_MIRROR = ("node_embeddings", "node_id", "embedding")
"""A table, and the columns that it needs to be one of Vestige's."""

_ACTIVE = "(SELECT active_profile_id FROM embedding_profile_state WHERE singleton = 1)"

NO_VECTOR = -1
"""The size of a value that is no BLOB."""


@dataclass(frozen=True, slots=True)
class Profile:
    """An embedding profile of a file: its model, and the dimension of its vectors; None where the file has neither."""

    id: str
    model: str | None
    dimension: int | None


@dataclass(frozen=True, slots=True)
class VectorTable:
    """A table with vectors that can count. ``memory`` is the column that names the memory, ``profile`` the one that
    its rows must have. ``label`` and ``model`` are SQL over the row ``e``: the model follows from label and size.
    """

    name: str
    memory: str
    profile: str | None
    label: str
    model: str

    @property
    def own(self) -> bool:
        """Whether the vector is in the memory's own row."""
        return self.name == "knowledge_nodes"

    @property
    def index(self) -> set[str]:
        """The columns of the unique index that finds a memory's vector."""
        return {self.memory} if self.profile is None else {"profile_id", self.memory}

    @property
    def rows(self) -> str:
        """SQL for the rows ``e`` that have a vector."""
        return f"FROM {quoted(self.name)} e NOT INDEXED WHERE {self.where('e')} AND e.embedding IS NOT NULL"

    def where(self, row: str) -> str:
        """SQL for whether a row has the profile."""
        return "true" if self.profile is None else f"{row}.profile_id = {_id(self.profile)}"

    def group(
        self, model: SqliteValue, size: int, count: int, fate: Fate = Fate.COPIED, named: tuple[str, ...] = ()
    ) -> VectorGroup:
        """Some vectors of the table, each a BLOB of ``size`` bytes."""
        dimension = size // 4 if size > 0 and size % 4 == 0 else None
        return VectorGroup(self.name, self.profile, readable(model), dimension, count, fate, named)


def _id(profile: str) -> str:
    """SQL for the id of the active profile. The legacy profile can be active without the file saying so; any other id
    is read from the file, since it may contain a NUL.
    """
    return literal(profile) if profile == LEGACY_PROFILE else _ACTIVE


def only_vectors(shape: Shape) -> set[str]:
    """The tables of a file that hold nothing but vectors: the groups of vectors count all of their rows."""
    return {table for table, *columns in (_PROFILES, _MIRROR) if shape.has(table, *columns)}


def profiles_of(connection: sqlite3.Connection, shape: Shape) -> Mapping[str, Profile]:
    """The profiles in a file and in Vestige's catalogue, by id."""
    found = {name: Profile(name, *known) for name, known in CATALOGUE.items()}
    if not shape.has("embedding_profiles", "profile_id", "model_id"):
        return found
    dimension = "embedding_dimension" if shape.has("embedding_profiles", "embedding_dimension") else "NULL"
    for name, model, size in connection.execute(f"SELECT profile_id, model_id, {dimension} FROM embedding_profiles"):
        if isinstance(name, str):
            known = found.get(name, Profile(name, None, None))
            length = size if isinstance(size, int) and 1 <= size <= MAX_DIMENSION else known.dimension
            label = model if isinstance(model, str) and model and "\0" not in model else None
            found[name] = Profile(name, true_name(label, length) if label else known.model, length)
    return found


def active_profile(connection: sqlite3.Connection, shape: Shape, profiles: Mapping[str, Profile]) -> Profile | None:
    """The profile whose vectors Vestige uses, None where it is unknown. Where a file names none, it is the one that
    Vestige begins with, if that has vectors.
    """
    if shape.has(*_STATE):
        (name,) = connection.execute(f"SELECT {_ACTIVE}").fetchone()
        if isinstance(name, str):
            return profiles.get(name, Profile(name, None, None))
    return profiles[LEGACY_PROFILE] if shape.has(*_PROFILES) and _has_legacy_vectors(connection) else None


def _has_legacy_vectors(connection: sqlite3.Connection) -> bool:
    found = "FROM embedding_profile_vectors NOT INDEXED WHERE profile_id = ? AND embedding IS NOT NULL LIMIT 1"
    return connection.execute(f"SELECT 1 {found}", (LEGACY_PROFILE,)).fetchone() is not None


def counting_tables(shape: Shape, active: Profile | None, profiles: Mapping[str, Profile]) -> Iterator[VectorTable]:
    """The tables with vectors that can count, the first of them first."""
    if shape.has(*_OWN):
        yield VectorTable("knowledge_nodes", "id", None, "NULL", "NULL")
    if active is not None and shape.has(*_PROFILES):
        model = literal(active.model) if active.model is not None else "NULL"
        yield VectorTable("embedding_profile_vectors", "node_id", active.id, "NULL", model)
    if (active is None or active.id == LEGACY_PROFILE) and shape.has(*_MIRROR):
        yield _mirror(shape, profiles)


def other_spaces(
    connection: sqlite3.Connection, shape: Shape, active: Profile | None, profiles: Mapping[str, Profile]
) -> Iterator[VectorGroup]:
    """The vectors of all profiles but the active one: they count for no memory."""
    if shape.has(*_PROFILES):
        table = "embedding_profile_vectors"
        other = "true" if active is None else f"e.profile_id IS NOT {_id(active.id)}"
        for name, size, count in _sizes(connection, table, "e.profile_id", other):
            profile = profiles.get(name) if isinstance(name, str) else None
            model = profile.model if profile else None
            space = VectorTable(table, "node_id", readable(name), "NULL", "NULL")
            yield space.group(model, size, count, Fate.OTHER_SPACE)
    if active is not None and active.id != LEGACY_PROFILE and shape.has(*_MIRROR):
        mirror = _mirror(shape, profiles)
        for model, size, count in _sizes(connection, mirror.name, mirror.model):
            yield mirror.group(model, size, count, Fate.OTHER_SPACE)


def _sizes(connection: sqlite3.Connection, table: str, name: str, where: str = "true") -> list[tuple[Any, ...]]:
    """How many vectors a table has of each name and size."""
    return connection.execute(
        f"SELECT {name} AS name, {size_of('e.embedding')} AS size, count(*) FROM {quoted(table)} e NOT INDEXED"
        f" WHERE {where} AND e.embedding IS NOT NULL GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2"
    ).fetchall()


def _mirror(shape: Shape, profiles: Mapping[str, Profile]) -> VectorTable:
    if shape.has("node_embeddings", "model"):
        return VectorTable("node_embeddings", "node_id", None, "e.model", _labelled(profiles))
    return VectorTable("node_embeddings", "node_id", None, "NULL", "NULL")


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
    """A string literal of SQLite; the text must contain no NUL."""
    return "'" + value.replace("'", "''") + "'"


def size_of(value: str) -> str:
    """SQL for the size of a vector in bytes."""
    return f"iif(typeof({value}) = 'blob', length({value}), {NO_VECTOR})"


def readable(value: SqliteValue) -> str | None:
    """A name as text, whatever the file has there: a garbled name counts as another model."""
    return value.decode(errors="replace") if isinstance(value, bytes) else None if value is None else str(value)
