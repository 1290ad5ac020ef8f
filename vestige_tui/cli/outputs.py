"""The outputs of a command: which must not clash, and which could not be written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from vestige_tui.cli.exit_codes import ExitCode
from vestige_tui.core import system
from vestige_tui.core.errors import MigrationError
from vestige_tui.core.outputs import Output, check_outputs
from vestige_tui.core.repairs.document import NO_REPAIRS, Repairs, read_repairs
from vestige_tui.terminal.output import safe
from vestige_tui.terminal.streams import STANDARD_OUTPUT, descriptor_of

_STREAMS = {1: "Standard output", 2: "Standard error"}


class _OutputFile(click.Path):
    """The path of a file to write; ``-`` is standard output."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return STANDARD_OUTPUT if value == "-" else super().convert(value, param, ctx)


_FILE = _OutputFile(path_type=Path)
report_option = click.option(
    "--report",
    "report_file",
    type=_FILE,
    help='Also write the report, as JSON, to this file; "-" is standard output.',
)
receipt_option = click.option(
    "--receipt-out",
    "receipt_file",
    type=_FILE,
    help='Also write a receipt to this file, or to "-"; as a page if its name ends in .md.',
)
log_option = click.option("--log-file", type=_FILE, help="Add a log of the run to this file.")


def outputs_of(*, report_file: Path | None, receipt_file: Path | None, log_file: Path | None) -> list[Output]:
    """The files that the flags of a command name, and those that the shell redirects the standard streams to."""
    files = (
        ("The report", report_file, False),
        ("The receipt", receipt_file, False),
        ("The log", log_file, True),
    )
    named = [
        Output(name, path, appends)
        for name, path, appends in files
        if path is not None and descriptor_of(path) not in _STREAMS
    ]
    return [*standard_streams(), *named]


def repairs_in(file: Path | None, outputs: Sequence[Output]) -> Repairs:
    """The repairs in the file that a flag names; none of the outputs may hit it. Raises ``UsageError``."""
    if file is None:
        return NO_REPAIRS
    check_outputs(file, outputs, "the file of repairs")
    return read_repairs(file)


def standard_streams() -> list[Output]:
    """The standard streams that are files. Two streams of one open file are named once."""
    files = {number: file for number in _STREAMS if (file := system.file_of(number)) is not None}
    if [*files] == [*_STREAMS] and _share_a_place(*files):
        files.popitem()
    return [Output(_STREAMS[number], file, system.appends(number)) for number, file in files.items()]


def _share_a_place(one: int, other: int) -> bool:
    """Whether two descriptors belong to one open file, as after ``2>&1``. They then share its position too."""
    place = os.lseek(one, 0, os.SEEK_CUR)
    try:
        moved = os.lseek(one, place + 1, os.SEEK_SET)
        return os.lseek(other, 0, os.SEEK_CUR) == moved and os.path.sameopenfile(one, other)
    finally:
        os.lseek(one, place, os.SEEK_SET)


class OutputFailures:
    """Outputs that cannot be written: each gives one warning on ``console``, and the run goes on."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._asked_for = False

    def warn(self, sentence: str, error: OSError | MigrationError | str, *, asked_for: bool = True) -> None:
        """Print ``sentence``, without its full stop, and why. ``asked_for``: a flag or the shell names the output."""
        self._asked_for |= asked_for
        reason = str(error)
        if isinstance(error, MigrationError):
            reason = error.what
        elif isinstance(error, OSError):
            reason = error.strerror or reason
        self.console.print(safe(f"warning: {sentence}: {reason.rstrip('.')}.", "yellow"), soft_wrap=True)

    def code(self, code: ExitCode) -> ExitCode:
        """The exit code of a run. A clean one has problems where an output that was asked for is not complete."""
        return ExitCode.PROBLEMS if code is ExitCode.CLEAN and self._asked_for else code
