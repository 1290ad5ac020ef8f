"""The report of a re-embedding, as the terminal shows it. It holds no content of a memory."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vestige_tui.core.explain import REFUSALS
from vestige_tui.core.reembed.report import Action, ReembedOutcome, ReembedReport
from vestige_tui.core.reembed.words import kept_in_words
from vestige_tui.core.text import count, duration, per_second, size
from vestige_tui.terminal.output import heading, labelled, safe

_REFUSED_SHOWN = 20
_WIDTH = 15

_TITLES = {
    Action.REEMBED: "Vestige re-embedding report",
    Action.ONLY_MISSING: "Vestige re-embedding report: memories without a vector",
    Action.ROLLBACK: "Vestige re-embedding: back to the old vectors",
    Action.FINISH: "Vestige re-embedding: finished",
    Action.ABANDON: "Vestige re-embedding: abandoned",
}


def print_reembedding(console: Console, report: ReembedReport, saved: Sequence[Path], *, url: str) -> None:
    """Print what a run did, and what can follow. ``url`` is the destination without secrets."""
    dry = " (dry run, nothing was written)" if report.dry_run else ""
    heading(console, _TITLES[report.action] + dry)
    versions = [
        f"{program} {version}"
        for program, version in (("PostgreSQL", report.server_version), ("pgvector", report.pgvector_version))
        if version
    ]
    labelled(console, "Destination", safe(f"{url} ({', '.join(versions)})" if versions else url), width=_WIDTH)
    labelled(console, "Model before", safe(report.previous or "none registered"), width=_WIDTH)
    if report.target is not None and report.target != report.previous:
        swapped = report.rows_updated and not report.dry_run
        labelled(console, "Model after" if swapped else "New model", safe(report.target), width=_WIDTH)
    labelled(console, "Outcome", _outcome(report), width=_WIDTH)
    for label, value in _numbers(report):
        labelled(console, label, value, width=_WIDTH)
    for notice in report.notices:
        labelled(console, "Note", safe(notice), width=_WIDTH)
    _print_refused(console, report)
    _print_next(console, report, url)
    console.print()
    for path in saved:
        labelled(console, "Report saved", safe(path), width=_WIDTH)


_OUTCOMES = {
    ReembedOutcome.CLEAN: ("clean", "green"),
    ReembedOutcome.UNCHANGED: ("unchanged: there was nothing to do", "green"),
    ReembedOutcome.PREPARED: ("ready for the swap, which was not asked for", "green"),
    ReembedOutcome.FORETOLD: ("a run can begin", "green"),
    ReembedOutcome.INCOMPLETE: ("incomplete: the embedder refused memories", "yellow"),
    ReembedOutcome.CANCELLED: ("cancelled; the next run goes on from here", "yellow"),
}


def _outcome(report: ReembedReport) -> Text:
    if report.outcome in _OUTCOMES:
        words, colour = _OUTCOMES[report.outcome]
        return Text(words, style=f"bold {colour}")
    reason, *_ = (report.failure or "an unexpected fault").splitlines()
    return safe(f"failed: {reason}", style="bold red")


def _numbers(report: ReembedReport) -> Iterator[tuple[str, str]]:
    yield "Took", duration(report.duration_secs)
    if report.action in (Action.REEMBED, Action.ONLY_MISSING):
        yield "Memories", f"{report.memories:,}" + (f", {report.empty:,} without a text" if report.empty else "")
    if (estimate := report.estimate) is not None:
        how = "measured" if estimate.measured else "a rule of thumb"
        yield "To embed", f"{estimate.rows:,} in {count(estimate.batches, 'batch', 'batches')}"
        rate = per_second(estimate.rows_per_second)
        yield "Estimate", f"about {duration(estimate.seconds)} at {rate} a second ({how})"
        if report.action is Action.REEMBED:
            yield "Column type", "changes" if report.typmod_changes else "stays"
    elif report.embedded or report.already_embedded:
        before = f", {report.already_embedded:,} by an earlier run" if report.already_embedded else ""
        yield "Embedded", f"{report.embedded:,}{before}"
    if report.rows_updated:
        yield "Old vectors" if report.action is Action.ROLLBACK else "New vectors", f"{report.rows_updated:,}"
    if report.index_rebuild_secs:
        yield "Index", duration(report.index_rebuild_secs)
    if report.disk_needed is not None and report.dry_run:
        yield "Disk needed", f"up to {size(report.disk_needed)} more on the server, until --finish"
    if report.neighbours is not None:
        yield "Neighbours", kept_in_words(report.neighbours)


def _print_refused(console: Console, report: ReembedReport) -> None:
    if not report.refused_count:
        return
    heading(console, "Memories that the embedder refused")
    for refused in report.refused[:_REFUSED_SHOWN]:
        console.print(safe(f"{refused.memory}: {REFUSALS[refused.reason]}"), soft_wrap=True)
    if (more := report.refused_count - _REFUSED_SHOWN) > 0:
        console.print(Text(f"+{more:,} more", style="bold"))


def _print_next(console: Console, report: ReembedReport, url: str) -> None:
    """The commands that can follow."""
    if not report.disk_held or report.dry_run:
        return
    command = f"vestige-tui migrate reembed --postgres-url {shlex.quote(url)}"
    following = {
        Action.REEMBED: (
            ("Once searches are good, drop the old vectors:", "--finish"),
            ("Or bring them back:", "--rollback"),
        ),
        Action.ROLLBACK: (("Drop the new vectors:", "--abandon"),),
    }.get(report.action, ())
    if report.outcome is ReembedOutcome.PREPARED:
        following = (
            ("Bring the new vectors into place: the same command without --no-swap.", ""),
            ("Or drop what was made:", "--abandon"),
        )
    if following and report.outcome.finished:
        heading(console, "What next")
        for what, flag in following:
            console.print(what)
            if flag:
                console.print(safe(f"  {command} {flag}"), soft_wrap=True)
