"""What a sample database shall hold: counts, model and seed."""

from __future__ import annotations

from dataclasses import dataclass, fields

BROKEN_ROW_COUNT = 12
"""Memories that ``broken_rows=True`` spoils in the newest seed layout."""


@dataclass(frozen=True, slots=True)
class SampleSpec:
    """The size and the character of a sample. Equal specs give databases with equal rows.

    Every count is a number of rows. ``edges`` is capped at the number of distinct pairs of memories,
    ``memberships`` at the number of distinct pairs of user and group, and without memories there are no
    ``review_events``; all other counts are met exactly.

    Attributes:
        memories: rows of ``knowledge_nodes``.
        edges: distinct directed pairs, mostly within one topic.
        review_events: rows of the review log (seed layout from version 12 on).
        users: users besides the bootstrap user.
        groups: groups that memories are shared with.
        memberships: rows of ``group_memberships``; the bootstrap user may be a member.
        domains: topics the memories fall into, and rows of ``domains`` where that table exists.
        dimension: float32 values in each vector.
        model_name: model that the vectors claim to come from.
        model_hash: hash written in the ``embedding_model`` registry.
        register_model: whether the registry has its row.
        broken_rows: spoil :data:`BROKEN_ROW_COUNT` memories, see :mod:`vestige_tui.sample.broken`.
        seed: number from which every value of the sample follows.

    Raises:
        ValueError: a negative count, a dimension below 1, or ``broken_rows`` with fewer than
            :data:`BROKEN_ROW_COUNT` memories.
    """

    memories: int = 2_000
    edges: int = 800
    review_events: int = 4_000
    users: int = 3
    groups: int = 2
    memberships: int = 4
    domains: int = 5
    dimension: int = 256
    model_name: str = "nomic-ai/nomic-embed-text-v1.5"
    model_hash: str = "unknown"
    register_model: bool = True
    broken_rows: bool = False
    seed: int = 2026

    def __post_init__(self) -> None:
        """Refuse counts that no database can have."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "seed" and isinstance(value, int) and value < 0:
                raise ValueError(f"{field.name} must not be negative, not {value}")
        if self.dimension < 1:
            raise ValueError("dimension must be at least 1")
        if self.broken_rows and self.memories < BROKEN_ROW_COUNT:
            raise ValueError(f"broken_rows needs at least {BROKEN_ROW_COUNT} memories, not {self.memories}")


DEFAULT_SPEC = SampleSpec()
"""What ``vestige-tui demo`` shows."""
