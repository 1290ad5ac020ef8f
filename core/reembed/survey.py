"""What a run finds before it does anything: it refuses, or says what is to be known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import LiteralString

from vestige_tui.core.destination.indexes import hnsw_expression
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.notices import no_vector_index
from vestige_tui.core.reembed import disk, notices, preflight
from vestige_tui.core.reembed.constancy import ConstantEmbedder
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.similarity import similarity
from vestige_tui.core.reembed.state import ReembedState, Stage, look
from vestige_tui.core.reembed.store import SHADOW

_COUNTS: LiteralString = """
    SELECT count(*), count(*) FILTER (WHERE {has_text}), count(*) FILTER (WHERE {has_text} AND k.{embedding} IS NULL)
    FROM {memories} k"""


@dataclass(slots=True)
class Survey:
    """Looks at a store for one run, with ``target`` as the model of the embedder."""

    job: Job
    target: ModelSignature
    only_missing: bool
    missing: int = 0
    """Memories with a text and without a vector, once ``check`` has counted them."""

    def check(self, embedder: ConstantEmbedder | None = None) -> ReembedState | None:
        """Look, refuse, and say what is to be known. Returns what there is, None where there is nothing to do.

        Where the registry names the model of the embedder already, a few memories are embedded and compared with the
        vectors in place; without an embedder the registry decides.
        """
        job = self.job
        report = job.recorder.report
        with job.control.watchdog.step():
            job.check_registered(job.connection)  # it was read before this run had the lock
            state = look(job.connection)
            check = preflight.check_in_place if self.only_missing else preflight.check_swap
            check(job.connection, job.destination, job.store)
        registered = job.destination.registered
        report.previous = registered
        self._count()
        if self.only_missing:
            self._check_model(registered)
            if self.missing and embedder is not None:
                self._check_vectors(embedder)
            return state if self.missing else None
        if registered is not None and self.target.matches(registered):
            found = similarity(job, embedder) if embedder is not None else None
            if found is None or found.same:
                job.recorder.notice(notices.already(registered, found))
                if state.stage is not Stage.NONE:
                    job.recorder.notice(notices.kept_from_before(state))
                return None
            job.recorder.notice(notices.other_vectors(found))
        _check_left(state, self.target, registered)
        report.already_embedded = state.staged
        report.typmod_changes = job.destination.dimension != self.target.dimension
        with job.control.watchdog.step():
            report.disk_needed = disk.needed(
                job.connection, job.store, self.target.dimension, job.destination.pgvector_version
            )
        self._say_beforehand(state)
        return state

    def _count(self) -> None:
        job, report = self.job, self.job.recorder.report
        with job.control.watchdog.step():
            ((memories, with_text, missing),) = job.connection.execute(job.store.sql(_COUNTS)).fetchall()
        report.memories, report.empty, self.missing = memories, memories - with_text, missing
        job.recorder.total = missing if self.only_missing else with_text
        if report.empty:
            job.recorder.notice(notices.empty(report.empty))

    def _check_model(self, registered: ModelSignature | None) -> None:
        """Vectors of another model must not come among those in place."""
        if registered is None or not self.target.matches(registered):
            raise RefusedError(
                f"The store is registered for {registered or 'no model'}, and the embedder makes vectors of "
                f"{self.target}: only vectors of the registered model may be added.",
                remedy="Name the registered model, or embed all memories anew, without --only-missing.",
            )

    def _check_vectors(self, embedder: ConstantEmbedder) -> None:
        """The name of a model does not make its vectors: they must be like those in place."""
        found = similarity(self.job, embedder)
        if found is not None and not found.same:
            raise RefusedError(
                f"The embedder makes other vectors than those in place, although it is registered: {found.memories} "
                f"memories that have a vector were embedded, and the cosine similarity is {found.value:.2f}.",
                remedy="Choose the --profile, server or folder that made the vectors in place, or embed all memories "
                "anew, without --only-missing.",
            )

    def _say_beforehand(self, state: ReembedState) -> None:
        recorder, job = self.job.recorder, self.job
        dimension = self.target.dimension
        if state.stage is Stage.UNFINISHED:
            recorder.notice(notices.continued(state))
        recorder.notice(notices.disk_needed(recorder.report.disk_needed or 0))
        if hnsw_expression(replace(job.destination, dimension=dimension), SHADOW) is None:
            recorder.notice(no_vector_index(dimension, job.destination.pgvector_version))
        if job.destination.dimension == dimension:
            recorder.notice(notices.same_dimension())
        with job.control.watchdog.step():
            others = preflight.other_indexes(job.connection, job.store)
            triggers = preflight.update_triggers(job.connection, job.store)
        if others:
            recorder.notice(notices.other_indexes(others))
        if triggers:
            recorder.notice(notices.triggers(triggers))


def _check_left(state: ReembedState, target: ModelSignature, registered: ModelSignature | None) -> None:
    """Whether what an earlier run has left may be continued. Raises ``RefusedError``."""
    if state.stage is Stage.SWAPPED:
        raise RefusedError(
            f"The vectors of {state.previous or 'no model'} are still kept beside those of {state.target}.",
            remedy="Drop them with --finish, or bring them back with --rollback; then run again.",
        )
    if state.stage is Stage.LEFTOVERS:
        raise RefusedError(
            "Parts of a re-embedding are left in this database, and what they belong to is not known.",
            remedy="Remove them with --abandon; then run again.",
        )
    if state.stage is Stage.UNFINISHED and state.target != target:
        raise RefusedError(
            f"A re-embedding with {state.target} is not finished: {state.staged:,} memories have been embedded.",
            remedy="Go on with that model, or remove what was made with --abandon; then run again.",
        )
    if state.stage is Stage.UNFINISHED and state.previous != registered:
        raise RefusedError(
            f"Since a re-embedding was begun, the registered model has changed from {state.previous or 'none'} to "
            f"{registered or 'none'}.",
            remedy="Remove what was made with --abandon; then run again.",
        )
