"""The progress of a run, computed from its events: counts, rates and time left. Nothing here is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from vestige_tui.core import events
from vestige_tui.core.events import Event, IndexProgress, Phase, Waiting
from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.run.estimate import (
    SECONDS_PER_MEMORY,
    SECONDS_PER_OTHER_ROW,
    SECONDS_PER_VECTOR_ELEMENT,
    seconds_left,
)

RATE_EVERY = 0.5
RATES_KEPT = 60

_SHARES = (0.6, 0.2, 0.2)
"""Of the time of a whole copy: rows, indexes, comparison. They decide how evenly a bar moves, and nothing else."""

_RATE_AFTER = 0.3
"""Seconds before the rate of a table is shown: batches arrive in groups, and the first few say little."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The progress of one table, or of several together; ``timed`` rows took ``seconds``."""

    total: int = 0
    read: int = 0
    inserted: int = 0
    present: int = 0
    problems: int = 0
    timed: int = 0
    seconds: float = 0.0
    finished: bool = False

    @property
    def rate(self) -> float:
        """Rows per second; 0 until it can be measured."""
        steady = self.seconds >= _RATE_AFTER or (self.finished and self.seconds > 0)
        return self.timed / self.seconds if steady else 0.0

    def __add__(self, other: Pace) -> Pace:
        return Pace(
            self.total + other.total,
            self.read + other.read,
            self.inserted + other.inserted,
            self.present + other.present,
            self.problems + other.problems,
            self.timed + other.timed,
            self.seconds + other.seconds,
            self.finished and other.finished,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """The progress of a comparison: of ``total`` rows so many are ``settled``, in ``seconds``.

    ``fraction`` is the part that is done, from 0 to 1, weighted by the cost of the rows.
    """

    total: int = 0
    settled: int = 0
    equal: int = 0
    different: int = 0
    missing: int = 0
    seconds: float = 0.0
    fraction: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether every row is settled."""
        return self.settled >= self.total

    @property
    def rate(self) -> float:
        """Rows per second; 0 until it can be measured."""
        return self.settled / self.seconds if self.seconds >= _RATE_AFTER else 0.0

    @property
    def seconds_left(self) -> float | None:
        """How long the remaining rows will take at this rate; None until it can be estimated."""
        return seconds_left(self.seconds, self.fraction)


@dataclass(frozen=True, slots=True)
class Progress:
    """A run at one moment. ``rates`` are rows per second of the last while, one value for each ``RATE_EVERY`` seconds.

    ``copying`` is how long it has been reading rows, ``indexing`` how long it has been building the ``index``, in
    seconds. ``index_estimate`` is what was foretold of the vector index.
    """

    phase: Phase | None = None
    tables: Mapping[str, Pace] = field(default_factory=dict)
    index: IndexProgress | None = None
    waiting: Waiting | None = None
    notices: tuple[str, ...] = ()
    copying: float = 0.0
    indexing: float = 0.0
    dimension: int = 0
    compared: Compared | None = None
    rates: tuple[float, ...] = ()
    index_estimate: IndexEstimate | None = None

    @property
    def overall(self) -> float:
        """How much of the whole run is done, from 0 to 1: rows, indexes and comparison by their share of its time."""
        index = 0.0
        if self.phase is Phase.VERIFY:
            index = 1.0
        elif self.index is not None:
            index = (self.index.position - 1 + self.index.fraction) / self.index.total
        compared = self.compared.fraction if self.compared is not None else 0.0
        parts = zip(_SHARES, (self.fraction, index, compared), strict=True)
        return sum(share * done for share, done in parts)

    @property
    def step(self) -> tuple[object, ...]:
        """What the run is at: as long as this stays the same, only numbers change."""
        return self.phase, self.index and self.index.name, self.waiting and self.waiting.tables

    @property
    def total(self) -> Pace:
        """All tables together."""
        return sum(self.tables.values(), Pace(finished=True))

    @property
    def fraction(self) -> float:
        """The part of the reading that is done, from 0 to 1, weighted by the cost of the rows."""
        rows = {name: (min(pace.read, pace.total), pace.total) for name, pace in self.tables.items()}
        return _fraction(rows, self.dimension)

    @property
    def seconds_left(self) -> float | None:
        """How long the remaining rows will take at this rate; None until it can be estimated."""
        return seconds_left(self.copying, self.fraction)

    @property
    def index_seconds_left(self) -> float | None:
        """How long the index takes that is being built after the rows; None until it can be estimated."""
        if self.phase is not Phase.INDEXES or self.index is None or self.waiting is not None:
            return None
        return seconds_left(self.indexing, self.index.fraction)


def _fraction(rows: Mapping[str, tuple[int, int]], dimension: int) -> float:
    """How much is done, from 0 to 1: by table, how many rows are done, and how many there are."""
    weights = {
        name: SECONDS_PER_MEMORY + dimension * SECONDS_PER_VECTOR_ELEMENT
        if name == "knowledge_nodes"
        else SECONDS_PER_OTHER_ROW
        for name in rows
    }
    whole = sum(weights[name] * total for name, (_, total) in rows.items())
    return sum(weights[name] * done for name, (done, _) in rows.items()) / whole if whole else 0.0


class Meter:
    """Adds up the events of a run; ``dimension`` is that of the vectors, which decides how slow a memory is."""

    def __init__(self, dimension: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.progress = Progress(dimension=dimension)
        self._clock = clock
        self._started = clock()
        self._index_started = self._sampled = self._started
        self._done = 0
        self._first: dict[str, tuple[float, int]] = {}
        self._to_compare: dict[str, int] = {}
        self._compared: dict[str, events.VerificationProgress] = {}

    def take(self, event: Event) -> None:
        """Add one event."""
        now = self._clock()
        self._sample(now)
        match event:
            case events.PhaseStarted(phase):
                self.progress = replace(self.progress, phase=phase)
            case events.TablesPlanned(totals):
                self._started = now
                self.progress = replace(
                    self.progress, tables={name: Pace(total, finished=not total) for name, total in totals.items()}
                )
            case events.TableProgress(table, read, inserted, present):
                since, before = self._first.setdefault(table, (now, read))
                timed = {"timed": read - before, "seconds": now - since}
                self._change(table, read=read, inserted=inserted, present=present, **timed)
            case events.TableFinished(table, seconds):
                self._change(table, finished=True, timed=self._pace(table).read, seconds=seconds)
            case events.RowProblem(error):
                self._change(error.table, problems=self._pace(error.table).problems + 1)
            case events.IndexProgress():
                if self.progress.index is None or self.progress.index.position != event.position:
                    self._index_started = now
                self.progress = replace(self.progress, index=event, waiting=None, indexing=now - self._index_started)
            case events.IndexForetold(estimate):
                self.progress = replace(self.progress, index_estimate=estimate)
            case events.Waiting():
                self.progress = replace(self.progress, waiting=event)
            case events.VerificationPlanned(totals):
                self._started, self._to_compare = now, totals
                self._compare()
            case events.VerificationProgress(table):
                self._compared[table] = event
                self._compare()
            case events.Notice(text):
                self.progress = replace(self.progress, notices=(*self.progress.notices, text))

    def _sample(self, now: float) -> None:
        """Note how many rows were read or compared since the last time. After a long silence, that was nothing."""
        passed = int((now - self._sampled) / RATE_EVERY)
        if passed < 1:
            return
        done = self.progress.total.read + (self.progress.compared.settled if self.progress.compared else 0)
        rate = max(0, done - self._done) / (now - self._sampled)
        self._sampled, self._done = now, done
        rates = (*self.progress.rates, *([rate] * min(passed, RATES_KEPT)))
        self.progress = replace(self.progress, rates=rates[-RATES_KEPT:])

    def _compare(self) -> None:
        found = [*self._compared.values()]
        rows = {
            name: (self._compared[name].settled if name in self._compared else 0, total)
            for name, total in self._to_compare.items()
        }
        compared = Compared(
            sum(self._to_compare.values()),
            sum(each.settled for each in found),
            sum(each.equal for each in found),
            sum(each.different for each in found),
            sum(each.missing for each in found),
            self._clock() - self._started,
            _fraction(rows, self.progress.dimension),
        )
        self.progress = replace(self.progress, compared=compared)

    def _pace(self, table: str) -> Pace:
        return self.progress.tables.get(table, Pace())

    def _change(self, table: str, **changes: float) -> None:
        pace = replace(self._pace(table), **changes)  # type: ignore[arg-type]
        self.progress = replace(
            self.progress, tables={**self.progress.tables, table: pace}, copying=self._clock() - self._started
        )
