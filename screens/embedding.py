"""Embedding memories from the wizard: what was chosen, what it costs, and how its end is put into words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING

from vestige_tui.core.model import ModelSignature
from vestige_tui.core.text import count, duration, per_second, size

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn
    from vestige_tui.core.reembed.embedders.protocol import Place
    from vestige_tui.core.reembed.profiles import EmbedderChoice
    from vestige_tui.core.reembed.report import ReembedReport
    from vestige_tui.core.secret import Secret

FindKey = Callable[[str], "Secret | None"]
"""The key for the server at a URL. May wait for a keyring. Raises ``UsageError``."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """An embedder that was tried out, and what it is to embed after the copy.

    ``rate`` is in memories a second. ``only_missing``: the memories without a vector alone, in place.
    """

    choice: EmbedderChoice
    signature: ModelSignature
    place: Place
    rate: float
    memories: int
    only_missing: bool = False

    @property
    def costs(self) -> str:
        """How long it will take, and how much disk it needs."""
        number = count(self.memories, "memory", "memories")
        time = f"{number} take about {duration(self.memories / self.rate)} at {per_second(self.rate)} a second."
        return time if self.only_missing else f"{time} {_disk(self.memories, self.signature.dimension)}"

    @property
    def contents_go(self) -> str:
        """Where the contents of memories go."""
        from vestige_tui.core.reembed.words import contents_go_to

        return contents_go_to(self.place)


def _disk(memories: int, dimension: int) -> str:
    from vestige_tui.core.reembed.disk import estimated

    heap = memories * 1_000  # an ordinary memory's row without its vector
    grows = size(estimated(memories, heap, dimension, "0.8"))
    return f"The database grows by up to {grows} until the old vectors are dropped."


def tried(choice: EmbedderChoice, find_key: FindKey | None, memories: int, *, only_missing: bool) -> Embedding:
    """Open an embedder, measure it with texts of our own, and close it. Raises ``MigrationError``."""
    from vestige_tui.core.reembed.embedders.measuring import rate_of
    from vestige_tui.core.reembed.embedders.opening import open_embedder

    if choice.url is not None and choice.key is None and find_key is not None:
        choice = replace(choice, key=find_key(choice.url))
    never = Event()
    embedder = open_embedder(choice, cancel=never)
    try:
        rate = rate_of(embedder, never)
        return Embedding(choice, embedder.model_signature(), embedder.place, rate, memories, only_missing)
    finally:
        embedder.close()


def without_vector(dsn: Dsn, model: ModelSignature) -> int:
    """The memories with a text and without a vector. Raises ``MigrationError``."""
    from vestige_tui.core.reembed.plan import ReembedPlan
    from vestige_tui.core.reembed.run import run_reembed

    report = run_reembed(ReembedPlan(dsn, model=model, only_missing=True, dry_run=True))
    return report.estimate.rows if report.estimate is not None else 0


def outcome_in_words(report: ReembedReport) -> str:
    """How an embedding ended, in a sentence or two."""
    if not report.outcome.finished:
        made = count(report.embedded + report.already_embedded, "memory", "memories")
        kept = "stored" if report.action == "only_missing" else "kept beside the old ones"
        return f"Embedding was stopped: the new vectors of {made} are {kept}, and it can go on from there."
    if not report.rows_updated:
        return f"There was nothing to embed with {report.target.name if report.target else 'this model'}."
    name = report.target.name if report.target else "the new model"
    said = f"{count(report.rows_updated, 'memory has', 'memories have')} a new vector of {name}."
    if report.refused_count:
        said += f" {count(report.refused_count, 'memory was', 'memories were')} refused by the embedder."
    return said


def after_swap(report: ReembedReport, url: str) -> Iterator[str]:
    """What an operator can do after old and new vectors have changed places, a line each."""
    if report.action != "reembed" or not report.outcome.finished or not report.disk_held:
        return
    command = f"vestige-tui migrate reembed --postgres-url '{url}'"
    yield f"The old vectors are kept beside the new ones and hold {size(report.disk_held)}. Once searches are good:"
    yield f"  {command} --finish"
    yield "Or bring them back, which also lets this file be copied again:"
    yield f"  {command} --rollback"
