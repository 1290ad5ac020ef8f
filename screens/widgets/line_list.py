"""A list with one line per item. It makes only the lines in sight: ten thousand rows cost what ten do."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar, Generic, TypeVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from vestige_tui.core.text import display_safe

_SIGN = 2
_NARROWEST = 10
LONGEST_CELL = 400
"""Characters that a cell may be cut from; no terminal is wider."""

Item = TypeVar("Item")


class LineList(ScrollView, Generic[Item], can_focus=True):
    """Items in columns. Enter or two clicks open one; one click chooses it. ``s`` or a click on its title sorts by a
    column.

    A subclass names its columns in ``TITLES`` and their widths in ``WIDTHS``, where one column is 0 wide and takes the
    room that is left; ``cells`` makes the cells of an item, ``opened`` the message that one was opened.
    """

    TITLES: ClassVar[Sequence[str]]
    WIDTHS: ClassVar[Sequence[int]]
    SORTS: ClassVar[bool] = True
    """Whether its lines can be put in another order."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"line-list--head", "line-list--cursor", "line-list--blurred"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open"),
        Binding("s", "sort", "Sort"),
        Binding("S", "turn_around", "Sort the other way", key_display="S", show=False),
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1000000000)", "First", show=False),
        Binding("end", "move(1000000000)", "Last", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: list[Item] = []
        self._as_given: list[Item] = []
        self._sorted_by: int | None = None
        self._descending = False
        self._empty = empty

    def cells(self, item: Item) -> Sequence[str]:
        """The cells of an item, one for each column."""
        raise NotImplementedError

    def opened(self, place: int) -> Message:
        """The message that says that the operator opened the item at this place."""
        raise NotImplementedError

    def sort_key(self, item: Item, column: int) -> tuple[float, str]:
        """By what a column sorts: numbers by their value, and before words."""
        text = self.cells(item)[column]
        digits = text.replace(",", "")
        return (float(digits), "") if digits.isdecimal() else (float("inf"), text.casefold())

    @property
    def items(self) -> Sequence[Item]:
        """What the list holds, in the order in which it shows them."""
        return self._items

    def show(self, items: Sequence[Item], empty: str = "") -> None:
        """Replace the items; ``empty`` is what to say where there are none."""
        had_items = bool(self._items)
        self._as_given = list(items)
        self._items = self._in_order()
        self._empty = empty or self._empty
        self.cursor = 0
        self.scroll_to(y=0, animate=False)
        self._changed(had_items)

    def add(self, items: Sequence[Item]) -> None:
        """Add items at the end."""
        had_items = bool(self._items)
        self._as_given.extend(items)
        self._rearrange()
        self._changed(had_items)

    def sort_by(self, column: int | None, *, descending: bool = False) -> None:
        """Sort by a column, or in the order in which the items came; the chosen one stays chosen."""
        self._sorted_by, self._descending = column, descending
        self._rearrange()
        self.refresh()

    def _rearrange(self) -> None:
        here = self._items[self.cursor] if self._items else None
        self._items = self._in_order()
        self.cursor = next((place for place, item in enumerate(self._items) if item is here), 0)

    def _in_order(self) -> list[Item]:
        column = self._sorted_by
        if column is None:
            return list(self._as_given)
        return sorted(self._as_given, key=lambda item: self.sort_key(item, column), reverse=self._descending)

    def _changed(self, had_items: bool) -> None:
        self._fit()
        if had_items != bool(self._items):
            self.refresh_bindings()

    def _fit(self) -> None:
        self.virtual_size = Size(self.size.width, len(self._items) + 1)
        self.refresh()

    def on_resize(self, _: events.Resize) -> None:
        """The lines are as wide as the list."""
        self.call_after_refresh(self._fit)

    def render_line(self, y: int) -> Strip:
        """The head of the list, or the line of an item."""
        width = self.scrollable_content_region.width
        if y == 0:
            return self._strip(self._columns(width, "  ", self._titles()), width, "line-list--head")
        at = y - 1 + self.scroll_offset.y
        if at >= len(self._items):
            return self._strip(f"  {self._empty}" if y == 1 and not self._items else "", width)
        here = at == self.cursor
        line = self._columns(width, "▶ " if here else "  ", self.cells(self._items[at]))
        if not here:
            return self._strip(line, width)
        return self._strip(line, width, "line-list--cursor" if self.has_focus else "line-list--blurred")

    def _titles(self) -> Sequence[str]:
        sign = "▼" if self._descending else "▲"
        return [f"{title} {sign}" if at == self._sorted_by else title for at, title in enumerate(self.TITLES)]

    def _widths(self, width: int) -> Sequence[int]:
        left = max(_NARROWEST, width - _SIGN - sum(self.WIDTHS) - 1)
        return [room or left + 1 for room in self.WIDTHS]

    def _columns(self, width: int, sign: str, cells: Sequence[str]) -> str:
        return sign + "".join(_fitted(cell, room) for cell, room in zip(cells, self._widths(width), strict=True))

    def _strip(self, text: str, width: int, component: str = "") -> Strip:
        style = self.get_component_rich_style(component) if component else self.rich_style
        return Strip([Segment(set_cell_size(text, width), style)], width)

    def watch_cursor(self, before: int, cursor: int) -> None:
        """Keep the chosen line in sight. Where nothing has to scroll, two lines are drawn again."""
        if self._scroll_to_cursor():
            self.refresh()
        else:
            self.refresh_line(before + 1)
            self.refresh_line(cursor + 1)

    def _scroll_to_cursor(self) -> bool:
        """Scroll until the chosen line is in sight; whether that was needed."""
        rows = max(1, self.size.height - 1)
        top = self.scroll_offset.y
        if top <= self.cursor < top + rows:
            return False
        self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - rows + 1, animate=False)
        return True

    def validate_cursor(self, cursor: int) -> int:
        """Stay inside the list."""
        return max(0, min(cursor, len(self._items) - 1))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """An empty list has nothing to open or to sort."""
        if action in ("sort", "turn_around"):
            return self.SORTS and bool(self._items)
        if action == "open":
            return bool(self._items)
        return super().check_action(action, parameters)

    def action_move(self, lines: int) -> None:
        """Choose another line."""
        self.cursor += lines

    def action_page(self, pages: int) -> None:
        """Choose the line a screenful away."""
        self.cursor += pages * max(1, self.size.height - 2)

    def action_sort(self) -> None:
        """Sort by the next column; after the last one, in the order in which the items came."""
        after = 0 if self._sorted_by is None else self._sorted_by + 1
        self.sort_by(after if after < len(self.TITLES) else None)

    def action_turn_around(self) -> None:
        """Sort by the same column, the other way round."""
        self.sort_by(self._sorted_by or 0, descending=not self._descending)

    def action_open(self) -> None:
        """Open the chosen line."""
        if self._items:
            self.post_message(self.opened(self.cursor))

    def on_focus(self) -> None:
        """Show that the list has the focus."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that another widget has the focus."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Choose a line; the second click opens it. A click on a title sorts by its column."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        if offset.y == 0:
            self._sort_at(offset.x)
            return
        at = offset.y - 1 + self.scroll_offset.y
        if at < len(self._items):
            self.cursor = at
            if event.chain > 1:
                self.action_open()

    def _sort_at(self, x: int) -> None:
        """Sort by the column that stands at ``x``; the second time the other way round."""
        if self.SORTS:
            begins = accumulate(self._widths(self.size.width)[:-1], initial=_SIGN)
            column = max(0, sum(begin <= x for begin in begins) - 1)
            self.sort_by(column, descending=column == self._sorted_by and not self._descending)


def _fitted(cell: str, room: int) -> str:
    """A cell of ``room`` columns, the last one empty."""
    text = display_safe(cell[:LONGEST_CELL])
    if cell_len(text) >= room:
        text = set_cell_size(text, room - 2) + "…"
    return set_cell_size(text, room)
