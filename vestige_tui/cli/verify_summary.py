"""The report of a verification, as the terminal shows it."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vestige_tui.cli.reports import Saved
from vestige_tui.cli.sections import print_destination, print_differences, print_ends, print_repairs
from vestige_tui.core.rows.tables import BY_NAME, TABLES
from vestige_tui.core.text import count, duration
from vestige_tui.core.verify.receipt_check import TableCheck, Verdict
from vestige_tui.core.verify.receipt_report import ReceiptReport
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome
from vestige_tui.core.verify.words import EXPECTED, in_short
from vestige_tui.terminal.output import figures, heading, labelled, safe

_COLUMNS = ("source", "equal", "different", "missing", "left_out", "extra")
_STYLES = {"different": "bold red", "missing": "bold red"}
PARTS_SHOWN = 20

VERDICTS = {
    Verdict.UNCHANGED: "unchanged",
    Verdict.GROWN: "unchanged, and more rows",
    Verdict.CHANGED: "changed",
    Verdict.MISSING: "not there any more",
    Verdict.UNREADABLE: "not readable",
}
"""What became of the rows of a table."""


def print_verification(console: Console, report: VerificationReport, saved: Saved) -> None:
    """Print the counts and the first differences of a comparison with a source."""
    heading(console, "Vestige verification")
    print_ends(console, report.source, report.destination)
    labelled(console, "Outcome", _outcome(report))
    print_repairs(console, report.repaired_by_operator, report.left_out_by_operator)
    labelled(console, "Took", duration(report.duration_ms / 1000))
    for notice in (*report.notices, *(EXPECTED[each] for each in report.comparison.expected)):
        labelled(console, "Note", safe(notice))
    heading(console, "Rows of the source, compared with the destination")
    figures(console, _tables(report))
    print_differences(console, report.comparison.differences, report.comparison.differences_omitted)
    _print_saved(console, saved)


def print_receipt_check(console: Console, report: ReceiptReport, saved: Saved) -> None:
    """Print what became of the rows that a receipt speaks of, by table, and where something changed."""
    heading(console, "Vestige verification, by a receipt")
    labelled(console, "Receipt", safe(f"{report.input}, of {report.made_at:%Y-%m-%d %H:%M:%S} UTC"))
    print_destination(console, report.destination)
    labelled(console, "Outcome", _outcome_of_check(report))
    labelled(console, "Took", duration(report.duration_ms / 1000))
    for notice in report.notices:
        labelled(console, "Note", safe(notice))
    heading(console, "Rows of the receipt, at the destination now")
    grid = Table(box=None, padding=(0, 1), header_style="dim")
    for title in ("", "then", "now", "added", ""):
        grid.add_column(title, justify="right" if title else "left", no_wrap=True)
    for name, check in report.check.tables.items():
        style = "green" if check.verdict.intact else "bold red"
        numbers = (f"{check.then:,}", f"{check.now:,}", f"{check.added:,}")
        shown = safe(BY_NAME[name].title if name in BY_NAME else name)
        grid.add_row(shown, *numbers, Text(VERDICTS[check.verdict], style))
    console.print(grid)
    for name, check in report.check.tables.items():
        _print_parts(console, name, check)
    _print_saved(console, saved)


def _print_parts(console: Console, name: str, check: TableCheck) -> None:
    """The parts of a table in which something changed, with the SQL that selects their rows."""
    if not check.parts:
        return
    heading(console, f"{name}: {count(len(check.parts), 'part')} of 256 changed")
    for part in check.parts[:PARTS_SHOWN]:
        console.print(safe(f"{part.name}: {part.then:,} then, {part.now:,} now, WHERE {part.selects}"), soft_wrap=True)
    if (more := len(check.parts) - PARTS_SHOWN) > 0:
        console.print(Text(f"+{more:,} more", style="bold"))


def _print_saved(console: Console, saved: Saved) -> None:
    console.print()
    for label, paths in (("Report saved", saved.reports), ("Receipt saved", saved.receipts)):
        for path in paths:
            labelled(console, label, safe(path), width=14)


def _outcome_of_check(report: ReceiptReport) -> Text:
    match report.outcome:
        case VerificationOutcome.EQUAL:
            return Text("every row of the receipt is there, unchanged", style="bold green")
        case VerificationOutcome.DIFFERENT:
            changed = sum(not check.verdict.intact for check in report.check.tables.values())
            return Text(f"not as the receipt says, in {count(changed, 'table')}", style="bold yellow")
        case VerificationOutcome.CANCELLED:
            return Text("cancelled", style="bold yellow")
    reason, *_ = (report.failure or "an unexpected fault").splitlines()
    return safe(f"failed: {reason}", style="bold red")


def _outcome(report: VerificationReport) -> Text:
    found = in_short(report.comparison)
    match report.outcome:
        case VerificationOutcome.EQUAL:
            return Text(found, style="bold green")
        case VerificationOutcome.DIFFERENT:
            return Text(found, style="bold yellow")
        case VerificationOutcome.CANCELLED:
            return Text(f"cancelled; until then {found}", style="bold yellow")
    reason, *_ = (report.failure or "an unexpected fault").splitlines()
    return safe(f"failed: {reason}", style="bold red")


def _tables(report: VerificationReport) -> Table:
    grid = Table(box=None, padding=(0, 1), header_style="dim")
    grid.add_column("")
    for name in _COLUMNS:
        grid.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for table in TABLES:
        counts = report.comparison.tables.get(table.name)
        if counts is not None:
            numbers = [(name, getattr(counts, name)) for name in _COLUMNS]
            cells = [Text(f"{number:,}", _STYLES.get(name, "") if number else "") for name, number in numbers]
            grid.add_row(table.title, *cells)
    return grid
