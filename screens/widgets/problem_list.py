"""The list of rows with problems. It makes only the lines in sight: ten thousand rows cost what ten do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vestige_tui.core.explain import fate
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.text import display_safe
from vestige_tui.screens.problems import short_row, table_title

_TABLE, _ROW, _FATE, _SIGN = 14, 10, 14, 2
_LONGEST = 400
"""Characters of a message that a line may be cut from; no terminal is wider."""


class ProblemList(ScrollView, can_focus=True):
    """One line per row: table, id, problem, outcome. Enter or a click opens it."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"problem-list--head", "problem-list--cursor", "problem-list--blurred"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000000)", "First", show=False),
        Binding("end", "move(1000000000)", "Last", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    class Opened(Message):
        """The operator opened a row."""

        def __init__(self, error: RowError) -> None:
            super().__init__()
            self.error = error

    def __init__(self, *, empty: str = "No rows with problems.", id: str | None = None) -> None:
        super().__init__(id=id)
        self._errors: list[RowError] = []
        self._empty = empty

    @property
    def errors(self) -> Sequence[RowError]:
        """What the list holds."""
        return self._errors

    def show(self, errors: Sequence[RowError], empty: str = "") -> None:
        """Replace the rows; ``empty`` is what to say where there are none."""
        had_rows = bool(self._errors)
        self._errors = list(errors)
        self._empty = empty or self._empty
        self.cursor = 0
        self.scroll_to(y=0, animate=False)
        self._changed(had_rows)

    def add(self, errors: Sequence[RowError]) -> None:
        """Add rows at the end."""
        had_rows = bool(self._errors)
        self._errors.extend(errors)
        self._changed(had_rows)

    def _changed(self, had_rows: bool) -> None:
        self._fit()
        if had_rows != bool(self._errors):
            self.refresh_bindings()

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._errors) + 1)
        self.refresh()

    def on_resize(self, _: events.Resize) -> None:
        """The lines are as wide as the list."""
        self.call_after_refresh(self._fit)

    def render_line(self, y: int) -> Strip:
        """The head of the list, or the line of a row."""
        width = self.scrollable_content_region.width
        if y == 0:
            head = self._columns(width, "  ", "table", "row", "what is wrong", "outcome")
            return self._strip(head, width, "problem-list--head")
        at = y - 1 + self.scroll_offset.y
        if at >= len(self._errors):
            return self._strip(f"  {self._empty}" if y == 1 and not self._errors else "", width)
        error = self._errors[at]
        here = at == self.cursor
        line = self._columns(
            width,
            "▶ " if here else "  ",
            table_title(error),
            short_row(error),
            error.message[:_LONGEST],
            fate(error),
        )
        if not here:
            return self._strip(line, width)
        return self._strip(line, width, "problem-list--cursor" if self.has_focus else "problem-list--blurred")

    def _columns(self, width: int, sign: str, *cells: str) -> str:
        what = max(10, width - _SIGN - _TABLE - _ROW - _FATE - 1)
        widths = (_TABLE, _ROW, what + 1, _FATE)
        return sign + "".join(_fitted(cell, room) for cell, room in zip(cells, widths, strict=True))

    def _strip(self, text: str, width: int, component: str = "") -> Strip:
        style = self.get_component_rich_style(component) if component else self.rich_style
        return Strip([Segment(set_cell_size(text, width), style)], width)

    def watch_cursor(self) -> None:
        """Keep the chosen line in sight."""
        rows = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + rows:
            self.scroll_to(y=self.cursor - rows + 1, animate=False)
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        """Stay inside the list."""
        return max(0, min(cursor, len(self._errors) - 1))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An empty list has nothing to open."""
        return bool(self._errors) if action == "open" else super().check_action(action, parameters)

    def action_move(self, lines: int) -> None:
        """Choose another line."""
        self.cursor += lines

    def action_page(self, pages: int) -> None:
        """Choose the line a screenful away."""
        self.cursor += pages * max(1, self.size.height - 2)

    def action_open(self) -> None:
        """Open the chosen row."""
        if self._errors:
            self.post_message(self.Opened(self._errors[self.cursor]))

    def on_focus(self) -> None:
        """Show that the list has the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that another widget has the focus."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose a line and open it."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0:
            return
        at = offset.y - 1 + self.scroll_offset.y
        if at < len(self._errors):
            self.cursor = at
            self.action_open()


def _fitted(cell: str, room: int) -> str:
    """A cell of ``room`` columns, the last one empty."""
    text = display_safe(cell)
    if cell_len(text) >= room:
        text = set_cell_size(text, room - 2) + "…"
    return set_cell_size(text, room)
