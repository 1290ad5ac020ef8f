"""What a re-embedding did, and its JSON: no password and no content of a memory."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from vestige_tui.core.facts import Refusal
from vestige_tui.core.model import ModelSignature

FORMAT = "vestige-tui/reembed/1"

MOST_REFUSED = 1_000
"""Ids of refused memories that a report lists; the others are counted."""


class Action(StrEnum):
    """What was asked for."""

    REEMBED = "reembed"
    ONLY_MISSING = "only_missing"
    ROLLBACK = "rollback"
    FINISH = "finish"
    ABANDON = "abandon"


class ReembedOutcome(StrEnum):
    """How a run ended."""

    CLEAN = "clean"
    UNCHANGED = "unchanged"
    """There was nothing to do."""

    PREPARED = "prepared"
    """Everything is ready, and the swap was not asked for."""

    INCOMPLETE = "incomplete"
    """Done, but the embedder refused memories, which have no vector."""

    FORETOLD = "foretold"
    """A dry run."""

    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether the run went through to its end."""
        return self not in (ReembedOutcome.CANCELLED, ReembedOutcome.FAILED)


@dataclass(frozen=True, slots=True)
class NeighbourExample:
    """One memory with its nearest neighbours in both spaces, nearest first; all are ids."""

    memory: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NeighbourComparison:
    """How many of the nearest neighbours stay the same.

    ``sample`` memories were looked at, with up to ``nearest`` neighbours each; ``kept`` of ``neighbours`` in all are
    near in both spaces.
    """

    sample: int
    nearest: int
    neighbours: int
    kept: int
    examples: tuple[NeighbourExample, ...] = ()

    @property
    def share(self) -> float | None:
        """The share that stays, None where there are no neighbours."""
        return self.kept / self.neighbours if self.neighbours else None


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run would take. ``measured``: the rate was measured with the embedder; else it is a rule of thumb.

    ``rows`` are still to be embedded, in ``batches``; ``seconds`` is for those, without the index.
    """

    rows: int
    batches: int
    rows_per_second: float
    measured: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class RefusedMemory:
    """A memory, by its id, of which the embedder makes no vector."""

    memory: str
    reason: Refusal


@dataclass(slots=True)
class ReembedReport:
    """The result of one run; grows while the run goes on.

    ``memories`` are those of the store, ``empty`` those of them without a text, which get no vector. ``rows_updated``
    have another vector than before the run. ``embedded`` counts what the embedder made in this run, and
    ``already_embedded`` what an interrupted one had made. ``refused`` are memories that the embedder does not take.
    ``without_vector`` are memories that a rollback left without one, written or edited since the swap.
    ``disk_needed`` (bytes) was estimated beforehand; ``disk_held`` is what the vectors put aside hold now.
    """

    action: Action
    url: str
    dry_run: bool = False
    previous: ModelSignature | None = None
    target: ModelSignature | None = None
    outcome: ReembedOutcome = ReembedOutcome.FAILED
    memories: int = 0
    empty: int = 0
    rows_updated: int = 0
    embedded: int = 0
    already_embedded: int = 0
    refused: list[RefusedMemory] = field(default_factory=list)
    refused_count: int = 0
    without_vector: int = 0
    typmod_changes: bool = False
    disk_needed: int | None = None
    disk_held: int | None = None
    neighbours: NeighbourComparison | None = None
    estimate: Estimate | None = None
    notices: list[str] = field(default_factory=list)
    failure: str | None = None
    server_version: str | None = None
    pgvector_version: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_secs: float = 0.0
    index_rebuild_secs: float = 0.0

    @property
    def kind(self) -> str:
        """What the run was, for the name of its file."""
        return "reembed-dry-run" if self.dry_run else self.action.value.replace("_", "-")

    @property
    def input(self) -> None:
        """No file is read."""

    def refuse(self, memories: list[RefusedMemory]) -> None:
        """Note memories that the embedder refused; one may be refused again when others were edited meanwhile."""
        fresh = [memory for memory in memories if memory not in self.refused]
        self.refused_count += len(fresh)
        self.refused += fresh[: MOST_REFUSED - len(self.refused)]

    def to_json(self) -> str:
        """The report as one JSON document."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-compatible values."""
        document = {"format": FORMAT} | asdict(self)
        document["started_at"] = self.started_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for name in ("duration_secs", "index_rebuild_secs"):
            document[name] = round(document[name], 3)
        if self.neighbours is not None:
            document["neighbours"]["share"] = self.neighbours.share
        return document
