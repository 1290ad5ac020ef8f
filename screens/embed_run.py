"""An embedding in a thread: its events become messages, no more often than a screen can follow."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from vestige_tui.core.errors import Cancelled, MigrationError, unexpected
from vestige_tui.core.events import IndexProgress, Waiting
from vestige_tui.core.facts import DataState
from vestige_tui.core.reembed.embedders.protocol import Download, EmbedderEvent, Retry
from vestige_tui.core.reembed.events import Compared, Event, Filling, PhaseStarted, ReembedPhase
from vestige_tui.core.reembed.events import Embedding as Embedded
from vestige_tui.core.reembed.examples import WordedExample, in_words
from vestige_tui.core.reembed.report import NeighbourComparison, ReembedReport
from vestige_tui.screens.embedding import Embedding
from vestige_tui.screens.stopping import EMBED_STOP
from vestige_tui.screens.watched import PROGRESS_INTERVAL
from vestige_tui.screens.work import CancellableWork, percent

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn

KeepEmbedding = Callable[[ReembedReport], Path]
"""Writes the report of an embedding to where it is kept. Raises ``OSError`` and ``MigrationError``."""


@dataclass(frozen=True, slots=True)
class Part:
    """How far a part has come: ``done`` of ``total`` (None: not known), at ``rate`` a second."""

    done: float
    total: float | None
    rate: float = 0.0


@dataclass(frozen=True, slots=True)
class EmbedProgress:
    """An embedding at one moment. ``parts`` are by their titles."""

    phase: ReembedPhase | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)
    waiting: Waiting | None = None
    retry: Retry | None = None
    neighbours: NeighbourComparison | None = None
    examples: tuple[WordedExample, ...] = ()


DOWNLOAD, EMBEDDING, STORING, INDEX = "Download", "Embedding", "Storing", "Vector index"


class EmbedRun(CancellableWork):
    """One embedding, carried out once in a thread of its own. ``post`` takes its messages, from that thread.

    When it is over, ``report`` and ``failure`` say how it ended, and ``saved`` is the file that keeps the report.
    """

    quit_prompt = EMBED_STOP.quit

    class Progressed(Message, bubble=False):
        """The progress; a newer message replaces a waiting one."""

        def __init__(self, progress: EmbedProgress) -> None:
            super().__init__()
            self.progress = progress

        def can_replace(self, message: Message) -> bool:
            """Totals: the newest is enough."""
            return isinstance(message, EmbedRun.Progressed)

    class Ended(Message):
        """It is over."""

    def __init__(
        self,
        dsn: Dsn,
        embedding: Embedding,
        post: Callable[[Message], bool],
        *,
        keep: KeepEmbedding | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.report: ReembedReport | None = None
        self.failure: MigrationError | None = None
        self.saved: Path | None = None
        self.progress = EmbedProgress()
        self._dsn = dsn
        self._embedding = embedding
        self._post = post
        self._save = keep
        self._clock = clock
        self._first: dict[str, tuple[float, float]] = {}
        self._due = clock()

    @property
    def how_far(self) -> str:
        """How far the part has come that is worked on."""
        *_, part = (None, *self.progress.parts.values())
        if part is None or not part.total:
            return ""
        return percent(part.done / part.total, (part.total - part.done) / part.rate if part.rate else None)

    def carry_out(self) -> None:
        """Run to the end, however it ends, and save the report; never raises."""
        try:
            self._prepare()
            self._run()
            self._keep()
        finally:
            self._over.set()
            self._post(self.Ended())

    def _run(self) -> None:
        try:
            self.report = self._embed()
        except Cancelled:
            self.failure = MigrationError(
                "Embedding was cancelled before it began.", state=DataState.STORE_UNCHANGED, remedy="Begin it again."
            )
        except MigrationError as error:
            self.failure = error
            self.report = error.report if isinstance(error.report, ReembedReport) else None
        except Exception as error:
            self.failure = unexpected(
                error, "embed", state=DataState.EMBEDDED_KEPT, remedy="Go on embedding: nothing is embedded twice."
            )

    def _embed(self) -> ReembedReport:
        from vestige_tui.core.reembed.embedders.opening import open_embedder
        from vestige_tui.core.reembed.plan import ReembedPlan
        from vestige_tui.core.reembed.run import run_reembed

        chosen = self._embedding
        plan = ReembedPlan(self._dsn, only_missing=chosen.only_missing)
        embedder = open_embedder(chosen.choice, cancel=self._cancel, watcher=self._take_of_embedder)
        try:
            return run_reembed(plan, embedder, on_event=self._take, cancel=self._cancel)
        finally:
            embedder.close()

    def _keep(self) -> None:
        if self._save is not None and self.report is not None:
            try:
                self.saved = self._save(self.report)
            except (OSError, MigrationError):
                self.saved = None

    def _take_of_embedder(self, event: EmbedderEvent) -> None:
        match event:
            case Download(_, _, _, done, total):
                self._advance(DOWNLOAD, done, total)
            case Retry():
                self._show(replace(self.progress, retry=event), at_once=True)

    def _take(self, event: Event) -> None:
        """Receive an event of the run, in its threads, one at a time."""
        match event:
            case PhaseStarted(phase):
                self._show(replace(self.progress, phase=phase, waiting=None), at_once=True)
            case Embedded(done, total):
                self._advance(EMBEDDING, done, max(done, total))
            case Filling(done, total):
                self._advance(STORING, done, max(done, total))
            case IndexProgress(_, position, total, fraction):
                self._advance(INDEX, position - 1 + fraction, total)
            case Waiting():
                self._show(replace(self.progress, waiting=event))
            case Compared(neighbours):
                self._show(
                    replace(self.progress, neighbours=neighbours, examples=self._worded(neighbours)), at_once=True
                )
            case _:
                pass

    def _worded(self, neighbours: NeighbourComparison) -> tuple[WordedExample, ...]:
        try:
            return in_words(self._dsn, neighbours)
        except MigrationError:
            return ()  # the run goes on; the share is shown

    def _advance(self, title: str, done: float, total: float | None) -> None:
        now = self._clock()
        since, before = self._first.setdefault(title, (now, done))
        rate = (done - before) / (now - since) if now - since >= 0.3 else 0.0
        parts = {**self.progress.parts, title: Part(done, total, rate)}
        self._show(replace(self.progress, parts=parts, waiting=None, retry=None), at_once=total == done)

    def _show(self, progress: EmbedProgress, *, at_once: bool = False) -> None:
        self.progress = progress
        now = self._clock()
        if at_once or now >= self._due:
            self._due = now + PROGRESS_INTERVAL
            self._post(self.Progressed(progress))
