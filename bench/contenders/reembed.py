"""This tool's re-embedding, with an embedder that answers at once, on a store that a copy has just filled."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections.abc import Sequence
from threading import Event

from bench.stopwatch import Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.facts import Refusal
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.protocol import Place, Vector
from vestige_tui.core.reembed.events import Embedding, PhaseStarted
from vestige_tui.core.reembed.events import Event as Happened
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.profiles import Profile
from vestige_tui.core.reembed.report import ReembedOutcome
from vestige_tui.core.reembed.run import run_reembed

DIMENSION = 256
_SUPPLY = 1 << 18


class InstantEmbedder:
    """Cuts its vectors out of a long row of random numbers, at a place that the text decides."""

    place = Place("memory")
    profile = Profile(None, "bench/instant", DIMENSION, DIMENSION)

    def __init__(self) -> None:
        numbers = random.Random(16)
        scale = DIMENSION**-0.5
        self._supply = array("f", (numbers.gauss(0, scale) for _ in range(_SUPPLY))).tobytes()

    def model_signature(self) -> ModelSignature:
        """Another one than the copy's."""
        return ModelSignature("bench/instant", DIMENSION)

    def embed(self, texts: Sequence[str], cancel: Event) -> list[Vector | Refusal]:
        """A vector for each text."""
        return [self.embed_query(text, cancel) for text in texts]

    def embed_query(self, text: str, cancel: Event) -> Vector:
        """The vector of one text."""
        start = 4 * (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) % (_SUPPLY - DIMENSION))
        return self._supply[start : start + 4 * DIMENSION]

    def close(self) -> None:
        """Nothing to do."""


def run(task: Task, *, drop_hnsw_first: bool = False) -> Measured:
    """Re-embed the store at the destination."""
    embedder = InstantEmbedder()
    watch = Stopwatch()

    def note(event: Happened) -> None:
        if isinstance(event, PhaseStarted):
            watch.phase(event.phase.name.lower())
        watch.batches += isinstance(event, Embedding)

    plan = ReembedPlan(task.dsn, max_connections=task.max_connections, drop_hnsw_first=drop_hnsw_first)
    with watch:
        report = run_reembed(plan, embedder, on_event=note)
    if report.outcome is not ReembedOutcome.CLEAN or report.rows_updated != report.embedded:
        raise SystemExit(f"the re-embedding was not clean: {report.outcome}, {report.notices}")
    return watch.measured()
