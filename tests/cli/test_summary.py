from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from vestige_tui.cli.summary import print_summary
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.facts import NotVerified
from vestige_tui.core.mending import MendedField, MendState
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import DestinationReport, Estimate, MigrationReport, Outcome, SourceReport, TableReport
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.rows.tables import TABLES
from vestige_tui.core.verify.result import Difference, DifferenceKind, Expected

DSN = Dsn.parse("postgresql://bob:s3cr3t@host/db")


def report(*, errors: int = 0, dry_run: bool = False, outcome: Outcome | None = None) -> MigrationReport:
    plan = CopyPlan(Path("/tmp/[red]x.db"), DSN, dry_run=dry_run)
    tables = {table.name: TableReport(0) for table in TABLES}
    tables["knowledge_nodes"] = TableReport(12_345, 12_345, 12_000, 345 - min(errors, 1), min(errors, 1), 7)
    made = MigrationReport(
        plan, SourceReport("/tmp/[red]x.db", "seed", 15), DestinationReport(DSN.masked, "18.4"), tables
    )
    made.errors = [
        RowError("knowledge_nodes", f"row-{number}", "metadata", Kind.MALFORMED_JSON, "metadata is\x1b[2J bad", True)
        for number in range(errors)
    ]
    made.outcome = outcome or (Outcome.ERRORS if errors else Outcome.CLEAN)
    return made


def shown(made: MigrationReport, saved: Sequence[Path] = (), *, width: int = 100) -> str:
    stream = io.StringIO()
    print_summary(Console(file=stream, width=width, markup=False, highlight=False, emoji=False), made, saved)
    return stream.getvalue()


def test_a_clean_run() -> None:
    made = report()
    made.left_behind = {"int\x1bentions": 1_200}
    text = shown(made, [Path("/tmp/report.json")])
    for part in (
        "=== Vestige migration report ===",
        "/tmp/[red]x.db",
        "postgresql://bob:***@host/db (PostgreSQL 18.4)",
        "clean",
        "12,345",
        "int␛entions:        1,200",
        "Report saved:  /tmp/report.json",
    ):
        assert part in text
    assert "Problems" not in text
    assert "s3cr3t" not in text


@pytest.mark.parametrize(("errors", "footer"), [(20, None), (21, "+1 more"), (1_250, "+1,230 more")])
def test_the_first_twenty_errors(errors: int, footer: str | None) -> None:
    text = shown(report(errors=errors))
    assert "=== Problems ===" in text
    assert "row-19: metadata is␛[2J bad (copied)" in text
    assert "row-20:" not in text
    assert (footer in text) if footer else ("more" not in text)
    assert f"malformed_json ({errors:,})" in text


def test_a_row_without_an_id_and_a_field_that_the_message_does_not_name() -> None:
    made = report(errors=1)
    made.errors = [RowError("scheduling", NIL_UUID, "reps", Kind.REFUSED_BY_SERVER, "no, thanks", False)]
    assert "Scheduling no usable id reps: no, thanks (not copied)" in shown(made)


def test_a_dry_run_says_what_would_be() -> None:
    made = report(errors=1, dry_run=True)
    made.estimate = Estimate(4_000.4, 3_400_000)
    text = shown(made)
    for part in (
        "nothing was written",
        "to insert",
        "would be copied",
        "1:06:40",
        "3.4 MB",
        "1 row would not be copied",
    ):
        assert part in text


@pytest.mark.parametrize(("number", "said"), [(1, "1 row was"), (2, "2 rows were")])
def test_rows_are_counted_in_words_that_fit(number: int, said: str) -> None:
    made = report(errors=1)
    made.tables = {"edges": TableReport(repaired=number, failed=number)}
    assert f"{said} copied without the broken field, {said} not copied" in shown(made).replace("\n", " ")


def test_other_ends() -> None:
    assert "another run brings the rest" in shown(report(outcome=Outcome.CANCELLED))
    made = report(outcome=Outcome.FAILED)
    made.failure = "The connection was lost.\nmore"
    assert "failed: The connection was lost.\n" in shown(made)


def test_what_was_compared() -> None:
    made = report()
    made.verified = True
    made.expected = (Expected.BOOTSTRAP_USER,)
    made.tables["knowledge_nodes"].already_equal, made.tables["knowledge_nodes"].already_different = 345, 0
    text = shown(made)
    for part in ("clean, every value is equal", "equal  different", "that is no difference"):
        assert part in text
    made.tables["knowledge_nodes"].already_equal, made.tables["knowledge_nodes"].already_different = 344, 1
    difference = Difference("knowledge_nodes", "row\x1b", "tags", DifferenceKind.DIFFERENT, ("row",), was_there=True)
    made.differences = (difference,)
    made.conclude()
    text = shown(made)
    assert "different: 1 row that was there before has other values; nothing is overwritten" in text
    assert "=== Already there, with other values ===\nMemories row␛: tags has another value at the destination" in text


@pytest.mark.parametrize("width", [80, 40])
def test_the_rows_of_the_table_keep_their_names_and_figures(width: int) -> None:
    made = report()
    made.tables["knowledge_nodes"] = TableReport(0, 1_234_567, 1_000_000, 234_567, 0, 7, 1.5, 234_560, 7)
    lines = shown(made, width=width).splitlines()
    assert [line.split() for line in lines if line.startswith(" Memories ")] == [
        ["Memories", "1,234,567", "1,000,000", "234,560", "7", "0", "7", "1.5"]
    ]
    assert any(line.startswith(" Review events  ") for line in lines)


def test_a_copy_that_is_not_verified() -> None:
    made = report()
    made.not_verified, made.verification_failure = NotVerified.FAILED, "The connection was lost."
    text = shown(made)
    assert "copied, not verified\n" in text
    assert "did not reach its end (The connection was lost). The copy is finished; vestige-tui verify" in text
    assert "clean" not in text


def test_rows_that_were_mended_or_had_changed_meanwhile() -> None:
    foretold, made = report(dry_run=True), report()
    for each in (foretold, made):
        each.mending = [
            *(
                MendedField("knowledge_nodes", row, field, MendState.MENDED)
                for row in "abc"
                for field in ("tags", "codebase")
            ),
            MendedField("users", "u", "handle", MendState.MENDED),
            MendedField("users", "v", "handle", MendState.CHANGED),
        ]
    assert "Mended: 3 memories and 1 user already there will be mended" in " ".join(shown(foretold).split())
    said = " ".join(shown(made).split())
    assert "Mended: 3 memories and 1 user already there were mended" in said
    assert "Not mended: 1 row changed at the destination meanwhile" in said
    made.mending = [*made.mending[:1]]
    assert "1 memory already there was mended" in shown(made)
