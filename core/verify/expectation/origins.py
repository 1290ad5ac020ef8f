"""Where in a file the rows of each table are, under the names of the destination's columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vestige_tui.core.verify.expectation.names import File
from vestige_tui.core.verify.expectation.shapes import Shape
from vestige_tui.core.verify.expectation.values import MISSING, Broken, Text, document, strings


@dataclass(frozen=True, slots=True)
class Origin:
    """A table of the file that can hold the rows of a table: the columns it must have, and those of another name."""

    table: str
    needs: tuple[str, ...]
    renamed: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def source(self, column: str) -> str:
        """The name in the file of a column of the destination."""
        return self.renamed.get(column, column)


_ORIGINS: Mapping[str, tuple[Origin, ...]] = {
    "knowledge_nodes": (Origin("knowledge_nodes", ("id", "content", "created_at"), order=("created_at", "id")),),
    "scheduling": (
        Origin("scheduling", ("memory_id",)),
        Origin(
            "knowledge_nodes",
            ("id", "stability", "difficulty"),
            {"memory_id": "id", "retrievability": "retention_strength", "last_review": "last_accessed"},
        ),
    ),
    "edges": (
        Origin("edges", ("source_id", "target_id")),
        Origin("memory_connections", ("source_id", "target_id"), {"weight": "strength", "edge_type": "link_type"}),
    ),
}
"""The tables whose rows are not simply in the file's table of that name. The first origin with rows counts, or else the
first that a file has.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the rows of a table are in a file.

    ``spelled`` is how the file spells the columns that it has, by column of the destination. ``extra`` are those that
    go into the metadata. ``order`` is the order of the copy, where it is not that of storage. ``stale`` is the column
    by which Vestige marks a memory whose vector is to be made anew.
    """

    origin: Origin
    spelled: dict[str, str]
    extra: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    stale: str | None = None


def find(file: File, described: Mapping[str, Shape]) -> dict[str, Place]:
    """The place of every table that the file has."""
    found: dict[str, tuple[Origin, dict[str, str]]] = {}
    for table, shape in described.items():
        possible = _ORIGINS.get(table, (Origin(table, shape.required),))
        there = [origin for origin in possible if file.has(origin.table, *origin.needs)]
        for origin in [*(one for one in there if file.has_rows(one.table)), *there][:1]:
            names = {column: file.spelled(origin.table, origin.source(column)) for column in shape.fields}
            found[table] = origin, {column: name for column, name in names.items() if name is not None}
    places = {}
    for table, (origin, spelled) in found.items():
        used = {name for other, names in found.values() if other.table == origin.table for name in names.values()}
        rest = tuple(name for name in file.columns(origin.table) if name not in used)
        published = file.has(origin.table, "last_accessed")
        places[table] = Place(
            origin,
            spelled,
            rest if "metadata" in described[table].fields else (),
            tuple(name for column in origin.order if (name := file.spelled(origin.table, column)) is not None),
            file.spelled(origin.table, "has_embedding") if published and table == "knowledge_nodes" else None,
        )
    return places


def codebase_rule(file: File) -> Callable[[Any, Any, Any], Any] | None:
    """How a memory's code base is found from its own column, its metadata and its tags: published Vestige names it in a
    tag, the seed before V15 in the metadata. None where only the column counts.
    """
    own = file.has("knowledge_nodes", "codebase")
    tagged = not own or file.has("knowledge_nodes", "last_accessed")
    if not tagged:
        return None

    def rule(named: Any, metadata: Any, tags: Any) -> Any:
        if named is not None and named is not MISSING:
            return named
        found = None if own else _described(metadata)
        return _tagged(tags) if found is None else found

    return rule


def _described(metadata: Any) -> Any:
    """What the metadata says."""
    if not _may_name(metadata, "codebase"):
        return None
    try:
        described, _ = document(metadata)
    except Broken:
        return None
    name = described.get("codebase") if isinstance(described, dict) else None
    return name if isinstance(name, str) and name else None


def _tagged(tags: Any) -> Any:
    """The code base that the first tag of the form ``codebase:NAME`` names."""
    if not _may_name(tags, "codebase:"):
        return None
    try:
        found = [tag[9:] for tag in strings(tags) if tag.startswith("codebase:") and tag != "codebase:"]
    except Broken:
        return None
    return found[0] if found else None


def _may_name(value: Any, word: str) -> bool:
    """Whether JSON may have a word in it: plainly, or with escapes."""
    if isinstance(value, str):
        return word in value or "\\" in value
    return isinstance(value, Text | bytes)
