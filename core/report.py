"""What a run did: counts per table, every error, and the JSON in which both are kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vestige_tui.core.facts import IndexEstimate, NotVerified, Staleness
from vestige_tui.core.mending import MendedField, MendState, mended_rows
from vestige_tui.core.missing import MissingPart
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.tables import TABLES, Table, shown
from vestige_tui.core.rows.vectors import VectorGroup

if TYPE_CHECKING:  # it brings libpq along, which a list of problems does not need
    from vestige_tui.core.plan import CopyPlan
    from vestige_tui.core.verify.receipt import Receipt
    from vestige_tui.core.verify.result import Difference, Expected

FORMAT = "vestige-tui/report/1"


class Outcome(StrEnum):
    """How a run ended."""

    CLEAN = "clean"
    DIFFERENT = "different"
    """Rows that were at the destination before have other values there; all else is clean."""

    ERRORS = "errors"
    INCOMPLETE = "incomplete"
    """All rows are there, but an index or a foreign key is not."""

    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def finished(self) -> bool:
        """Whether the run went through to its end."""
        return self not in (Outcome.CANCELLED, Outcome.FAILED)


@dataclass(slots=True)
class TableReport:
    """Counts of one table: ``read == inserted + already_present + failed``, and ``repaired`` of the inserted ones.

    ``source`` is what the source holds. In a dry run the counts tell what a copy would do. ``already_equal`` and
    ``already_different`` are those of ``already_present`` whose values were compared; None where they were not.
    """

    source: int = 0
    read: int = 0
    inserted: int = 0
    already_present: int = 0
    failed: int = 0
    repaired: int = 0
    seconds: float = 0.0
    already_equal: int | None = None
    already_different: int | None = None

    @property
    def copied(self) -> int:
        """Rows of the source that are at the destination."""
        return self.inserted + self.already_present


@dataclass(slots=True)
class SourceReport:
    """What the source was: ``layout`` is seed or published; ``stale`` tells that Vestige 4 had moved on from it."""

    path: str
    layout: str = ""
    version: int | None = None
    model: ModelSignature | None = None
    stale: Staleness | None = None


@dataclass(slots=True)
class DestinationReport:
    """What the destination was; ``url`` has its password masked."""

    url: str
    server_version: str | None = None
    pgvector_version: str | None = None
    model: ModelSignature | None = None


@dataclass(slots=True)
class Estimate:
    """What a copy would take: ``seconds`` by a rule of thumb, and ``size`` in bytes at the destination.

    ``index`` is the vector index, which is part of both (None: none would be built).
    """

    seconds: float
    size: int
    index: IndexEstimate | None = None


@dataclass(slots=True)
class MigrationReport:
    """The result of one run; grows while the run goes on.

    Each table has a counter, such as ``memories_copied``: rows of the source that are at the destination.
    ``verified``: every value was compared after the copy; ``not_verified`` says why not, and ``verification_failure``
    what ended the comparison. ``differences`` are what it found, as far as it lists them; ``expected`` are those that
    have a reason and count as none. ``receipt`` is a document of its own. ``repaired_by_operator`` and
    ``left_out_by_operator`` count rows by table; the latter count nowhere else. ``mending`` is what became of fields
    that repairs alter in rows that were at the destination before. ``index_estimate`` is what a copy foretold of the
    vector index.
    """

    plan: CopyPlan
    source: SourceReport
    destination: DestinationReport
    tables: dict[str, TableReport] = field(default_factory=dict)
    left_behind: dict[str, int] = field(default_factory=dict)
    vectors: tuple[VectorGroup, ...] = ()
    errors: list[RowError] = field(default_factory=list)
    incomplete: tuple[MissingPart, ...] = ()
    notices: list[str] = field(default_factory=list)
    outcome: Outcome = Outcome.FAILED
    verified: bool = False
    not_verified: NotVerified | None = None
    verification_failure: str | None = None
    differences: tuple[Difference, ...] = ()
    differences_omitted: int = 0
    expected: tuple[Expected, ...] = ()
    receipt: Receipt | None = None
    repaired_by_operator: dict[str, int] = field(default_factory=dict)
    left_out_by_operator: dict[str, int] = field(default_factory=dict)
    mending: list[MendedField] = field(default_factory=list)
    failure: str | None = None
    estimate: Estimate | None = None
    index_estimate: IndexEstimate | None = None
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    duration_ms: int = 0

    def __getattr__(self, name: str) -> int:
        """The counter of a table."""
        for table in TABLES:
            if name == table.counter:
                return self._copied(table)
        raise AttributeError(name)

    @property
    def input(self) -> Path:
        """The file that no output may hit."""
        return self.plan.sqlite_path

    @property
    def kind(self) -> str:
        """What the run was."""
        return "dry-run" if self.plan.dry_run else "copy"

    def conclude(self) -> None:
        """Decide the outcome of a run that went through to its end; rows with errors count for more than the rest."""
        if self.errors:
            self.outcome = Outcome.ERRORS
        elif self.incomplete:
            self.outcome = Outcome.INCOMPLETE
        else:
            self.outcome = Outcome.DIFFERENT if self.differing_rows else Outcome.CLEAN

    @property
    def differing_rows(self) -> int:
        """How many rows that this run did not write have other values at the destination, as far as was compared."""
        compared = self.plan.verify if self.plan.dry_run else self.verified
        if not compared:
            return len({(each.table, each.row) for each in self.mending if each.state is MendState.CHANGED})
        counted = sum(table.already_different or 0 for table in self.tables.values())
        return counted or len({(each.table, each.row) for each in self.differences})

    @property
    def mended(self) -> dict[str, int]:
        """By table: how many rows that were at the destination before have a field that was mended there."""
        return mended_rows(self.mending)

    def counters(self) -> dict[str, int]:
        """Each table's counter by name, memories first."""
        return {table.counter: self._copied(table) for table in shown()}

    def _copied(self, table: Table) -> int:
        return self.tables[table.name].copied if table.name in self.tables else 0

    def to_json(self) -> str:
        """The report as one JSON document, format ``vestige-tui/report/1``; holds no password and no content."""
        return json.dumps(self.as_dict(), ensure_ascii=False, indent=2) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON-compatible values."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "dry_run": self.plan.dry_run,
            "outcome": self.outcome.value,
            "verified": self.verified,
            "source": source_as_dict(self.source),
            "destination": asdict(self.destination),
            "plan": {
                "batch_size": self.plan.batch_size,
                "max_connections": self.plan.max_connections,
                "allow_source_upgrade": self.plan.allow_source_upgrade,
                "upgrade_copy": self.plan.upgrade_copy,
            },
            **self.counters(),
            "problems": len(self.errors),
            "tables": {
                name: asdict(table) | {"seconds": round(table.seconds, 3)} for name, table in self.tables.items()
            },
            "vectors": [asdict(group) for group in self.vectors],
            "left_behind": self.left_behind,
            "repaired_by_operator": self.repaired_by_operator,
            "left_out_by_operator": self.left_out_by_operator,
            "mended": self.mended,
            "mending": [asdict(each) for each in self.mending],
            "errors": [asdict(error) for error in self.errors],
            "differences": [difference_as_dict(each) | {"was_there": each.was_there} for each in self.differences],
            "differences_omitted": self.differences_omitted,
            "incomplete": [asdict(part) for part in self.incomplete],
            "started_at": timestamp(self.started_at),
            "duration_ms": self.duration_ms,
        }
        if self.plan.allow_stale_source:
            document["plan"]["allow_stale_source"] = True
        if self.notices:
            document["notices"] = self.notices
        if self.expected:
            document["expected"] = [each.value for each in self.expected]
        if self.not_verified is not None:
            document["not_verified"] = {"reason": self.not_verified.value, "failure": self.verification_failure}
        if self.failure is not None:
            document["failure"] = self.failure
        if self.estimate is not None:
            document["estimate"] = asdict(self.estimate)
        if self.index_estimate is not None:
            document["index_estimate"] = asdict(self.index_estimate)
        return document


def source_as_dict(source: SourceReport) -> dict[str, Any]:
    """What a source was; that it was stale only where it was."""
    document = asdict(source)
    if source.stale is None:
        del document["stale"]
    else:
        document["stale"] = stale_as_dict(source.stale)
    return document


def timestamp(moment: datetime) -> str:
    """A moment in UTC, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def difference_as_dict(difference: Difference) -> dict[str, object]:
    """A JSON-compatible form; it holds no value."""
    return {
        "table": difference.table,
        "row": difference.row,
        "field": difference.field,
        "kind": difference.kind.value,
    }


def stale_as_dict(stale: Staleness) -> dict[str, object]:
    """A JSON-compatible form."""
    written = stale.written.isoformat(timespec="seconds").replace("+00:00", "Z") if stale.written else None
    return {"signs": [sign.value for sign in stale.signs], "written": written}
