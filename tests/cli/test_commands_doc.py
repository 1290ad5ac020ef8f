"""``docs/commands.md`` names everything that a script can meet: flags, exit codes, and the fields of a report."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from vestige_tui.cli.exit_codes import ExitCode
from vestige_tui.cli.main import cli
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.facts import IndexEstimate, NotVerified, Sign, Staleness
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.plan import CopyPlan, VerificationPlan
from vestige_tui.core.reembed.report import FORMAT as REEMBED_FORMAT
from vestige_tui.core.reembed.report import Action, ReembedOutcome, ReembedReport
from vestige_tui.core.report import (
    FORMAT,
    DestinationReport,
    Estimate,
    MigrationReport,
    Outcome,
    SourceReport,
    TableReport,
)
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.search.answers import (
    CONNECTIONS_FORMAT,
    Answer,
    By,
    Found,
    Notice,
    Question,
    Snippet,
    State,
)
from vestige_tui.core.search.answers import FORMAT as SEARCH_FORMAT
from vestige_tui.core.verify.receipt_check import Verdict
from vestige_tui.core.verify.receipt_report import FORMAT as CHECK_FORMAT
from vestige_tui.core.verify.report import FORMAT as VERIFICATION_FORMAT
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import (
    Comparison,
    Difference,
    DifferenceKind,
    Expected,
    TableComparison,
    VerificationOutcome,
)

DOCS = next(folder / "docs" for folder in Path(__file__).resolve().parents if (folder / "docs").exists())
PAGE = (DOCS / "commands.md").read_text(encoding="utf-8")
_DATA = ("knowledge_nodes", "intentions")
"""Keys of the sample report that are names of tables."""


def full_report() -> MigrationReport:
    """A report in which no field is left out."""
    model = ModelSignature("m", 8)
    stale = Staleness((Sign.KEY,), datetime(2026, 1, 1, tzinfo=UTC))
    return MigrationReport(
        CopyPlan(Path("v.db"), Dsn({"host": "h"}), dry_run=True, allow_stale_source=True),
        SourceReport("v.db", "seed", 15, model, stale),
        DestinationReport("postgresql://h/d", "18.4", "0.8.5", model),
        tables={"knowledge_nodes": TableReport()},
        left_behind={"intentions": 12},
        vectors=(VectorGroup("node_embeddings", "p", "m", 8, 1, Fate.NO_MEMORY, ("id",)),),
        errors=[RowError("knowledge_nodes", "id", "tags", Kind.MALFORMED_JSON, "tags is not valid JSON", copied=True)],
        incomplete=(MissingPart(PartKind.INDEX, "i", "knowledge_nodes", Reason.REMOVED),),
        notices=["a notice"],
        not_verified=NotVerified.FAILED,
        verification_failure="another failure",
        differences=(Difference("knowledge_nodes", "id", "tags", DifferenceKind.DIFFERENT, ("id",), was_there=True),),
        failure="a failure",
        estimate=Estimate(1.0, 1),
        index_estimate=IndexEstimate(1.0, 2.0, 1, 1, 1),
    )


def full_verification() -> VerificationReport:
    """The report of a verification in which no field is left out."""
    report = full_report()
    difference = Difference("knowledge_nodes", "id", None, DifferenceKind.MISSING, ("id",))
    return VerificationReport(
        VerificationPlan(Path("v.db"), Dsn({"host": "h"})),
        report.source,
        report.destination,
        Comparison({"knowledge_nodes": TableComparison()}, (difference,), expected=(Expected.BOOTSTRAP_USER,)),
        notices=["a notice"],
        failure="a failure",
    )


def keys(value: object) -> Iterator[str]:
    """The keys of all objects in a JSON document."""
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield key
        yield from keys(inner)
    for inner in value if isinstance(value, list | tuple) else ():
        yield from keys(inner)


def flags(command: click.Command) -> Iterator[str]:
    """The flags of a command and of those below it."""
    yield from (option for parameter in command.params for option in parameter.opts if option.startswith("--"))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            yield from flags(below) if below is not None else ()


@pytest.mark.parametrize("name", sorted({*keys(full_report().as_dict())}.difference(_DATA)))
def test_fields_of_a_report(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", sorted({*keys(full_verification().as_dict())}.difference(_DATA)))
def test_fields_of_a_verification(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    "name",
    sorted(
        {*Outcome, *Reason, *Fate, *PartKind, *NotVerified, *VerificationOutcome, *DifferenceKind, *Expected, FORMAT}
        | {VERIFICATION_FORMAT, CHECK_FORMAT, *Verdict}
    ),
)
def test_words_of_a_report(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_fields_and_words_of_a_reembedding() -> None:
    page = (DOCS / "reembedding.md").read_text(encoding="utf-8")
    words = {*ReembedReport(Action.REEMBED, "").as_dict(), *Action, *ReembedOutcome, REEMBED_FORMAT}
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []


def test_fields_and_words_of_a_search() -> None:
    found = Found("id", "fact", "2026-01-01", Snippet(""), (), (), rank=None, distance=None, score=0.0)
    answer = Answer(Question(""), (found,), (), None, 0.0).as_dict()
    words = {*keys(answer), *By, *State, *(notice.value for notice in Notice), SEARCH_FORMAT, CONNECTIONS_FORMAT}
    assert [word for word in sorted(words - {"format"}) if f"`{word}`" not in PAGE] == []


@pytest.mark.parametrize("flag", sorted({*flags(cli)}.difference({"--version"})))
def test_flags(flag: str) -> None:
    assert f"`{flag}`" in PAGE or f"`{flag} " in PAGE or f"[{flag} " in PAGE


@pytest.mark.parametrize("code", ExitCode)
def test_exit_codes(code: ExitCode) -> None:
    assert f"\n| {code.value} | " in PAGE
