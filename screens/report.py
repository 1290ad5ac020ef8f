"""The report step: how the copy ended, every row with a problem, the counts, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static, TabbedContent, TabPane, Tabs

from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.text import count, duration
from vestige_tui.screens.base import StepScreen
from vestige_tui.screens.embed_offer import EmbedOffer
from vestige_tui.screens.export_dialog import ExportDialog, free_name
from vestige_tui.screens.next_steps import next_steps
from vestige_tui.screens.not_copied import not_copied_table
from vestige_tui.screens.outcome import verdict
from vestige_tui.screens.problems import failed_rows
from vestige_tui.screens.steps import Step
from vestige_tui.screens.table_groups import table_groups
from vestige_tui.screens.vector_groups import vectors
from vestige_tui.screens.widgets.grid import Cell, grid
from vestige_tui.screens.widgets.notice import Notice
from vestige_tui.screens.widgets.problem_browser import ProblemBrowser

_TITLES = ("", "in source", "arrived", "before", "repaired", "not copied")


class ReportScreen(StepScreen):
    """What a copy did, and what can be done next."""

    HELP = """
The counts add up for every table: rows in the source = arrived now + there before + not copied. Repaired rows
arrived without a broken field.

Open a row to see what is wrong with it, how to correct it, and its values in the source. Correct it there. Retry then
reads only the rows that were not copied and tries them again. A row that arrived repaired is not overwritten: delete
it at the destination first, then run the copy again.

Export writes the rows of the list to a file, one JSON object per line.

Run again repeats the copy and skips the rows that are already at the destination. It is always safe.

Tables not copied are those that PostgreSQL has no place for. Your file keeps them.

Memories without a vector are not found by meaning. If there are some, a button embeds them, with the model that the
destination has registered.

The report is saved in a file; the last page says where.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "next_page", "Page"),
        Binding("r", "retry", "Retry"),
        Binding("e", "export", "Export"),
    ]

    @property
    def _errors(self) -> Sequence[RowError]:
        return self.state.report.errors if self.state.report is not None else ()

    @property
    def _not_copied(self) -> Mapping[str, int]:
        return self.state.report.left_behind if self.state.report is not None else {}

    @cached_property
    def _failed(self) -> Mapping[str, frozenset[str]]:
        """The rows that can be tried again. An unfinished copy has to be completed first."""
        return {} if self._unfinished or self.state.new_vectors else failed_rows(self._errors)

    @property
    def _unfinished(self) -> bool:
        report = self.state.report
        return report is None or report.outcome in (Outcome.CANCELLED, Outcome.FAILED)

    @property
    def _source(self) -> Path:
        return self.state.source.path if self.state.source is not None else Path()

    @property
    def lead(self) -> str:
        """How long it took."""
        report = self.state.report
        return f"took {duration(report.duration_ms / 1000)}" if report is not None else ""

    def compose_body(self) -> ComposeResult:
        """The outcome, and its pages: rows, counts, tables not copied, next steps."""
        yield Notice(id="outcome")
        yield EmbedOffer(self.state, self.machine, id="embed-offer")
        with TabbedContent(initial="rows" if self._errors else "next", id="pages"):
            with TabPane(f"Rows with problems {len(self._errors):,}", id="rows"):
                yield ProblemBrowser(self._errors, self._source, dry=False)
            with TabPane("Counts", id="counts"):
                yield Static(counts(self.state.report))
                if self.state.report is not None and self.state.report.vectors:
                    yield Static(vectors(self.state.report.vectors), id="vectors")
            if left := self._not_copied:
                with (
                    TabPane(f"Tables not copied {len(left):,}", id="not-copied"),
                    VerticalScroll(classes="scrolls", can_focus=False),
                ):
                    yield Static(not_copied_table(left))
            with TabPane("What to do next", id="next"), VerticalScroll(classes="scrolls", can_focus=False):
                yield Static(next_steps(self.state, self.machine.home))

    def extra_buttons(self) -> Iterable[Button]:
        """What else can be done."""
        yield Button(f"Retry {count(sum(map(len, self._failed.values())), 'row')}", id="retry", compact=True)
        yield Button("Export", id="export", compact=True)
        yield Button("Run again", id="again", compact=True)
        yield Button("Quit", id="quit", compact=True)

    def on_mount(self) -> None:
        """Show how the copy ended. The list of rows has the focus, if there is one."""
        said = verdict(self.state.report, self.state.failure, self.state.only)
        self.query_one("#outcome", Notice).say(said.tone, said.headline, *said.details)
        self.query_one("#retry").display = bool(self._failed)
        self.query_one("#export").display = bool(self._errors)
        self.query_one("#again").display = not self._unfinished and not self.state.new_vectors
        self.query_one("#quit").display = self._unfinished
        if self._errors:
            self.query_one(ProblemBrowser).rows.focus()
        else:
            self.query_one("#primary").focus()

    @on(TabbedContent.TabActivated)
    def _page_turned(self) -> None:
        self.call_after_refresh(self.refresh_bindings)  # only then is it known whether there is something to scroll

    @property
    def primary_label(self) -> str:
        """Complete the copy, or quit."""
        return "Run again" if self._unfinished else "Quit"

    def primary(self) -> None:
        """Take the main action."""
        if self._unfinished:
            self.run_again()
        else:
            self.leave()

    @on(Button.Pressed, "#again")
    def run_again(self) -> None:
        """Copy once more, from the beginning."""
        self.state = self.state.with_only(None)
        self.go_to(Step.COPY)

    @on(EmbedOffer.Chosen)
    def _embed(self, event: EmbedOffer.Chosen) -> None:
        self.state = self.state.with_embedding(event.embedding)
        self.go_to(Step.EMBED)

    @on(Button.Pressed, "#retry")
    def action_retry(self) -> None:
        """Try the rows again that were not copied."""
        if self._failed:
            self.state = self.state.with_only(self._failed)
            self.go_to(Step.COPY)

    @on(Button.Pressed, "#quit")
    def leave(self) -> None:
        """Quit."""
        self.call_later(self.app.action_quit)

    @on(Button.Pressed, "#export")
    def action_export(self) -> None:
        """Write the rows of the list to a file."""
        rows = self.query_one(ProblemBrowser).shown
        if rows:
            folder = self.machine.folder
            name = free_name(folder, f"vestige-rows-with-problems-{self.machine.now():%Y%m%d}")
            self.app.push_screen(ExportDialog(rows, name, self._source), self._exported)

    def _exported(self, path: Path | None) -> None:
        if path is not None:
            self.notify(f"Written: {path}", markup=False)

    @property
    def scrolled(self) -> Widget:
        """The part of the page that scrolls, if there is one."""
        pane = self.query_one("#pages", TabbedContent).active_pane or self
        return next(iter(pane.query(".scrolls").results(Widget)), super().scrolled)

    @property
    def _page(self) -> str:
        return self.query_one("#pages", TabbedContent).active

    def action_next_page(self) -> None:
        """Turn to the next page."""
        pages = self.query_one("#pages", TabbedContent)
        names = [pane.id or "" for pane in pages.query(TabPane)]
        pages.active = names[(names.index(self._page) + 1) % len(names)]
        if pages.active == "rows" and self._errors:
            self.query_one(ProblemBrowser).rows.focus()
        else:
            pages.query_one(Tabs).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        if action == "primary" and not self._unfinished:
            return False  # Quit has a key of its own
        if action == "retry":
            return bool(self._failed)
        if action == "export":
            return bool(self._errors)
        return super().check_action(action, parameters)


def counts(report: MigrationReport | None) -> Content:
    """What became of the rows, by table."""
    rows: list[Sequence[Cell]] = []
    for group in table_groups():
        tables = [report.tables[name] for name in group.names if name in report.tables] if report is not None else []
        numbers = (
            sum(table.source for table in tables),
            sum(table.inserted for table in tables),
            sum(table.already_present for table in tables),
            sum(table.repaired for table in tables),
            sum(table.failed for table in tables),
        )
        rows.append([group.title, *(f"{number:,}" if number else "–" for number in numbers)])
    return grid(_TITLES, rows)
