"""Opens the wizard: gives it what belongs to this user and machine, and fills in its fields."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from vestige_tui.app import VestigeApp
from vestige_tui.core import system
from vestige_tui.screens.machine import Kept, Machine, Report
from vestige_tui.screens.state import Prefill, WizardState
from vestige_tui.terminal.collector import freeze_objects
from vestige_tui.user.credentials import Keyring
from vestige_tui.user.embedded_host import EmbeddedHost
from vestige_tui.user.logs import logging_to, recent_lines
from vestige_tui.user.masking import mask_by_form
from vestige_tui.user.recent import Recent
from vestige_tui.user.settings import embedded_folder, reports_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vestige_tui.core.model import ModelSignature
    from vestige_tui.core.reembed.report import ReembedReport
    from vestige_tui.core.repairs.document import Repairs
    from vestige_tui.core.secret import Secret
    from vestige_tui.screens.kept_reports import KeptReport
    from vestige_tui.user.kept_repairs import KeptRepairs

MEMORY = "recent.json"
"""The name of the file with recent answers."""


def open_wizard(
    sqlite_path: Path | None = None,
    postgres_url: str | None = None,
    *,
    server_folder: Path | None = None,
) -> int:
    """Run the wizard in this terminal and return the exit code.

    Arguments that are not given come from the environment, or else from the last run. ``server_folder`` holds the data
    of the embedded PostgreSQL, by default the user's own; recent answers for another folder are kept beside it.
    """
    presented, unknown = _presented()
    memory = server_folder.parent / MEMORY if server_folder is not None else None
    folder, commands = server_folder or embedded_folder(), server_folder is None
    with (
        logging_to(None, mask_by_form),
        recent_lines(mask_by_form) as log,
        EmbeddedHost(folder, commands=commands) as host,
    ):
        machine = replace(this_machine(host, memory), log=log.lines)
        prefill = Prefill(sqlite_path=str(sqlite_path or ""), postgres_url=postgres_url or "")
        app = VestigeApp(machine, WizardState(prefill=prefill, presented=presented, unknown_embedder=unknown))
        app.run()
    _say_goodbye(app, host)
    return _code_of(app)


def _presented() -> tuple[ModelSignature | None, str]:
    """The embedder that the environment names, or why it names none."""
    from vestige_tui.core.embedder import embedder_from_environment
    from vestige_tui.core.errors import UsageError

    try:
        embedder = embedder_from_environment()
    except UsageError as error:
        return None, error.what
    return (embedder.model_signature() if embedder is not None else None), ""


def _say_goodbye(app: VestigeApp, host: EmbeddedHost) -> None:
    """Tell the shell what was done: nothing of the screen is left there."""
    from vestige_tui.screens.parting import EmbeddedNow, parting
    from vestige_tui.terminal.output import labelled, safe, standard_output

    console = standard_output()
    for label, text in parting(app.state, app.done, EmbeddedNow(host.running, host.commands)):
        labelled(console, label, safe(text), width=9)


def _code_of(app: VestigeApp) -> int:
    """The exit code: how the last copy ended, what came after it, or that a signal ended the program."""
    from vestige_tui.cli.exit_codes import (  # loads libpq, which is slow
        ExitCode,
        code_of_error,
        code_of_outcome,
        code_of_reembedding,
    )
    from vestige_tui.screens.embed_run import EmbedRun
    from vestige_tui.screens.run import Run
    from vestige_tui.screens.verification import Verification

    if app.return_code:
        return ExitCode.UNUSABLE
    if app.terminated:
        return ExitCode.CANCELLED
    codes = []
    if isinstance(app.work, EmbedRun):
        if app.work.failure is not None:
            codes.append(code_of_error(app.work.failure))
        elif app.work.report is not None:
            codes.append(code_of_reembedding(app.work.report.outcome))
        if app.state.report is not None:
            codes.append(code_of_outcome(app.state.report.outcome))
    elif isinstance(app.work, Verification):
        if app.work.report is not None and app.work.report.comparison.different:
            codes.append(ExitCode.PROBLEMS)
        if app.state.report is not None:
            codes.append(code_of_outcome(app.state.report.outcome))
    elif isinstance(app.work, Run):
        if app.work.failure is not None:
            codes.append(code_of_error(app.work.failure))
        elif app.work.report is not None:
            codes.append(code_of_outcome(app.work.report.outcome))
    return next((code for code in codes if code is not ExitCode.CLEAN), ExitCode.CLEAN)


def this_machine(host: EmbeddedHost, memory: Path | None = None) -> Machine:
    """What belongs to this user and machine. ``memory`` is the file with recent answers, by default the user's own."""
    return Machine(
        version=version("vestige-tui"),
        platform=system.name(),
        home=Path.home(),
        folder=Path.cwd(),
        environment=os.environ,
        passwords=Keyring(),
        recent=Recent(memory or reports_folder().parent / MEMORY),
        embedded=host,
        now=lambda: datetime.now(UTC),
        find_key=_find_key,
        keep_embedding=_keep_embedding,
        keep_report=_keep,
        repairs=_Repairs(),
        kept_reports=_kept_reports,
        freeze_objects=freeze_objects,
    )


def _kept_reports() -> Sequence[KeptReport]:
    from vestige_tui.user.kept_reports import kept_reports

    return kept_reports()


class _Repairs:
    """The files of repairs under the user's state folder. Their module loads with the first question about them."""

    def load(self, source: Path) -> Repairs:
        return self._kept.load(source)

    def keep(self, source: Path, repairs: Repairs) -> None:
        self._kept.keep(source, repairs)

    @cached_property
    def _kept(self) -> KeptRepairs:
        from vestige_tui.user.kept_repairs import KeptRepairs

        return KeptRepairs()


def _keep(report: Report) -> Kept:
    from vestige_tui.user import saving
    from vestige_tui.user.settings import receipts_folder, reports_folder

    name = saving.file_name(report)
    saved = saving.save(report, reports_folder() / name)
    if report.receipt is None:
        return Kept(saved)
    return Kept(saved, saving.save_receipt(report.receipt, report.input, receipts_folder() / name))


def _keep_embedding(report: ReembedReport) -> Path:
    from vestige_tui.user.saving import kept_report, save

    return save(report, kept_report(report))


def _find_key(url: str) -> Secret | None:
    from vestige_tui.user.embedder_key import embedder_key

    return embedder_key(url, Keyring())
