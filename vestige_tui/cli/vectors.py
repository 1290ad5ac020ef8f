"""The vectors of a source on the terminal: the same table in ``inspect`` and in the report of a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from vestige_tui.core.explain import vector_group
from vestige_tui.core.rows.vectors import VectorGroup
from vestige_tui.terminal.output import heading, safe


def print_vectors(console: Console, groups: Sequence[VectorGroup]) -> None:
    """Print each group in a line: how many vectors, which, and what becomes of them."""
    if groups:
        heading(console, "Vectors")
    for group in groups:
        console.print(safe(vector_group(group)), soft_wrap=True)
