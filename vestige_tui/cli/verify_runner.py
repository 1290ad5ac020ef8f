"""Runs a verification from the command line: progress on standard error, its report on standard output and in files."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path

from rich.text import Text

from vestige_tui.cli.background import in_background
from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.cli.progress import watching
from vestige_tui.cli.reports import Files, Saved, save
from vestige_tui.cli.verify_summary import print_receipt_check, print_verification
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.plan import VerificationPlan
from vestige_tui.core.run.receipt_check import run_receipt_check
from vestige_tui.core.run.verification import run_verification
from vestige_tui.core.verify.receipt import load_receipt
from vestige_tui.core.verify.receipt_report import ReceiptReport
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome
from vestige_tui.terminal.output import safe


def verify_source(
    plan: VerificationPlan,
    embedder: Embedder | None,
    failures: OutputFailures,
    *,
    cancel: threading.Event,
    files: Files,
    quiet: bool,
) -> VerificationOutcome:
    """Compare, print the report and keep it, also that of a run that an error ends. Raises ``MigrationError``."""
    try:
        with watching(failures.console, quiet=quiet) as watcher:
            work = partial(run_verification, plan, embedder, on_event=watcher, cancel=cancel)
            report = in_background(work, cancel, "verify")
    except MigrationError as error:
        if isinstance(error.report, VerificationReport):
            saved = save(error.report, None, files, failures)
            if error.report.comparison.tables:
                print_verification(files.console(), error.report, saved)
            else:
                _print_saved(saved, failures)
        raise
    print_verification(files.console(), report, save(report, report.receipt, files, failures))
    return report.outcome


def verify_receipt(
    path: Path, dsn: Dsn, failures: OutputFailures, *, cancel: threading.Event, files: Files, quiet: bool
) -> VerificationOutcome:
    """The same for a receipt, in place of the source."""
    receipt = load_receipt(path)
    try:
        with watching(failures.console, quiet=quiet) as watcher:
            work = partial(run_receipt_check, path, receipt, dsn, on_event=watcher, cancel=cancel)
            report = in_background(work, cancel, "verify")
    except MigrationError as error:
        if isinstance(error.report, ReceiptReport):
            _print_saved(save(error.report, None, files, failures), failures)
        raise
    print_receipt_check(files.console(), report, save(report, None, files, failures))
    return report.outcome


def _print_saved(saved: Saved, failures: OutputFailures) -> None:
    """Where the report of a run can be read of which the error says all."""
    for path in saved.reports:
        failures.console.print(Text.assemble("Report saved: ", safe(path)), soft_wrap=True)
