"""What a mending did, and the JSON in which that is kept: rows and fields by name, and no value of any."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from vestige_tui.core.mending import MendedField, MendState
from vestige_tui.core.report import DestinationReport, SourceReport, source_as_dict, timestamp

FORMAT = "vestige-tui/mending/1"


class MendingOutcome(StrEnum):
    """How a mending ended."""

    CLEAN = "clean"
    """Every field has the wanted value, as compared afterwards."""

    INCOMPLETE = "incomplete"
    """Some have another one: they had changed meanwhile, or could not be set."""

    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(slots=True)
class MendingReport:
    """The result of ``mend``; of one that did not reach its end, what it had done until then.

    ``fields`` are those that were asked for, in that order as far as tables go. One counts as mended only if it was
    found equal to the source afterwards.
    """

    source: SourceReport
    destination: DestinationReport
    fields: list[MendedField] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    outcome: MendingOutcome = MendingOutcome.FAILED
    failure: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_ms: int = 0

    @property
    def input(self) -> Path:
        """The file that no output may hit."""
        return Path(self.source.path)

    @property
    def kind(self) -> str:
        """What the run was."""
        return "mend"

    @property
    def receipt(self) -> None:
        """It has none."""

    @property
    def counts(self) -> dict[MendState, int]:
        """How many fields ended in each state."""
        found = Counter(each.state for each in self.fields)
        return {state: found[state] for state in MendState}

    def conclude(self) -> None:
        """Decide the outcome of a mending that went through to its end."""
        right = all(each.is_right for each in self.fields)
        self.outcome = MendingOutcome.CLEAN if right else MendingOutcome.INCOMPLETE

    def to_json(self) -> str:
        """One JSON document, format ``vestige-tui/mending/1``; it holds no password and no value."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-compatible values."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "outcome": self.outcome.value,
            "source": source_as_dict(self.source),
            "destination": asdict(self.destination),
            "counts": {state.value: count for state, count in self.counts.items()},
            "fields": [asdict(each) for each in self.fields],
            "started_at": timestamp(self.started_at),
            "duration_ms": self.duration_ms,
        }
        if self.notices:
            document["notices"] = self.notices
        if self.failure is not None:
            document["failure"] = self.failure
        return document
