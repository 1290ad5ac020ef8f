"""The preview step: a dry run that shows what a copy would do, and the button that starts the copy."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Button, Static

from vestige_tui.core.repairs.errors import RepairProblem
from vestige_tui.core.repairs.labels import by_source_labels
from vestige_tui.screens import preview_report
from vestige_tui.screens.cases import Verdicts
from vestige_tui.screens.mending_step import MendingStep, refusals, with_problems_of
from vestige_tui.screens.progress import Progress
from vestige_tui.screens.run import Run
from vestige_tui.screens.state import rows_in_source
from vestige_tui.screens.vector_groups import vectors
from vestige_tui.screens.widgets.notice import Notice, Tone
from vestige_tui.screens.widgets.progress_bars import bar_parts, phase_words

_FINDINGS = ("#different", "#estimate", "#problems", "#repairs", "#incomplete", "#vectors", "#advice", "#not-copied")
_COMPARING = "Comparing what is already there"
_REFUSED = "Mend the rows (F2) shows it: answer the row anew, or take the answer back."
_MARGIN = 2  # columns for the scroll bar


class PreviewScreen(MendingStep):
    """Runs the copier without writing as soon as it opens, and shows what came of it."""

    HELP = """
The preview reads every row as the copy will, and looks up what the destination has already. It writes nothing: the
server itself refuses writes during a preview.

Already there are rows that an earlier copy brought; they are skipped. Their values are compared: a row that has other
values there is different, and a copy does not overwrite it. Rows with problems have a broken field: some
are copied without that field; some cannot exist in PostgreSQL and are not copied. Mend the rows (F2) shows each with
the reason and with ways to deal with it. Your answers are laid over the file, which stays as it is, and the preview is
made again with them.

Start copy is the one button that writes. It only adds rows at the destination; nothing there is changed or removed,
and your file is never written to.
"""
    AUTO_FOCUS: ClassVar[str | None] = ""  # while it runs, Enter must not go back
    BINDINGS: ClassVar[list[BindingType]] = [Binding("f2,m", "rows", "Mend the rows", key_display="F2")]

    dry = True
    _run: Run | None = None

    def compose_body(self) -> ComposeResult:
        """Progress or failure, the counts, and what they mean."""
        yield Notice(id="notice")
        yield Static(id="progress")
        yield Static(id="counts")
        yield Static(id="different")
        yield Static(id="estimate")
        yield Static(id="repairs")
        yield Static(id="problems")
        yield Static(id="incomplete")
        yield Static(id="vectors")
        yield Static(id="advice")
        yield Static(id="not-copied")

    def extra_buttons(self) -> Iterable[Button]:
        """A button that opens the rows with problems."""
        yield Button("Mend the rows", id="rows", compact=True)

    def on_mount(self) -> None:
        """Show the preview that there is, where nothing was copied since; else make one."""
        if not self.state.preview_up_to_date or self.state.report is not None or self.state.failure is not None:
            self._start()
        else:
            self._show()

    def on_unmount(self) -> None:
        """Cancel a preview whose screen is gone."""
        if self._run is not None:
            self._run.cancel()

    @property
    def _reading(self) -> bool:
        return self._run is not None and self._run.running

    @property
    def lead(self) -> str:
        """That nothing has happened yet."""
        return "Reading every row, writing nothing." if self._reading else "Nothing has been written yet."

    @property
    def primary_label(self) -> str:
        """The one button that writes, if there is something to write."""
        if self.state.preview_failure is not None:
            return "Try again"
        done = self.state.preview is not None and preview_report.nothing_to_write(self.state.preview)
        return "Verify what is there" if done else "Start copy"

    @property
    def primary_ready(self) -> bool:
        """A copy is started from a preview that has finished."""
        return not self._reading and (self.state.preview_up_to_date or self.state.preview_failure is not None)

    def explain_unready(self) -> None:
        """Say that the preview comes first."""
        self.notify("The preview is still being made. The copy can start when it is ready.")

    def primary(self) -> None:
        """Start the copy, or make the preview again."""
        if not self.primary_ready:
            return
        if self.state.preview_failure is not None:
            self._start()
        else:
            self.advance(self.state.with_only(None))

    def _start(self) -> None:
        self._run = Run(self.state.plan(dry_run=True), self.state.presented_to_run, self.post_message)
        self._run.before = self.start_embedded
        self.query_one("#rows").display = False
        self.set_focus(None)
        if self.workbench is None:  # else it compares with what was found before
            self.keep(self.state.with_preview(None))
        self._show_progress(Progress())
        # A daemon: a server that does not answer must not keep the program from quitting.
        threading.Thread(target=self._run.carry_out, name="preview", daemon=True).start()
        self.refresh_shell()

    @on(Run.Progressed)
    def _progressed(self, event: Run.Progressed) -> None:
        if event.run is self._run and self._reading:
            self._show_progress(event.progress)

    @on(Run.Ended)
    def _ended(self, event: Run.Ended) -> None:
        event.stop()
        if event.run is self._run:
            report = event.run.report if event.run.failure is None else None
            self.keep(with_problems_of(self.state.with_preview(report, event.run.failure), report))
            if event.run.plan.repairs != self.state.repairs:
                self._start()
            else:
                self._show()
            self.refresh_workbench()

    @property
    def verdicts(self) -> Verdicts | None:
        """What the dry run says of the rows."""
        report = self.state.preview
        if report is None:
            return None
        repairs = report.plan.repairs
        return self.judged((report,), lambda: Verdicts.of(by_source_labels(report.errors, repairs), repairs))

    @property
    def refused(self) -> Sequence[RepairProblem]:
        """The repairs that the dry run has refused."""
        return refusals(self.state.preview_failure)

    @property
    def checking(self) -> str:
        """Whether the answers are being checked."""
        return "Checking your answers: the preview is made again" if self._reading else ""

    def answered(self) -> None:
        """Have other repairs checked; a run that is under way ends first."""
        if self._reading or not self.is_mounted:
            return
        last = self._run.plan.repairs if self._run is not None else None
        if last != self.state.repairs and not self.state.preview_up_to_date:
            self._start()

    def _show_progress(self, progress: Progress) -> None:
        self.query_one("#notice", Notice).clear()
        self._fill("#counts", preview_report.counts_so_far(rows_in_source(self.state), progress))
        words, done, total = phase_words(progress.phase), progress.total.read, progress.total.total
        if progress.compared is not None:
            words, done, total = _COMPARING, progress.compared.settled, progress.compared.total
        rows = f"  {done:,} of {total:,} rows" if total else ""
        bar = bar_parts(done / total if total else 0.0, max(10, min(40, self._width - 30)), "$accent")
        self._fill("#progress", Content.assemble(f"{words}…\n", *bar, rows))
        for selector in _FINDINGS:
            self._fill(selector, Content(""))

    def _show(self) -> None:
        self._fill("#progress", Content(""))
        report, failure = self.state.preview, self.state.preview_failure
        if failure is not None:
            notice = self.query_one("#notice", Notice)
            if self.refused:
                notice.say(Tone.BAD, failure.what, failure.means, _REFUSED)
            else:
                notice.explain(failure)
            for selector in ("#counts", *_FINDINGS):
                self._fill(selector, Content(""))
        elif report is not None:
            if report.notices:
                self.query_one("#notice", Notice).say(Tone.WARNING, *report.notices)
            self._fill("#counts", preview_report.counts(report))
            self._fill("#different", preview_report.different(report))
            self._fill("#estimate", Content(preview_report.summary(report)))
            self._fill("#problems", preview_report.problems(report, self._width))
            self._fill("#repairs", preview_report.repairs(report))
            self._fill("#incomplete", preview_report.incomplete(report))
            self._fill("#vectors", vectors(report.vectors))
            self._fill("#advice", preview_report.advice(report))
            self._fill("#not-copied", preview_report.not_copied(report))
        self.query_one("#rows").display = self._has_rows
        self.refresh_bindings()
        if self.focused is None:
            self.query_one("#primary").focus()

    def _fill(self, selector: str, content: Content) -> None:
        static = self.query_one(selector, Static)
        static.update(content)
        static.display = bool(content)

    @property
    def _width(self) -> int:
        return max(40, self.query_one("#body").size.width - _MARGIN)

    def on_resize(self, _event: events.Resize) -> None:
        """Make use of the new width."""
        if not self._reading:
            self.call_after_refresh(self._show)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Rows can be opened only if some have problems."""
        if action == "rows":
            return self._has_rows
        return super().check_action(action, parameters)

    @on(Button.Pressed, "#rows")
    def action_rows(self) -> None:
        """Open the workbench."""
        if self._has_rows:
            self.open_workbench()

    @property
    def _has_rows(self) -> bool:
        """Whether there are rows to work on: with problems, answered, or with an answer that does not fit."""
        return not self._reading and (bool(self.state.known or self.state.repairs) or bool(self.refused))
