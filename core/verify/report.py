"""What a verification found, and the JSON in which that is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.report import DestinationReport, SourceReport, difference_as_dict, source_as_dict, timestamp
from vestige_tui.core.verify.result import Comparison, VerificationOutcome

if TYPE_CHECKING:
    from vestige_tui.core.verify.receipt import Receipt

FORMAT = "vestige-tui/verification/1"


@dataclass(slots=True)
class VerificationReport:
    """The result of ``run_verification``; of one that did not reach its end, what it had found until then.

    ``repaired_by_operator`` and ``left_out_by_operator`` count rows by table; the latter are in no other count.
    """

    plan: VerificationPlan
    source: SourceReport
    destination: DestinationReport
    comparison: Comparison = field(default_factory=Comparison)
    notices: list[str] = field(default_factory=list)
    outcome: VerificationOutcome = VerificationOutcome.FAILED
    failure: str | None = None
    receipt: Receipt | None = None
    repaired_by_operator: dict[str, int] = field(default_factory=dict)
    left_out_by_operator: dict[str, int] = field(default_factory=dict)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_ms: int = 0

    @property
    def input(self) -> Path:
        """The file that no output may hit."""
        return self.plan.sqlite_path

    @property
    def kind(self) -> str:
        """What the run was."""
        return "verify"

    def conclude(self) -> None:
        """Decide the outcome of a comparison that went through to its end."""
        different = self.comparison.different
        self.outcome = VerificationOutcome.DIFFERENT if different else VerificationOutcome.EQUAL

    def to_json(self) -> str:
        """One JSON document, format ``vestige-tui/verification/1``; it holds no password and no value."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-compatible values."""
        found = self.comparison
        document: dict[str, Any] = {
            "format": FORMAT,
            "outcome": self.outcome.value,
            "source": source_as_dict(self.source),
            "destination": asdict(self.destination),
            "tables": {name: asdict(table) for name, table in found.tables.items()},
            "differences": [difference_as_dict(each) for each in found.differences],
            "differences_omitted": found.differences_omitted,
            "repaired_by_operator": self.repaired_by_operator,
            "left_out_by_operator": self.left_out_by_operator,
            "expected": [each.value for each in found.expected],
            "started_at": timestamp(self.started_at),
            "duration_ms": self.duration_ms,
        }
        if self.notices:
            document["notices"] = self.notices
        if self.failure is not None:
            document["failure"] = self.failure
        return document
