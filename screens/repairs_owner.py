"""What the workbench needs of the step that it lies over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.repairs.errors import RepairProblem
from vestige_tui.screens.cases import Verdicts
from vestige_tui.screens.state import WizardState


class RepairsOwner(Protocol):
    """Owns the state with the repairs, and has them checked."""

    @property
    def state(self) -> WizardState:
        """The state of the wizard."""
        ...

    @property
    def dry(self) -> bool:
        """Whether the copy is still to come."""
        ...

    @property
    def verdicts(self) -> Verdicts | None:
        """What the last run says; None where none has gone through. The same object until there is another run."""
        ...

    @property
    def refused(self) -> Sequence[RepairProblem]:
        """The repairs that the last run has refused."""
        ...

    @property
    def checking(self) -> str:
        """What is going on, in a few words; empty where nothing is."""
        ...

    @property
    def bring_label(self) -> str:
        """What the main button does with the answers; empty where they need no more than to be checked."""
        ...

    def answer(self, repairs: Repairs) -> None:
        """Take these repairs, keep them, and have them checked."""
        ...

    def bring(self) -> None:
        """Take the answered rows to the destination."""
        ...
