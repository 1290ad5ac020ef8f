"""Kept reports: listed by their names, headlines without reading the whole, opened with everything that they say."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.facts import IndexEstimate, NotVerified, Sign, Staleness
from vestige_tui.core.mending import MendedField, MendRefusal, MendState
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.reading_reports import UnreadableReport
from vestige_tui.core.reembed.report import Action, ReembedReport
from vestige_tui.core.report import DestinationReport, Estimate, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.run.mending_report import MendingOutcome, MendingReport
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import (
    Comparison,
    Difference,
    DifferenceKind,
    Expected,
    TableComparison,
    VerificationOutcome,
)
from vestige_tui.user.kept_reports import Headline, RunKind, kept_reports
from vestige_tui.user.saving import Report, kept_report, save
from vestige_tui.user.settings import reports_folder

URL = "postgresql://me:***@host:5432/db"
MODEL = ModelSignature("nomic", 256, "ab")
START = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)


def a_copy(started: datetime = START, problems: int = 2) -> MigrationReport:
    stale = Staleness((Sign.SEGMENTS,), datetime(2026, 1, 2, tzinfo=UTC))
    return MigrationReport(
        CopyPlan(Path("/x/half \udc80.db"), Dsn.parse("host=h"), batch_size=7, allow_stale_source=True),
        SourceReport("/x/half \udc80.db", "seed", 15, MODEL, stale),
        DestinationReport(URL, "18.4", "0.8.5", MODEL),
        tables={"knowledge_nodes": TableReport(30, 30, 20, 8, 2, 1, 0.25, 7, 1)},
        left_behind={"intentions": 12},
        vectors=(VectorGroup("node_embeddings", None, "m", 384, 3, Fate.OTHER_MODEL, ("a", "b")),),
        errors=[
            RowError("knowledge_nodes", f"row {number}", "metadata", Kind.MALFORMED_JSON, "is wrong", copied=True)
            for number in range(problems)
        ],
        incomplete=(MissingPart(PartKind.INDEX, "idx", "edges", Reason.TABLES_IN_USE),),
        notices=["A sentence."],
        outcome=Outcome.ERRORS,
        verified=True,
        not_verified=NotVerified.FAILED,
        verification_failure="lost",
        differences=(Difference("edges", "a→b", "weight", DifferenceKind.DIFFERENT, (), was_there=True),),
        differences_omitted=5,
        expected=(Expected.BOOTSTRAP_USER,),
        repaired_by_operator={"knowledge_nodes": 1},
        left_out_by_operator={"edges": 2},
        mending=[
            MendedField("knowledge_nodes", "r", "tags", MendState.REFUSED, MendRefusal.REFUSED_BY_SERVER, "XX000"),
            MendedField("knowledge_nodes", "s", "tags", MendState.MENDED),
        ],
        failure="why",
        estimate=Estimate(1.5, 1000),
        index_estimate=IndexEstimate(1.0, 2.0, 256, 285, 1),
        started_at=started,
        duration_ms=812,
    )


def a_verification(started: datetime = START, path: str = "/x/half \udc80.db") -> VerificationReport:
    return VerificationReport(
        VerificationPlan(Path(path), Dsn.parse("host=h")),
        SourceReport(path, "seed", 15, MODEL),
        DestinationReport(URL, "18.4", "0.8.5", MODEL),
        Comparison(
            {"edges": TableComparison(5, 1, 3, 2, 1, 1, 4), "users": TableComparison(1, 0, 1, 1)},
            (Difference("edges", "a→b", None, DifferenceKind.MISSING, ()),),
            complete=True,
        ),
        outcome=VerificationOutcome.DIFFERENT,
        started_at=started,
        duration_ms=5,
    )


def a_mending(started: datetime = START) -> MendingReport:
    fields = [
        MendedField("users", "u", "handle", MendState.MENDED),
        MendedField("users", "v", "handle", MendState.CHANGED),
    ]
    source, destination = SourceReport("/x/a.db"), DestinationReport(URL)
    return MendingReport(source, destination, fields, outcome=MendingOutcome.INCOMPLETE, started_at=started)


@pytest.mark.parametrize("make", [a_copy, a_verification, a_mending])
def test_what_is_read_back_says_the_same(make: type[Report]) -> None:
    report = make()
    save(report, kept_report(report))
    (kept,) = kept_reports()
    assert kept.open().to_json() == report.to_json()
    assert kept.started_at == START
    assert kept.opens


def test_a_list_has_the_headline_of_every_kind(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    runs: list[Report] = [
        a_copy(START),
        a_verification(START + hour),
        a_verification(START + 1.5 * hour, path="/x/other.db"),
        a_mending(START + 2 * hour),
        ReembedReport(Action.ROLLBACK, URL, started_at=START + 3 * hour, memories=9, rows_updated=4),
    ]
    for run in runs:
        save(run, kept_report(run))
    many = a_copy(START - hour, problems=1_000)
    save(many, kept_report(many))
    reports = kept_reports()
    counts = a_copy().counters() | {"problems": 2}
    assert [(each.kind, each.headline) for each in reports if each.kind is not RunKind.VERIFICATION] == [
        (RunKind.REEMBEDDING, Headline("failed", None, URL, {"memories": 9, "rows_updated": 4})),
        (
            RunKind.MENDING,
            Headline("incomplete", "/x/a.db", URL, {"mended": 1, "right": 0, "changed": 1, "missing": 0, "refused": 0}),
        ),
        (RunKind.COPY, Headline("errors", "/x/half \udc80.db", URL, counts, verified=True)),
        (RunKind.COPY, Headline("errors", "/x/half \udc80.db", URL, counts | {"problems": 1_000}, verified=True)),
    ]
    first = next(each for each in reports if each.started_at == START)
    newest, verification = (each.headline for each in reports if each.kind is RunKind.VERIFICATION)
    assert newest is not None
    assert newest.source == "/x/other.db"
    assert verification is not None
    assert verification.counts == {
        "source": 6, "left_out": 1, "compared": 4, "equal": 3, "different": 1, "missing": 1, "extra": 4,
    }  # fmt: skip
    assert (first.receipt(), first.receipt_file) == (None, None)


def test_older_and_newer_reports_are_read_and_damaged_ones_are_listed() -> None:
    folder = reports_folder()
    older = {
        "format": "vestige-tui/report/1",
        "dry_run": True,
        "outcome": "clean",
        "source": {"path": "/x/a.db"},
        "destination": {"url": URL},
        "started_at": "2026-11-22T10:11:12.123Z",
    }
    newer = json.loads(a_copy().to_json())
    newer["mood"] = {"good": True}
    newer["source"]["colour"] = "blue"
    newer["errors"][0] |= {"kind": "from_the_future", "weight": 3}
    newer["tables"]["knowledge_nodes"]["skipped"] = 3
    written = {
        "20261122T101112Z-dry-run-0001.json": json.dumps(older),
        "20261122T101113Z-copy-0002.json": json.dumps(newer),
        "20261122T101114Z-copy-0003.json": "",
        "20261122T101115Z-copy-0004.json": a_copy(problems=500).to_json()[:-20],
        "20261122T101116Z-verify-0005.json": '{"format": "vestige-tui/verification/1", "outcome": [}',
        "20261122T101117Z-copy-0006.json": '{"format": "vestige-tui/report/1", "outcome": "clean", "source": 7}',
        "20269922T101118Z-copy-0007.json": "[]",
        "20261122T101119Z-copy-0008.json": "[" * 100_000,
    }
    for name, text in written.items():
        (folder / name).write_bytes(text.encode(errors="backslashreplace"))
    (folder / "20261122T101120Z-copy-0009.json").mkdir()
    (folder / "notes.txt").write_text("no report")
    reports = {each.path.name[-6]: each for each in kept_reports()}
    assert sorted(reports) == [*"123456789"]
    assert [each for each in reports if reports[each].headline is not None] == ["2", "1"]
    for number in "3456789":
        with pytest.raises(UnreadableReport):
            reports[number].open()
    opened = reports["1"].open()
    assert isinstance(opened, MigrationReport)
    assert (opened.kind, opened.outcome, opened.errors) == ("dry-run", Outcome.CLEAN, [])
    assert opened.plan.postgres_url.masked == "postgresql://me@host:5432/db"
    opened = reports["2"].open()
    assert isinstance(opened, MigrationReport)
    assert [error.row for error in opened.errors] == ["row 1"]
    assert "1 entry of kinds that this one does not know" in opened.notices[-1]


def test_a_list_opens_no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = reports_folder()
    one = save(a_copy(problems=50), folder.parent / "one.json")
    for number in range(40):
        moment = START + timedelta(minutes=number)
        (folder / f"{moment:%Y%m%dT%H%M%SZ}-copy-{number:04x}.json").hardlink_to(one)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda *_, **__: pytest.fail("a list needs the names of the files alone"))
        reports = kept_reports()
    assert [each.started_at for each in reports] == [
        START + timedelta(minutes=number) for number in reversed(range(40))
    ]
    assert all(each.headline is not None for each in reports)


def test_a_folder_that_cannot_be_read_counts_as_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    assert stat.S_IMODE(reports_folder().stat().st_mode) == 0o700
    monkeypatch.setattr(os, "scandir", lambda _: (_ for _ in ()).throw(PermissionError))
    assert kept_reports() == []
