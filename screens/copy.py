"""The copy step: the running copy, its bars, rows with problems as they come up, and a button to stop it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.content import Content
from textual.widgets import Button, Label, Static

from vestige_tui.core.events import Phase
from vestige_tui.core.explain import index_foretold, index_span, waiting_for
from vestige_tui.core.text import clock
from vestige_tui.screens.progress import Progress
from vestige_tui.screens.row_dialog import RowDialog
from vestige_tui.screens.run import Run
from vestige_tui.screens.running_step import RunningStep
from vestige_tui.screens.state import WizardState, rows_in_source
from vestige_tui.screens.stopping import Stop, stop_in
from vestige_tui.screens.widgets.log_lines import LogTail
from vestige_tui.screens.widgets.problem_list import ProblemList
from vestige_tui.screens.widgets.progress_bars import ProgressBars, bar_parts, compared_words, phase_words
from vestige_tui.screens.widgets.sparkline import sparkline
from vestige_tui.screens.work import WorkRequested

_PERCENT = 7  # columns for `` 100 %  ``
_FIRST_RATES = 3  # values before a curve and a peak say something


class CopyScreen(RunningStep):
    """Shows a run from start to end, then goes on to the report."""

    HELP = """
The copy reads your file and adds rows at the destination, a batch at a time. Each batch arrives wholly or not at all.
Your file is only read.

Cancel ends the copy after the batch in flight. What has arrived stays; running the copy again skips it and brings the
rest. While indexes are built, all rows have arrived: Cancel leaves the index to the next copy. The same holds when the
connection breaks or the machine goes down.

The line below the phase is the whole copy, and how many rows a second it has moved.

Rows with problems appear in the list below the bars. They never stop the copy. The report shows all of them at the end.

Verify, the last part, compares every value at the destination with your file. By then the copy is finished. Skip
verification ends the comparison; the report then says that the values are not verified, and can compare them later.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "cancel", "Cancel"),
        Binding("ctrl+l", "app.log", "Log"),
    ]

    _run: Run | None = None
    _progress = Progress()

    def compose_body(self) -> ComposeResult:
        """The phase, the bars, and the rows with problems."""
        yield Label(id="phase")
        yield ProgressBars(rows_in_source(self.state) if self.state.only is None else {}, id="bars")
        yield Label(id="problem-count")
        yield ProblemList(empty="None so far.", id="rows")
        yield LogTail(self.machine.log, id="log")

    def on_mount(self) -> None:
        """Start the run."""
        self._run = Run(
            self.state.plan(dry_run=False),
            self.state.presented_to_run,
            self.post_message,
            only=self.state.only,
            keep=self.machine.keep_report,
        )
        self._run.before = self.start_embedded
        self.post_message(WorkRequested(self._run))
        self._show(self._progress)
        self._show_problem_count(0)
        self.query_one("#log").border_title = "Log"
        self.query_one(ProblemList).focus()

    @property
    def lead(self) -> str:
        """The time elapsed and the time left."""
        parts = [self.elapsed]
        if self._progress.phase is Phase.COPY and (left := self._progress.seconds_left) is not None:
            parts.append(f"about {clock(max(1.0, left))} left for the rows")
            if (index := self._progress.index_estimate) is not None and index_foretold(index):
                parts.append(f"then the index: {index_span(index)}")
        if (left := self._progress.index_seconds_left) is not None:
            parts.append(f"about {clock(max(1.0, left))} left for this index")
        if (compared := self._progress.compared) is not None and (left := compared.seconds_left) is not None:
            parts.append(f"about {clock(max(1.0, left))} left")
        return " · ".join(parts)

    @property
    def stop(self) -> Stop:
        """What stopping means now."""
        return stop_in(self._progress.phase)

    @property
    def _verifying(self) -> bool:
        """Whether the rows have arrived, and are being compared."""
        return self._progress.phase is Phase.VERIFY

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The key that cancels says what it does in this phase."""
        bindings = super().active_bindings
        if (found := bindings.get("escape")) is not None and found.node is self:
            bindings["escape"] = found._replace(binding=replace(found.binding, description=self.stop.button))
        return bindings

    @on(Run.Progressed)
    def _progressed(self, event: Run.Progressed) -> None:
        self._show(event.progress)

    @on(Run.ProblemsFound)
    def _problems_found(self, event: Run.ProblemsFound) -> None:
        rows = self.query_one(ProblemList)
        rows.add(event.errors)
        self._show_problem_count(len(rows.errors))

    def _show(self, progress: Progress) -> None:
        stop = self.stop
        self._progress = progress
        self.query_one(ProgressBars).show(progress)
        if self.stop is not stop:
            self._show_stop()
        self.show_phase()
        self.show_time()

    # Ten times a second a whole layout would cost the copy a tenth of its speed: these lines keep their size.

    def _show_stop(self) -> None:
        """Say what can be stopped in this phase."""
        button = self.query_one("#cancel", Button)
        button.label = Content(self.stop.button)
        button.refresh(layout=True)  # by itself a new label keeps the old width
        if self._run is not None and not self._run.cancelled:
            self.query_one("#cancel-means", Static).update(self.stop.means)
        self.refresh_bindings()

    def show_phase(self) -> None:
        """The phase, and how far the whole copy is."""
        line = self._phase_line()
        if self._progress.waiting is None:  # which may take both lines
            line = Content("\n").join([line, self._overall_line()])
        self.query_one("#phase", Label).update(line, layout=False)

    def _phase_line(self) -> Content:
        if self._run is not None and self._run.cancelled:
            return self.stopping()
        if self._progress.waiting is not None:
            return Content.assemble(("… ", "bold $warning"), f"{waiting_for(self._progress.waiting)}…")
        words = phase_words(self._progress.phase)
        if self._verifying and self._progress.compared is not None:
            return Content(f"{words}: {compared_words(self._progress.compared)}")
        total = self._progress.total
        if self._progress.phase is not Phase.COPY or not total.total:
            return Content(f"{words}…")
        return Content(f"{words}: {total.read:,} of {total.total:,} rows read, {total.inserted:,} written")

    def _overall_line(self) -> Content:
        """The whole copy as one bar, and how fast it has been."""
        progress = self._progress
        width = max(10, self.query_one("#phase").size.width)
        begun = len(progress.rates) >= _FIRST_RATES and any(progress.rates)
        peak = f"  peak {max(progress.rates):,.0f} rows/s" if begun else ""
        curve = sparkline(progress.rates, (width - len(peak)) // 3) if begun else ""
        bar = bar_parts(progress.overall, max(10, width - len(peak) - len(curve) - _PERCENT), "$accent")
        return Content.assemble(*bar, f" {progress.overall:>4.0%}  ", (curve, "$accent"), (peak, "$muted"))

    def _show_problem_count(self, number: int) -> None:
        mark = ("! ", "bold $warning") if number else ("– ", "$muted")
        words = Content.assemble(mark, f"Rows with problems: {number:,}")
        self.query_one("#problem-count", Label).update(words, layout=False)

    @on(ProblemList.Opened)
    def _open(self, event: ProblemList.Opened) -> None:
        if self.state.source is not None:
            self.app.push_screen(RowDialog(event.error, self.state.source.path, dry=False))

    @on(Run.Ended)
    def _over(self) -> None:
        self.go_on()

    def ended(self) -> WizardState:
        """With the report of the run, and the files that keep it."""
        run = self._run
        if run is None:
            return self.state
        saved, receipt = (run.kept.report, run.kept.receipt) if run.kept is not None else (None, None)
        return self.state.with_report(run.report, run.failure, saved=saved, receipt=receipt, unsaved=run.unsaved)
