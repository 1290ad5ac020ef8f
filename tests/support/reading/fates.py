"""What becomes of every vector of a file, those among them that no memory has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from vestige_tui.core.verify.expectation.names import File, quoted
from vestige_tui.core.verify.expectation.origins import Place
from vestige_tui.core.verify.expectation.values import Broken, uuid
from vestige_tui.core.verify.expectation.vectors import Model, Profiles, elements, is_cut, readable, true_name


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

    def group(self, fate: str) -> Group:
        """What it counts among."""
        return Group(self.table, self.profile, self.model, elements(self.value), fate)


@dataclass
class Vectors:
    """All vectors of a file: those that could count by their memory, best first, and those of other spaces."""

    candidates: dict[Any, list[Vector]] = field(default_factory=lambda: defaultdict(list))
    elsewhere: list[Vector] = field(default_factory=list)


def fates(file: File, place: Place, model: Model) -> Counter[Group]:
    """How many vectors of each kind have each fate. ``model`` is the one whose vectors are copied."""
    known, stale = _memories(file, place)
    vectors = _all(file)
    groups = Counter(vector.group("other_space") for vector in vectors.elsewhere)
    for identity, candidates in vectors.candidates.items():
        usable = [vector for vector in candidates if vector.model in (None, model.name)]
        usable.sort(key=lambda vector: vector.value in (b"", ""))  # an empty one counts where there is no other
        for vector in candidates:
            groups[vector.group(_fate(vector, identity in known, usable, identity in stale, model))] += 1
    return groups


def _memories(file: File, place: Place) -> tuple[set[Any], set[Any]]:
    """The ids of all memories, and of those whose vector is stale."""
    stale = "0" if place.stale is None else f"n.{quoted(place.stale)} IN (0, '0')"
    rows = file.ask(f"SELECT n.{quoted(place.spelled['id'])}, {stale} FROM main.{quoted(place.origin.table)} n")
    return {canonical(memory) for memory, _ in rows}, {canonical(memory) for memory, marked in rows if marked}


def _fate(vector: Vector, known: bool, usable: list[Vector], stale: bool, model: Model) -> str:
    if not known:
        return "no_memory"
    if not usable:
        return "other_model"
    if vector is not usable[0]:
        return "superseded"
    if stale:
        return "stale"
    if elements(vector.value) is None:
        return "unusable"
    if is_cut(vector.value, model):
        return "cut"
    return "copied" if elements(vector.value) == model.dimension else "wrong_dimension"


def canonical(value: Any) -> Any:
    """An id that is the same in every spelling; what is no UUID is only equal to itself."""
    try:
        return uuid(value)
    except Broken:
        return type(value), value


def _all(file: File) -> Vectors:
    """Every vector, those that count first in the order in which they do."""
    vectors, profiles = Vectors(), Profiles(file)
    for vector in _of_memories(file):
        vectors.candidates[vector.memory].append(vector)
    for vector in (*_of_profiles(file, profiles), *_of_mirror(file, profiles)):
        counts = vector.profile == profiles.active if vector.profile is not None else profiles.mirror_counts
        if counts:
            vectors.candidates[vector.memory].append(vector)
        else:
            vectors.elsewhere.append(vector)
    return vectors


def _of_memories(file: File) -> Iterator[Vector]:
    """A vector in the memory's own row has no label: it is of the file's model."""
    if file.has("knowledge_nodes", "embedding"):
        for node, value in file.ask(
            "SELECT id, embedding FROM knowledge_nodes NOT INDEXED WHERE embedding IS NOT NULL"
        ):
            yield Vector("knowledge_nodes", None, canonical(node), value, None)


def _of_profiles(file: File, profiles: Profiles) -> Iterator[Vector]:
    """Of a vector in a profile, the profile says which model made it."""
    if profiles.has_vectors:
        for profile, node, value in file.ask(
            "SELECT profile_id, node_id, embedding FROM embedding_profile_vectors WHERE embedding IS NOT NULL"
        ):
            name = readable(profile) or ""
            yield Vector("embedding_profile_vectors", name, canonical(node), value, profiles.model(name)[0])


def _of_mirror(file: File, profiles: Profiles) -> Iterator[Vector]:
    if file.has("node_embeddings", "node_id", "embedding"):
        label = "model" if file.has("node_embeddings", "model") else "NULL"
        for node, value, name in file.ask(
            f"SELECT node_id, embedding, {label} FROM node_embeddings WHERE embedding IS NOT NULL"
        ):
            vector = Vector("node_embeddings", None, canonical(node), value, readable(name))
            if vector.model is not None:
                made_by = profiles.model(vector.model)[0] or true_name(vector.model, elements(value))
                vector = vector._replace(model=made_by)
            yield vector
