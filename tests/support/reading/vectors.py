"""Which vector a memory has, which model made it, and what becomes of all others: ``vestige-schemas.md``, section 4."""

from __future__ import annotations

import struct
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.support.reading.names import File
from tests.support.reading.origins import Raw
from tests.support.reading.values import Broken, Text, uuid

NOMIC = "nomic-ai/nomic-embed-text-v1.5"
FALSE_LABEL = "all-MiniLM-L6-v2"
SHORT_LABEL = "nomic-embed-text-v1.5"
LEGACY_PROFILE = "nomic-v1.5-legacy-raw-256"
CUT_FROM, CUT_TO = 768, 256

CATALOGUE = {
    LEGACY_PROFILE: (NOMIC, 256),
    "nomic-v1.5-retrieval-v1-256": (NOMIC, 256),
    "granite-311m-multilingual-r2-256": ("ibm-granite/granite-embedding-311m-multilingual-r2", 256),
    "qwen3-0.6b-retrieval-v1-256": ("Qwen/Qwen3-Embedding-0.6B", 256),
    "qwen3-0.6b-retrieval-v1-1024": ("Qwen/Qwen3-Embedding-0.6B", 1024),
    "qwen3-4b-retrieval-v1-1024": ("Qwen/Qwen3-Embedding-4B", 1024),
    "qwen3-4b-retrieval-v1-native": ("Qwen/Qwen3-Embedding-4B", 2560),
}
"""Vestige's profiles, each with its model and how many elements its vectors have."""


class Model(NamedTuple):
    """A model and how many elements its vectors have."""

    name: str
    dimension: int


class Group(NamedTuple):
    """Vectors of which the same is to be said; ``dimension`` is None for what is no vector."""

    table: str
    profile: str | None
    model: str | None
    dimension: int | None
    fate: str


class Vector(NamedTuple):
    """A vector as the file has it, the canonical id of its memory, and the model that made it where that is known."""

    table: str
    profile: str | None
    memory: Any
    value: Any
    model: str | None

    @property
    def dimension(self) -> int | None:
        """Its elements, None where the value is no vector."""
        size = len(self.value) if type(self.value) is bytes else 0
        return size // 4 if size and size % 4 == 0 else None

    def group(self, fate: str) -> Group:
        """What it counts among."""
        return Group(self.table, self.profile, self.model, self.dimension, fate)


@dataclass
class Vectors:
    """All vectors of a file: those that could count by their memory, best first, and those of other spaces."""

    candidates: dict[Any, list[Vector]] = field(default_factory=lambda: defaultdict(list))
    elsewhere: list[Vector] = field(default_factory=list)


def place_vectors(file: File, memories: list[Raw], model: Model) -> Counter[Group]:
    """Give each memory the vector that Vestige uses for it, as ``embedding`` of its values; return what all are.

    ``model`` is the one whose vectors are copied.
    """
    vectors = _all(file)
    groups = Counter(vector.group("other_space") for vector in vectors.elsewhere)
    chosen: dict[Any, Vector] = {}
    stale = {canonical(memory.values["id"]) for memory in memories if memory.stale}
    known = {canonical(memory.values["id"]) for memory in memories}
    for identity, candidates in vectors.candidates.items():
        usable = [vector for vector in candidates if vector.model in (None, model.name)]
        usable.sort(key=lambda vector: vector.value == b"")  # an empty one counts where there is no other
        if identity in known and usable:
            chosen[identity] = usable[0]
        for vector in candidates:
            groups[vector.group(_fate(vector, identity in known, usable, identity in stale, model))] += 1
    for memory in memories:
        found = chosen.get(canonical(memory.values["id"]))
        if found and found.table == "knowledge_nodes":  # of two rows with one id, each has its own
            found = found._replace(value=memory.values["embedding"])
        memory.values["embedding"] = found.value if found else None
        if found and memory.stale:
            memory.problems["embedding"] = "stale_vector"
            memory.values["embedding"] = None
        elif found and is_cut(found, model):
            memory.values["embedding"] = cut(found.value)
    return groups


def _fate(vector: Vector, known: bool, usable: list[Vector], stale: bool, model: Model) -> str:
    if not known:
        return "no_memory"
    if not usable:
        return "other_model"
    if vector is not usable[0]:
        return "superseded"
    if stale:
        return "stale"
    if vector.dimension is None:
        return "unusable"
    if is_cut(vector, model):
        return "cut"
    return "copied" if vector.dimension == model.dimension else "wrong_dimension"


def canonical(value: Any) -> Any:
    """An id that is the same in every spelling; what is no UUID is only equal to itself."""
    try:
        return uuid(value)
    except Broken:
        return type(value), value


def model_of(file: File, memories: list[Raw]) -> Model | None:
    """The model whose vectors a file holds: of the active profile, else the registered one, else that of most."""
    active = _active_profile(file)
    known = _profiles(file).get(active, (None, None)) if active is not None else (None, None)
    if known[0] is not None and known[1] is not None:
        return Model(known[0], known[1])
    return _registered(file) or _of_most(_all(file), {canonical(memory.values["id"]) for memory in memories})


def _registered(file: File) -> Model | None:
    if not file.has("embedding_model", "id", "name", "dimension", "hash"):
        return None
    row = file.connection.execute("SELECT name, dimension FROM embedding_model WHERE id = 1").fetchone()
    if row is None or not isinstance(row[0], Text) or not isinstance(row[1], int) or not 1 <= row[1] <= 16_000:
        return None
    return Model(true_name(row[0].shown, row[1]), row[1])


def _of_most(vectors: Vectors, known: set[Any]) -> Model | None:
    counts: Counter[Model] = Counter()
    for identity, candidates in vectors.candidates.items():
        for vector in candidates if identity in known else ():
            if vector.model is not None and vector.dimension is not None:
                counts[Model(vector.model, vector.dimension)] += 1
    long, short = Model(NOMIC, CUT_FROM), Model(NOMIC, CUT_TO)
    if counts[long] and counts[short]:
        counts[short] += counts.pop(long)
    return min(+counts, key=lambda model: (-counts[model], model)) if +counts else None


def _all(file: File) -> Vectors:
    """Every vector, those that count first in the order in which they do."""
    vectors = Vectors()
    active, profiles = _active_profile(file), _profiles(file)
    for vector in _of_memories(file):
        vectors.candidates[vector.memory].append(vector)
    for vector in (*_of_profiles(file, profiles), *_of_mirror(file, profiles)):
        counts = vector.profile == active if vector.profile is not None else active in (None, LEGACY_PROFILE)
        if counts:
            vectors.candidates[vector.memory].append(vector)
        else:
            vectors.elsewhere.append(vector)
    return vectors


def _of_memories(file: File) -> Iterator[Vector]:
    """A vector in the memory's own row has no label: it is of the file's model."""
    if file.has("knowledge_nodes", "embedding"):
        for node, value in file.connection.execute(
            "SELECT id, embedding FROM knowledge_nodes NOT INDEXED WHERE embedding IS NOT NULL"
        ):
            yield Vector("knowledge_nodes", None, canonical(node), value, None)


def _of_profiles(file: File, profiles: dict[str, tuple[str | None, int | None]]) -> Iterator[Vector]:
    """Of a vector in a profile, the profile says which model made it."""
    if file.has("embedding_profile_vectors", "profile_id", "node_id", "embedding"):
        for profile, node, value in file.connection.execute(
            "SELECT profile_id, node_id, embedding FROM embedding_profile_vectors WHERE embedding IS NOT NULL"
        ):
            name = _readable(profile) or ""
            yield Vector("embedding_profile_vectors", name, canonical(node), value, profiles.get(name, (None, None))[0])


def _of_mirror(file: File, profiles: dict[str, tuple[str | None, int | None]]) -> Iterator[Vector]:
    if file.has("node_embeddings", "node_id", "embedding"):
        label = "model" if file.has("node_embeddings", "model") else "NULL"
        for node, value, name in file.connection.execute(
            f"SELECT node_id, embedding, {label} FROM node_embeddings WHERE embedding IS NOT NULL"
        ):
            vector = Vector("node_embeddings", None, canonical(node), value, _readable(name))
            if vector.model is not None:
                of_profile = profiles.get(vector.model, (None, None))[0]
                vector = vector._replace(model=of_profile or true_name(vector.model, vector.dimension))
            yield vector


def true_name(label: str, dimension: int | None) -> str:
    """The model behind a label: Vestige 1.0 to 2.0 wrote a false one, and 2.0.1 to 2.1.1 a short one."""
    if label == SHORT_LABEL or (label == FALSE_LABEL and dimension in (CUT_FROM, CUT_TO)):
        return NOMIC
    return label


def _active_profile(file: File) -> str | None:
    """The profile whose vectors Vestige uses; where a file does not say, the legacy one if it has vectors; else None."""
    if file.has("embedding_profile_state", "active_profile_id", "singleton"):
        row = file.connection.execute(
            "SELECT active_profile_id FROM embedding_profile_state WHERE singleton = 1"
        ).fetchone()
        if row and isinstance(row[0], Text):
            return row[0].shown
    known = {vector.profile for vector in _of_profiles(file, {})}
    return LEGACY_PROFILE if LEGACY_PROFILE in known else None


def _profiles(file: File) -> dict[str, tuple[str | None, int | None]]:
    """The model and the dimension of each profile, as the file or else the catalogue says."""
    found: dict[str, tuple[str | None, int | None]] = {**CATALOGUE}
    if file.has("embedding_profiles", "profile_id", "model_id"):
        size = "embedding_dimension" if file.has("embedding_profiles", "embedding_dimension") else "NULL"
        for profile, model, dimension in file.connection.execute(
            f"SELECT profile_id, model_id, {size} FROM embedding_profiles"
        ):
            known = found.get(_readable(profile) or "", (None, None))
            length = dimension if isinstance(dimension, int) and 1 <= dimension <= 16_000 else known[1]
            name = true_name(model.shown, length) if isinstance(model, Text) and model else known[0]
            found[_readable(profile) or ""] = name, length
    return found


def _readable(value: Any) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else None if value is None else str(value)


def is_cut(vector: Vector, model: Model) -> bool:
    """Whether it is a full vector of nomic where the short ones are used."""
    return model == (NOMIC, CUT_TO) and vector.dimension == CUT_FROM


def cut(blob: bytes) -> bytes:
    """The first 256 of 768 elements with the length 1, in float32 arithmetic as Vestige does it."""
    elements = struct.unpack(f"<{CUT_TO}f", blob[: 4 * CUT_TO])
    total = 0.0
    for element in elements:
        total = _float32(total + _float32(element * element))
    length = _float32(total**0.5)
    return struct.pack(f"<{CUT_TO}f", *(element / length for element in elements)) if length > 0 else blob[: 4 * CUT_TO]


def _float32(value: float) -> float:
    """The nearest float32; infinity for what is too large for one."""
    return float(array("f", [value])[0])
