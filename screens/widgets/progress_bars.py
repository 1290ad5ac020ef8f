"""The bars of a running copy: of the tables, the indexes, the verification; one widget, because they change often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from textual.content import Content
from textual.widgets import Static

from vestige_tui.core.events import IndexProgress, Phase
from vestige_tui.screens.progress import Compared, Pace, Progress
from vestige_tui.screens.table_groups import TableGroup, table_groups

_RATE = 11
_MARK = 2
INDEXES = "Search indexes"
VERIFY = "Verify"


class ProgressBars(Static):
    """The progress of every table, then of the indexes, then of the comparison."""

    def __init__(self, rows: Mapping[str, int], *, id: str | None = None) -> None:
        """``rows`` is what the source holds, shown until the run has counted for itself."""
        super().__init__(id=id)
        self.progress = Progress(tables={name: Pace(total) for name, total in rows.items()})

    def show(self, progress: Progress) -> None:
        """Show a run as it is now."""
        self.progress = progress if progress.tables else replace(progress, tables=self.progress.tables)
        self.refresh()

    def render(self) -> Content:
        """All bars, as wide as there is room."""
        groups = table_groups()
        titles = [group.title for group in groups] + [INDEXES, VERIFY]
        widest = max(map(len, titles)) + 1
        *tables, indexes, verify = (f"{title:<{widest}}" for title in titles)
        counts = [_counts(self._pace(group)) for group in groups]
        compared = self._compared()
        width = max(map(len, [*counts, _settled(compared)]))
        bar = max(8, self.size.width - widest - width - _RATE - _MARK - 2)
        lines = [
            self._table(title, self._pace(group), text.rjust(width), bar)
            for title, group, text in zip(tables, groups, counts, strict=True)
        ]
        return Content("\n").join([*lines, self._indexes(indexes, bar, width), _verify(verify, compared, bar, width)])

    def _compared(self) -> Compared:
        """How far the comparison is; before it begins, all rows are still to be compared."""
        return self.progress.compared or Compared(total=self.progress.total.total)

    def _pace(self, group: TableGroup) -> Pace:
        paces = [self.progress.tables[name] for name in group.names if name in self.progress.tables]
        return sum(paces, Pace(finished=bool(paces)))

    def _table(self, title: str, pace: Pace, counts: str, bar: int) -> Content:
        finished = pace.finished and pace.read >= pace.total
        fraction = 1.0 if finished else pace.read / pace.total if pace.total else 0.0
        rate = f"{pace.rate:,.0f}/s" if pace.rate >= 1 else ""
        return _row(title, fraction, bar, f"{counts}{rate:>{_RATE}}", finished=finished, quiet=not pace.read)

    def _indexes(self, title: str, bar: int, width: int) -> Content:
        index = self.progress.index
        if self.progress.phase is Phase.VERIFY:
            done = f"{index.total} of {index.total}" if index is not None else "all there"
            return _row(title, 1.0, bar, f"{done.rjust(width)}{'':>{_RATE}}", finished=True, quiet=False)
        if index is None:
            return _row(title, 0.0, bar, "after the rows".rjust(width), finished=False, quiet=True)
        fraction = (index.position - 1 + index.fraction) / index.total
        return _row(title, fraction, bar, _index_words(index).rjust(width), finished=False, quiet=False)


def _verify(title: str, compared: Compared, bar: int, width: int) -> Content:
    if not compared.settled:
        return _row(title, 0.0, bar, "at the end".rjust(width), finished=False, quiet=True)
    rate = f"{compared.rate:,.0f}/s" if compared.rate >= 1 else ""
    text = f"{_settled(compared):>{width}}{rate:>{_RATE}}"
    return _row(title, compared.fraction, bar, text, finished=compared.finished, quiet=False)


def _settled(compared: Compared) -> str:
    return f"{compared.settled:,} / {compared.total:,}"


def _counts(pace: Pace) -> str:
    return f"{pace.read:,} / {pace.total:,}"


def _index_words(index: IndexProgress) -> str:
    return f"{index.position} of {index.total}, {index.fraction:.0%}"


def _row(title: str, fraction: float, width: int, text: str, *, finished: bool, quiet: bool) -> Content:
    return Content.assemble(
        (title, "$muted" if quiet else ""),
        *bar_parts(fraction, width, "$success" if finished else "$accent"),
        (f"  {text}", "$muted" if quiet else ""),
        (" ✓" if finished else "  ", "$success"),
    )


def bar_parts(fraction: float, width: int, style: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """A bar of ``width`` cells in halves: what is done, and what is not yet."""
    halves = max(0, min(2 * width, round(fraction * 2 * width)))
    done = "━" * (halves // 2) + ("╸" if halves % 2 else "")
    return (done, style), ("━" * (width - len(done)), "$panel-lighten-1")


def phase_words(phase: Phase | None) -> str:
    """The phase of a run, with a capital letter."""
    text = phase.value if phase is not None else "starting"
    return text[0].upper() + text[1:]


def compared_words(compared: Compared) -> str:
    """What a comparison has found so far: ``251,300 equal so far, 2 different``."""
    others = ((compared.different, "different"), (compared.missing, "missing"))
    return ", ".join([f"{compared.equal:,} equal so far", *(f"{number:,} {word}" for number, word in others if number)])
