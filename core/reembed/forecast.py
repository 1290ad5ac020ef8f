"""A dry run: what a re-embedding would do, and how long it would take."""

from __future__ import annotations

import time

from vestige_tui.core.reembed.constancy import ConstantEmbedder
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.reading import NOT_STAGED, WITHOUT_VECTOR, Reader
from vestige_tui.core.reembed.report import Estimate, ReembedOutcome
from vestige_tui.core.reembed.state import ReembedState
from vestige_tui.core.reembed.survey import Survey

USUAL_RATE = 50.0
"""Memories a second that are embedded, where none was measured."""

MEASURED = 16
"""Memories that a dry run embeds to measure that."""


def foretell(survey: Survey, plan: ReembedPlan, embedder: TextEmbedder | None) -> None:
    """Say in the report what a run would do. Raises ``RefusedError`` as the run would."""
    job = survey.job
    report = job.recorder.report
    state = survey.check(ConstantEmbedder(embedder) if embedder is not None else None)
    if state is None:
        report.outcome = ReembedOutcome.UNCHANGED
        return
    rows = survey.missing if plan.only_missing else max(0, job.recorder.total - report.already_embedded)
    measured = _measured_rate(job, plan, embedder, state) if embedder is not None else None
    rate = measured or USUAL_RATE
    report.estimate = Estimate(rows, -(-rows // plan.batch_size), rate, measured is not None, rows / rate)
    report.outcome = ReembedOutcome.FORETOLD


def _measured_rate(job: Job, plan: ReembedPlan, embedder: TextEmbedder, state: ReembedState) -> float | None:
    """Memories a second that the embedder really makes, tried on a few; None where none is left to try."""
    wanted = WITHOUT_VECTOR if plan.only_missing else NOT_STAGED if state.vectors else "true"
    batch = Reader(job.control, job.store, wanted, MEASURED).next()
    if batch is None:
        return None
    started = time.monotonic()
    embedder.embed(batch.texts, job.recorder.cancel)
    return len(batch.texts) / max(1e-6, time.monotonic() - started)
