"""The sections that ``inspect`` and the summary of a run share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from vestige_tui.core.explain import vector_group
from vestige_tui.core.rows.vectors import VectorGroup
from vestige_tui.terminal.output import heading, safe


def print_vectors(console: Console, groups: Sequence[VectorGroup]) -> None:
    """Print a line for each group: how many vectors, which, and what happens to them."""
    if groups:
        heading(console, "Vectors")
    for group in groups:
        console.print(safe(vector_group(group)), soft_wrap=True)


def print_not_copied(console: Console, title: str, rows: Mapping[str, int]) -> None:
    """Print the tables and columns that have no place at the destination, and the number of their rows."""
    if rows:
        heading(console, f"{title}: tables and columns that have no place at the destination")
    width = max(map(len, rows), default=0) + 1
    for name, number in rows.items():
        console.print(Text.assemble(safe(f"{name + ':':<{width}}", "bold"), f" {number:>12,}"), soft_wrap=True)
