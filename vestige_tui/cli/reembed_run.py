"""Runs a re-embedding from the command line: what is said before, five seconds to think again, the run, its report."""

from __future__ import annotations

import logging
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import Protocol

from rich.text import Text

from vestige_tui.cli.background import in_background
from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.cli.reembed_progress import displaying, say
from vestige_tui.cli.reembed_summary import print_reembedding
from vestige_tui.cli.reembed_words import warning
from vestige_tui.cli.reports import Files, save
from vestige_tui.core.dsn import EMBEDDED
from vestige_tui.core.errors import Cancelled, EmbedderError, MigrationError, UsageError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.notices import DRIVER_DROPPED
from vestige_tui.core.reembed import actions
from vestige_tui.core.reembed.embedders.measuring import rate_of
from vestige_tui.core.reembed.embedders.opening import open_embedder
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
from vestige_tui.core.reembed.events import Watcher
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.profiles import EmbedderChoice, profile_of
from vestige_tui.core.reembed.report import Action, ReembedOutcome, ReembedReport
from vestige_tui.core.reembed.run import run_reembed
from vestige_tui.core.reembed.words import contents_go_to
from vestige_tui.terminal.output import standard_output

log = logging.getLogger(__name__)

COUNTDOWN = 5
"""Seconds to think again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the flags ask for. ``choice`` is the embedder, None for the actions that need none.

    ``confirmed``: there is no countdown. ``embedded``: the store is on the server that vestige-tui runs itself.
    """

    plan: ReembedPlan
    action: Action
    choice: EmbedderChoice | None
    confirmed: bool
    embedded: bool = False

    @property
    def url(self) -> str:
        """The destination as a later command would name it, without secrets."""
        return EMBEDDED if self.embedded else self.plan.postgres_url.masked


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a run reports: its console, and the file that ``--report`` names."""

    failures: OutputFailures
    files: Files
    as_json: bool
    quiet: bool

    def say(self, text: str, style: str = "") -> None:
        """Print a warning on standard error."""
        say(self.failures.console, text, style)

    def conclude(self, request: Request, report: ReembedReport) -> None:
        """Keep the report, and print it."""
        saved = save(report, None, self.files, self.failures).reports
        if self.as_json:
            standard_output().print(Text(report.to_json(), end=""), soft_wrap=True)
        elif report.outcome is ReembedOutcome.FAILED and not report.embedded:
            for path in saved:  # the error says it all
                self.say(f"Report saved: {path}")
        else:
            print_reembedding(self.files.console(), report, saved, url=request.url)


def carry_out(request: Request, outputs: Outputs, cancel: Event) -> ReembedOutcome:
    """Do what is asked for, print the report and keep it, also that of a run that an error ends.

    Raises ``MigrationError``.
    """
    if request.plan.postgres_url.driver_dropped and not outputs.quiet:
        outputs.say(DRIVER_DROPPED)
    try:
        report = _report_of(request, outputs, cancel)
    except Cancelled:
        outputs.say("Nothing has been changed.")
        return ReembedOutcome.CANCELLED
    except MigrationError as error:
        if isinstance(error.report, ReembedReport):
            outputs.conclude(request, error.report)
        else:  # before the run began
            error.state = DataState.STORE_UNCHANGED
        raise
    outputs.conclude(request, report)
    return report.outcome


_AFTERWARDS = {Action.ROLLBACK: actions.rollback, Action.FINISH: actions.finish, Action.ABANDON: actions.abandon}


def _report_of(request: Request, outputs: Outputs, cancel: Event) -> ReembedReport:
    if request.choice is not None:
        return _embed(request, request.choice, outputs, cancel)
    _think_again(request, outputs, warning(request.action), cancel)
    return _watched(partial(_AFTERWARDS[request.action], request.plan.postgres_url), request, outputs, cancel)


def _embed(request: Request, choice: EmbedderChoice, outputs: Outputs, cancel: Event) -> ReembedReport:
    plan = request.plan
    if plan.dry_run:
        return _foretell(plan, choice, outputs, cancel)
    with displaying(outputs.failures.console, plan.postgres_url, quiet=outputs.quiet) as display:
        display.say("Trying the embedder with a few texts of our own…", "dim")
        opening = partial(open_embedder, choice, cancel=cancel, watcher=display.embedder)
        embedder = in_background(opening, cancel, "embedder")
    with closing(embedder):
        _say_where(embedder, outputs)
        foreseen = _foreseen(plan, embedder, cancel)
        if foreseen.outcome is ReembedOutcome.UNCHANGED:
            return replace(foreseen, dry_run=False)
        said = warning(request.action, foreseen, no_swap=plan.no_swap, drop_hnsw_first=plan.drop_hnsw_first)
        _think_again(request, outputs, said, cancel)
        return _watched(partial(run_reembed, plan, embedder), request, outputs, cancel)


def _foretell(plan: ReembedPlan, choice: EmbedderChoice, outputs: Outputs, cancel: Event) -> ReembedReport:
    """A dry run: with the embedder where it is at hand, else by what the flags say of the model."""
    embedder = _at_hand(choice, outputs, cancel)
    if embedder is None:
        profile = profile_of(choice)
        if profile.dimension is None:
            raise UsageError(
                f"How many elements a vector of {profile.model} has is not known without its embedder.",
                remedy="Name it with --dimension.",
            )
        plan = replace(plan, model=ModelSignature(profile.model, profile.dimension, choice.hash))
        return in_background(partial(run_reembed, plan, cancel=cancel), cancel, "reembed")
    with closing(embedder):
        _say_where(embedder, outputs)
        return in_background(partial(run_reembed, plan, embedder, cancel=cancel), cancel, "reembed")


def _at_hand(choice: EmbedderChoice, outputs: Outputs, cancel: Event) -> TextEmbedder | None:
    """The embedder, if it can be had without fetching a model; else None, and why is said."""
    fetching = cancel
    if choice.url is None:
        fetching = Event()
        fetching.set()  # a download that is cancelled from its start sends nothing
    try:
        return in_background(partial(open_embedder, choice, cancel=fetching), cancel, "embedder")
    except EmbedderError as error:
        why = error.what
    except Cancelled:
        if cancel.is_set():
            raise
        why = f"{profile_of(choice).model} is not on this machine yet."
    outputs.say(f"{why} The time is a rule of thumb.")
    return None


def _say_where(embedder: TextEmbedder, outputs: Outputs) -> None:
    said = contents_go_to(embedder.place)
    log.info("reembed: %s", said)
    outputs.say(said, "bold yellow" if embedder.place.leaves_machine else "")


def _foreseen(plan: ReembedPlan, embedder: TextEmbedder, cancel: Event) -> ReembedReport:
    """What the run is about to do, with the rate that the embedder has for texts of our own."""

    def look() -> ReembedReport:
        dry = replace(plan, dry_run=True, model=embedder.model_signature())
        try:
            report = run_reembed(dry, cancel=cancel)
            if report.outcome is ReembedOutcome.UNCHANGED and not plan.only_missing:
                report = run_reembed(dry, embedder, cancel=cancel)  # only the vectors tell whether they are its own
        except MigrationError as error:
            if isinstance(error.report, ReembedReport):
                error.report.dry_run = False  # nobody asked for one
            raise
        if report.outcome is ReembedOutcome.CANCELLED:
            raise Cancelled
        if report.estimate is not None and report.estimate.rows:
            rate = rate_of(embedder, cancel)
            seconds = report.estimate.rows / rate
            report.estimate = replace(report.estimate, rows_per_second=rate, measured=True, seconds=seconds)
        return report

    return in_background(look, cancel, "reembed")


def _think_again(request: Request, outputs: Outputs, lines: list[str], cancel: Event) -> None:
    """Say what is about to happen and wait; raises ``Cancelled`` if the operator asks to stop meanwhile."""
    first, *rest = lines
    outputs.say(f"warning: {first}", "bold yellow")
    for line in rest:
        outputs.say(f"  {line}")
    if request.confirmed:
        return
    outputs.say(f"This begins in {COUNTDOWN} seconds. Ctrl-C: it does not, and nothing is changed.")
    console = outputs.failures.console
    for left in range(COUNTDOWN, 0, -1):
        if console.is_terminal:
            console.print(Text(f"{left}… "), end="")
        if cancel.wait(1.0):
            raise Cancelled
    if console.is_terminal:
        console.print()


class _Work(Protocol):
    def __call__(self, *, on_event: Watcher, cancel: Event) -> ReembedReport: ...


def _watched(work: _Work, request: Request, outputs: Outputs, cancel: Event) -> ReembedReport:
    with displaying(outputs.failures.console, request.plan.postgres_url, quiet=outputs.quiet) as display:
        return in_background(partial(work, on_event=display.show, cancel=cancel), cancel, "reembed")
