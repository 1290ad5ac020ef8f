"""What is at a destination beside what the source has, and what there is to know of the embedded server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from textual.content import Content
from textual.widgets import Static

from vestige_tui.core.files import free_at
from vestige_tui.core.rows.tables import shown
from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.text import size
from vestige_tui.screens.machine import EmbeddedHost
from vestige_tui.screens.report_counts import NOTHING
from vestige_tui.screens.widgets.grid import Cell, grid
from vestige_tui.screens.widgets.text import plain, short_path


class RowsThere(Static):
    """The rows of each table, in the source and at the destination, before a preview compares them."""

    def __init__(self) -> None:
        super().__init__(id="rows-there", classes="box -empty")
        self.border_title = "Rows"

    def show(self, source: Mapping[str, int] | None, there: Mapping[str, int | None] | None) -> None:
        """Show them; without a tested destination there is no box."""
        self.set_class(there is None, "-empty")
        if there is not None:
            self.update(rows_there(source or {}, there))


def rows_there(source: Mapping[str, int], there: Mapping[str, int | None]) -> Content:
    """A line for each table; one that does not exist yet has no number."""
    rows = [(table.title, f"{source.get(table.name, 0):,}", _number(table.name, there)) for table in shown()]
    return grid(("", "source", "there"), rows)


def _number(name: str, there: Mapping[str, int | None]) -> Cell:
    if name not in there:
        return plain(NOTHING, "$muted")
    rows = there[name]
    return "many" if rows is None else f"{rows:,}"


def embedded_facts(host: EmbeddedHost, home: Path, source: SourceDescription | None) -> Iterator[tuple[str, str]]:
    """Where the data of the embedded server is, and whether there is room for it."""
    yield "Data folder", short_path(host.folder, home)
    yield "Data in it", "of earlier copies; nothing of it is overwritten" if _used(host.folder) else "none yet"
    free = free_at(host.folder)
    if free is not None:
        needed = f"; your file has {size(source.size)}" if source is not None else ""
        yield "Free there", f"{size(free)}{needed}"
    if host.commands:
        yield "Afterwards", "“vestige-tui embedded start” starts it without the wizard"
    else:
        yield "Afterwards", "it ends with the demo, and the next demo begins anew"


def _used(folder: Path) -> bool:
    try:
        return any(folder.iterdir())
    except OSError:
        return False
