"""The report step: how the copy ended, every row with a problem, every difference, the counts, what to do next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static, TabbedContent, TabPane, Tabs

from vestige_tui.core.explain import why_not_mended
from vestige_tui.core.repairs.errors import RepairProblem
from vestige_tui.core.repairs.labels import Labels
from vestige_tui.core.report import Outcome
from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.run.both_sides import read_sides
from vestige_tui.core.run.mending import Shown
from vestige_tui.core.text import count, duration
from vestige_tui.core.verify.result import Difference
from vestige_tui.screens.base import SIDEBAR, WIDE, moved
from vestige_tui.screens.bringing import changed_answers, rows_to_bring
from vestige_tui.screens.cases import Verdicts
from vestige_tui.screens.embed_offer import EmbedOffer
from vestige_tui.screens.export_dialog import ExportDialog, free_name
from vestige_tui.screens.hand_over import HandOverDialog
from vestige_tui.screens.kept_reports import KeptReportsDialog
from vestige_tui.screens.mending_run import Mending
from vestige_tui.screens.mending_step import MendingStep, refusals, with_problems_of
from vestige_tui.screens.next_steps import next_steps
from vestige_tui.screens.not_copied import not_copied_table
from vestige_tui.screens.not_copied_box import NotCopied
from vestige_tui.screens.onward import Onward, begun_again
from vestige_tui.screens.outcome import verdict, verdict_after_verification
from vestige_tui.screens.problems import failed_rows
from vestige_tui.screens.report_counts import counts
from vestige_tui.screens.sides_dialog import SidesDialog, Wanted
from vestige_tui.screens.steps import Step
from vestige_tui.screens.vector_groups import vectors
from vestige_tui.screens.verification import Verification
from vestige_tui.screens.verify_bar import VerifyBar
from vestige_tui.screens.widgets.button_row import ButtonRow
from vestige_tui.screens.widgets.difference_list import DifferenceList
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.problem_browser import ProblemBrowser
from vestige_tui.screens.work import WorkRequested

_AROUND, _BESIDE_LABEL, _SHORTEST = 4, 5, 4
"""Columns around a page, and of a button beside its label, of which at least so many columns are taken."""


class ReportScreen(MendingStep):
    """What a copy did, and what can be done next."""

    HELP = """
The counts add up for every table: rows in the source = arrived now + there before + not copied. Repaired rows
arrived without a broken field. Rows that differ were there before, with other values than your file says.

The list keeps a row until it is proven right. Open one to see what is wrong with it and its values in the source.

Mend the rows (m) shows each with ways to deal with it. Your answers are laid over the file, which stays as it is.
Bring them to PostgreSQL then copies those rows once more: rows that were not copied arrive, and of those that arrived
without a field that field alone is set, while it still holds what the copy had put there.

Retry (r) reads the rows that were not copied from the file once more, after you have corrected them there.

Differences are values at the destination that are not what your file says. Open one to see both sides; you can set it
to what your file says, or all of its kind. A value that has changed there meanwhile is not overwritten.

Verify again compares every value of every row once more. It only reads, and the new receipt and report are kept.

Ask looks for memories in the new store: by words, and by meaning where there is an embedder. It only reads.

Hand over shows the lines with which Vestige uses the new store, writes them into its file, and tests them.

Export (e) writes the rows of the list to a file, one JSON object per line.

Run again repeats the copy and skips the rows that are already at the destination. It is always safe.

Tables not copied are those that PostgreSQL has no place for. Your file keeps them.

Memories without a vector are not found by meaning. If there are some, a button embeds them, with the model that the
destination has registered.

The report is saved in a file; the last page says where. F4 lists the reports of all runs.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f2", "next_page", "Page"),
        Binding("m", "mend", "Mend"),
        Binding("f4", "reports", "Reports"),
        Binding("r", "retry", "Retry", show=False),
        Binding("e", "export", "Export", show=False),
        Binding("v", "verify", "Verify"),
        Binding("f3", "ask", "Ask", show=False),  # its button names it
        Binding("escape", "stop", "Stop verifying"),
    ]

    dry = False
    _mending: Mending | None = None

    @property
    def _errors(self) -> Sequence[RowError]:
        """The problems that are open, also of runs before the last one."""
        return self.state.unsettled

    @property
    def verdicts(self) -> Verdicts | None:
        """What the copies say of the rows so far."""
        report, unsettled = self.state.report, self.state.unsettled
        if report is None or not report.outcome.finished:
            return None
        return self.judged((report, unsettled), lambda: Verdicts.of(unsettled, report.plan.repairs))

    @property
    def refused(self) -> Sequence[RepairProblem]:
        """The answers that the last copy has refused."""
        return refusals(self.state.failure)

    @property
    def bring_label(self) -> str:
        """That rows with new answers can be copied now."""
        number = len(changed_answers(self.state))
        return f"Bring {count(number, 'row')} to PostgreSQL" if number and not self._verifying else ""

    def bring(self) -> None:
        """Copy the rows with new answers."""
        self.state = self.state.with_only(rows_to_bring(self.state))
        self.go_to(Step.COPY)

    def answered(self) -> None:
        """Show how many answers wait."""
        if self.is_mounted:
            self._show_buttons()

    @property
    def _mendable(self) -> bool:
        """Whether there are rows to work on. Where other vectors are in place, nothing more can be copied."""
        return bool(self.state.known or self.state.repairs or self.refused) and not self.state.new_vectors

    @on(Button.Pressed, "#mend")
    def action_mend(self) -> None:
        """Open the workbench, at the row that is chosen."""
        rows = self.query_one(ProblemBrowser).rows
        at = rows.errors[rows.cursor] if rows.errors else None
        self.open_workbench((at.table, at.row) if at is not None else None)

    @on(Button.Pressed, "#bring-rows")
    def _bring_pressed(self) -> None:
        self.bring()

    @property
    def _not_copied(self) -> Mapping[str, int]:
        return self.state.report.left_behind if self.state.report is not None else {}

    @property
    def _differences(self) -> Sequence[Difference]:
        """Those of the last comparison that were not set right since."""
        if self.state.verification is not None:
            found = self.state.verification.comparison.differences
        else:
            found = self.state.report.differences if self.state.report is not None else ()
        mended = self.state.mended
        return [each for each in found if (each.table, each.row, each.field) not in mended] if mended else found

    @property
    def _omitted(self) -> int:
        """How many differences the last comparison does not list."""
        if self.state.verification is not None:
            return self.state.verification.comparison.differences_omitted
        return self.state.report.differences_omitted if self.state.report is not None else 0

    @property
    def _verifying(self) -> bool:
        return self._bar.running

    @property
    def _bar(self) -> VerifyBar:
        return self.query_one(VerifyBar)

    @cached_property
    def _failed(self) -> Mapping[str, frozenset[str]]:
        """The rows that can be tried again. An unfinished copy has to be completed first."""
        if self._unfinished or self.state.new_vectors:
            return {}
        labels = Labels(self.state.repairs)
        failed = failed_rows(self._errors)
        return {name: frozenset(labels.after(name, row) for row in rows) for name, rows in failed.items()}

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
        """The outcome, and its pages: rows, differences, counts, tables not copied, next steps."""
        with Horizontal(id="verdict"):
            yield Notice(id="outcome")
            if left := self._not_copied:
                yield NotCopied(left)
        yield EmbedOffer(self.state, self.machine, id="embed-offer")
        yield VerifyBar(id="verifying")
        with TabbedContent(initial=self._first_page, id="pages"):
            with TabPane(f"Problems {len(self._errors):,}", id="rows"):
                yield ProblemBrowser(self._errors, self._source)
                with ButtonRow(id="row-actions"):
                    yield Button("Mend the rows", id="mend", compact=True)
                    failed = sum(map(len, self._failed.values()))
                    yield Button(f"Retry {count(failed, 'row')}", id="retry", compact=True)
                    yield Button("Export", id="export", compact=True)
                    yield Static(classes="spacer")
                    yield Button("Bring", id="bring-rows", compact=True, classes="-primary")
            with TabPane("Differences", id="differences"):
                yield Static(id="unlisted")
                yield DifferenceList(id="difference-list")
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
                yield Static(next_steps(self.state, self.machine.home), id="steps")

    def extra_buttons(self) -> Iterable[Button]:
        """What else can be done."""
        yield Button("Verify again", id="verify", compact=True)
        yield Button("Ask (F3)", id="ask", compact=True)
        yield Button("Run again", id="again", compact=True)
        yield Button("Quit", id="quit", compact=True)

    def on_mount(self) -> None:
        """Show how the copy ended. The list of rows has the focus, if there is one."""
        self.keep(with_problems_of(self.state, self.state.report))
        self._show()
        if self._first_page == "rows":
            self.query_one(ProblemBrowser).rows.focus()
        elif self._first_page == "differences":
            self.query_one(DifferenceList).focus()
        else:
            self.query_one("#primary").focus()

    @on(NotCopied.Shown)
    def _beside_the_verdict(self, event: NotCopied.Shown) -> None:
        """Where it stands beside the verdict, it needs no page."""
        pages = self.query_one("#pages", TabbedContent)
        (pages.hide_tab if event.shown else pages.show_tab)("not-copied")

    @property
    def _first_page(self) -> str:
        if self._errors:
            return "rows"
        return "differences" if self._differences else "next"

    def _show(self) -> None:
        """Show what is known now: of the copy, and of the comparison after it."""
        state = self.state
        if state.verification is None and state.verification_failure is None:
            said = verdict(state.report, state.failure, state.only, state.proven_whole)
        else:
            said = verdict_after_verification(state.report, state.only, state.verification, state.verification_failure)
        self.query_one("#outcome", Notice).say(said.tone, said.headline, *said.details)
        none = "" if self._omitted else "No differences are known."
        self.query_one(DifferenceList).show(self._differences, empty=none)
        unlisted = self.query_one("#unlisted", Static)
        unlisted.update(f"{self._omitted:,} more are not listed: once these are equal, verify again.")
        unlisted.display = self._omitted > 0
        number = len(self._differences) + self._omitted
        pages = self.query_one("#pages", TabbedContent)
        pages.get_tab("differences").label = Content(f"Differences {number:,}")
        if not number:
            pages.hide_tab("differences")
        else:
            pages.show_tab("differences")
        self.query_one("#steps", Static).update(next_steps(state, self.machine.home))
        self._show_buttons()

    def _show_buttons(self) -> None:
        """While a comparison runs, all that can be done is to stop it."""
        idle = not self._verifying
        verify = self.query_one("#verify", Button)
        verify.label = Content(self._verify_label)
        verify.refresh(layout=True)  # by itself a new label keeps the old width
        verify.display = self._comparable
        self.query_one("#mend").display = idle and self._mendable
        bring = self.query_one("#bring-rows", Button)
        bring.label = Content(self.bring_label)
        bring.refresh(layout=True)
        bring.display = idle and bool(self.bring_label)
        self.query_one("#retry").display = idle and bool(self._failed)
        self.query_one("#export").display = idle and bool(self._errors)
        self.query_one("#ask").display = idle and self._can_ask
        self.query_one("#again").display = idle and not self._unfinished and not self.state.new_vectors
        self.query_one("#quit").display = idle and self._unfinished
        self.refresh_shell()
        self._make_room()

    def _make_room(self) -> None:
        """Hide buttons that have a key as well, until the others fit."""
        room = self.app.size.width - _AROUND - (SIDEBAR if self.app.size.width >= WIDE else 0)
        for name in ("", "verify", "ask"):
            if name:
                self.query_one(f"#{name}").display = False
            shown = [button for button in self.query("#buttons Button").results(Button) if button.display]
            if sum(max(len(str(button.label)), _SHORTEST) + _BESIDE_LABEL for button in shown) <= room:
                return

    def on_resize(self, event: events.Resize) -> None:
        """There may be room for more buttons now, or for fewer."""
        super().on_resize(event)
        if self.is_mounted:
            self._show_buttons()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """While it verifies, the narrow footer has room for the key that stops that; the main action has its button."""
        bindings = super().active_bindings
        if self.app.size.width < WIDE and self._verifying and (found := bindings.get("ctrl+n")) is not None:
            bindings["ctrl+n"] = found._replace(binding=replace(found.binding, show=False))
        return bindings

    @property
    def _comparable(self) -> bool:
        """Whether the copy is finished, and its vectors are still those of the source's model."""
        return not self._unfinished and not self.state.new_vectors

    @property
    def _verify_label(self) -> str:
        if self._verifying:
            return "Stop verifying"
        report = self.state.report
        compared = self.state.verification is not None or (report is not None and report.verified)
        return "Verify again" if compared else "Verify"

    @on(TabbedContent.TabActivated)
    def _page_turned(self) -> None:
        self.call_after_refresh(self.refresh_bindings)  # only then is it known whether there is something to scroll

    @property
    def primary_label(self) -> str:
        """Complete the copy, or hand over what has arrived."""
        return "Run again" if self._unfinished else "Hand over"

    def primary(self) -> None:
        """Take the main action."""
        if self._unfinished:
            self.run_again()
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        if self.state.target is not None:
            dialog = HandOverDialog(self.state, self.state.target, self.machine, self._handed_over)
            self.app.push_screen(dialog, self._go_onward)

    def _handed_over(self, file: Path) -> None:
        self.keep(replace(self.state, handed_over=file))

    def _go_onward(self, onward: Onward | None) -> None:
        if onward is not None and not self._verifying:
            self.state = begun_again(self.state, onward)
            self.go_to(onward.value)

    @on(Button.Pressed, "#again")
    def run_again(self) -> None:
        """Copy once more, from the beginning."""
        if self._verifying:
            return
        self.state = self.state.with_only(None)
        self.go_to(Step.COPY)

    @on(EmbedOffer.Chosen)
    def _embed(self, event: EmbedOffer.Chosen) -> None:
        self.state = self.state.with_embedding(event.embedding)
        self.go_to(Step.EMBED)

    @on(Button.Pressed, "#verify")
    def action_verify(self) -> None:
        """Compare every value once more, or stop that."""
        if self._verifying:
            self.action_stop()
        elif self._comparable:
            plan, presented = self.state.verification_plan(), self.state.presented_to_run
            run = Verification(plan, presented, self._bar.post_message, keep=self.machine.keep_report)
            run.before = self.start_embedded
            self._bar.begin(run)
            self.post_message(WorkRequested(run))  # not by the bar: it would not bubble beyond this screen
            self._show_buttons()

    def action_reports(self) -> None:
        """Show the reports of earlier runs."""
        if self.machine.kept_reports is not None:
            self.app.push_screen(KeptReportsDialog(self.machine.kept_reports))

    def action_stop(self) -> None:
        """Stop the comparison."""
        self._bar.stop()
        self.refresh_bindings()

    @on(Verification.Ended)
    def _verified(self, event: Verification.Ended) -> None:
        event.stop()
        run = event.run
        if isinstance(run, Mending):
            self._mended(run)
        if not isinstance(run, Verification):
            return
        report = run.report if run.failure is None else None
        self.keep(self.state.with_verification(report, run.failure, kept=run.kept, unsaved=run.unsaved))
        self._show()
        pages = self.query_one("#pages", TabbedContent)
        if self._differences:
            pages.active = "differences"
            self.query_one(DifferenceList).focus()
        elif pages.active == "differences":
            pages.active = "next"

    @on(DifferenceList.Opened)
    def _open_difference(self, event: DifferenceList.Opened) -> None:
        event.stop()
        target = self.state.target
        if target is not None:
            source, dsn, repairs = self._source, target.dsn, self.state.repairs_of_copy
            read = partial(read_sides, source, dsn, repairs=repairs)
            self.app.push_screen(SidesDialog(self.query_one(DifferenceList).items, event.place, read), self._set)

    def _set(self, wanted: Wanted | None) -> None:
        """Set a value at the destination to what the file says, or all of its kind."""
        target = self.state.target
        if wanted is None or target is None or self._verifying or self._mending is not None:
            return
        mine = wanted.difference
        alike = [each for each in self._differences if (each.table, each.field) == (mine.table, mine.field)]
        run = self._mending = Mending(
            self._source,
            target.dsn,
            self.post_message,
            shown=() if wanted.all_alike else [Shown(mine, wanted.digest)],
            alike=alike if wanted.all_alike else (),
            repairs=self.state.repairs_of_copy,
            keep=self.machine.keep_report,
        )
        run.before = self.start_embedded
        number = count(len(alike) if wanted.all_alike else 1, "value")
        self.query_one("#outcome", Notice).say(Tone.BUSY, f"Setting {number} at the destination…")
        self.post_message(WorkRequested(run))

    def _mended(self, run: Mending) -> None:
        self._mending = None
        report = run.report
        fields = report.fields if report is not None else []
        self.keep(self.state.with_mended(fields))
        self._show()
        not_set = [field for field in fields if not field.is_right]
        right = count(len(fields) - len(not_set), "value")
        said = f"{right} at the destination set to what your file says, and compared."
        if not_set:
            said += f" {len(not_set):,} not: {why_not_mended(not_set[0])}."
        if run.failure is not None:
            self.query_one("#outcome", Notice).explain(run.failure)
        else:
            self.query_one("#outcome", Notice).say(Tone.WARNING if not_set else Tone.GOOD, said)
        if self._differences:
            self.query_one(DifferenceList).focus()

    @property
    def _can_ask(self) -> bool:
        return not self._unfinished and self.state.target is not None

    @on(Button.Pressed, "#ask")
    def action_ask(self) -> None:
        """Ask the new store."""
        if self._can_ask and self.state.target is not None:
            from vestige_tui.core.search.searcher import Searcher
            from vestige_tui.screens.ask import AskScreen

            searcher, place = Searcher(self.state.target.dsn), moved(self.state).plain
            embedding, find_key = self.state.embedding, self.machine.find_key
            self.app.push_screen(AskScreen(searcher, place, embedding=embedding, find_key=find_key))

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
            self.app.push_screen(ExportDialog(rows, name, self._source, self.machine.home), self._exported)

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
        names = [pane.id or "" for pane in pages.query(TabPane) if pages.get_tab(pane).display]
        pages.active = names[(names.index(self._page) + 1) % len(names)]
        if pages.active == "rows" and self._errors:
            self.query_one(ProblemBrowser).rows.focus()
        elif pages.active == "differences":
            self.query_one(DifferenceList).focus()
        else:
            pages.query_one(Tabs).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide keys that have nothing to act on."""
        available: dict[str, Callable[[], bool]] = {
            "reports": lambda: self.machine.kept_reports is not None,
            "mend": lambda: self._mendable and not self._verifying,
            "retry": lambda: bool(self._failed) and not self._verifying,
            "export": lambda: bool(self._errors),
            "verify": lambda: self._comparable and not self._verifying,
            "ask": lambda: self._can_ask,
            "stop": lambda: self._verifying and not self._bar.stopping,
        }
        return available[action]() if action in available else super().check_action(action, parameters)
