"""Reads kept reports back: of this version, of older ones that lack a field, and of newer ones that have more.

A report has no values of rows and no keys of differences; one that was read back has none either.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from vestige_tui.core import notices
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import UsageError
from vestige_tui.core.facts import IndexEstimate, NotVerified, Sign, Staleness
from vestige_tui.core.mending import MendedField, MendRefusal, MendState
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.report import FORMAT as REPORT
from vestige_tui.core.report import DestinationReport, Estimate, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.run.mending_report import FORMAT as MENDING
from vestige_tui.core.run.mending_report import MendingOutcome, MendingReport
from vestige_tui.core.verify.report import FORMAT as VERIFICATION
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import (
    Comparison,
    Difference,
    DifferenceKind,
    Expected,
    TableComparison,
    VerificationOutcome,
)

T = TypeVar("T")
ReadReport = MigrationReport | VerificationReport | MendingReport
Document = Mapping[str, Any]


class UnreadableReport(UsageError):
    """A file is no report, is damaged, or is of a kind that is not read back."""


def read_report(path: Path) -> ReadReport:
    """The report in a file. Raises ``UnreadableReport``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error.strerror or "it cannot be read") from None
    try:
        document = json.loads(data)
        read = _READERS[document["format"]]
    except (ValueError, RecursionError, TypeError, LookupError):
        raise _unreadable(path, "it is no report of a copy, a verification or a mending") from None
    try:
        return read(document)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        raise _unreadable(path, "it is not as it was written") from None


def _unreadable(path: Path, why: str) -> UnreadableReport:
    return UnreadableReport(f"The report {path} cannot be opened: {why}.", remedy="Look for another copy of it.")


class _Unknown:
    """Counts entries of kinds that this version does not know."""

    def __init__(self) -> None:
        self.count = 0

    def known(self, entries: Iterable[Document], make: Callable[[Document], T]) -> Iterable[T]:
        """What can be made of entries; one with an unknown kind is left out."""
        for entry in entries:
            try:
                made = make(entry)
            except ValueError:  # of an enum
                self.count += 1
                continue
            yield made

    def note(self, said: list[str]) -> None:
        """Say how many are left out."""
        if self.count:
            said.append(notices.unknown_entries(self.count))


def _migration(document: Document) -> MigrationReport:
    unknown = _Unknown()
    planned = document.get("plan", {})
    path = Path(document["source"]["path"])
    known = _known(CopyPlan, planned, skip=("sqlite_path", "postgres_url", "repairs"))
    plan = CopyPlan(path, _dsn(document), **known | {"dry_run": bool(document.get("dry_run", False))})
    not_verified = document.get("not_verified")
    report = MigrationReport(
        plan,
        _source(document["source"]),
        _destination(document["destination"]),
        tables={name: TableReport(**_known(TableReport, entry)) for name, entry in document.get("tables", {}).items()},
        left_behind=dict(document.get("left_behind", {})),
        vectors=(*unknown.known(document.get("vectors", ()), _vectors),),
        errors=[*unknown.known(document.get("errors", ()), _error)],
        incomplete=(*unknown.known(document.get("incomplete", ()), _missing),),
        notices=[*document.get("notices", ())],
        outcome=Outcome(document["outcome"]),
        verified=bool(document.get("verified", False)),
        not_verified=NotVerified(not_verified["reason"]) if not_verified else None,
        verification_failure=not_verified.get("failure") if not_verified else None,
        differences=(*unknown.known(document.get("differences", ()), _difference),),
        differences_omitted=int(document.get("differences_omitted", 0)),
        expected=_expected(document, unknown),
        repaired_by_operator=dict(document.get("repaired_by_operator", {})),
        left_out_by_operator=dict(document.get("left_out_by_operator", {})),
        mending=[*unknown.known(document.get("mending", ()), _mended)],
        failure=document.get("failure"),
        estimate=_estimate(document["estimate"]) if document.get("estimate") else None,
        index_estimate=_index(document.get("index_estimate")),
        started_at=_moment(document),
        duration_ms=int(document.get("duration_ms", 0)),
    )
    unknown.note(report.notices)
    return report


def _verification(document: Document) -> VerificationReport:
    unknown = _Unknown()
    outcome = VerificationOutcome(document["outcome"])
    tables = {name: TableComparison(**_known(TableComparison, entry)) for name, entry in document["tables"].items()}
    report = VerificationReport(
        VerificationPlan(Path(document["source"]["path"]), _dsn(document)),
        _source(document["source"]),
        _destination(document["destination"]),
        Comparison(
            tables,
            (*unknown.known(document.get("differences", ()), _difference),),
            int(document.get("differences_omitted", 0)),
            complete=outcome in (VerificationOutcome.EQUAL, VerificationOutcome.DIFFERENT),
            expected=_expected(document, unknown),
        ),
        notices=[*document.get("notices", ())],
        outcome=outcome,
        failure=document.get("failure"),
        repaired_by_operator=dict(document.get("repaired_by_operator", {})),
        left_out_by_operator=dict(document.get("left_out_by_operator", {})),
        started_at=_moment(document),
        duration_ms=int(document.get("duration_ms", 0)),
    )
    unknown.note(report.notices)
    return report


def _mending(document: Document) -> MendingReport:
    unknown = _Unknown()
    report = MendingReport(
        _source(document["source"]),
        _destination(document["destination"]),
        [*unknown.known(document["fields"], _mended)],
        notices=[*document.get("notices", ())],
        outcome=MendingOutcome(document["outcome"]),
        failure=document.get("failure"),
        started_at=_moment(document),
        duration_ms=int(document.get("duration_ms", 0)),
    )
    unknown.note(report.notices)
    return report


_READERS: Mapping[str, Callable[[Document], ReadReport]] = {
    REPORT: _migration,
    VERIFICATION: _verification,
    MENDING: _mending,
}


def _known(made: type[Any], entry: Document, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    """Those values of an entry that a dataclass has a field for."""
    names = {field.name for field in fields(made)}.difference(skip)
    return {name: value for name, value in entry.items() if name in names}


def _estimate(entry: Document) -> Estimate:
    return Estimate(**_known(Estimate, entry, skip=("index",)), index=_index(entry.get("index")))


def _index(entry: Document | None) -> IndexEstimate | None:
    return IndexEstimate(**_known(IndexEstimate, entry)) if entry else None


def _dsn(document: Document) -> Dsn:
    """The destination, without the mask in place of its password; empty where its URL cannot be parsed."""
    try:
        parameters = Dsn.parse(document["destination"]["url"]).parameters
    except UsageError:
        return Dsn({})
    return Dsn({name: value for name, value in parameters.items() if name != "password"})


def _model(entry: Document | None) -> ModelSignature | None:
    return None if entry is None else ModelSignature(entry["name"], entry["dimension"], entry["hash"])


def _source(entry: Document) -> SourceReport:
    stale = entry.get("stale")
    return SourceReport(
        str(entry["path"]),
        str(entry.get("layout", "")),
        entry.get("version"),
        _model(entry.get("model")),
        _staleness(stale) if stale else None,
    )


def _staleness(entry: Document) -> Staleness:
    written = entry.get("written")
    return Staleness(tuple(map(Sign, entry["signs"])), datetime.fromisoformat(written) if written else None)


def _destination(entry: Document) -> DestinationReport:
    return DestinationReport(**_known(DestinationReport, entry) | {"model": _model(entry.get("model"))})


def _moment(document: Document) -> datetime:
    return datetime.fromisoformat(document["started_at"])


def _expected(document: Document, unknown: _Unknown) -> tuple[Expected, ...]:
    entries = ({"expected": each} for each in document.get("expected", ()))
    return (*unknown.known(entries, lambda entry: Expected(entry["expected"])),)


def _error(entry: Document) -> RowError:
    return RowError(**_known(RowError, entry) | {"kind": Kind(entry["kind"])})


def _difference(entry: Document) -> Difference:
    values = _known(Difference, entry) | {"kind": DifferenceKind(entry["kind"]), "key": ()}
    return Difference(**values)


def _mended(entry: Document) -> MendedField:
    refusal = entry.get("refusal")
    values = {"state": MendState(entry["state"]), "refusal": MendRefusal(refusal) if refusal else None}
    return MendedField(**_known(MendedField, entry) | values)


def _vectors(entry: Document) -> VectorGroup:
    return VectorGroup(**_known(VectorGroup, entry) | {"fate": Fate(entry["fate"]), "named": tuple(entry["named"])})


def _missing(entry: Document) -> MissingPart:
    values = {"kind": PartKind(entry["kind"]), "reason": Reason(entry["reason"])}
    return MissingPart(**_known(MissingPart, entry) | values)
