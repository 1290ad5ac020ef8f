"""What was measured, and the few ways of looking at it: medians, spreads, ratios."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bench.races import Race
from bench.tasks import Measured


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``trips`` counts round trips of the copy itself, on a slow link only.

    ``rows_written`` and ``wal_written`` (bytes) are what a second run left behind, None for a first one.
    """

    race: str
    entrant: str
    round: int
    measured: Measured
    trips: int | None = None
    rows_written: int | None = None
    wal_written: int | None = None


@dataclass(frozen=True, slots=True)
class Absence:
    """An entrant that did not run, or did not get to its end, and why."""

    race: str
    entrant: str
    reason: str
    failed: bool


Figure = Callable[[Run], float]


def seconds(run: Run) -> float:
    """The wall seconds of a run."""
    return run.measured.seconds


def cpu(run: Run) -> float:
    """The CPU seconds of the client."""
    return run.measured.cpu


def peak(run: Run) -> float:
    """The client's peak memory, in bytes."""
    return run.measured.peak


def phase_of(name: str) -> Figure:
    """The seconds of one phase; 0 where a run has none of that name."""

    def figure(run: Run) -> float:
        phase = run.measured.phase(name)
        return phase.seconds if phase else 0.0

    return figure


@dataclass(slots=True)
class Results:
    """Everything that was measured; ``totals`` has the number of rows by race."""

    races: list[Race] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    absences: list[Absence] = field(default_factory=list)

    def of(self, race: str, entrant: str) -> list[Run]:
        """The runs of one entrant, in their order."""
        return [run for run in self.runs if (run.race, run.entrant) == (race, entrant)]

    def entrants(self, race: str) -> list[str]:
        """Who ran, in the order of the first round."""
        return list(dict.fromkeys(run.entrant for run in self.runs if run.race == race))

    def values(self, race: str, entrant: str, figure: Figure) -> Sequence[float]:
        """One figure of all runs of an entrant."""
        return [figure(run) for run in self.of(race, entrant)]

    def median(self, race: str, entrant: str, figure: Figure) -> float | None:
        """The median of a figure; None where there is no run."""
        values = self.values(race, entrant, figure)
        return statistics.median(values) if values else None

    def ratios(self, race: str, entrant: str, reference: str, figure: Figure = seconds) -> Sequence[float]:
        """The ratio of both within each round: what slowed a whole round down cancels out."""
        references = {run.round: figure(run) for run in self.of(race, reference)}
        return [figure(run) / references[run.round] for run in self.of(race, entrant) if references.get(run.round)]

    def ratio(self, race: str, entrant: str, reference: str, figure: Figure = seconds) -> float | None:
        """The median of the ratios; None where there is none."""
        ratios = self.ratios(race, entrant, reference, figure)
        return statistics.median(ratios) if ratios else None

    def recipe(self, race: str) -> str:
        """What a race ran on, empty where it did not take place."""
        return next((str(held.recipe) for held in self.races if held.name == race), "")
