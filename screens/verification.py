"""A verification in a thread: every value at the destination is compared with the source once more."""

from __future__ import annotations

import time
from collections.abc import Callable

from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.screens.machine import Keep
from vestige_tui.screens.watched import Post, Watched
from vestige_tui.screens.work import QuitPrompt


class Verification(Watched):
    """One verification. When it is over, ``report`` says what it found, as far as it came."""

    quit_prompt = QuitPrompt(
        "Stop verifying and quit?",
        "The comparison only reads: it leaves nothing behind.",
        leave="Stop and quit",
        stay="Go on verifying",
        waiting="Stopping the comparison, one moment…",
    )

    def __init__(
        self,
        plan: VerificationPlan,
        presented: ModelSignature | None,
        post: Post,
        *,
        keep: Keep | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(presented, post, keep=keep, clock=clock)
        self.plan = plan
        self.report: VerificationReport | None = None

    def _work(self) -> VerificationReport | None:
        from vestige_tui.core.run.verification import run_verification

        try:
            self.report = run_verification(self.plan, self._embedder, on_event=self._take, cancel=self._cancel)
        except MigrationError as error:
            self.failure = error
            self.report = error.report if isinstance(error.report, VerificationReport) else None
        except Exception as error:
            self.failure = unexpected(error, "verify", state=DataState.NOTHING_CHANGED)
        return self.report
