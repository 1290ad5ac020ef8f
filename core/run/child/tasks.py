"""What a child process can be asked to do."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from vestige_tui.core.embedder import PresentedEmbedder
from vestige_tui.core.events import Watcher
from vestige_tui.core.facts import DataState
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.verify.report import VerificationReport

R_co = TypeVar("R_co", covariant=True)


class Task(Protocol[R_co]):
    """Something that ends with a report. Where it ends by a fault, ``state`` is what that means for the data."""

    @property
    def doing(self) -> str:
        """What it does, in one word, for the log."""
        ...

    @property
    def noun(self) -> str:
        """What it is, within a sentence."""
        ...

    @property
    def state(self) -> DataState:
        """What an end before its time means for the data, wherever it comes."""
        ...

    @property
    def remedy(self) -> str:
        """What to do then."""
        ...

    def run(self, watcher: Watcher, cancel: threading.Event) -> R_co:
        """Do it, in this process. Raises as the function does that it calls."""
        ...


@dataclass(frozen=True, slots=True)
class Copying:
    """A copy or a dry run: the arguments of ``run_sqlite_to_postgres``."""

    plan: CopyPlan
    embedder: PresentedEmbedder | None = None
    only: Mapping[str, frozenset[str]] | None = None

    doing: ClassVar[str] = "copy"
    remedy: ClassVar[str] = "Run again: what has arrived is skipped."

    @property
    def noun(self) -> str:
        """What it is, within a sentence."""
        return "preview" if self.plan.dry_run else "copy"

    @property
    def state(self) -> DataState:
        """Rows may have arrived, unless it is a dry run."""
        return DataState.NOTHING_CHANGED if self.plan.dry_run else DataState.BATCHES_STAY

    def run(self, watcher: Watcher, cancel: threading.Event) -> MigrationReport:
        """Copy, or tell what a copy would do."""
        from vestige_tui.core.run.copier import run_sqlite_to_postgres

        return run_sqlite_to_postgres(self.plan, self.embedder, on_event=watcher, cancel=cancel, only=self.only)


@dataclass(frozen=True, slots=True)
class Verifying:
    """A verification: the arguments of ``run_verification``."""

    plan: VerificationPlan
    embedder: PresentedEmbedder | None = None

    doing: ClassVar[str] = "verify"
    noun: ClassVar[str] = "comparison"
    state: ClassVar[DataState] = DataState.NOTHING_CHANGED
    remedy: ClassVar[str] = "Verify again."

    def run(self, watcher: Watcher, cancel: threading.Event) -> VerificationReport:
        """Compare every value."""
        from vestige_tui.core.run.verification import run_verification

        return run_verification(self.plan, self.embedder, on_event=watcher, cancel=cancel)
