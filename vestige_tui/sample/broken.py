"""The rows with problems that ``SampleSpec.broken_rows`` asks for.

Twelve memories, spread evenly over the file: five whose metadata is not JSON, two whose ``shared_with_groups`` is no
list of UUIDs, one vector of another dimension, two ids that are no UUIDs (nothing else refers to those two), one
without content and one with an unknown visibility. A layout without the field in question keeps that row sound.
"""

from __future__ import annotations

from typing import NamedTuple

from vestige_tui.sample.spec import SampleSpec


class Flaw(NamedTuple):
    """One spoilt field: its column, and the value that stands there instead of the sound one."""

    column: str
    value: str


OTHER_MODEL = "all-MiniLM-L6-v2"
"""A model that Vestige used before; see ``vestige-schemas.md`` section 4."""

FLAWS = (
    Flaw("metadata", '{"source": "chat", "confidence": 0.8'),
    Flaw("shared_with_groups", '["platform-team"]'),
    Flaw("id", "note-7"),
    Flaw("metadata", "{'source': 'import', 'reviewed': True}"),
    Flaw("embedding", OTHER_MODEL),
    Flaw("metadata", "[object Object]"),
    Flaw("content", ""),
    Flaw("id", "note-8"),
    Flaw("metadata", '{"source": "chat", "files": ["src/main.rs",]}'),
    Flaw("visibility", "secret"),
    Flaw("shared_with_groups", '{"groups": "all"}'),
    Flaw("metadata", "imported by hand, see the wiki"),
)
"""In the order of the file, ``spec.BROKEN_ROW_COUNT`` of them. The value of ``embedding`` is the odd vector's model."""


def other_dimension(dimension: int) -> int:
    """Return a real dimension that is not ``dimension``: 384 as ``all-MiniLM-L6-v2`` has, else 256."""
    return 384 if dimension != 384 else 256


def plan_flaws(spec: SampleSpec) -> dict[int, Flaw]:
    """Return the spoilt memories as row number (from 0) -> flaw; empty unless ``spec.broken_rows``."""
    if not spec.broken_rows:
        return {}
    return {(2 * k + 1) * spec.memories // (2 * len(FLAWS)): flaw for k, flaw in enumerate(FLAWS)}
