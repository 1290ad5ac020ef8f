"""Whether the vectors in place are those that an embedder makes.

The registry names a model and a dimension. It does not say what stood before the texts, how tokens were pooled, or
which release of the model answered; two of Vestige's profiles are registered alike. The vectors tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import LiteralString

from vestige_tui.core.reembed.constancy import ConstantEmbedder
from vestige_tui.core.reembed.embedders.treatment import cosine, from_values
from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.reading import LONGEST

SAMPLE = 8
LEAST = 0.9
"""The least cosine similarity of vectors of one space, in the median. A quantised model stays above it, and a few
memories whose text was edited behind Vestige's back do not move the median.
"""

_SAMPLE: LiteralString = """
    SELECT left(k.content, %s), k.{embedding}::real[] FROM {memories} k
    WHERE k.{embedding} IS NOT NULL AND {has_text} ORDER BY md5(k.id::text) LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Similarity:
    """Vectors in place beside those that an embedder makes of the same texts: ``value`` is the median cosine."""

    value: float
    memories: int

    @property
    def same(self) -> bool:
        """Whether they are of one space."""
        return self.value >= LEAST


def similarity(job: Job, embedder: ConstantEmbedder) -> Similarity | None:
    """Embed a few memories that have vectors, and compare; None where no memory has one.

    Raises ``EmbedderError``, ``Cancelled`` and ``psycopg.Error``.
    """
    with job.control.watchdog.step():
        found = job.connection.cursor(binary=True).execute(job.store.sql(_SAMPLE), (LONGEST, SAMPLE)).fetchall()
    if not found:
        return None
    made = embedder.embed([text for text, _ in found], job.recorder.cancel)
    cosines = [
        cosine(vector, from_values(stored))
        for vector, (_, stored) in zip(made, found, strict=True)
        if isinstance(vector, bytes)
    ]
    return Similarity(median(cosines), len(cosines)) if cosines else None
