"""One row with a problem, in full: what is wrong, what happens to it, how to correct it, and its source values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Label, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.explain import fate_in_full, remedy, tense_of
from vestige_tui.core.rows.problems import EXPLANATIONS, OF_MANY, RowError
from vestige_tui.core.source.row_lookup import FoundValue, find_row
from vestige_tui.screens.background import ask
from vestige_tui.screens.dialogs import TextDialog
from vestige_tui.screens.problems import table_title, whole_row
from vestige_tui.screens.widgets.key_values import KeyValues
from vestige_tui.screens.widgets.text import lines, plain

SHOWN = 600
"""Characters of a value that are shown."""

_IN_THE_SOURCE = "The row in the source, as it is now"
_LARGE = 1_000
"""Bytes from which the size of a text is shown."""

Row = Sequence[FoundValue] | None


class RowDialog(TextDialog):
    """Explains one row. Its values are read from the source when it opens, and are not kept."""

    SIZE = "-whole"

    class Read(Message):
        """The row as it is in the source now, or why it cannot be read."""

        def __init__(self, row: Row | MigrationError) -> None:
            super().__init__()
            self.row = row

    def __init__(self, error: RowError, source: Path, *, dry: bool) -> None:
        super().__init__()
        self._error = error
        self._source = source
        self._dry = dry

    def compose_text(self) -> ComposeResult:
        """What is wrong, and the row."""
        yield Static(self._explanation())
        yield Static(section(_IN_THE_SOURCE, "reading…"), id="row")
        yield KeyValues(id="values")

    def on_mount(self) -> None:
        """Read the row beside the interface: a file on a network share may take its time."""
        self.query_one(".dialog-title", Label).update(plain(f"{table_title(self._error)} {whole_row(self._error)}"))
        if self._error.kind in OF_MANY:
            self.query_one("#row").display = False  # it stands for many rows, not for one
            return
        ask(self, lambda: find_row(self._source, self._error.table, self._error.row), self.Read, name="read-row")

    def _explanation(self) -> Content:
        error = self._error
        tense = tense_of(dry=self._dry)
        doing = "What will become of it" if self._dry else "What became of it"
        sections = [
            section("What is wrong", f"{error.message}.", EXPLANATIONS[error.kind].meaning),
            section(doing, fate_in_full(error, tense)),
            section("How to fix it", remedy(error, tense)),
        ]
        return Content("\n").join(sections)

    @on(Read)
    def _show_row(self, event: Read) -> None:
        row = event.row
        if isinstance(row, MigrationError):
            content = section(_IN_THE_SOURCE, row.what, row.remedy)
        elif row is None:
            content = section(_IN_THE_SOURCE, "There is no row of this id: removed, renamed, or made by the upgrade.")
        else:
            content = Content.styled(_IN_THE_SOURCE, "bold $accent")
            self.query_one(KeyValues).show(self._values(row))
        self.query_one("#row", Static).update(content)

    def _values(self, row: Sequence[FoundValue]) -> Iterator[tuple[str, Content]]:
        """One line per value; the value with the problem comes first and is marked."""
        for value in sorted(row, key=lambda value: value.column != self._error.field):
            mark = "! " if value.column == self._error.field else "  "
            yield mark + value.column, _shown(value)


def section(title: str, *paragraphs: str) -> Content:
    """A title, and paragraphs under it."""
    return Content("\n").join([Content.styled(title, "bold $accent"), *map(plain, paragraphs), Content("")])


def _shown(value: FoundValue) -> Content:
    if value.type == "null":
        return Content.styled("(nothing)", "$muted")
    if value.type == "blob":
        return Content.assemble(plain(value.start[:16]), (f"…  {value.size:,} bytes", "$muted"))
    if not value.start:
        return Content.styled("(empty)", "$muted")
    size = f"  ({value.size:,} bytes)" if value.size > _LARGE else ""
    cut = "…" if len(value.start) > SHOWN else ""
    return Content.assemble(lines(value.start[:SHOWN]), (cut + size, "$muted"))
