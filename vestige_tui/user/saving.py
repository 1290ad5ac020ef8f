"""Writes reports to files: whole or not at all, and readable by their owner only."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from vestige_tui.core.errors import UsageError
from vestige_tui.core.files import replacing
from vestige_tui.core.outputs import Output, check_outputs
from vestige_tui.core.report import MigrationReport
from vestige_tui.terminal.streams import descriptor_of, write_all
from vestige_tui.user.settings import reports_folder


def check_writable(path: Path) -> None:
    """Check before a run that its report can be written. Raises ``UsageError``."""
    if descriptor_of(path) is not None:
        return
    if not _can_be_written(path):
        raise UsageError(
            f"The report cannot be written to {path}.",
            remedy="Name a file in a folder that exists and that you may write to.",
        )


def _can_be_written(path: Path) -> bool:
    try:
        return not stat.S_ISDIR(path.stat().st_mode) and os.access(path, os.W_OK)
    except FileNotFoundError:
        return path.absolute().parent.is_dir() and os.access(path.absolute().parent, os.W_OK)
    except OSError:  # an impossible name, or a link to itself
        return False


def kept_report(report: MigrationReport) -> Path:
    """The file under the user's state folder that keeps a report, such as ``20261122T101112Z-copy-1a2b.json``."""
    kind = "dry-run" if report.plan.dry_run else "copy"
    return reports_folder() / f"{report.started_at:%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(2)}.json"


def save(report: MigrationReport, path: Path) -> Path:
    """Write a report's JSON to ``path`` and return it. Raises ``OSError``; ``UsageError`` if that is the source."""
    check_outputs(report.plan.sqlite_path, [Output("The report", path)])
    text = report.to_json().encode("utf-8", "backslashreplace")
    if (stream := descriptor_of(path)) is not None:
        write_all(stream, text)
        return path
    if path.exists() and not path.is_file():  # a pipe or a device cannot be replaced
        path.write_bytes(text)
        return path
    with replacing(path.resolve()) as partial:
        partial.write_bytes(text)
    return path
