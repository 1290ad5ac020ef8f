"""Runs a plan from the command line: progress on standard error, the report on standard output and in files."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.cli.progress import watching
from vestige_tui.cli.summary import print_summary
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import MigrationError, UsageError
from vestige_tui.core.events import Watcher
from vestige_tui.core.notices import DRIVER_DROPPED
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.terminal.output import safe, standard_output
from vestige_tui.user import saving


def run_plan(
    plan: CopyPlan,
    embedder: Embedder | None,
    failures: OutputFailures,
    *,
    cancel: threading.Event,
    report_file: Path | None = None,
    quiet: bool = False,
) -> MigrationReport:
    """Run a plan, print its report and keep it, also that of a run that an error ends. Raises ``MigrationError``.

    ``failures`` has the console for progress and warnings, and learns of a report that cannot be written.
    """
    console = failures.console
    if plan.postgres_url.driver_dropped and not quiet:
        console.print(safe(DRIVER_DROPPED))
    try:
        with watching(console, quiet=quiet) as watcher:
            report = _in_background(plan, embedder, watcher, cancel)
    except MigrationError as error:
        if isinstance(error.report, MigrationReport):
            _conclude(error.report, console, _save(error.report, report_file, failures))
        raise
    _conclude(report, console, _save(report, report_file, failures))
    return report


def _in_background(
    plan: CopyPlan, embedder: Embedder | None, watcher: Watcher, cancel: threading.Event
) -> MigrationReport:
    """Run in a thread, so that the main one stays free to take signals. An error in the main one cancels the run."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy") as executor:
        running = executor.submit(run_sqlite_to_postgres, plan, embedder, on_event=watcher, cancel=cancel)
        try:
            while not wait([running], timeout=0.2).done:  # without a timeout, Windows delivers no Ctrl-C
                pass
        except BaseException:
            cancel.set()
            raise
    return running.result()


def _save(report: MigrationReport, report_file: Path | None, failures: OutputFailures) -> list[Path]:
    """Write the report to the file that was asked for, and keep it in any case. Returns where it can be read."""
    saved = []
    if report_file is not None:
        try:
            saved.append(saving.save(report, report_file))
        except (OSError, UsageError) as error:
            failures.warn(f"the report was not saved to {report_file}", error)
    try:
        saved.append(saving.save(report, saving.kept_report(report)))
    except (OSError, UsageError) as error:
        failures.warn("the report was not saved among the kept ones", error, asked_for=False)
    return saved


def _conclude(report: MigrationReport, console: Console, saved: Sequence[Path]) -> None:
    if report.outcome is Outcome.FAILED and not any(table.read for table in report.tables.values()):
        for path in saved:  # the error says it all
            console.print(Text.assemble("Report saved: ", safe(path)), soft_wrap=True)
    else:
        print_summary(standard_output(), report, saved)
