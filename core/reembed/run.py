"""``run_reembed``: a whole re-embedding, step by step."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from vestige_tui.core.destination.lock import locked
from vestige_tui.core.destination.waits import DEFAULT_WAITS, Waits
from vestige_tui.core.errors import RefusedError, UsageError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed import events, fill, in_place, index, neighbours, notices, preflight, stage, swap
from vestige_tui.core.reembed.constancy import ConstantEmbedder
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
from vestige_tui.core.reembed.events import ReembedPhase, Watcher
from vestige_tui.core.reembed.forecast import foretell
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.opening import opened, recorded, say_swapped
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.reading import UNFILLED
from vestige_tui.core.reembed.recorder import Recorder
from vestige_tui.core.reembed.report import Action, ReembedOutcome, ReembedReport
from vestige_tui.core.reembed.state import ReembedState, Stage, look
from vestige_tui.core.reembed.store import COLUMN
from vestige_tui.core.reembed.survey import Survey


def run_reembed(
    plan: ReembedPlan,
    embedder: TextEmbedder | None = None,
    *,
    on_event: Watcher = events.ignore,
    cancel: threading.Event | None = None,
    waits: Waits = DEFAULT_WAITS,
) -> ReembedReport:
    """Embed the memories of a store anew with ``embedder``, and swap the new vectors in.

    Setting ``cancel`` ends the run after the batch in flight, with outcome ``cancelled``; the next run goes on there.
    A dry run needs no embedder where ``plan.model`` names the model.

    Raises ``RefusedError``, ``EmbedderError`` or ``DestinationError``; the error's ``report`` tells what was done.
    """
    target = embedder.model_signature() if embedder is not None else plan.model
    if target is None or (embedder is None and not plan.dry_run):
        raise UsageError("A re-embedding needs an embedder.", remedy="Name a model with --model.")
    action = Action.ONLY_MISSING if plan.only_missing else Action.REEMBED
    report = ReembedReport(action, plan.postgres_url.masked, plan.dry_run, target=target)
    recorder = Recorder(report, on_event, cancel or threading.Event())
    with recorded(recorder), opened(plan, recorder, waits) as job:
        survey = Survey(job, target, plan.only_missing)
        if plan.dry_run or embedder is None:
            foretell(survey, plan, embedder)
        else:
            with locked(job.sessions, job.control, job.destination):
                _Run(plan, ConstantEmbedder(embedder), target, job).carry_out(survey)
    return report


@dataclass(slots=True)
class _Run:
    """A real run of a plan on an open store. ``before``: the old neighbours, where they had to be looked up early."""

    plan: ReembedPlan
    embedder: ConstantEmbedder
    target: ModelSignature
    job: Job
    before: neighbours.Neighbours | None = None

    def carry_out(self, survey: Survey) -> None:
        """All steps, in their order."""
        recorder = self.job.recorder
        report = recorder.report
        state = survey.check(self.embedder)
        if state is None:
            report.outcome = ReembedOutcome.UNCHANGED
            return
        self._check_embedder(state)
        if self.plan.only_missing:
            recorder.enter(ReembedPhase.EMBED)
            in_place.embed_missing(self.job, self.embedder, self.plan.batch_size)
        else:
            self._stage(state)
            self._fill(state)
            self._index()
            self._catch_up()
            self._compare()
            if self.plan.no_swap:
                with self.job.control.watchdog.step():
                    report.disk_held = look(self.job.connection).disk
                report.outcome = ReembedOutcome.PREPARED
                return
            self._swap()
        report.outcome = ReembedOutcome.INCOMPLETE if report.refused_count else ReembedOutcome.CLEAN
        if report.refused_count:
            recorder.notice(notices.refused(report.refused_count))

    def _check_embedder(self, state: ReembedState) -> None:
        """Vectors of another embedder must not come among those that an unfinished run has made."""
        if self.plan.only_missing or state.probe is None or self.embedder.made(state.probe, self.job.recorder.cancel):
            return
        raise RefusedError(
            f"A re-embedding with {self.target} is not finished, and this embedder gives other vectors than the one "
            "that it was begun with, although name and dimension are the same.",
            remedy="Go on with the embedder and --profile of the first run, or remove what was made with --abandon.",
        )

    def _stage(self, state: ReembedState) -> None:
        """Embed into the side table. The second time finds what was written or edited meanwhile."""
        job, embedder = self.job, self.embedder
        if state.stage is not Stage.UNFINISHED:
            stage.begin(job, self.target, job.destination.registered, embedder.probe(job.recorder.cancel))
        job.recorder.enter(ReembedPhase.EMBED)
        if state.shadow:
            fill.empty_stale(job)  # before their hashes are those of the present contents
        if state.stage is Stage.UNFINISHED:
            stage.forget_refusals(job)
        while stage.embed(job, embedder, self.plan.batch_size):
            pass

    def _fill(self, state: ReembedState) -> None:
        job = self.job
        job.recorder.enter(ReembedPhase.FILL)
        if self.plan.drop_hnsw_first:
            self.before = neighbours.of_old_vectors(job, job.destination.dimension, filled=False)
            with job.control.watchdog.step():
                names = preflight.hnsw_indexes(job.connection, job.store, COLUMN)
            index.drop(job, names)
            job.recorder.notice(notices.searching_scans())
        if not state.shadow:
            fill.add_column(job, self.target.dimension)
        fill.fill(job)

    def _index(self) -> None:
        self.job.recorder.enter(ReembedPhase.INDEX)
        index.build(self.job, self.target.dimension, concurrently=self.plan.concurrent_index)
        index.build_unfilled(self.job, concurrently=self.plan.concurrent_index)

    def _catch_up(self) -> None:
        """Bring what was written or edited since, until there is nothing more."""
        embedded = filled = 1
        while embedded or filled:
            embedded = stage.embed(self.job, self.embedder, self.plan.batch_size, UNFILLED)
            filled = fill.fill_rest(self.job)

    def _compare(self) -> None:
        job = self.job
        job.recorder.enter(ReembedPhase.COMPARE)
        before = self.before if self.before is not None else neighbours.of_old_vectors(job, job.destination.dimension)
        found = neighbours.compare(job, before, self.target.dimension)
        if found is not None:
            job.recorder.report.neighbours = found
            job.recorder.emit(events.Compared(found))

    def _swap(self) -> None:
        job = self.job
        job.recorder.enter(ReembedPhase.SWAP)
        self._catch_up()
        while not swap.swap(job, self.target):
            self._catch_up()
        job.recorder.phase = ReembedPhase.REMOVE  # from here on the new vectors are in place
        say_swapped(job)
        job.recorder.notice(notices.old_vectors_kept(job.recorder.report.disk_held or 0))
        job.recorder.notice(notices.column_order())
