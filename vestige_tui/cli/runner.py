"""Runs a plan from the command line: progress on standard error, the report on standard output and in files."""

from __future__ import annotations

import threading
from functools import partial

from rich.text import Text

from vestige_tui.cli.background import in_background
from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.cli.progress import watching
from vestige_tui.cli.reports import NO_FILES, Files, save
from vestige_tui.cli.summary import print_summary
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.notices import DRIVER_DROPPED
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.core.verify.receipt import Receipt
from vestige_tui.terminal.output import safe


def run_plan(
    plan: CopyPlan,
    embedder: Embedder | None,
    failures: OutputFailures,
    *,
    cancel: threading.Event,
    files: Files = NO_FILES,
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
            copy = partial(run_sqlite_to_postgres, plan, embedder, on_event=watcher, cancel=cancel)
            report = in_background(copy, cancel, "copy")
    except MigrationError as error:
        if isinstance(error.report, MigrationReport):
            _conclude(error.report, None, failures, files)
        raise
    _conclude(report, report.receipt, failures, files)
    return report


def _conclude(report: MigrationReport, receipt: Receipt | None, failures: OutputFailures, files: Files) -> None:
    saved = save(report, receipt, files, failures)
    if report.outcome is Outcome.FAILED and not any(table.read for table in report.tables.values()):
        for path in saved.reports:  # the error says it all
            failures.console.print(Text.assemble("Report saved: ", safe(path)), soft_wrap=True)
    else:
        print_summary(files.console(), report, saved.reports, saved.receipts)
