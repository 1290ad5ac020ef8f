"""What a dry run found, as the preview shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textual.content import Content

from vestige_tui.core.explain import Tense, already_different, by_operator, index_advice, index_time, shortfalls
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.text import clock, count, size
from vestige_tui.screens.not_copied import not_copied_counted, not_copied_table
from vestige_tui.screens.problems import Group, grouped, rows_with_problems, short_row, table_title
from vestige_tui.screens.progress import Pace, Progress
from vestige_tui.screens.report_counts import NOTHING, already_different_by_title, differing
from vestige_tui.screens.table_groups import TableGroup, summed, table_groups
from vestige_tui.screens.widgets.grid import Cell, grid
from vestige_tui.screens.widgets.text import plain

_TITLES = ("", "in source", "already there", "to write", "problems")
_COMPARED = ("", "in source", "equal", "different", "to write", "problems")
_COUNT, _KIND, _EXAMPLES, _NAMED = 7, 40, 3, 24


def counts_so_far(rows: Mapping[str, int], progress: Progress) -> Content:
    """The table of counts while the rows are being read; ``rows`` is what the source holds."""
    return grid(_TITLES, [_row_so_far(group, rows, progress) for group in table_groups()])


def _row_so_far(group: TableGroup, rows: Mapping[str, int], progress: Progress) -> Sequence[Cell]:
    pace = sum((progress.tables.get(name, Pace()) for name in group.names), Pace())
    known = [NOTHING] * 2 if not pace.read else [f"{pace.present:,}", f"{pace.inserted:,}"]
    total = pace.total or summed(group, rows)
    return [group.title, f"{total:,}", *known, _problems(pace.problems)]


def counts(report: MigrationReport) -> Content:
    """The table of counts: rows already at the destination, where they were compared how many differ there, and rows
    that a copy would write.
    """
    compared = any(table.already_present and table.already_different is not None for table in report.tables.values())
    rows = [[group.title, *_cells(report, group, compared=compared)] for group in table_groups()]
    return grid(_COMPARED if compared else _TITLES, rows, gap=2 if compared else 3)


def _cells(report: MigrationReport, group: TableGroup, *, compared: bool) -> Iterator[Cell]:
    tables = [report.tables[name] for name in group.names if name in report.tables]
    present = sum(table.already_present for table in tables)
    different = sum(table.already_different or 0 for table in tables)
    yield f"{sum(table.source for table in tables):,}"
    if compared:
        yield f"{present - different:,}"
        yield differing(different)
    else:
        yield f"{present:,}"
    yield f"{sum(table.inserted for table in tables):,}"
    yield _problems(rows_with_problems(report.errors, group.names))


def _problems(number: int) -> Content:
    return Content.styled(f"! {number:,}", "bold $warning") if number else plain(NOTHING, "$muted")


def summary(report: MigrationReport) -> str:
    """How long a copy takes and how much room it needs; and how much of the source it does not copy."""
    left = report.left_behind
    counted = f"\n{not_copied_counted(left)} will not be copied, and are listed below." if left else ""
    return estimate(report) + counted


def different(report: MigrationReport) -> Content:
    """That rows at the destination have other values; empty where none has."""
    rows = already_different_by_title(report)
    if not rows:
        return Content("")
    return Content.assemble(("! ", "bold $warning"), plain(already_different(rows), "bold"))


def estimate(report: MigrationReport) -> str:
    """How long a copy takes and how much room it needs, in sentences."""
    to_write = sum(table.inserted for table in report.tables.values())
    if nothing_to_write(report):
        return (
            "Nothing to write: every row that can be copied is already at the destination. What is left to do: compare "
            "every value, and add an index or a foreign key that is missing."
        )
    said = f"{to_write:,} of {count(sum(table.source for table in report.tables.values()), 'row')} to write"
    if report.estimate is None:
        return f"{said}."
    seconds = max(1, round(report.estimate.seconds))
    long = f"{seconds} s" if seconds < 60 else clock(seconds)
    said += f": about {long}, {size(report.estimate.size)} in PostgreSQL."
    return "\n".join(filter(None, (said, index_time(report.estimate.index))))


def advice(report: MigrationReport) -> Content:
    """What would make a copy quicker; empty where there is nothing to say."""
    found = report.estimate.index if report.estimate is not None else None
    return Content("\n").join(plain(sentence, "$muted") for sentence in index_advice(found))


def nothing_to_write(report: MigrationReport) -> bool:
    """Whether all rows that a copy could bring are at the destination already."""
    tables = report.tables.values()
    return not any(table.inserted for table in tables) and any(table.already_present for table in tables)


def problems(report: MigrationReport, width: int) -> Content:
    """Problems by fate and kind: how many rows, what is wrong, and some of the rows as examples."""
    groups = grouped(report.errors)
    if not groups:
        return Content.assemble(("✓ ", "bold $success"), "No row has a problem.")
    rows = rows_with_problems(report.errors, report.tables)
    said = f"{count(rows, 'row')} {'has a problem' if rows == 1 else 'have problems'}"
    lines = [Content.assemble(("! ", "bold $warning"), (said, "bold"))]
    for copied, words in ((False, "cannot be copied"), (True, "will be copied without the broken field")):
        of_fate = [group for group in groups if group.copied is copied]
        if of_fate:
            lines.append(plain(f"  {sum(len(group.errors) for group in of_fate):,} {words}"))
            lines.extend(_kind(group, width) for group in of_fate)
    return Content("\n").join(lines)


def repairs(report: MigrationReport) -> Content:
    """How many rows the operator has repaired or left out; empty where none is."""
    said = by_operator(report.repaired_by_operator, report.left_out_by_operator)
    return (
        Content.assemble(("✓ ", "bold $success"), plain(f"By your answers: {said}.", "bold")) if said else Content("")
    )


def incomplete(report: MigrationReport) -> Content:
    """The indexes and foreign keys that a copy will not be able to add."""
    said = [
        Content.assemble(("! ", "bold $warning"), plain(shortfall.headline, "bold"), plain(f" {shortfall.remedy}"))
        for shortfall in shortfalls(report.incomplete, Tense.FORETOLD)
    ]
    return Content("\n").join(said)


def _kind(group: Group, width: int) -> Content:
    head = f"{len(group.errors):>{_COUNT},}  {group.title:<{_KIND}}  "
    return Content.assemble(plain(head, "$muted"), plain(_examples(group, width - len(head)), "$muted"))


def _examples(group: Group, width: int) -> str:
    """As many rows as fit, with the table's name if there is room for it."""
    named = width >= _NAMED
    rows = [
        f"{table_title(error)} {short_row(error)}" if named else short_row(error) for error in group.errors[:_EXAMPLES]
    ]
    text = rows[0]
    for row in rows[1:]:
        if len(text) + len(row) + 2 <= width:
            text += f", {row}"
    return text


def not_copied(report: MigrationReport) -> Content:
    """The tables and columns of the source that PostgreSQL has no place for."""
    left = report.left_behind
    if not left:
        return Content("")
    said = f"PostgreSQL has no place for: {not_copied_counted(left)}"
    return Content.assemble(("– ", "bold $muted"), (said, "bold"), "\n", not_copied_table(left))
