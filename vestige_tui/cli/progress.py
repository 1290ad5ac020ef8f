"""What the operator sees during a run: bars in a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from vestige_tui.core.events import (
    Event,
    IndexForetold,
    IndexProgress,
    Notice,
    PhaseStarted,
    RowProblem,
    TableFinished,
    TableProgress,
    TablesPlanned,
    TableVerified,
    VerificationPlanned,
    VerificationProgress,
    Waiting,
    Watcher,
    ignore,
)
from vestige_tui.core.explain import index_advice, index_foretold, waiting_for
from vestige_tui.core.rows.tables import BY_NAME
from vestige_tui.core.run.estimate import seconds_left
from vestige_tui.core.text import clock, count, duration
from vestige_tui.terminal.output import safe

LINE_INTERVAL = 10.0
"""Seconds after the last line until progress within a table or an index gets one."""


@contextmanager
def watching(console: Console, *, quiet: bool = False) -> Iterator[Watcher]:
    """The watcher that suits a console, for the time of the block."""
    if quiet:
        yield ignore
    elif console.is_terminal and not console.is_dumb_terminal:
        bars = Bars(console)
        with bars.progress:
            yield bars
    else:
        yield Lines(console)


_INDEXES, _COMPARING = "indexes", "comparing"
"""Names of bars that are of no single table; no table is called so."""


class Bars:
    """A live bar for each table with rows, one for the indexes, and one for comparing all tables."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: dict[str, TaskID] = {}
        self._problems: dict[str, int] = {}
        self._waiting: tuple[str, ...] = ()
        self._left = _IndexLeft(time.monotonic)
        self._settled: dict[str, VerificationProgress] = {}
        self.progress = Progress(
            TextColumn("{task.description:>14}", markup=False),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            _DoneColumn(),
            _RateColumn(),
            _TimeColumn(compact=True, elapsed_when_finished=True),
            _ProblemsColumn(),
            console=console,
            expand=True,
        )

    def __call__(self, event: Event) -> None:
        """Show an event."""
        match event:
            case PhaseStarted(phase):
                self._console.print(Text(_sentence(phase), style="dim"))
            case TablesPlanned(totals):
                self._plan(totals)
            case TableProgress(table, read) if table in self._bars:
                self._start(self._bars[table])
                self.progress.update(self._bars[table], completed=read)
            case TableFinished(table, seconds) if table in self._bars:
                bar = self._bars[table]
                self._start(bar)
                self.progress.update(bar, completed=self.progress.tasks[bar].total, seconds=seconds)
            case RowProblem(error) if error.table in self._bars:
                self._problems[error.table] = self._problems.get(error.table, 0) + 1
                self.progress.update(self._bars[error.table], problems=self._problems[error.table])
            case IndexProgress():
                self._waiting = ()
                self._show_index(event)
            case Waiting(tables) if tables != self._waiting:
                self._waiting = tables
                self._console.print(safe(f"{waiting_for(event)}…"))
            case VerificationPlanned(totals):
                self._bars[_COMPARING] = self._add("Comparing", sum(totals.values()))
            case VerificationProgress():
                self._show_compared(event)
            case Notice() | IndexForetold():
                self._say(event)
            case _:
                pass

    def _say(self, event: Notice | IndexForetold) -> None:
        for sentence in _sentences(event):
            self._console.print(safe(sentence))

    def _plan(self, totals: dict[str, int]) -> None:
        for table, total in totals.items():
            if total:
                title = BY_NAME[table].title
                self._bars[table] = self._add(title, total, start=False)

    def _add(self, title: str, total: int, *, start: bool = True, of_rows: bool = True) -> TaskID:
        return self.progress.add_task(
            title, start, total, problems=0, different=0, seconds=None, left=None, of_rows=of_rows
        )

    def _start(self, bar: TaskID) -> None:
        if not self.progress.tasks[bar].started:
            self.progress.start_task(bar)

    def _show_index(self, event: IndexProgress) -> None:
        if _INDEXES not in self._bars:
            self._bars[_INDEXES] = self._add("Indexes", event.total, of_rows=False)
        done = event.position - 1 + event.fraction
        self.progress.update(self._bars[_INDEXES], total=event.total, completed=done, left=self._left(event))

    def _show_compared(self, event: VerificationProgress) -> None:
        self._settled[event.table] = event
        tables = self._settled.values()
        self.progress.update(
            self._bars[_COMPARING],
            completed=sum(table.settled for table in tables),
            different=sum(table.different + table.missing for table in tables),
        )


class _DoneColumn(ProgressColumn):
    """``done/total``, with thousands separators."""

    def render(self, task: Task) -> Text:
        return Text(f"{int(task.completed):,}/{int(task.total or 0):,}", justify="right")


class _RateColumn(ProgressColumn):
    """Rows a second: over the last batches, and over the whole table once it is finished."""

    def render(self, task: Task) -> Text:
        seconds = task.fields["seconds"]
        if not task.fields["of_rows"]:
            return Text()
        rate = task.completed / seconds if seconds else task.speed
        return Text(f"{rate:,.0f}/s" if rate and rate >= 1 else "", style="cyan", justify="right")


class _TimeColumn(TimeRemainingColumn):
    """The time that a table still takes, or one index. Until that can be told, the time so far for all indexes."""

    def render(self, task: Task) -> Text:
        if task.fields["of_rows"]:
            return super().render(task)
        left = task.fields["left"]
        minutes, seconds = divmod(int(left if left is not None else task.elapsed or 0), 60)
        return Text(f"{minutes:02d}:{seconds:02d}", style="progress.elapsed")


class _ProblemsColumn(ProgressColumn):
    """How many problems a table has, or how many rows differ, where there are any."""

    def render(self, task: Task) -> Text:
        if task.fields["different"]:
            return Text(f"{task.fields['different']:,} different", style="yellow")
        return Text(count(task.fields["problems"], "problem") if task.fields["problems"] else "", style="yellow")


class _IndexLeft:
    """How long the index still takes that is being built, in seconds; None until that can be told."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._name = ""
        self._since = 0.0

    def __call__(self, event: IndexProgress) -> float | None:
        now = self._clock()
        if event.name != self._name:
            self._name, self._since = event.name, now
        return seconds_left(now - self._since, event.fraction)


class Lines:
    """Few plain lines: each phase, each finished table, and a sign of life in between."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._totals: dict[str, int] = {}
        self._read: dict[str, int] = {}
        self._waiting: tuple[str, ...] = ()
        self._left = _IndexLeft(clock)
        self._printed = clock()

    def __call__(self, event: Event) -> None:
        """Print a line for an event that deserves one."""
        match event:
            case PhaseStarted(phase):
                self._print(_sentence(phase))
            case TablesPlanned(totals):
                self._totals = totals
                self._read.clear()
            case TableProgress(table, read):
                self._read[table] = read
                if self._is_due():
                    self._print(f"{BY_NAME[table].title}: {read:,} of {self._totals.get(table, read):,}")
            case TableFinished(table, seconds) if self._totals.get(table):
                read = self._read.get(table, 0)
                self._print(f"{BY_NAME[table].title}: {read:,} of {self._totals[table]:,} in {duration(seconds)}")
            case IndexProgress(name, position, total, fraction):
                self._waiting = ()
                left = self._left(event)
                if self._is_due():
                    more = "" if left is None else f", about {clock(max(1.0, round(left)))} left"
                    self._print(f"Finishing {position} of {total}: {name}, {fraction:.0%}{more}")
            case Waiting(tables):
                if tables != self._waiting or self._is_due():
                    self._waiting = tables
                    self._print(f"{waiting_for(event)}…")
            case Notice() | IndexForetold():
                self._say(event)
            case _:
                self._compared(event)

    def _say(self, event: Notice | IndexForetold) -> None:
        for sentence in _sentences(event):
            self._print(sentence)

    def _compared(self, event: Event) -> None:
        match event:
            case VerificationPlanned(totals):
                self._totals = totals
                self._read.clear()
            case VerificationProgress(table, settled):
                self._read[table] = settled
                if self._is_due():
                    self._print(f"{BY_NAME[table].title}: {settled:,} of {self._totals.get(table, settled):,} compared")
            case TableVerified(table, seconds) if self._totals.get(table):
                self._print(f"{BY_NAME[table].title}: {self._read.get(table, 0):,} compared in {duration(seconds)}")
            case _:
                pass

    def _is_due(self) -> bool:
        return self._clock() - self._printed >= LINE_INTERVAL

    def _print(self, line: str) -> None:
        self._printed = self._clock()
        self._console.print(safe(line), soft_wrap=True)


def _sentence(phase: str) -> str:
    return phase[0].upper() + phase[1:]


def _sentences(event: Notice | IndexForetold) -> Iterator[str]:
    """A notice; or how long the vector index will take, and what would make it quicker."""
    if isinstance(event, Notice):
        yield event.text
    else:
        yield from filter(None, (index_foretold(event.estimate), *index_advice(event.estimate)))
