"""What a run tells its watcher, in the order in which it happens.

The watcher only watches: a run behaves the same with and without one, and a watcher never answers. It is called from
the threads of the run, one event at a time, and should return quickly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from vestige_tui.core.facts import IndexEstimate
from vestige_tui.core.rows.problems import RowError


class Phase(StrEnum):
    """The parts of a run, in words that an operator reads."""

    SOURCE = "reading the source's description"
    UPGRADE = "upgrading to V15"
    DESTINATION = "checking the destination"
    PREPARE = "preparing the destination"
    COPY = "copying"
    INDEXES = "building indexes"
    MEND = "mending rows that were there before"
    VERIFY = "comparing every value"
    PREVIEW = "reading every row, writing nothing"


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A run entered a phase."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class TablesPlanned:
    """How many rows each table of the source holds, in the order of the copy; sent once, before the first batch."""

    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class TableProgress:
    """A batch of a table was committed; the counts are totals of that table so far."""

    table: str
    read: int
    inserted: int
    already_present: int
    failed: int


@dataclass(frozen=True, slots=True)
class TableFinished:
    """The last batch of a table was committed."""

    table: str
    seconds: float


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row has an error; it may have arrived all the same (``error.copied``)."""

    error: RowError


@dataclass(frozen=True, slots=True)
class IndexForetold:
    """How long the vector index is going to take after the rows; sent once, before the first batch, where it is worth a
    sentence.
    """

    estimate: IndexEstimate


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """An index is being built, or a reference enforced: the ``position``-th of ``total``, of which ``fraction`` is
    done as far as the server tells.
    """

    name: str
    position: int
    total: int
    fraction: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Another session uses one of these tables, so that an index or a reference has to wait: for no longer than
    ``seconds`` from now on. The next ``IndexProgress`` ends it.
    """

    tables: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class VerificationPlanned:
    """How many rows of each table are to be compared; sent once, before the first one."""

    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class VerificationProgress:
    """Rows of a table were compared; the counts are totals of that table so far.

    ``settled`` of the planned rows are done: those that are ``equal``, ``different`` or ``missing``, and those that
    cannot be at any destination.
    """

    table: str
    settled: int
    equal: int
    different: int
    missing: int


@dataclass(frozen=True, slots=True)
class TableVerified:
    """The last row of a table was compared."""

    table: str
    seconds: float


@dataclass(frozen=True, slots=True)
class FieldsMended:
    """So many of the ``total`` fields that are to be mended at the destination are settled."""

    settled: int
    total: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something worth a sentence that stops nothing."""

    text: str


Event = (
    PhaseStarted
    | TablesPlanned
    | TableProgress
    | TableFinished
    | RowProblem
    | IndexForetold
    | IndexProgress
    | Waiting
    | VerificationPlanned
    | VerificationProgress
    | TableVerified
    | FieldsMended
    | Notice
)
Watcher = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A watcher that does nothing."""
