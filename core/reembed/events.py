"""What a re-embedding tells its watcher, beside ``IndexProgress``, ``Waiting`` and ``Notice`` of every run.

The watcher is called from the threads of the run, one event at a time, and should return quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from vestige_tui.core import events
from vestige_tui.core.reembed.report import NeighbourComparison


class ReembedPhase(StrEnum):
    """The parts of a re-embedding, in words that an operator reads."""

    CHECK = "checking the store"
    EMBED = "embedding"
    FILL = "storing the new vectors beside the old ones"
    INDEX = "building the vector index"
    COMPARE = "comparing old and new neighbours"
    SWAP = "swapping"
    REMOVE = "removing"


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A run entered a phase."""

    phase: ReembedPhase


@dataclass(frozen=True, slots=True)
class Embedding:
    """A batch was embedded and committed: ``done`` of ``total`` memories have a new vector, ``embedded`` of them by
    this run. ``done`` may exceed ``total`` where memories are written or edited meanwhile.
    """

    done: int
    total: int
    embedded: int


@dataclass(frozen=True, slots=True)
class Filling:
    """A batch was stored beside the old vectors: about ``done`` of ``total`` memories."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Compared:
    """Old and new neighbours of a sample were compared, before the swap."""

    neighbours: NeighbourComparison


@dataclass(frozen=True, slots=True)
class Swapped:
    """The store has its new vectors (or after a rollback the old ones); those put aside hold ``disk`` bytes."""

    rows: int
    disk: int


Event = PhaseStarted | Embedding | Filling | Compared | Swapped | events.IndexProgress | events.Waiting | events.Notice
Watcher = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A watcher that does nothing."""
