"""Rows with problems: the list, and filters by table, kind and text above it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Input, Label, Select

from vestige_tui.core.rows.problems import EXPLANATIONS, Kind, RowError
from vestige_tui.core.rows.tables import shown
from vestige_tui.screens.problems import Filter
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.widgets.choice import Dropdown
from vestige_tui.screens.widgets.problem_list import ProblemList


class ProblemBrowser(Vertical):
    """The problems of a copy from the file ``source``: filters, the list, and the row in full when one is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "find", "Find", key_display="/")]

    def __init__(self, errors: Sequence[RowError], source: Path) -> None:
        super().__init__()
        self._errors = _sorted(errors)
        self._source = source

    def compose(self) -> ComposeResult:
        """The filters in a row, and the list."""
        tables = Counter(error.table for error in self._errors)
        kinds = Counter(error.kind for error in self._errors)
        with Horizontal(classes="filters"):
            yield Dropdown[str](
                [(f"{table.title} ({tables[table.name]:,})", table.name) for table in shown()
                 if tables[table.name]],
                prompt="all tables",
                id="by-table",
                compact=True,
            )  # fmt: skip
            yield Dropdown[Kind](
                [(f"{EXPLANATIONS[kind].title} ({number:,})", kind) for kind, number in kinds.most_common()],
                prompt="all kinds",
                id="by-kind",
                compact=True,
            )
            yield Input(placeholder="text…", id="by-text", compact=True)
            yield Label(id="shown")
        yield ProblemList()

    def on_mount(self) -> None:
        """Show all rows."""
        self._show()

    @property
    def rows(self) -> ProblemList:
        """The list itself."""
        return self.query_one(ProblemList)

    @property
    def shown(self) -> Sequence[RowError]:
        """The rows that match the filters."""
        return self.rows.errors

    def action_find(self) -> None:
        """Focus the text filter."""
        self.query_one("#by-text").focus()

    @on(Select.Changed)
    @on(Input.Changed)
    def _show(self) -> None:
        table = self.query_one("#by-table", Select).value
        kind = self.query_one("#by-kind", Select).value
        wanted = Filter(
            table if isinstance(table, str) else None,
            kind if isinstance(kind, Kind) else None,
            self.query_one("#by-text", Input).value,
        )
        found = wanted.apply(self._errors)
        self.rows.show(found, empty="No row matches these filters." if self._errors else "No rows with problems.")
        self.query_one("#shown", Label).update(Content(f"{len(found):,} of {len(self._errors):,}"))

    @on(Input.Submitted)
    def _to_the_list(self) -> None:
        self.rows.focus()

    @on(ProblemList.Opened)
    def _open(self, event: ProblemList.Opened) -> None:
        event.stop()
        self.app.push_screen(RowDialog(event.error, self._source, dry=False))


def _sorted(errors: Sequence[RowError]) -> list[RowError]:
    """Rows that are not copied first, and in the order of the tables."""
    places = {table.name: place for place, table in enumerate(shown())}
    return sorted(
        errors,
        key=lambda error: (error.copied, places.get(error.table, len(places)), error.row, error.field or ""),
    )
