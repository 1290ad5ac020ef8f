"""The reports of earlier runs: a list, newest first, and each of them in full."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Button, Label, Static

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.explain import by_operator, fate, mended_words, why_not_mended
from vestige_tui.core.explain.tense import Tense
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.run.mending_report import MendingReport
from vestige_tui.core.text import count
from vestige_tui.core.verify.receipt_page import verdict as verdict_of
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import Difference, TableComparison, VerificationOutcome
from vestige_tui.core.verify.words import in_short, what_differs
from vestige_tui.screens.background import ask
from vestige_tui.screens.dialogs import TextDialog
from vestige_tui.screens.outcome import verdict
from vestige_tui.screens.problems import table_title
from vestige_tui.screens.report_counts import counts
from vestige_tui.screens.table_groups import title_of
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.key_bar import KeyBar
from vestige_tui.screens.widgets.key_values import two_columns
from vestige_tui.screens.widgets.line_list import LineList
from vestige_tui.screens.widgets.text import plain, shortened

if TYPE_CHECKING:
    from vestige_tui.core.reading_reports import ReadReport
    from vestige_tui.core.verify.receipt import Receipt

_LISTED = 200
"""So many problems or differences of a report are written out; its file has all of them."""


class Headline(Protocol):
    """What a report says first."""

    @property
    def outcome(self) -> str: ...  # noqa: D102

    @property
    def source(self) -> str | None: ...  # noqa: D102

    @property
    def destination(self) -> str | None: ...  # noqa: D102

    @property
    def counts(self) -> Mapping[str, int]: ...  # noqa: D102


class KeptReport(Protocol):
    """One kept report: its file, what the run was and when it began."""

    @property
    def path(self) -> Path: ...  # noqa: D102

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def started_at(self) -> datetime: ...  # noqa: D102

    @property
    def headline(self) -> Headline | None: ...  # noqa: D102

    @property
    def opens(self) -> bool: ...  # noqa: D102

    @property
    def receipt_file(self) -> Path | None: ...  # noqa: D102

    def open(self) -> ReadReport: ...  # noqa: D102

    def receipt(self) -> Receipt | None: ...  # noqa: D102


class ReportList(LineList[KeptReport]):
    """One line per run: when, what it was, how it ended, from which file to where."""

    TITLES = ("when (UTC)", "what", "outcome", "source → destination")
    WIDTHS = (18, 14, 12, 0)

    class Opened(Message):
        """The operator opened a report."""

        def __init__(self, report: KeptReport) -> None:
            super().__init__()
            self.report = report

    def cells(self, item: KeptReport) -> Sequence[str]:
        """Read only for the lines in sight."""
        found = item.headline
        when = f"{item.started_at:%Y-%m-%d %H:%M}"
        if found is None:
            return when, item.kind, "", f"{item.path.name} cannot be read"
        problems = found.counts.get("problems", 0)
        outcome = f"{found.outcome}, {problems:,}" if problems else found.outcome
        source = Path(found.source).name if found.source else "–"
        where = (found.destination or "–").removeprefix("postgresql://")
        return when, item.kind, outcome, f"{source} → {shortened(where, 40)}"

    def opened(self, place: int) -> Message:
        """The report that was opened."""
        return self.Opened(self.items[place])


class KeptReportsDialog(ModalScreen[None]):
    """Lists the reports; Enter opens one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Close")]

    class Listed(Message):
        """The reports that there are."""

        def __init__(self, reports: Sequence[KeptReport] | MigrationError) -> None:
            super().__init__()
            self.reports = reports if not isinstance(reports, MigrationError) else ()

    class Opened(Message):
        """A report and its receipt, or why they cannot be read."""

        def __init__(self, found: tuple[KeptReport, ReadReport, Receipt | None] | MigrationError) -> None:
            super().__init__()
            self.found = found

    def __init__(self, find: Callable[[], Sequence[KeptReport]]) -> None:
        super().__init__()
        self._find = find

    def compose(self) -> ComposeResult:
        """A title, the list, and how to leave."""
        with Vertical(classes="dialog -whole"):
            yield Label("Reports of earlier runs", classes="dialog-title")
            yield ReportList(empty="Looking for them…")
            with ButtonRow(classes="dialog-buttons"):
                yield Static(classes="spacer")
                yield Button("Close", id="close", compact=True, classes="-primary")
        yield KeyBar()

    def on_mount(self) -> None:
        """Look for the reports beside the interface."""
        self.query_one(ReportList).focus()
        ask(self, self._find, self.Listed, name="kept-reports")

    @on(Listed)
    def _listed(self, event: Listed) -> None:
        self.query_one(ReportList).show(event.reports, empty="No report is kept yet.")

    @on(ReportList.Opened)
    def _open(self, event: ReportList.Opened) -> None:
        event.stop()
        report = event.report
        if not report.opens:
            self.notify(f"This kind of report is read in its file: {report.path}", markup=False)
            return
        ask(self, lambda: (report, report.open(), report.receipt()), self.Opened, name="open-report")

    @on(Opened)
    def _opened(self, event: Opened) -> None:
        if isinstance(event.found, MigrationError):
            self.notify(f"{event.found.what} {event.found.remedy}", severity="error", markup=False)
        else:
            self.app.push_screen(KeptReportDialog(*event.found))

    @on(Button.Pressed, "#close")
    def close(self) -> None:
        """Back to the step."""
        self.dismiss()


class KeptReportDialog(TextDialog):
    """One report: how the run ended, its counts, its rows, its verification, its receipt."""

    SIZE = "-whole"

    def __init__(self, kept: KeptReport, report: ReadReport, receipt: Receipt | None) -> None:
        super().__init__()
        self._kept = kept
        self._report = report
        self._receipt = receipt

    def compose_text(self) -> ComposeResult:
        """One part below the other."""
        yield Static(Content("\n\n").join(self._parts()))

    def on_mount(self) -> None:
        """The title says what the run was, and when."""
        title = f"{self._kept.kind.capitalize()} of {self._kept.started_at:%Y-%m-%d %H:%M} UTC"
        self.query_one(".dialog-title", Label).update(plain(title))

    def _parts(self) -> Iterator[Content]:
        report = self._report
        yield plain(f"{report.source.path}\n→ {report.destination.url}".replace("\n", "  "))
        if isinstance(report, MigrationReport):
            yield from _of_copy(report)
        elif isinstance(report, VerificationReport):
            yield from _of_verification(report)
        elif isinstance(report, MendingReport):
            yield plain(", ".join(f"{number:,} {state}" for state, number in report.counts.items() if number), "bold")
            fields = [
                f"{title_of(each.table)} {each.row}: {each.field} {each.state} {why_not_mended(each)}".rstrip()
                for each in report.fields
            ]
            yield from _rows("Fields", fields)
        if self._receipt is not None:
            yield _of_receipt(self._receipt, self._kept.receipt_file)
        yield plain(f"The file: {self._kept.path}", "$muted")


def _of_copy(report: MigrationReport) -> Iterator[Content]:
    said = verdict(report, None)
    yield Content("\n").join([plain(said.headline, "bold"), *map(plain, said.details)])
    for words in (
        by_operator(report.repaired_by_operator, report.left_out_by_operator),
        mended_words(report.mended, Tense.DONE),
    ):
        if words:
            yield plain(f"{words}.")
    yield counts(report)
    yield from _rows(
        "Rows with problems",
        [f"{table_title(each)} {each.row}: {each.message}; {fate(each)}" for each in report.errors],
    )
    yield from _differences(report.differences)


def _of_verification(report: VerificationReport) -> Iterator[Content]:
    sign = "✓" if report.outcome is VerificationOutcome.EQUAL else "✗"
    yield plain(f"{sign} {report.outcome.capitalize()}: {in_short(report.comparison)}.", "bold")
    yield two_columns((title_of(name), _figures(table)) for name, table in report.comparison.tables.items())
    yield from _differences(report.comparison.differences)


_FIGURES = {
    "compared": "compared",
    "equal": "equal",
    "different": "different",
    "missing": "missing",
    "left_out": "not copied",
    "extra": "only at the destination",
}


def _figures(table: TableComparison) -> str:
    said = ((getattr(table, name), word) for name, word in _FIGURES.items())
    return ", ".join(f"{number:,} {word}" for number, word in said if number) or "no row"


def _of_receipt(receipt: Receipt, file: Path | None) -> Content:
    """What it confirms, and how to compare with it later; its digests are in the file."""
    source, tables = receipt.document["source"], receipt.document["tables"]
    rows = ", ".join(
        f"{title_of(name)} {entry['at_destination']:,}" for name, entry in tables.items() if entry["at_destination"]
    )
    same = source["before"] is not None and source["before"] == source["after"]
    facts = (
        (
            "your file",
            "the same bytes before and after" if same else "not the same bytes before and after, or not known",
        ),
        ("rows at the destination", rows or "none"),
        ("the receipt", str(file)),
        ("compare with it later", "vestige-tui verify --receipt FILE --postgres-url URL"),
    )
    title = Content.styled("Receipt", "bold $accent")
    return Content("\n").join([title, plain(verdict_of(receipt.document)), two_columns(facts)])


def _differences(found: Sequence[Difference]) -> Iterator[Content]:
    yield from _rows("Differences", [f"{title_of(each.table)} {each.row}: {what_differs(each)}" for each in found])


def _rows(title: str, rows: Sequence[str]) -> Iterator[Content]:
    if not rows:
        return
    more = [f"… {count(len(rows) - _LISTED, 'row')} more in the file"] if len(rows) > _LISTED else []
    yield Content("\n").join([Content.styled(title, "bold $accent"), *map(plain, [*rows[:_LISTED], *more])])
