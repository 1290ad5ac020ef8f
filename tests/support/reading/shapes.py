"""The eight tables of the destination: the rule of each column, and what a table asks of its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.expected import BOOTSTRAP_USER
from tests.support.reading.values import (
    EPOCH,
    Lost,
    Rule,
    any_json,
    centroid,
    content,
    integer,
    moment,
    real,
    scores,
    strings,
    text,
    uuid,
    uuids,
    vector,
)


@dataclass(frozen=True)
class Field:
    """A column: its rule, whether NULL is allowed, what stands in for a broken value, and the only values allowed.

    ``indexed``: an index of the destination covers its text, or the items of its list.
    """

    rule: Rule
    null: bool = False
    empty: Any = Lost
    allowed: tuple[str, ...] = ()
    indexed: bool = False


@dataclass(frozen=True)
class Shape:
    """A table: its columns, its key, columns whose values are taken once, and the tables that columns refer to."""

    fields: dict[str, Field]
    key: tuple[str, ...]
    unique: tuple[str, ...] = ()
    references: dict[str, str] = field(default_factory=dict)


_PARTY = Shape(
    {
        "id": Field(uuid),
        "handle": Field(text, indexed=True),
        "display_name": Field(text, True, None),
        "created_at": Field(moment, empty=EPOCH),
        "metadata": Field(any_json, empty={}),
    },
    ("id",),
    ("handle",),
)


def shapes(dimension: int | None) -> dict[str, Shape]:
    """The tables in the order in which they are copied; ``dimension`` is that of the registered model."""
    return {
        "users": _PARTY,
        "groups": _PARTY,
        "group_memberships": Shape(
            {
                "user_id": Field(uuid),
                "group_id": Field(uuid),
                "role": Field(text, empty="member", allowed=("member", "admin")),
                "joined_at": Field(moment, empty=EPOCH),
            },
            ("user_id", "group_id"),
            references={"user_id": "users", "group_id": "groups"},
        ),
        "knowledge_nodes": Shape(
            {
                "id": Field(uuid),
                "content": Field(content),
                "node_type": Field(text, empty="fact", indexed=True),
                "tags": Field(strings, empty=[], indexed=True),
                "embedding": Field(vector(dimension), True, None),
                "created_at": Field(moment, empty=EPOCH),
                "updated_at": Field(moment, empty=EPOCH),
                "metadata": Field(any_json, empty={}),
                "owner_user_id": Field(uuid, empty=BOOTSTRAP_USER),
                "visibility": Field(text, empty="private", allowed=("private", "group", "public")),
                "shared_with_groups": Field(uuids, empty=[]),
                "codebase": Field(text, True, None, indexed=True),
                "domains": Field(strings, empty=[], indexed=True),
                "domain_scores": Field(scores, empty={}),
            },
            ("id",),
            references={"owner_user_id": "users"},
        ),
        "scheduling": Shape(
            {
                "memory_id": Field(uuid),
                "stability": Field(real, empty=1.0),
                "difficulty": Field(real, empty=5.0),
                "retrievability": Field(real, empty=1.0),
                "last_review": Field(moment, True, None),
                "next_review": Field(moment, True, None),
                "reps": Field(integer(32), empty=0),
                "lapses": Field(integer(32), empty=0),
            },
            ("memory_id",),
            references={"memory_id": "knowledge_nodes"},
        ),
        "edges": Shape(
            {
                "source_id": Field(uuid),
                "target_id": Field(uuid),
                "edge_type": Field(text, empty="semantic", indexed=True),
                "weight": Field(real, empty=1.0),
                "created_at": Field(moment, empty=EPOCH),
            },
            ("source_id", "target_id"),
            references={"source_id": "knowledge_nodes", "target_id": "knowledge_nodes"},
        ),
        "review_events": Shape(
            {
                "id": Field(uuid),
                "memory_id": Field(uuid),
                "occurred_at": Field(moment, empty=EPOCH),
                "retrievability_before": Field(real, True, None),
                "retrievability_after": Field(real, True, None),
                "rating": Field(integer(16), True, None),
                "kind": Field(text, empty="review"),
                "metadata": Field(any_json, empty={}),
            },
            ("id",),
            references={"memory_id": "knowledge_nodes"},
        ),
        "domains": Shape(
            {
                "id": Field(text, indexed=True),
                "label": Field(text, empty=""),
                "centroid": Field(centroid, True, None),
                "top_terms": Field(strings, empty=[]),
                "memory_count": Field(integer(32), empty=0),
                "created_at": Field(moment, empty=EPOCH),
            },
            ("id",),
        ),
    }
