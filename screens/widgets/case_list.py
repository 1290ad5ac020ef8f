"""The list of problems in the workbench: each cause, and its rows under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import TypeAlias

from textual.binding import Binding
from textual.message import Message

from vestige_tui.screens.cases import Case, Cases, Cause
from vestige_tui.screens.problems import Filter, short_row, table_title
from vestige_tui.screens.widgets.line_list import LineList

Line: TypeAlias = "Cause | Case"

_UNFOLDED = 30
"""A cause of more rows begins folded, where there are others."""


class Order(Enum):
    """In which order the rows of a cause stand."""

    SOURCE = "as in the source"
    OPEN_FIRST = "open ones first"
    ROW = "by their ids"


class CaseList(LineList[Line]):
    """One line per cause, and one per row of those that are unfolded."""

    TITLES = ("what is wrong", "")
    WIDTHS = (0, 18)
    SORTS = False  # its lines are a tree; the workbench orders the rows of a cause
    BINDINGS = [  # noqa: RUF012  (Textual declares it otherwise)
        Binding("left,h", "fold(True)", "Fold", show=False),
        Binding("right", "fold(False)", "Unfold", show=False),
    ]

    class Moved(Message):
        """The cursor is at another line."""

    class Opened(Message):
        """The operator opened the line at the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(empty="No problem matches.", id=id)
        self._cases: Cases | None = None
        self._folded: set[tuple[object, ...]] = set()
        self._filter = Filter()
        self._order = Order.SOURCE
        self.selected: set[int] = set()
        """The ``id`` of selected cases."""

    def take(self, cases: Cases) -> None:
        """Show these problems; the cursor stays where it was, as far as that is still there."""
        first = self._cases is None
        before = self.here
        self._cases = cases
        if first and len(cases.causes) > 1:
            self._folded = {_name(cause) for cause in cases.causes if len(cause.cases) > _UNFOLDED}
        self.selected &= {id(case) for case in cases.all}
        self._fill(before)

    def find(self, text: str) -> None:
        """Show the rows with a text in them."""
        self._filter = Filter(text=text)
        self._fill(self.here)

    def sort(self) -> Order:
        """Take the next order."""
        orders = [*Order]
        self._order = orders[(orders.index(self._order) + 1) % len(orders)]
        self._fill(self.here)
        return self._order

    @property
    def here(self) -> Line | None:
        """The line at the cursor."""
        return self.items[self.cursor] if self.items else None

    @property
    def case(self) -> Case | None:
        """The row at the cursor; of a cause, its first one."""
        line = self.here
        return line.cases[0] if isinstance(line, Cause) and line.cases else line if isinstance(line, Case) else None

    @property
    def cause(self) -> Cause | None:
        """The cause at the cursor."""
        line = self.here
        if isinstance(line, Cause) or line is None or self._cases is None:
            return line if isinstance(line, Cause) else None
        return self._cases.cause_of(line)

    def go_to(self, case: Case) -> None:
        """Put the cursor at a row, and unfold its cause."""
        if self._cases is None:
            return
        cause = self._cases.cause_of(case)
        if cause is not None and _name(cause) in self._folded:
            self._folded.discard(_name(cause))
        elif (place := next((at for at, line in enumerate(self._items) if line is case), None)) is not None:
            self.cursor = place
            return
        self._fill(case)

    def turn(self, step: int) -> bool:
        """Go to the next open problem, or the previous one; whether there is one."""
        cases = self._cases
        if cases is None:
            return False
        everything = [case for line in self._lines(folded=False) if isinstance(case := line, Case)]
        here = self.case
        at = everything.index(here) if here in everything else -1
        on_cause = isinstance(self.here, Cause) and step > 0
        order = everything[at + (not on_cause) :] + everything[: max(at, 0)]
        if step < 0:
            order = everything[: max(at, 0)][::-1] + everything[at + 1 :][::-1]
        found = next((case for case in order if cases.status(case).needs_you), None)
        if found is not None:
            self.go_to(found)
        return found is not None

    def _lines(self, *, folded: bool = True) -> Iterable[Line]:
        if self._cases is None:
            return
        for cause in self._cases.causes:
            rows = self._matching(cause)
            if not rows:
                continue
            yield cause
            if not (folded and _name(cause) in self._folded and not self._filter.text):
                yield from self._ordered(rows)

    def _matching(self, cause: Cause) -> list[Case]:
        if not self._filter.text:
            return cause.cases
        wanted = {id(error) for error in self._filter.apply([case.error for case in cause.cases])}
        return [case for case in cause.cases if id(case.error) in wanted]

    def _ordered(self, rows: list[Case]) -> list[Case]:
        if self._order is Order.ROW:
            return sorted(rows, key=lambda case: case.error.row)
        if self._order is Order.OPEN_FIRST and self._cases is not None:
            status = self._cases.status
            return sorted(rows, key=lambda case: not status(case).needs_you)
        return rows

    def _fill(self, keep: Line | None) -> None:
        lines = [*self._lines()]
        place = _place_of(keep, lines, self.cursor)
        self._items = lines
        self.set_reactive(LineList.cursor, place)
        self._fit()
        self._scroll_to_cursor()
        self.post_message(self.Moved())

    def watch_cursor(self, before: int, cursor: int) -> None:
        """Keep the line in sight, and say that another one is chosen."""
        super().watch_cursor(before, cursor)
        self.post_message(self.Moved())

    def cells(self, item: Line) -> Sequence[str]:
        """What is wrong and with how many rows; or the row and how far it is."""
        cases = self._cases
        if cases is None:
            return "", ""
        if isinstance(item, Cause):
            fold = "▸" if _name(item) in self._folded and not self._filter.text else "▾"
            return f"{fold} {item.title}", item.size
        status = cases.status(item)
        selected = "● " if id(item) in self.selected else ""
        return f"  {selected}{status.sign} {table_title(item.error)} {short_row(item.error)}", cases.outcome(item)

    def opened(self, place: int) -> Message:
        """The line at the cursor was opened."""
        return self.Opened()

    def action_fold(self, fold: bool) -> None:
        """Hide the rows of a cause, or show them."""
        cause = self.cause
        if cause is None:
            return
        (self._folded.add if fold else self._folded.discard)(_name(cause))
        self._fill(cause if fold else self.here)

    def toggle_selected(self) -> None:
        """Select the row at the cursor, or not; of a cause, all of its rows. The cursor goes on."""
        line = self.here
        rows = (
            {id(case) for case in line.cases} if isinstance(line, Cause) else {id(line)} if line is not None else set()
        )
        self.selected = self.selected - rows if rows <= self.selected else self.selected | rows
        self.action_move(1)
        self.refresh()


def _name(cause: Cause) -> tuple[object, ...]:
    return cause.kind, cause.table, cause.field, cause.copied, cause.earlier


def _place_of(wanted: Line | None, lines: Sequence[Line], otherwise: int) -> int:
    """Where a line is now; one that was made anew is found by its name."""
    for place, line in enumerate(lines):
        if line is wanted:
            return place
    if isinstance(wanted, Cause):
        same = (place for place, line in enumerate(lines) if isinstance(line, Cause) and _name(line) == _name(wanted))
    elif isinstance(wanted, Case):
        key = wanted.error.table, wanted.error.row, wanted.error.field, wanted.place
        same = (
            place
            for place, line in enumerate(lines)
            if isinstance(line, Case) and (line.error.table, line.error.row, line.error.field, line.place) == key
        )
    else:
        return 0
    return next(same, max(0, min(otherwise, len(lines) - 1)))
