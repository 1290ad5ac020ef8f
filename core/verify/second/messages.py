"""What the two processes tell each other: pickled, through the pipes of the second one, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.verify.cuts import Cut
from vestige_tui.core.verify.expectation import Survey
from vestige_tui.core.verify.result import Comparison, Difference, TableComparison


@dataclass(frozen=True, slots=True)
class Task:
    """What the second process is to compare: as ``compare``, from ``start`` on.

    ``source`` is the file to read, ``shown`` the operator's own, which words of errors name. ``dsn`` has the
    password. ``model``, ``dimension`` and ``surveys`` are those of the expectation.
    """

    source: Path
    shown: Path
    dsn: Dsn
    snapshot: str
    destination: Destination
    model: str | None
    dimension: int | None
    repairs: Repairs
    start: Cut
    since: str | None
    tables: frozenset[str] | None
    judge_missing: bool
    surveys: Mapping[str, Survey]
    waits: Waits


@dataclass(frozen=True, slots=True)
class Begun:
    """Both transactions of the second process have begun."""


@dataclass(frozen=True, slots=True)
class Found:
    """Some differences, in their order."""

    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """The counts of a table so far."""

    table: str
    counts: TableComparison


@dataclass(frozen=True, slots=True)
class Done:
    """All is compared."""

    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Failed:
    """An error ended the second process: what a ``MigrationError`` says."""

    what: str
    remedy: str


Message = Begun | Found | Counted | Done | Failed
