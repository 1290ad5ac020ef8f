"""What a source file is, as the wizard shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import zip_longest

from textual.content import Content

from vestige_tui.core.explain import STALE_MEANS, stale_source
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.rows.tables import shown
from vestige_tui.core.source.describe import Layout, SourceDescription
from vestige_tui.core.source.overview import FileUsage
from vestige_tui.core.text import count, size
from vestige_tui.screens.vector_groups import extraordinary
from vestige_tui.screens.widgets.text import ago, plain

_LAYOUTS = {Layout.PUBLISHED: "published layout", Layout.SEED: "layout of the specification"}
_GAP = " " * 5


def warnings_of(source: SourceDescription, used: FileUsage) -> Iterator[str]:
    """What the operator should not miss, a sentence or two each, the gravest first."""
    if source.stale is not None:
        yield "This file is stale."
        yield stale_source(source.stale, source.modified)
        yield STALE_MEANS
    if _perhaps_open(used) and not source.lets_others_write:
        yield "A program that has the file open cannot write to it while a copy reads (rollback journal)."
    yield from extraordinary(source.vectors)


def facts_of(source: SourceDescription, used: FileUsage, now: datetime) -> Iterator[tuple[str, Content | str]]:
    """What the file is, one fact a line."""
    yield "File", f"{size(source.size)}, changed {ago(source.modified, now)}"
    yield "In use", _usage(used, source)
    yield "Schema", f"version {source.version or 'unknown'}, {_LAYOUTS[source.layout]}"
    if not source.has_v15:
        yield "", "from before V15: a later step adds what is missing"
    yield "Model", _model(source)


def not_copied(source: SourceDescription) -> Iterator[tuple[str, Content | str]]:
    """What PostgreSQL has no place for, as one more fact."""
    if source.left_behind:
        listed = ", ".join(f"{name} {rows:,}" for name, rows in source.left_behind.items())
        yield "Not copied", plain(f"PostgreSQL has no place for: {listed}")


def kept_repairs(repairs: Repairs) -> Iterator[tuple[str, Content | str]]:
    """That repairs of this file were made before."""
    if number := len(repairs.entries):
        yield "Repairs", f"{count(number, 'row')} answered by you before; the preview uses them"


def rows_of(source: SourceDescription, *, columns: int = 2) -> Content:
    """How many rows each table has, in one or two columns."""
    cells = [f"{table.title:<15}{source.rows.get(table.name, 0):>13,}" for table in shown()]
    half = (len(cells) + columns - 1) // columns
    pairs = zip_longest(cells[:half], cells[half:], fillvalue="")
    return Content("\n".join(_GAP.join(pair).rstrip() for pair in pairs))


def _model(source: SourceDescription) -> Content | str:
    if source.model is not None:
        origin = "seen in the vectors" if source.registered is None else "registered"
        if source.profile is not None and source.registered is not None:
            origin = f"of the profile {source.profile}"
        return plain(f"{source.model.name}, {source.model.dimension:,} dimensions, {origin}")
    if source.dimension:
        return f"not recorded; the vectors have {source.dimension:,} dimensions"
    return "none: there are no vectors"


def _usage(used: FileUsage, source: SourceDescription) -> Content | str:
    if not _perhaps_open(used):
        return "not open in any program of yours" if used.certain else "probably not open anywhere"
    where = f"open in {used.process}" if used.process is not None else "perhaps open in Vestige"
    return plain(f"{where}; it can go on writing" if source.lets_others_write else where)


def _perhaps_open(used: FileUsage) -> bool:
    return used.process is not None or (used.side_files and not used.certain)
