"""Which vector a memory has, and which model made it. The facts are those of Vestige's history: what its versions wrote
into which table, under which label, and what its newest version uses.
"""

from __future__ import annotations

import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from vestige_tui.core.verify.expectation.keyed import Key, KeyedRows
from vestige_tui.core.verify.expectation.names import File, quoted, temporary_name
from vestige_tui.core.verify.expectation.shapes import Field
from vestige_tui.core.verify.expectation.values import MOST_ELEMENTS, Text, letters, uuid

NOMIC = "nomic-ai/nomic-embed-text-v1.5"
FALSE_LABEL = "all-MiniLM-L6-v2"
SHORT_LABEL = "nomic-embed-text-v1.5"
LEGACY_PROFILE = "nomic-v1.5-legacy-raw-256"
CUT_FROM, CUT_TO = 768, 256

CATALOGUE: dict[str, tuple[str | None, int | None]] = {
    LEGACY_PROFILE: (NOMIC, 256),
    "nomic-v1.5-retrieval-v1-256": (NOMIC, 256),
    "granite-311m-multilingual-r2-256": ("ibm-granite/granite-embedding-311m-multilingual-r2", 256),
    "qwen3-0.6b-retrieval-v1-256": ("Qwen/Qwen3-Embedding-0.6B", 256),
    "qwen3-0.6b-retrieval-v1-1024": ("Qwen/Qwen3-Embedding-0.6B", 1024),
    "qwen3-4b-retrieval-v1-1024": ("Qwen/Qwen3-Embedding-4B", 1024),
    "qwen3-4b-retrieval-v1-native": ("Qwen/Qwen3-Embedding-4B", 2560),
}
"""Vestige's profiles, each with its model and how many elements its vectors have."""

_AT_ONCE = 1_000
"""Ids that are fetched together."""

_BYTES_AT_ONCE = 2_000_000

_ID = Field(uuid)


class Model(NamedTuple):
    """A model and how many elements its vectors have."""

    name: str
    dimension: int

    @property
    def may_be_cut(self) -> bool:
        """Whether longer vectors of the same model are cut to this length."""
        return self == (NOMIC, CUT_TO)


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector as the file has it, and the model that made it, where a label says so. ``own``: in its memory's row."""

    value: Any
    model: str | None
    own: bool = False

    @property
    def empty(self) -> bool:
        """Whether the value has no bytes at all."""
        return self.value in ("", b"")


def elements(value: Any) -> int | None:
    """How many elements a vector has, None where the value is no vector."""
    size = len(value) if type(value) is bytes else 0
    return size // 4 if size and size % 4 == 0 else None


class Profiles:
    """What a file says of its profiles, each a vector space of its own.

    ``active`` is the one whose vectors Vestige uses; where a file does not say, the legacy one if it has vectors; else
    None.
    """

    def __init__(self, file: File) -> None:
        self.has_vectors = file.has("embedding_profile_vectors", "profile_id", "node_id", "embedding")
        self.active = self._active(file)
        self._known = self._all(file)

    def model(self, profile: str | None) -> tuple[str | None, int | None]:
        """The model and the dimension of a profile, as the file or else the catalogue says."""
        return self._known.get(profile or "", (None, None))

    @property
    def mirror_counts(self) -> bool:
        """Whether the vectors of ``node_embeddings`` are in the space that Vestige uses."""
        return self.active in (None, LEGACY_PROFILE)

    def _active(self, file: File) -> str | None:
        if file.has("embedding_profile_state", "active_profile_id", "singleton"):
            rows = file.ask("SELECT active_profile_id FROM main.embedding_profile_state WHERE singleton = 1")
            if rows and letters(rows[0][0]) is not None:
                return letters(rows[0][0])
        if not self.has_vectors:
            return None
        known = file.ask(
            "SELECT DISTINCT profile_id FROM main.embedding_profile_vectors NOT INDEXED WHERE embedding IS NOT NULL"
        )
        return LEGACY_PROFILE if LEGACY_PROFILE in (readable(name) for (name,) in known) else None

    def _all(self, file: File) -> dict[str, tuple[str | None, int | None]]:
        found = {**CATALOGUE}
        if file.has("embedding_profiles", "profile_id", "model_id"):
            size = "embedding_dimension" if file.has("embedding_profiles", "embedding_dimension") else "NULL"
            for profile, model, dimension in file.ask(
                f"SELECT profile_id, model_id, {size} FROM main.embedding_profiles"
            ):
                known = found.get(readable(profile) or "", (None, None))
                length = dimension if isinstance(dimension, int) and 1 <= dimension <= MOST_ELEMENTS else known[1]
                name = true_name(letters(model) or "", length) if letters(model) else known[0]
                found[readable(profile) or ""] = name, length
        return found


class VectorTable:
    """A table beside the memories that has vectors in the space that Vestige uses."""

    def __init__(
        self,
        file: File,
        profiles: Profiles,
        table: str,
        label: str | None,
        moved: Sequence[tuple[str, str]] | None = None,
    ) -> None:
        """With ``moved``, only the vectors of memories with these ids (first), each as one of the new id (second)."""
        columns = ("embedding", *([label] if label else []))
        if moved is not None:
            table = _of_moved(file, table, columns, moved)
        self.rows = KeyedRows(file, table, [("node_id", _ID)], columns, where="n.embedding IS NOT NULL")
        self._of_profile = label == "profile_id"
        self._profiles = profiles

    def vector(self, values: Sequence[Any]) -> Vector | None:
        """The vector in a row: its bytes and its label; None where it is of another profile than the active one."""
        value, label = values[0], readable(values[1]) if len(values) > 1 else None
        if self._of_profile:
            counts = (label or "") == self._profiles.active
            return Vector(value, self._profiles.model(label)[0]) if counts else None
        if label is None:
            return Vector(value, None)
        return Vector(value, self._profiles.model(label)[0] or true_name(label, elements(value)))


def _of_moved(file: File, table: str, columns: Sequence[str], moved: Sequence[tuple[str, str]]) -> str:
    """A temporary table of the vectors of memories that have a new id."""
    name = temporary_name("moved")
    names = ", ".join(map(quoted, ("node_id", *columns)))
    values = ", ".join(f"n.{quoted(column)}" for column in columns)
    with file.writable():
        connection = file.connection
        connection.execute(f"CREATE TABLE temp.{name} ({names})")
        source = f"SELECT ?, {values} FROM main.{quoted(table)} n NOT INDEXED"
        same = "lower(replace(n.node_id, '-', '')) = lower(replace(?, '-', ''))"
        for old, new in moved:
            connection.execute(f"INSERT INTO temp.{name} {source} WHERE {same}", (new, old))
    file.made(name)
    return name


def vector_tables(file: File, profiles: Profiles, moved: Sequence[tuple[str, str]] = ()) -> list[VectorTable]:
    """The tables whose vectors count where a memory's own row has none, the first one most. ``moved`` are the memories
    that have a new id: the one in the file, and the new one.
    """
    found: list[VectorTable] = []
    if profiles.has_vectors and profiles.active is not None:
        found += _with_moved(file, profiles, "embedding_profile_vectors", "profile_id", moved)
    if profiles.mirror_counts and file.has("node_embeddings", "node_id", "embedding"):
        label = "model" if file.has("node_embeddings", "model") else None
        found += _with_moved(file, profiles, "node_embeddings", label, moved)
    return found


def _with_moved(
    file: File, profiles: Profiles, table: str, label: str | None, moved: Sequence[tuple[str, str]]
) -> list[VectorTable]:
    own = VectorTable(file, profiles, table, label)
    return [own, VectorTable(file, profiles, table, label, moved)] if moved else [own]


class VectorCursor:
    """Reads a ``VectorTable`` beside the memories, in the order of their ids."""

    def __init__(self, table: VectorTable, first: Key | None, last: Key | None) -> None:
        self._table = table
        self._cursor = table.rows.read(first, last)
        self._at_once = at_once(table.rows)
        self._rows: list[tuple[Any, ...]] = []
        self._ended = False

    def up_to(self, last: str) -> Iterator[tuple[str, Vector]]:
        """The vectors that follow, up to those of the memory ``last``, each with the id of its memory."""
        while True:
            for place, (_, key, *values) in enumerate(self._rows):
                if not isinstance(key, str) or key > last:
                    del self._rows[:place]
                    return
                vector = self._table.vector(values)
                if vector is not None:
                    yield key, vector
            self._rows = [] if self._ended else self._cursor.fetch(self._at_once)
            self._ended |= not self._rows
            if self._ended:
                return

    def close(self) -> None:
        """End the reading."""
        self._cursor.close()


def at_once(rows: KeyedRows) -> int:
    """How many vectors are fetched together."""
    return max(1, min(_AT_ONCE, _BYTES_AT_ONCE // max(1, rows.survey.largest)))


def chosen(candidates: Sequence[Vector], model: str | None) -> Vector | None:
    """The vector that Vestige uses: the first of the model, an empty one only where there is no other."""
    usable = [vector for vector in candidates if model is None or vector.model in (None, model)]
    return next((vector for vector in usable if not vector.empty), usable[0] if usable else None)


def model_of(file: File, profiles: Profiles, memories: KeyedRows | None) -> Model | None:
    """The model whose vectors a file holds: of the active profile, else the registered one, else that of most."""
    name, dimension = profiles.model(profiles.active) if profiles.active is not None else (None, None)
    if name is not None and dimension is not None:
        return Model(name, dimension)
    return _registered(file) or (_of_most(file, profiles, memories) if memories is not None else None)


def _registered(file: File) -> Model | None:
    if not file.has("embedding_model", "id", "name", "dimension", "hash"):
        return None
    for name, dimension in file.ask("SELECT name, dimension FROM main.embedding_model WHERE id = 1"):
        shown = letters(name)
        if shown is None or not isinstance(dimension, int) or not 1 <= dimension <= MOST_ELEMENTS:
            return None
        return Model(true_name(shown, dimension), dimension)
    return None


def _of_most(file: File, profiles: Profiles, memories: KeyedRows) -> Model | None:
    counts: Counter[Model] = Counter()
    for table in vector_tables(file, profiles):
        for vector in _with_memory(table, memories):
            size = elements(vector.value)
            if vector.model is not None and size is not None:
                counts[Model(vector.model, size)] += 1
    long, short = Model(NOMIC, CUT_FROM), Model(NOMIC, CUT_TO)
    if counts[long] and counts[short]:
        counts[short] += counts.pop(long)
    return min(+counts, key=lambda model: (-counts[model], model)) if +counts else None


def _with_memory(table: VectorTable, memories: KeyedRows) -> Iterator[Vector]:
    """The vectors of a table whose memory is in the file; both are read in the same order."""
    known, cursor = memories.read(), table.rows.read()
    following = (_sorted(row[1]) for rows in iter(lambda: known.fetch(_AT_ONCE), []) for row in rows)
    memory = next(following, None)
    try:
        while rows := cursor.fetch(at_once(table.rows)):
            for _, key, *values in rows:
                while memory is not None and memory < _sorted(key):
                    memory = next(following, None)
                vector = table.vector(values)
                if vector is not None and memory == _sorted(key):
                    yield vector
    finally:
        known.close()
        cursor.close()


def _sorted(key: str | bytes) -> tuple[bool, bytes]:
    """Rows without a usable id come last, as in ``KeyedRows.read``."""
    return (False, key.encode()) if isinstance(key, str) else (True, key)


def true_name(label: str, dimension: int | None) -> str:
    """The model behind a label: Vestige 1.0 to 2.0 wrote a false one, and 2.0.1 to 2.1.1 a short one."""
    if label == SHORT_LABEL or (label == FALSE_LABEL and dimension in (CUT_FROM, CUT_TO)):
        return NOMIC
    return label


def readable(value: Any) -> str | None:
    """A value as text."""
    if isinstance(value, Text | bytes):
        return value.decode(errors="replace")
    return None if value is None else str(value)


def is_cut(value: Any, model: Model | None) -> bool:
    """Whether it is a full vector of nomic where the short ones are used."""
    return model is not None and model.may_be_cut and elements(value) == CUT_FROM


def any_is_cut(values: Sequence[Any], model: Model | None) -> bool:
    """Whether any of these is."""
    sizes = {len(value) for value in values if type(value) is bytes}
    return model is not None and model.may_be_cut and 4 * CUT_FROM in sizes


def cut(blob: bytes) -> bytes:
    """The first 256 of 768 elements with the length 1, in float32 arithmetic as Vestige does it."""
    numbers = struct.unpack(f"<{CUT_TO}f", blob[: 4 * CUT_TO])
    total = 0.0
    for number in numbers:
        total = _float32(total + _float32(number * number))
    length = _float32(total**0.5)
    return struct.pack(f"<{CUT_TO}f", *(number / length for number in numbers)) if length > 0 else blob[: 4 * CUT_TO]


def _float32(value: float) -> float:
    """The nearest float32; infinity for what is too large for one."""
    return float(array("f", [value])[0])
