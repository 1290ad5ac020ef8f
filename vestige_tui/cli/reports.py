"""Writes the report and the receipt of a command to the files that were asked for, and keeps both in any case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.core.errors import UsageError
from vestige_tui.terminal.output import standard_error, standard_output
from vestige_tui.terminal.streams import descriptor_of
from vestige_tui.user import saving
from vestige_tui.user.settings import receipts_folder, reports_folder

if TYPE_CHECKING:
    from vestige_tui.core.verify.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Files:
    """Where a command is to write its report and its receipt, as its flags say."""

    report: Path | None = None
    receipt: Path | None = None

    def console(self) -> Console:
        """Where the summary is printed: standard output, unless the report or the receipt is to be had from there."""
        written = (descriptor_of(file) for file in (self.report, self.receipt) if file is not None)
        return standard_error() if 1 in written else standard_output()


NO_FILES = Files()
"""No flag names a file."""


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the report and the receipt can be read."""

    reports: tuple[Path, ...] = ()
    receipts: tuple[Path, ...] = ()


def check_files(files: Files) -> None:
    """Check before a run that its files can be written. Raises ``UsageError``."""
    if files.report is not None:
        saving.check_writable(files.report)
    if files.receipt is not None:
        saving.check_writable(files.receipt, "The receipt")


def save(report: saving.Report, receipt: Receipt | None, files: Files, failures: OutputFailures) -> Saved:
    """Write both to the files that were asked for, and keep both in any case; what fails gives a warning."""
    name = saving.file_name(report)

    def attempt(write: Callable[[], Path], what: str, *, asked_for: bool) -> list[Path]:
        try:
            return [write()]
        except (OSError, UsageError) as error:
            failures.warn(what, error, asked_for=asked_for)
            return []

    reports: list[Path] = []
    if (file := files.report) is not None:
        reports += attempt(partial(saving.save, report, file), f"the report was not saved to {file}", asked_for=True)
    reports += attempt(
        lambda: saving.save(report, reports_folder() / name),
        "the report was not saved among the kept ones",
        asked_for=False,
    )
    if receipt is None:
        if files.receipt is not None:
            failures.warn(f"the receipt was not saved to {files.receipt}", "this run has none")
        return Saved((*reports,))
    write = partial(saving.save_receipt, receipt, report.input)
    receipts: list[Path] = []
    if (file := files.receipt) is not None:
        receipts += attempt(partial(write, file), f"the receipt was not saved to {file}", asked_for=True)
    receipts += attempt(
        lambda: write(receipts_folder() / name), "the receipt was not saved among the kept ones", asked_for=False
    )
    return Saved((*reports,), (*receipts,))
