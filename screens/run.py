"""A run of the copier in a thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from textual.message import Message

from vestige_tui.core.errors import MigrationError, unexpected
from vestige_tui.core.events import Event, RowProblem
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.rows.problems import RowError
from vestige_tui.screens.machine import Keep
from vestige_tui.screens.stopping import stop_in
from vestige_tui.screens.watched import Post, Watched
from vestige_tui.screens.work import QuitPrompt

PROBLEM_INTERVAL = 0.3
"""Seconds between two messages with problems; each carries all that came up in between."""


class Run(Watched):
    """One run. ``only`` restricts it to rows of these labels, by table.

    When it is over, ``report`` says how it ended, as far as it came.
    """

    class ProblemsFound(Message, bubble=False):
        """Rows with problems since the last such message; none is ever dropped."""

        def __init__(self, run: Run, errors: tuple[RowError, ...]) -> None:
            super().__init__()
            self.run = run
            self.errors = errors

    def __init__(
        self,
        plan: CopyPlan,
        presented: ModelSignature | None,
        post: Post,
        *,
        only: Mapping[str, frozenset[str]] | None = None,
        keep: Keep | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(presented, post, keep=keep, clock=clock)
        self.plan = plan
        self.only = only
        self.report: MigrationReport | None = None
        self._waiting: list[RowError] = []
        self._problems_due = clock()

    @property
    def quit_prompt(self) -> QuitPrompt:
        """The question when the operator quits before it is done."""
        return stop_in(self.progress.phase).quit

    def _work(self) -> MigrationReport | None:
        from vestige_tui.core.run.copier import run_sqlite_to_postgres

        try:
            self.report = run_sqlite_to_postgres(
                self.plan, self._embedder, on_event=self._take, cancel=self._cancel, only=self.only
            )
        except MigrationError as error:
            self.failure = error
            self.report = error.report if isinstance(error.report, MigrationReport) else None
        except Exception as error:
            self.failure = unexpected(
                error,
                "copy",
                state=DataState.NOTHING_CHANGED if self.plan.dry_run else DataState.BATCHES_STAY,
                remedy="Run again: what has arrived is skipped. If it comes back, please report it.",
            )
        return self.report

    def _take(self, event: Event) -> None:
        if isinstance(event, RowProblem):
            self._waiting.append(event.error)
        super()._take(event)
        now = self._clock()
        if self._waiting and now >= self._problems_due:
            self._send_problems(now)

    def _flush(self) -> None:
        super()._flush()
        if self._waiting:
            self._send_problems(self._clock())

    def _send_problems(self, now: float) -> None:
        self._problems_due = now + PROBLEM_INTERVAL
        self._post(self.ProblemsFound(self, tuple(self._waiting)))
        self._waiting.clear()
