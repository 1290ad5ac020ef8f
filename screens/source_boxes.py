"""What the memories of a source are like, and what stays in its file: boxes for a terminal that has the room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content
from textual.widgets import Static

from vestige_tui.core.left_behind import meaning_of
from vestige_tui.core.source.contents import Contents
from vestige_tui.core.text import count
from vestige_tui.screens.widgets.progress_bars import bar_parts
from vestige_tui.screens.widgets.text import plain, shortened

HEIGHT = 4  # rows of the chart
_EIGHTHS = " ▁▂▃▄▅▆▇█"
_WIDEST = 4  # columns of a bar and the gap beside it
_KINDS = 6  # kinds that are listed
_STAYING = 8  # lines about what is not copied
_NAME, _NUMBER, _LEAST_BAR = 12, 9, 4


class _ContentsBox(Static):
    """A box about the memories of a file, as wide as there is room."""

    TITLE: ClassVar[str]

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, classes="box")
        self.border_title = self.TITLE
        self._contents = Contents({}, {})

    def show(self, contents: Contents) -> None:
        """Show these memories."""
        self._contents = contents
        self.refresh(layout=True)


class Months(_ContentsBox):
    """When the memories were made, as a chart."""

    TITLE = "Memories by month"

    def render(self) -> Content:
        """The bars, and below them what they stand for."""
        return chart(self._contents, self.size.width)


class Kinds(_ContentsBox):
    """Which kinds of memories there are, the most frequent first."""

    TITLE = "Kinds of memories"

    def render(self) -> Content:
        """One line for each kind."""
        return Content("\n").join(kinds(self._contents.kinds, self.size.width))


class Stays(Static):
    """What is not copied: rows, name, and what it holds where that is known and fits."""

    def __init__(self) -> None:
        super().__init__(id="stays", classes="box")
        self.border_title = "Stays in your file"
        self._left: Mapping[str, int] = {}

    def show(self, left: Mapping[str, int]) -> None:
        """Show these tables and columns; without any there is no box."""
        self._left = left
        self.set_class(not left, "-empty")
        self.refresh(layout=True)

    def render(self) -> Content:
        """One line for each, as far as they fit."""
        return Content("\n").join(stays(self._left, self.size.width))


def chart(contents: Contents, width: int) -> Content:
    """A bar for each month, or for several where there is no room for each: the tallest is ``HEIGHT`` rows."""
    span = _Span.of(contents.months, max(width, 1))
    undated = [plain(f"{contents.undated:,} without a date that can be read", "$muted")] if contents.undated else []
    if span is None:
        return Content("\n").join(undated)
    most = max(span.numbers.values())
    heights = [-(-span.numbers[place] * HEIGHT * 8 // most) for place in range(span.bars)]
    rows = ("".join(_bar(height - 8 * row, span.column) for height in heights) for row in reversed(range(HEIGHT)))
    axis = f"{span.first:<{max(len(span.first) + 1, span.bars * span.column - len(span.last))}}{span.last}"
    drawn = [plain(row.rstrip(), "$accent") for row in rows]
    peak = f"at most {most:,} in {count(span.months_each, 'month')}"
    below = [plain(axis if span.bars > 1 else span.first, "$muted"), plain(peak, "$muted")]
    return Content("\n").join([*drawn, *below, *undated])


def _bar(eighths: int, columns: int) -> str:
    """One row of a bar, and the gap after it."""
    mark = _EIGHTHS[max(0, min(8, eighths))]
    return mark if columns == 1 else mark * (columns - 1) + " "


@dataclass(frozen=True, slots=True)
class _Span:
    """The bars of a chart: their number, the columns and months of each, and how many memories each has."""

    first: str
    last: str
    bars: int
    column: int
    months_each: int
    numbers: Counter[int]

    @classmethod
    def of(cls, months: Mapping[str, int], width: int) -> _Span | None:
        """Bars for months in their order; None without any."""
        if not months:
            return None
        first, *_, last = [*months, *months]
        span = _place(last) - _place(first) + 1
        each = -(-span // width)
        bars = -(-span // each)
        numbers: Counter[int] = Counter()
        for month, number in months.items():
            numbers[(_place(month) - _place(first)) // each] += number
        return cls(first, last, bars, max(1, min(_WIDEST, width // bars)), each, numbers)


def _place(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number)


def kinds(found: Mapping[str, int], width: int) -> Iterator[Content]:
    """One line for each of the most frequent kinds; the others together."""
    most = max(found.values(), default=1)
    bar = max(_LEAST_BAR, width - _NAME - _NUMBER - 2)
    listed = list(found.items())
    for name, number in listed[:_KINDS]:
        shown = plain(shortened(name, _NAME) or "(empty)")
        yield Content.assemble(
            shown.pad_right(max(0, _NAME - shown.cell_length)),
            f"{number:>{_NUMBER},}  ",
            *bar_parts(number / most, bar, "$accent"),
        )
    if others := listed[_KINDS:]:
        yield plain(f"{count(len(others), 'other kind')}, {sum(number for _, number in others):,}", "$muted")


def stays(left: Mapping[str, int], width: int) -> Iterator[Content]:
    """One line for each table and column; of many, how many more there are."""
    number = max((len(f"{rows:,}") for rows in left.values()), default=0)
    listed = list(left.items())
    for name, rows in listed if len(listed) <= _STAYING else listed[: _STAYING - 1]:
        line = Content.assemble(f"{rows:>{number},}  ", plain(shortened(name, max(width - number - 2, _NAME))))
        meaning = plain(f"  {meaning_of(name)}".rstrip(), "$muted")
        yield line + meaning if line.cell_length + meaning.cell_length <= width else line
    if len(listed) > _STAYING:
        yield plain(f"and {len(listed) - _STAYING + 1} more; the preview lists all", "$muted")
