"""What the operator sees during a re-embedding: bars in a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from vestige_tui.cli.progress import LINE_INTERVAL
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.events import IndexProgress, Notice, Waiting
from vestige_tui.core.explain import waiting_for
from vestige_tui.core.reembed.embedders.protocol import Download, EmbedderEvent, Retry
from vestige_tui.core.reembed.events import Compared, Embedding, Event, Filling, PhaseStarted, ReembedPhase
from vestige_tui.core.reembed.examples import WordedExample, in_words
from vestige_tui.core.reembed.report import NeighbourComparison
from vestige_tui.core.reembed.words import kept_in_words, retrying
from vestige_tui.core.text import clock, excerpt, per_second, size
from vestige_tui.terminal.output import safe

_NEIGHBOURS_SHOWN = 3
_EXCERPT = 60


def say(console: Console, text: str, style: str = "") -> None:
    """Print a sentence: in a terminal wrapped between words, elsewhere on one line."""
    console.print(safe(text, style), soft_wrap=not console.is_terminal)


class Bars(Protocol):
    """Shows how far a part has come."""

    def advance(self, part: str, done: float, total: float | None, *, text: str = "") -> None:
        """``done`` of ``total``; ``text`` stands for both where they are not counts."""
        ...


class Display:
    """Receives the events of a run and of its embedder, from any thread.

    Contents of memories appear in a terminal alone: what goes into a file or a pipe shows none.
    """

    def __init__(self, console: Console, dsn: Dsn, bars: Bars | None) -> None:
        self._console = console
        self._dsn = dsn
        self._bars = bars
        self._waiting: tuple[str, ...] = ()

    def show(self, event: Event) -> None:
        """An event of the run."""
        if self._bars is None:
            return
        match event:
            case PhaseStarted(phase):
                self.say(f"{phase.value[0].upper()}{phase.value[1:]}", "dim")
                if phase is ReembedPhase.EMBED:
                    self._bars.advance("Embedding", 0, None)  # the first batch may take a while
            case Embedding(done, total):
                self._bars.advance("Embedding", done, max(done, total))
            case Filling(done, total):
                self._bars.advance("Storing", done, max(done, total))
            case IndexProgress(_, position, total, fraction):
                self._waiting = ()
                self._bars.advance("Index", position - 1 + fraction, total, text=f"{fraction:.0%}")
            case Waiting(tables) if tables != self._waiting:
                self._waiting = tables
                self.say(f"{waiting_for(event)}…")
            case Compared(neighbours):
                self._compared(neighbours)
            case Notice(text):
                self.say(text)
            case _:
                pass

    def embedder(self, event: EmbedderEvent) -> None:
        """An event of the embedder."""
        match event:
            case Download(model, host, folder, done, total):
                if not done:
                    self.say(f"Fetching {model} from {host} into {folder}")
                if self._bars is not None:
                    text = size(done) + (f" of {size(total)}" if total else "")
                    self._bars.advance("Download", done, total, text=text)
            case Retry():
                self.say(retrying(event), "yellow")

    def say(self, text: str, style: str = "") -> None:
        """Print a sentence, unless nothing is to be shown."""
        if self._bars is not None:
            say(self._console, text, style)

    def _compared(self, neighbours: NeighbourComparison) -> None:
        self.say(kept_in_words(neighbours))
        if self._console.is_terminal:
            try:
                examples = in_words(self._dsn, neighbours)
            except MigrationError:
                return  # the run goes on; its report has the numbers
            for example in examples:
                self._console.print(_side_by_side(example))


def _side_by_side(example: WordedExample) -> Table:
    table = Table(title=_excerpt(example.memory), title_justify="left", title_style="bold", box=None, expand=True)
    table.add_column("nearest with the old vectors", ratio=1, no_wrap=True, header_style="dim")
    table.add_column("nearest with the new vectors", ratio=1, no_wrap=True, header_style="dim")
    old, new = example.old[:_NEIGHBOURS_SHOWN], example.new[:_NEIGHBOURS_SHOWN]
    for place in range(max(len(old), len(new))):
        table.add_row(*(_excerpt(side[place]) if place < len(side) else Text() for side in (old, new)))
    return table


def _excerpt(text: str) -> Text:
    return safe(excerpt(text, _EXCERPT))


class LiveBars:
    """A live bar for each part."""

    def __init__(self, console: Console) -> None:
        self._tasks: dict[str, TaskID] = {}
        self.progress = Progress(
            TextColumn("{task.description:>10}", markup=False),
            BarColumn(bar_width=None, complete_style="cyan", finished_style="green"),
            _DoneColumn(),
            _RateColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            console=console,
            expand=True,
            speed_estimate_period=600,  # a batch may take minutes
        )

    def advance(self, part: str, done: float, total: float | None, *, text: str = "") -> None:
        """Move the bar of a part, which appears with its first event."""
        if part not in self._tasks:
            self._tasks[part] = self.progress.add_task(part, total=total, text=text)
        self.progress.update(self._tasks[part], completed=done, total=total, text=text)


class _DoneColumn(MofNCompleteColumn):
    """``done/total`` with thousands separators, or the words that stand for it."""

    def render(self, task: Task) -> Text:
        text = task.fields["text"]
        if not text and task.total is not None:
            text = f"{int(task.completed):,}/{int(task.total):,}"
        return Text(text, justify="right")


class _RateColumn(ProgressColumn):
    """Memories a second."""

    def render(self, task: Task) -> Text:
        rate = task.finished_speed or task.speed
        if task.fields["text"] or not rate:
            return Text()
        return Text(f"{per_second(rate)}/s", style="cyan", justify="right")


class LineBars:
    """A plain line for a part now and then, with its rate and the time left."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._first: dict[str, tuple[float, float]] = {}
        self._printed = clock()

    def advance(self, part: str, done: float, total: float | None, *, text: str = "") -> None:
        """Print a line if the last one is old enough, or the part is finished."""
        if total is None and not text:
            return
        now = self._clock()
        since, before = self._first.setdefault(part, (now, done))
        finished = total is not None and done >= total
        if not finished and now - self._printed < LINE_INTERVAL:
            return
        self._printed = now
        line = f"{part}: {text or f'{int(done):,} of {int(total or 0):,}'}"
        if done > before and now > since and not text:
            rate = (done - before) / (now - since)
            line += f", {per_second(rate)}/s"
            if total is not None and not finished:
                line += f", about {clock((total - done) / rate)} left"
        self._console.print(safe(line), soft_wrap=True)


@contextmanager
def displaying(console: Console, dsn: Dsn, *, quiet: bool) -> Iterator[Display]:
    """The display that suits a console, for the time of the block."""
    if quiet:
        yield Display(console, dsn, None)
    elif console.is_terminal and not console.is_dumb_terminal:
        bars = LiveBars(console)
        with bars.progress:
            yield Display(console, dsn, bars)
    else:
        yield Display(console, dsn, LineBars(console))
