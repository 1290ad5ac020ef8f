"""Makes the receipt of a copy or of a verification from what either found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from typing import Any

from vestige_tui.core.missing import MissingPart
from vestige_tui.core.report import DestinationReport, MigrationReport, SourceReport, stale_as_dict
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.vectors import VectorGroup
from vestige_tui.core.source.file_hash import SourceHash
from vestige_tui.core.verify.digests import TableDigest, Taken
from vestige_tui.core.verify.receipt import FORMAT, Receipt
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import TableComparison

_FOUND_BY_COMPARISON = frozenset({Kind.DIFFERS_AT_DESTINATION, Kind.GONE_AT_DESTINATION})


class Made(StrEnum):
    """What a receipt is of."""

    COPY = "copy"
    VERIFICATION = "verification"


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of one table. Of a copy: ``source == inserted + already_present + left_out``; what was not compared is None.

    ``changed`` and ``missing`` are those of the inserted ones that the comparison found with another value, or did not
    find. Of a verification, ``inserted`` is 0, and ``source == already_present + left_out + missing``.
    """

    source: int
    inserted: int
    already_present: int
    already_equal: int | None
    already_different: int | None
    left_out: int
    changed: int | None
    missing: int | None


def make_receipt(
    made: Made,
    *,
    outcome: str,
    verified: bool,
    started_at: datetime,
    ended_at: datetime,
    source: SourceReport,
    before: SourceHash | None,
    after: SourceHash | None,
    destination: DestinationReport,
    schema: str,
    taken: Taken,
    counts: Mapping[str, Counts],
    problems: Iterable[RowError] = (),
    left_behind: Mapping[str, int] | None = None,
    vectors: Sequence[VectorGroup] = (),
    incomplete: Sequence[MissingPart] = (),
    upgrade: str | None = None,
    repaired_by_operator: Mapping[str, int] | None = None,
    left_out_by_operator: Mapping[str, int] | None = None,
    mended: Mapping[str, int] | None = None,
) -> Receipt:
    """A receipt. ``before`` and ``after`` are the source's files, None where not known.

    Of ``problems`` only the kinds are counted, and of ``vectors`` the memories are not named.
    """
    problems = [problem for problem in problems if problem.kind not in _FOUND_BY_COMPARISON]
    document = {
        "format": FORMAT,
        "tool": f"vestige-tui {version('vestige-tui')}",
        "of": made.value,
        "outcome": outcome,
        "verified": verified,
        "started_at": _moment(started_at),
        "ended_at": _moment(ended_at),
        "source": _source(source, before, after) | ({"upgrade": upgrade} if upgrade else {}),
        "destination": asdict(destination) | {"schema": schema, "taken_at": _moment(taken.at), "xid": str(taken.xid)},
        "tables": {name: _table(counted, taken.tables.get(name)) for name, counted in counts.items()},
        "repaired": _by_kind(problem for problem in problems if problem.copied),
        "left_out": _by_kind(problem for problem in problems if not problem.copied),
        "repaired_by_operator": dict(repaired_by_operator or {}),
        "left_out_by_operator": dict(left_out_by_operator or {}),
        "mended": dict(mended or {}),
        "left_behind": dict(left_behind or {}),
        "vectors": [{name: value for name, value in asdict(group).items() if name != "named"} for group in vectors],
        "incomplete": [asdict(part) for part in incomplete],
    }
    return Receipt.of(document)


def receipt_of_copy(
    report: MigrationReport, schema: str, taken: Taken, before: SourceHash | None, after: SourceHash | None
) -> Receipt:
    """The receipt of a copy that has ended."""
    plan = report.plan
    return make_receipt(
        Made.COPY,
        outcome=report.outcome.value,
        verified=report.verified,
        started_at=report.started_at,
        ended_at=report.started_at + timedelta(milliseconds=report.duration_ms),
        source=report.source,
        before=before,
        after=after,
        destination=report.destination,
        schema=schema,
        taken=taken,
        counts={name: _counts(report, name) for name in report.tables},
        problems=report.errors,
        left_behind=report.left_behind,
        vectors=report.vectors,
        incomplete=report.incomplete,
        upgrade="private copy" if plan.upgrade_copy else "in place" if plan.allow_source_upgrade else None,
        repaired_by_operator=report.repaired_by_operator,
        left_out_by_operator=report.left_out_by_operator,
        mended=report.mended,
    )


def receipt_of_verification(
    report: VerificationReport, schema: str, taken: Taken, before: SourceHash | None, after: SourceHash | None
) -> Receipt:
    """The receipt of a verification that has ended."""
    return make_receipt(
        Made.VERIFICATION,
        outcome=report.outcome.value,
        verified=report.comparison.complete,
        started_at=report.started_at,
        ended_at=report.started_at + timedelta(milliseconds=report.duration_ms),
        source=report.source,
        before=before,
        after=after,
        destination=report.destination,
        schema=schema,
        taken=taken,
        counts={name: _counts_of(table) for name, table in report.comparison.tables.items()},
        repaired_by_operator=report.repaired_by_operator,
        left_out_by_operator=report.left_out_by_operator,
    )


def _counts_of(table: TableComparison) -> Counts:
    return Counts(
        source=table.source,
        inserted=0,
        already_present=table.compared,
        already_equal=table.equal,
        already_different=table.different,
        left_out=table.left_out,
        changed=0,
        missing=table.missing,
    )


def _counts(report: MigrationReport, name: str) -> Counts:
    table = report.tables[name]
    found = {
        kind: {error.row for error in report.errors if (error.table, error.kind) == (name, kind)}
        for kind in _FOUND_BY_COMPARISON
    }
    return Counts(
        source=table.source,
        inserted=table.inserted,
        already_present=table.already_present,
        already_equal=table.already_equal,
        already_different=table.already_different,
        left_out=table.failed,
        changed=len(found[Kind.DIFFERS_AT_DESTINATION]) if report.verified else None,
        missing=len(found[Kind.GONE_AT_DESTINATION]) if report.verified else None,
    )


def _source(source: SourceReport, before: SourceHash | None, after: SourceHash | None) -> dict[str, Any]:
    """What the source was. ``unchanged`` is None where a hash is missing."""
    return asdict(source) | {
        "stale": stale_as_dict(source.stale) if source.stale else None,
        "before": asdict(before) if before else None,
        "after": asdict(after) if after else None,
        "unchanged": before == after if before and after else None,
    }


def _table(counts: Counts, taken: TableDigest | None) -> dict[str, Any]:
    """The counts of a table, and the digest of all its rows at the destination."""
    if taken is None:
        return asdict(counts) | {"at_destination": None, "digest": None, "parts": {}}
    return asdict(counts) | {"at_destination": taken.rows, "digest": taken.digest, "parts": taken.parts_as_text()}


def _by_kind(problems: Iterable[RowError]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for problem in problems:
        counts.setdefault(problem.table, Counter())[problem.kind.value] += 1
    return {table: dict(kinds) for table, kinds in counts.items()}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
