"""What to do after a copy: the settings for Vestige, the rows to correct, and the files to keep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from textual.content import Content

from vestige_tui.core.explain import Tense, shortfalls
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.screens.embedding import after_swap
from vestige_tui.screens.not_copied import not_copied_counted
from vestige_tui.screens.state import WizardState
from vestige_tui.screens.widgets.text import plain, short_path


def next_steps(state: WizardState, home: Path) -> Content:
    """What to do next, one paragraph each."""
    return Content("\n\n").join(_paragraphs(state, home))


def _paragraphs(state: WizardState, home: Path) -> Iterator[Content]:
    report = state.report
    if report is None or report.outcome in (Outcome.CANCELLED, Outcome.FAILED):
        yield Content(
            "The copy is not finished. Run again brings the rest: what has arrived is skipped, nothing is copied "
            "twice. Until then, let Vestige go on with your file."
        )
    else:
        if any(table.failed for table in report.tables.values()):
            yield Content(
                "Some rows were not copied. Mend the rows (m) brings them from here; or correct them in the source and "
                "try them again: Retry (r), or a later copy."
            )
        yield from _missing(report)
        if state.target is not None:
            if state.embedded is not None:
                swapped = [
                    *after_swap(state.embedded, "embedded" if state.target.embedded else state.target.dsn.masked)
                ]
                if swapped:
                    yield Content("\n").join(plain(line) for line in swapped)
            yield Content(
                "Hand over shows the lines with which Vestige uses the new store, writes them into its file, and tests "
                "them."
            )
    yield _files(state, home)
    if report is not None:
        yield from _remarks(report)


def _missing(report: MigrationReport) -> Iterator[Content]:
    """The indexes and foreign keys that are missing, each by its name."""
    for shortfall in shortfalls(report.incomplete, Tense.DONE):
        yield Content("\n").join(
            [
                plain(shortfall.headline, "bold"),
                *(plain(f"  {name}") for name in shortfall.names),
                plain(shortfall.remedy),
                *(plain(f"  {statement}", "$accent") for statement in shortfall.sql),
            ]
        )


def _files(state: WizardState, home: Path) -> Content:
    facts = []
    if state.source is not None:
        facts.append(f"Your file, to keep until you trust the new store: {short_path(state.source.path, home)}")
    if state.backup is not None:
        facts.append(f"Its backup from before the upgrade: {short_path(state.backup, home)}")
    reports, receipts = [state.saved], [state.receipt]
    if (later := state.verification_kept) is not None:
        reports.append(later.report)
        receipts.append(later.receipt)
    facts += _saved("The report", reports, home)
    if state.saved is not None and state.embedding_saved is not None:
        facts.append(f"  {state.embedding_saved.name}, of the embedding")
    facts += _saved("The receipt, which verify --receipt checks later", receipts, home)
    if state.unsaved:
        facts.append(f"The report could not be saved: {state.unsaved}")
    return Content("\n").join(plain(fact) for fact in facts)


def _saved(what: str, files: Iterable[Path | None], home: Path) -> list[str]:
    """The folder of some files, and their names under it: that of the copy, and that of the last comparison."""
    found = [file for file in files if file is not None]
    if not found:
        return []
    return [f"{what}, saved in {short_path(found[0].parent, home)}:", *(f"  {file.name}" for file in found)]


def _remarks(report: MigrationReport) -> Iterator[Content]:
    if report.left_behind:
        yield plain(f"PostgreSQL has no place for: {not_copied_counted(report.left_behind)}. Your file keeps them.")
    for notice in report.notices:
        yield plain(notice)
