"""How a run ended, in a sentence or two that say whether anything is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vestige_tui.core.errors import MigrationError
from vestige_tui.core.explain import (
    Tense,
    already_different,
    arrived_different,
    memories_there,
    mended_words,
    need_you,
    shortfalls,
    what_is_missing,
    why_not_verified,
)
from vestige_tui.core.report import MigrationReport, Outcome, TableReport
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.text import count
from vestige_tui.core.verify.report import VerificationReport
from vestige_tui.core.verify.result import VerificationOutcome
from vestige_tui.core.verify.words import in_short
from vestige_tui.screens.not_copied import not_copied_counted
from vestige_tui.screens.report_counts import already_different_by_title
from vestige_tui.screens.widgets.notice import Tone

MEMORIES = "knowledge_nodes"
RUN_AGAIN = "What has arrived stays. Run again to bring the rest: nothing is copied twice."


@dataclass(frozen=True, slots=True)
class Verdict:
    """A headline and what follows from it."""

    tone: Tone
    headline: str
    details: tuple[str, ...] = ()


def verdict(
    report: MigrationReport | None,
    failure: MigrationError | None,
    only: Mapping[str, frozenset[str]] | None = None,
    whole: MigrationReport | None = None,
) -> Verdict:
    """What to say of a run; ``only`` are the rows that it was restricted to.

    ``whole`` is the last run over all rows, where both together have proven every value equal.
    """
    if failure is not None or report is None:
        error = failure or MigrationError("There is no report.", remedy="Run the copy.")
        return Verdict(Tone.BAD, error.what, (error.means, error.remedy))
    said = _of_rows(report, only)
    if not report.outcome.finished:
        return said
    found = [*_compared(report)]
    headline, details = said.headline, [*said.details]
    if report.verified and only is None:
        headline = _verified(report, equal=not found) + _but_incomplete(report)
        details = [*_all_before(report), *details]
    elif whole is not None and not found:
        details.insert(0, headline)
        headline = _proven_by_both(whole) + _but_incomplete(report)
    elif report.not_verified is not None:
        headline = f"{headline} Copied, not verified."
    if mended := mended_words(report.mended, Tense.DONE):
        details.insert(0, f"{mended}.")
    warned = found or said.tone is Tone.WARNING
    return Verdict(Tone.WARNING if warned else said.tone, headline, (*found, *details))


def verdict_after_verification(
    report: MigrationReport | None,
    only: Mapping[str, frozenset[str]] | None,
    verification: VerificationReport | None,
    failure: MigrationError | None,
) -> Verdict:
    """What to say after a comparison that the operator asked for: what it found, then what the copy had done."""
    tone, details = Tone.WARNING, []
    if failure is not None:
        headline = f"Not compared: {failure.what}"
        details.append(failure.remedy)
    elif verification is None:
        headline = "Not compared."
    else:
        found = in_short(verification.comparison)
        stopped = verification.outcome is VerificationOutcome.CANCELLED
        headline = f"The comparison was stopped; until then {found}." if stopped else f"Compared again: {found}."
        tone = Tone.GOOD if verification.outcome is VerificationOutcome.EQUAL else Tone.WARNING
    if report is not None:
        said = _of_rows(report, only)
        tone = said.tone if tone is Tone.GOOD else tone
        details += [said.headline, *said.details]
    return Verdict(tone, headline, tuple(details))


def _of_rows(report: MigrationReport, only: Mapping[str, frozenset[str]] | None) -> Verdict:
    """What to say of the rows of a run, leaving aside what comparing their values found."""
    if only is not None:
        return _of_retry(report, only)
    memories = report.tables.get(MEMORIES, TableReport())
    if report.outcome is Outcome.CANCELLED:
        so_far = f"{memories.copied:,} of {count(memories.source, 'memory', 'memories')} are at the destination."
        return Verdict(Tone.WARNING, f"Cancelled: {so_far}", (RUN_AGAIN,))
    failed = sum(table.failed for table in report.tables.values())
    warned = failed or report.incomplete or report.source.stale or _dangle(report)
    return Verdict(
        Tone.WARNING if warned else Tone.GOOD,
        _accounted(memories) + _but_incomplete(report),
        (*_shortfalls(report), *_rest(report, memories)),
    )


def _verified(report: MigrationReport, *, equal: bool) -> str:
    """That every value was compared, and what became of the memories."""
    memories = report.tables.get(MEMORIES, TableReport())
    said = memories_there(memories.copied, memories.source, equal=equal)
    return f"{said} {need_you(memories.failed)}" if memories.failed else said


def _proven_by_both(whole: MigrationReport) -> str:
    """What a run over all rows and later ones over the rest have proven: what had failed has arrived since."""
    memories = whole.tables.get(MEMORIES, TableReport())
    return memories_there(memories.copied + memories.failed, memories.source, equal=True)


def _all_before(report: MigrationReport) -> Iterator[str]:
    """That no memory had to be written, where that is so."""
    memories = report.tables.get(MEMORIES, TableReport())
    if memories.source and memories.already_present == memories.source:
        yield "They were there before." if memories.source > 1 else "It was there before."


def _compared(report: MigrationReport) -> Iterator[str]:
    """What comparing the values found, other than that they are equal."""
    if report.not_verified is not None:
        why = why_not_verified(report.not_verified, report.verification_failure)
        yield f"Not verified: {why}. Verify (v) compares every value."
    arrived = {(error.table, error.row) for error in report.errors if error.kind is Kind.DIFFERS_AT_DESTINATION}
    if arrived:
        yield arrived_different(len(arrived))
    if differing := already_different_by_title(report):
        yield already_different(differing)


def _but_incomplete(report: MigrationReport) -> str:
    """What is missing beside the rows, in half a sentence."""
    return f" But {what_is_missing(report.incomplete, Tense.DONE)}." if report.incomplete else ""


def _shortfalls(report: MigrationReport) -> Iterator[str]:
    """Why, and what to do about it; of several reasons the page of next steps says what to do."""
    found = list(shortfalls(report.incomplete, Tense.DONE))
    if len(found) == 1:
        yield f"{found[0].headline} {found[0].remedy}"
    else:
        yield from (shortfall.headline for shortfall in found)


def _accounted(memories: TableReport) -> str:
    if not memories.source:
        return "The source holds no memories; everything else in it is accounted for."
    every = count(memories.source, "memory", "memories")
    if memories.failed:
        verb = "was not copied and is" if memories.failed == 1 else "were not copied and are"
        return f"All {every} are accounted for: {memories.copied:,} arrived, {memories.failed:,} {verb} listed."
    if memories.already_present == memories.source:
        return f"All {every} are at the destination; they had arrived before."
    return f"All {every} have arrived." if memories.source > 1 else "The one memory has arrived."


def _rest(report: MigrationReport, memories: TableReport) -> list[str]:
    sentences = []
    if report.source.stale is not None:
        sentences.append("The source is stale: what Vestige 4 has written since is not in it.")
    if report.left_behind:
        counted = not_copied_counted(report.left_behind)
        sentences.append(f"PostgreSQL has no place for: {counted}.")
    repaired = sum(table.repaired for table in report.tables.values())
    others = sum(table.failed for table in report.tables.values()) - memories.failed
    if repaired:
        sentences.append(f"{count(repaired, 'row')} arrived repaired, a broken field left out.")
    if others:
        sentences.append(f"{count(others, 'row')} of other tables {'was' if others == 1 else 'were'} not copied.")
    if _dangle(report):
        sentences.append("At the destination, rows refer to others that were deleted there.")
    if memories.already_present and memories.already_present < memories.source:
        were = "was" if memories.already_present == 1 else "were"
        sentences.append(f"{count(memories.already_present, 'memory', 'memories')} {were} there before.")
    return [" ".join(sentences)] if sentences else []


def _dangle(report: MigrationReport) -> bool:
    """Whether rows at the destination refer to nothing, wherever they came from."""
    return any(error.kind is Kind.DANGLING_REFERENCE for error in report.errors)


def _of_retry(report: MigrationReport, only: Mapping[str, frozenset[str]]) -> Verdict:
    tried = sum(map(len, only.values()))
    read = sum(table.read for table in report.tables.values())
    arrived = sum(table.copied for table in report.tables.values())
    details = []
    if report.outcome is Outcome.CANCELLED:
        details.append(RUN_AGAIN)
    elif read < tried:
        details.append(
            f"{count(tried - read, 'row')} of them cannot be found in the source any more: removed, or under another "
            "id now. Run again copies all that is new."
        )
    if read > arrived:
        details.append("What is still wrong is listed below.")
    details.extend(_shortfalls(report))
    if arrived == tried:
        tone = Tone.WARNING if report.incomplete else Tone.GOOD
        headline = f"Tried {count(tried, 'row')} again: {'it has' if tried == 1 else 'all of them have'} arrived."
        return Verdict(tone, headline + _but_incomplete(report), tuple(details))
    headline = f"Tried {count(tried, 'row')} again: {arrived:,} arrived, {read - arrived:,} still not copied."
    return Verdict(Tone.WARNING, headline, tuple(details))
