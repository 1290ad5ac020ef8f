"""The vectors of a source: how many there are of each kind, and what happens to them."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from vestige_tui.core.explain import VECTOR_FATES, vector_group
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.text import count
from vestige_tui.screens.widgets.text import plain

_ORDINARY = (Fate.COPIED, Fate.SUPERSEDED)
"""Outcomes that need no attention: the vector is copied, or its memory has another one that counts."""


def vectors(groups: Sequence[VectorGroup]) -> Content:
    """All groups, one line each."""
    if not groups:
        return Content("")
    return Content("\n").join([Content("Vectors of the source:"), *map(_line, groups)])


def extraordinary(groups: Sequence[VectorGroup]) -> list[str]:
    """The groups that do not simply arrive, each in words."""
    return [
        f"{count(group.count, 'vector')}{f' by {group.model}' if group.model else ''}: {VECTOR_FATES[group.fate]}"
        for group in groups
        if group.fate not in _ORDINARY
    ]


def _line(group: VectorGroup) -> Content:
    style = "" if group.fate in _ORDINARY else "$text-warning"
    return plain(vector_group(group), style)
