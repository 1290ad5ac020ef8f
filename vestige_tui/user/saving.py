"""Writes reports and receipts to files: whole or not at all, and readable by their owner only."""

from __future__ import annotations

import os
import secrets
import stat
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from vestige_tui.core.errors import UsageError
from vestige_tui.core.files import replacing
from vestige_tui.core.outputs import Output, check_outputs
from vestige_tui.terminal.streams import descriptor_of, write_all
from vestige_tui.user.settings import reports_folder

if TYPE_CHECKING:
    from vestige_tui.core.verify.receipt import Receipt


class Report(Protocol):
    """The report of a run; ``kind`` is what the run was, in a word or two of a file's name. ``input`` is the file that
    it read, which no output may hit; None where it read none.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102

    @property
    def input(self) -> Path | None: ...  # noqa: D102

    @property
    def started_at(self) -> datetime: ...  # noqa: D102

    def to_json(self) -> str: ...  # noqa: D102


def check_writable(path: Path, name: str = "The report") -> None:
    """Check before a run that an output can be written; ``name`` begins a sentence. Raises ``UsageError``."""
    if descriptor_of(path) is not None:
        return
    if not _can_be_written(path):
        raise UsageError(
            f"{name} cannot be written to {path}.",
            remedy="Name a file in a folder that exists and that you may write to.",
        )


def _can_be_written(path: Path) -> bool:
    try:
        return not stat.S_ISDIR(path.stat().st_mode) and os.access(path, os.W_OK)
    except FileNotFoundError:
        return path.absolute().parent.is_dir() and os.access(path.absolute().parent, os.W_OK)
    except OSError:  # an impossible name, or a link to itself
        return False


def file_name(report: Report) -> str:
    """A new name for the files that keep a run's report and receipt, such as ``20261122T101112Z-copy-1a2b.json``."""
    return f"{report.started_at:%Y%m%dT%H%M%SZ}-{report.kind}-{secrets.token_hex(2)}.json"


def kept_report(report: Report) -> Path:
    """The file under the user's state folder that keeps a report."""
    return reports_folder() / file_name(report)


def save(report: Report, path: Path) -> Path:
    """Write a report's JSON to ``path`` and return it. Raises ``OSError``; ``UsageError`` if that is the source."""
    check_outputs(report.input, [Output("The report", path)])
    return write(report.to_json().encode("utf-8", "backslashreplace"), path)


def save_receipt(receipt: Receipt, source: Path | None, path: Path) -> Path:
    """Write a receipt to ``path`` and return it: JSON, or a page where the name ends in ``.md``. Errors as ``save``."""
    check_outputs(source, [Output("The receipt", path)])
    return write(receipt.for_file(path), path)


def write(data: bytes, path: Path) -> Path:
    """Write a file whole or not at all, or to a pipe or a device. Raises ``OSError``."""
    if (stream := descriptor_of(path)) is not None:
        write_all(stream, data)
        return path
    if path.exists() and not path.is_file():  # a pipe or a device cannot be replaced
        path.write_bytes(data)
        return path
    with replacing(path.resolve()) as partial:
        partial.write_bytes(data)
    return path
