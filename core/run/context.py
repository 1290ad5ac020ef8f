"""What every step of a run needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vestige_tui.core.destination.sessions import Sessions
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.run.progress import Progress
from vestige_tui.core.run.recorder import Recorder


@dataclass(frozen=True, slots=True)
class Run:
    """One run: its plan, the sessions at its destination, and how far it has come.

    ``presented`` is the model of the embedder that the operator names. ``only`` restricts the run to rows with these
    labels, by table.
    """

    plan: CopyPlan
    presented: ModelSignature | None
    only: Mapping[str, Collection[str]] | None
    sessions: Sessions
    progress: Progress

    @property
    def recorder(self) -> Recorder:
        """Where the run writes down what it finds and does."""
        return self.progress.recorder
