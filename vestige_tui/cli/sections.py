"""The sections that ``inspect`` and the summaries of runs share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from vestige_tui.core.explain import Tense, by_operator, mended_words, vector_group
from vestige_tui.core.mending import MendedField, MendState, mended_rows
from vestige_tui.core.report import DestinationReport, SourceReport
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.rows.vectors import VectorGroup
from vestige_tui.core.text import count
from vestige_tui.core.verify.result import Difference
from vestige_tui.core.verify.words import what_differs
from vestige_tui.terminal.output import heading, labelled, safe

DIFFERENCES_SHOWN = 20


def print_ends(console: Console, source: SourceReport, destination: DestinationReport) -> None:
    """Print what the source and the destination of a run are."""
    origin = f"{source.path} ({source.layout} layout, version {source.version or 'unknown'})"
    labelled(console, "Source", safe(origin if source.layout else source.path))
    print_destination(console, destination)
    labelled(console, "Model", safe(destination.model or source.model or "none registered"))


def print_destination(console: Console, destination: DestinationReport) -> None:
    """Print what the destination of a run is."""
    versions = [
        f"{program} {version}"
        for program, version in (
            ("PostgreSQL", destination.server_version),
            ("pgvector", destination.pgvector_version),
        )
        if version
    ]
    labelled(console, "Destination", safe(destination.url + (f" ({', '.join(versions)})" if versions else "")))


def print_repairs(console: Console, repaired: Mapping[str, int], left_out: Mapping[str, int]) -> None:
    """Print how many rows an operator has repaired or left out."""
    if said := by_operator(repaired, left_out):
        labelled(console, "Repairs", said)


def print_mending(console: Console, fields: Sequence[MendedField], tense: Tense) -> None:
    """Print what became of rows that were at the destination before, and that repairs alter."""
    if said := mended_words(mended_rows(fields), tense):
        labelled(console, "Mended", said)
    changed = {(each.table, each.row) for each in fields if each.state is MendState.CHANGED}
    if changed:
        labelled(console, "Not mended", f"{count(len(changed), 'row')} changed at the destination meanwhile")


def print_differences(console: Console, differences: Sequence[Difference], omitted: int, title: str = "") -> None:
    """Print the first differences, a line each, and how many more there are."""
    if not differences:
        return
    heading(console, title or "Differences")
    for difference in differences[:DIFFERENCES_SHOWN]:
        table = BY_NAME[difference.table].title
        line = Text.assemble(safe(f"{table} ", "dim"), safe(difference.row, "bold"), f": {what_differs(difference)}")
        console.print(line, soft_wrap=True)
    if (more := len(differences) + omitted - DIFFERENCES_SHOWN) > 0:
        console.print(Text(f"+{more:,} more", style="bold"))


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
