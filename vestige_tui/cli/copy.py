"""A copy from the command line: its destination, its progress, its report."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vestige_tui.cli.progress import watching
from vestige_tui.cli.summary import print_summary
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.embedder import Embedder
from vestige_tui.core.errors import MigrationError, UsageError
from vestige_tui.core.events import Watcher
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.terminal.output import safe, standard_error, standard_output
from vestige_tui.user import saving
from vestige_tui.user.outputs import Unwritten
from vestige_tui.user.settings import embedded_folder

EMBEDDED = "embedded"
"""What ``--postgres-url`` says for the PostgreSQL that vestige-tui runs itself."""


@contextmanager
def destination(postgres_url: str) -> Iterator[Dsn]:
    """The destination that a URL or ``embedded`` names; an embedded server runs while the block does."""
    if postgres_url.strip() == EMBEDDED:
        with EmbeddedServer(embedded_folder()) as server:
            yield server.dsn
    else:
        yield Dsn.parse(postgres_url)


def copy(
    plan: CopyPlan,
    embedder: Embedder | None,
    *,
    cancel: threading.Event,
    console: Console | None = None,
    report_file: Path | None = None,
    quiet: bool = False,
    unwritten: Unwritten | None = None,
) -> MigrationReport:
    """Run a plan with progress on standard error, print its report on standard output and keep it.

    A run that an error ends has its report printed and kept as well, as far as it had come. A report that
    could not be written is added to ``unwritten``.
    """
    errors = console or standard_error()
    unwritten = unwritten or Unwritten(errors)
    if plan.postgres_url.notice and not quiet:
        errors.print(safe(plan.postgres_url.notice))
    try:
        with watching(errors, quiet=quiet) as watcher:
            report = _in_background(plan, embedder, watcher, cancel)
    except MigrationError as error:
        if error.report is not None:
            _conclude(error.report, errors, _save(error.report, report_file, unwritten))
        raise
    _conclude(report, errors, _save(report, report_file, unwritten))
    return report


def _in_background(
    plan: CopyPlan, embedder: Embedder | None, watcher: Watcher, cancel: threading.Event
) -> MigrationReport:
    """Run in a thread, so that the main one stays free to take signals. An error in this one cancels the run."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="copy") as executor:
        running: Future[MigrationReport] = executor.submit(
            run_sqlite_to_postgres, plan, embedder, on_event=watcher, cancel=cancel
        )
        try:
            while not wait([running], timeout=0.2).done:  # without a timeout, Windows delivers no Ctrl-C
                pass
        except BaseException:
            cancel.set()
            raise
    return running.result()


def _save(report: MigrationReport, report_file: Path | None, unwritten: Unwritten) -> list[Path]:
    """Write the report where it was asked for, and keep it in any case; returns where it can be read."""
    saved = []
    if report_file is not None:
        try:
            saved.append(saving.save(report, report_file))
        except (OSError, UsageError) as error:
            unwritten.say(f"the report was not saved to {report_file}", error)
    try:
        saved.append(saving.save(report, saving.kept_report(report)))
    except (OSError, UsageError) as error:
        unwritten.say("the report was not saved among the kept ones", error, asked_for=False)
    return saved


def _conclude(report: MigrationReport, errors: Console, saved: Sequence[Path]) -> None:
    if report.outcome is Outcome.FAILED and not any(table.read for table in report.tables.values()):
        for path in saved:  # the error says it all
            errors.print(Text.assemble("Report saved: ", safe(path)), soft_wrap=True)
    else:
        print_summary(standard_output(), report, saved)
