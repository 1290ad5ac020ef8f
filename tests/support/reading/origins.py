"""Where in a file the rows of each table are, as raw values under the names of the destination's columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.support.reading.names import File, Row
from tests.support.reading.shapes import Shape
from tests.support.reading.values import MISSING, Broken, Text, document, strings


@dataclass(frozen=True)
class Origin:
    """A table of the file that can hold the rows of a table: the columns it must have, and those of another name."""

    table: str
    needs: tuple[str, ...]
    renamed: dict[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def source(self, column: str) -> str:
        """The name in the file of a column of the destination."""
        return self.renamed.get(column, column)


ORIGINS: dict[str, tuple[Origin, ...]] = {
    "users": (Origin("users", ("id", "handle")),),
    "groups": (Origin("groups", ("id", "handle")),),
    "group_memberships": (Origin("group_memberships", ("user_id", "group_id")),),
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
    "review_events": (Origin("review_events", ("id", "memory_id")),),
    "domains": (Origin("domains", ("id",)),),
}
"""By table the places where its rows can be; the first that has rows counts, or else the first that a file has."""


@dataclass
class Raw:
    """A row as the file has it: by column of the destination, and the columns that no table has a place for.

    ``stale``: Vestige has marked the row as one whose vector is to be made anew. ``problems``: by column, what is wrong
    with a value beside what its rule finds.
    """

    values: Row
    extra: Row
    stale: bool = False
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """Where the rows of a table are in a file, and how the file spells the columns."""

    origin: Origin
    spelled: dict[str, str]


def find(file: File, shapes: dict[str, Shape]) -> dict[str, Found]:
    """The place of every table that the file has."""
    found = {}
    for table, shape in shapes.items():
        there = [origin for origin in ORIGINS[table] if file.has(origin.table, *origin.needs)]
        for origin in [*(one for one in there if file.count(one.table)), *there][:1]:
            names = {column: file.spelled(origin.table, origin.source(column)) for column in shape.fields}
            found[table] = Found(origin, {column: name for column, name in names.items() if name is not None})
    return found


def read(file: File, found: dict[str, Found], table: str, columns: list[str]) -> list[Raw]:
    """The rows of a table in the order in which they are copied."""
    if table not in found:
        return []
    place = found[table]
    used = {name for other in found.values() if other.origin.table == place.origin.table
            for name in other.spelled.values()}  # fmt: skip
    published = file.has(place.origin.table, "last_accessed")
    marked = file.spelled(place.origin.table, "has_embedding") if published else None
    return [
        Raw(
            {name: row[place.spelled[name]] if name in place.spelled else MISSING for name in columns},
            {name: value for name, value in row.items() if name not in used},
            marked is not None and row[marked] in (0, Text(b"0")),
        )
        for row in file.rows(place.origin.table, place.origin.order)
    ]


def place_codebase(file: File, memories: list[Raw]) -> None:
    """Where a memory belongs: its own column; published Vestige names it in a tag, the seed before V15 in metadata."""
    own = file.has("knowledge_nodes", "codebase")
    published = file.has("knowledge_nodes", "last_accessed")
    ways: tuple[Callable[[Row], Any], ...] = (_named,) if own else ()
    if not own:
        ways += (_described,)
    if not own or published:
        ways += (_tagged,)
    for memory in memories:
        named = (way(memory.values) for way in ways)
        memory.values["codebase"] = next((name for name in named if name is not None), None)


def _named(values: Row) -> Any:
    return values["codebase"]


def _described(values: Row) -> Any:
    """What the metadata says."""
    try:
        described, _ = ({}, False) if values["metadata"] is MISSING else document(values["metadata"])
    except Broken:
        return None
    name = described.get("codebase") if isinstance(described, dict) else None
    return Text(name.encode()) if isinstance(name, str) and name else None


def _tagged(values: Row) -> Any:
    """The code base that the first tag of the form ``codebase:NAME`` names."""
    try:
        tags = [] if values["tags"] is MISSING else strings(values["tags"])
        found = [tag[9:] for tag in tags if tag.startswith("codebase:") and tag != "codebase:"]
    except Broken:
        return None
    return Text(found[0].encode()) if found else None
