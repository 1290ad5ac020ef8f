"""The report of a run, as the terminal shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vestige_tui.cli.sections import (
    print_differences,
    print_ends,
    print_mending,
    print_not_copied,
    print_repairs,
    print_vectors,
)
from vestige_tui.core.explain import (
    NOT_OVERWRITTEN,
    index_advice,
    index_time,
    meaning,
    not_verified,
    shortfalls,
    tense_of,
    what_is_missing,
)
from vestige_tui.core.report import MigrationReport, Outcome, TableReport
from vestige_tui.core.rows.problems import EXPLANATIONS, FIELD_NOT_IN_MESSAGE, NIL_UUID, Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, TABLES, shown
from vestige_tui.core.text import count, duration, size
from vestige_tui.core.verify.words import EXPECTED
from vestige_tui.terminal.output import figures, heading, labelled, safe

PROBLEMS_SHOWN = 20
_WIDTH = max(len(table.title) for table in TABLES) + 1


def print_summary(
    console: Console, report: MigrationReport, saved: Sequence[Path] = (), receipts: Sequence[Path] = ()
) -> None:
    """Print counts, what is not copied, and the first problems of a run.

    ``saved`` is where the report can be read, ``receipts`` where the receipt can.
    """
    dry = report.plan.dry_run
    heading(console, "Vestige migration: dry run, nothing was written" if dry else "Vestige migration report")
    _print_ends(console, report)
    heading(console, "Rows that a copy would bring" if dry else "Rows of the source at the destination")
    _print_counters(console, report)
    figures(console, _tables(report))
    print_vectors(console, report.vectors)
    print_not_copied(console, "Not copied", report.left_behind)
    if report.errors:
        _print_problems(console, report)
    _print_differences(console, report)
    if report.incomplete:
        _print_missing(console, report)
    console.print()
    for path in saved:
        labelled(console, "Report saved", safe(path), width=_WIDTH)
    for path in receipts:
        labelled(console, "Receipt saved", safe(path), width=_WIDTH)


def _print_ends(console: Console, report: MigrationReport) -> None:
    print_ends(console, report.source, report.destination)
    labelled(console, "Outcome", _outcome(report))
    if report.not_verified is not None:
        labelled(console, "Not verified", safe(not_verified(report.not_verified, report.verification_failure)))
    print_repairs(console, report.repaired_by_operator, report.left_out_by_operator)
    print_mending(console, report.mending, tense_of(dry=report.plan.dry_run))
    labelled(console, "Took", duration(report.duration_ms / 1000))
    if report.estimate is not None:
        labelled(
            console,
            "Estimate",
            f"a copy would take about {duration(report.estimate.seconds)} "
            f"and {size(report.estimate.size)} at the destination",
        )
        index = report.estimate.index
        for sentence in filter(None, (index_time(index), *index_advice(index))):
            labelled(console, "", sentence)
    for notice in (*report.notices, *(EXPECTED[each] for each in report.expected)):
        labelled(console, "Note", safe(notice))


def _outcome(report: MigrationReport) -> Text:
    match report.outcome:
        case Outcome.CLEAN if report.not_verified is not None:
            said, style = "copied, not verified", "yellow"
        case Outcome.CLEAN:
            said, style = f"clean, {'every value is equal' if report.verified else 'no problems'}", "green"
        case Outcome.DIFFERENT:
            said, style = f"different: {_there_before(report)}; nothing is overwritten", "yellow"
        case Outcome.ERRORS:
            said, style = f"finished with {count(len(report.errors), 'problem')}; {_fate(report)}", "yellow"
        case Outcome.INCOMPLETE:
            rows = "all rows will arrive" if report.plan.dry_run else "all rows are there"
            missing = what_is_missing(report.incomplete, tense_of(dry=report.plan.dry_run))
            said, style = f"incomplete: {rows}, but {missing}", "yellow"
        case Outcome.CANCELLED:
            said, style = "cancelled; rows that have arrived stay, and another run brings the rest", "yellow"
        case Outcome.FAILED:
            reason, *_ = (report.failure or "an unexpected fault").splitlines()
            said, style = f"failed: {reason}", "red"
    return safe(said, style=f"bold {style}")


def _there_before(report: MigrationReport) -> str:
    """How many rows at the destination had other values before the copy."""
    rows = report.differing_rows
    if report.plan.dry_run:
        return f"{count(rows, 'row')} at the destination {'has' if rows == 1 else 'have'} other values"
    return f"{count(rows, 'row')} that {_were(rows)} there before {'has' if rows == 1 else 'have'} other values"


def _fate(report: MigrationReport) -> str:
    """What became of the rows with problems."""
    dry = report.plan.dry_run
    failed = sum(table.failed for table in report.tables.values())
    repaired = sum(table.repaired for table in report.tables.values())
    differing = len({(error.table, error.row) for error in report.errors if error.kind is Kind.DIFFERS_AT_DESTINATION})
    parts = []
    if repaired:
        verb = "would be" if dry else _were(repaired)
        parts.append(f"{count(repaired, 'row')} {verb} copied without the broken field")
    if failed:
        verb = "would not be" if dry else f"{_were(failed)} not"
        parts.append(f"{count(failed, 'row')} {verb} copied")
    if differing:
        parts.append(f"{count(differing, 'row')} arrived with other values")
    return ", ".join(parts) or "all of these rows were at the destination before"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _print_counters(console: Console, report: MigrationReport) -> None:
    counters = report.counters()
    for table in shown():
        labelled(console, table.title, f"{counters[table.counter]:>13,}", width=_WIDTH)


def _tables(report: MigrationReport) -> Table:
    dry = report.plan.dry_run
    grid = Table(box=None, padding=(0, 1), header_style="dim")
    grid.add_column("")
    compared = any(counts.already_different is not None for counts in report.tables.values())
    there = ("there,\nequal", "there,\ndifferent") if compared else ("already\nthere",)
    for title in ("read", "to insert" if dry else "inserted", *there, "not\ncopied", "repaired", "seconds"):
        grid.add_column(title, justify="right", no_wrap=True, vertical="bottom")
    for table in TABLES:
        counts = report.tables.get(table.name)
        if counts is not None:
            grid.add_row(
                table.title,
                f"{counts.read:,}",
                f"{counts.inserted:,}",
                *_already_there(counts, compared=compared),
                Text(f"{counts.failed:,}", style="bold red" if counts.failed else ""),
                Text(f"{counts.repaired:,}", style="yellow" if counts.repaired else ""),
                f"{counts.seconds:.1f}",
            )
    return grid


def _already_there(counts: TableReport, *, compared: bool) -> Iterator[Text | str]:
    """The cells that say how many rows were at the destination before, and how many of them have other values."""
    different = counts.already_different or 0
    if compared:
        yield f"{counts.already_present - different:,}"
        yield Text(f"{different:,}", style="bold yellow" if different else "")
    else:
        yield f"{counts.already_present:,}"


def _print_differences(console: Console, report: MigrationReport) -> None:
    """Rows that have other values without being a problem of this run."""
    listed = [each for each in report.differences if each.was_there or not report.verified]
    omitted = report.differences_omitted if listed else 0
    print_differences(console, listed, omitted, "Already there, with other values" if report.verified else "")


def _print_problems(console: Console, report: MigrationReport) -> None:
    heading(console, "Problems")
    for error in report.errors[:PROBLEMS_SHOWN]:
        console.print(_problem_line(error, dry=report.plan.dry_run), soft_wrap=True)
    if (more := len(report.errors) - PROBLEMS_SHOWN) > 0:
        console.print(Text(f"+{more:,} more", style="bold"))
    heading(console, "What to do about them")
    tense = tense_of(dry=report.plan.dry_run)
    for kind, number in Counter(error.kind for error in report.errors).most_common():
        what = f"{meaning(kind, tense)} {EXPLANATIONS[kind].remedy}"
        console.print(Text.assemble((f"{kind} ({number:,})", "bold"), f": {what}"))
    if any(error.copied for error in report.errors):
        console.print(NOT_OVERWRITTEN[tense])


def _print_missing(console: Console, report: MigrationReport) -> None:
    dry = report.plan.dry_run
    heading(console, "Indexes and foreign keys that will be missing" if dry else "Missing indexes and foreign keys")
    for shortfall in shortfalls(report.incomplete, tense_of(dry=dry)):
        console.print(Text.assemble((shortfall.headline, "bold"), f" {shortfall.remedy}"), soft_wrap=True)
        for line in (*shortfall.names, *shortfall.sql):
            console.print(safe(f"  {line}"), soft_wrap=True)


def _problem_line(error: RowError, *, dry: bool) -> Text:
    table = BY_NAME[error.table].title if error.table in BY_NAME else error.table
    row = "no usable id" if error.row == NIL_UUID else error.row
    copied, not_copied = ("would be copied", "would not be copied") if dry else ("copied", "not copied")
    fate = (copied, "green") if error.copied else (not_copied, "red")
    place = f"{row} {error.field}" if error.field and error.kind in FIELD_NOT_IN_MESSAGE else row
    return Text.assemble(safe(f"{table} ", "dim"), safe(place, "bold"), safe(f": {error.message} ("), fate, ")")
