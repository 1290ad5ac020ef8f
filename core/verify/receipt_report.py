"""What the check of a receipt found, and the JSON in which that is kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vestige_tui.core.report import DestinationReport, timestamp
from vestige_tui.core.verify.receipt_check import ReceiptCheck
from vestige_tui.core.verify.result import VerificationOutcome

FORMAT = "vestige-tui/receipt-check/1"


@dataclass(slots=True)
class ReceiptReport:
    """The result of ``run_receipt_check``; ``input`` is the file of the receipt, ``made_at`` is when that was made."""

    input: Path
    made_at: datetime
    destination: DestinationReport
    check: ReceiptCheck = field(default_factory=lambda: ReceiptCheck({}))
    notices: list[str] = field(default_factory=list)
    outcome: VerificationOutcome = VerificationOutcome.FAILED
    failure: str | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_ms: int = 0

    @property
    def kind(self) -> str:
        """What the run was."""
        return "verify-receipt"

    def conclude(self) -> None:
        """Decide the outcome of a check that went through to its end."""
        self.outcome = VerificationOutcome.EQUAL if self.check.intact else VerificationOutcome.DIFFERENT

    def to_json(self) -> str:
        """One JSON document, format ``vestige-tui/receipt-check/1``."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-compatible values."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "outcome": self.outcome.value,
            "receipt": {"path": str(self.input), "taken_at": timestamp(self.made_at)},
            "destination": asdict(self.destination),
            "tables": {
                name: {
                    "verdict": check.verdict.value,
                    "then": check.then,
                    "now": check.now,
                    "added": check.added,
                    "parts": [part._asdict() for part in check.parts],
                    "missing": list(check.missing),
                }
                for name, check in self.check.tables.items()
            },
            "started_at": timestamp(self.started_at),
            "duration_ms": self.duration_ms,
        }
        if self.notices:
            document["notices"] = self.notices
        if self.failure is not None:
            document["failure"] = self.failure
        return document
