"""Differences that are set right at the destination, in a thread: one, or all of a kind."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.facts import DataState
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.run.mending_report import MendingReport
from vestige_tui.core.verify.result import Difference
from vestige_tui.screens.machine import Keep
from vestige_tui.screens.watched import Post, Watched
from vestige_tui.screens.work import QuitPrompt

if TYPE_CHECKING:
    from vestige_tui.core.run.mending import Shown


class Mending(Watched):
    """Gives fields at the destination the value of the source. ``shown`` are those whose two sides were seen; those of
    ``alike`` are looked up first, and set while they still hold what is found then.

    When it is over, ``report`` says what became of each.
    """

    quit_prompt = QuitPrompt(
        "Stop setting values and quit?",
        "The batch in flight is finished or rolled back. What was set stays, and is in the report.",
        leave="Stop and quit",
        stay="Go on",
        waiting="Finishing this batch, one moment…",
    )

    def __init__(
        self,
        source: Path,
        dsn: Dsn,
        post: Post,
        *,
        shown: Sequence[Shown] = (),
        alike: Sequence[Difference] = (),
        repairs: Repairs,
        keep: Keep | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(None, post, keep=keep, clock=clock)
        self._source = source
        self._dsn = dsn
        self._shown = shown
        self._alike = alike
        self._repairs = repairs
        self.report: MendingReport | None = None

    def _work(self) -> MendingReport | None:
        from vestige_tui.core.run.mending import current, mend

        try:
            shown = [*self._shown, *(current(self._dsn, self._alike) if self._alike else ())]
            self.report = mend(
                self._source, self._dsn, shown, repairs=self._repairs, on_event=self._take, cancel=self._cancel
            )
        except MigrationError as error:
            self.failure = error
            self.report = error.report if isinstance(error.report, MendingReport) else None
        except Exception as error:
            self.failure = unexpected(error, "mend", state=DataState.BATCHES_STAY)
        return self.report
