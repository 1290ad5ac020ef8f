"""What the shell shows after the wizard: five lines on what was done, where its files are, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vestige_tui.screens.in_place_upgrade import InPlaceUpgrade

if TYPE_CHECKING:
    from vestige_tui.screens.embed_run import EmbedRun
    from vestige_tui.screens.run import Run
    from vestige_tui.screens.state import WizardState
    from vestige_tui.screens.verification import Verification
    from vestige_tui.screens.work import Work

_AGAIN = "vestige-tui"


@dataclass(frozen=True, slots=True)
class EmbeddedNow:
    """The embedded server at the end of the program: whether it runs, and whether the commands are about it."""

    running: bool
    commands: bool


def parting(state: WizardState, done: Sequence[Work], embedded: EmbeddedNow) -> Sequence[tuple[str, str]]:
    """Five lines, each a label and what it says. ``done`` is all work of this session, in its order.

    Everything is taken from the work itself where there was some: a step that was left may not know its end.
    """
    session = _Session.of(state, done)
    return (
        ("Done", session.verdict),
        ("Report", session.report),
        ("Receipt", session.receipt),
        ("Memories", session.move),
        ("Next", " ".join(session.next_steps(embedded))),
    )


@dataclass(frozen=True, slots=True)
class _Session:
    """The last copy, what came after it, and the last upgrade of a file."""

    state: WizardState
    copy: Run | None
    verification: Verification | None
    embedding: EmbedRun | None
    upgrade: InPlaceUpgrade | None

    @classmethod
    def of(cls, state: WizardState, done: Sequence[Work]) -> _Session:
        from vestige_tui.screens.embed_run import EmbedRun
        from vestige_tui.screens.run import Run
        from vestige_tui.screens.verification import Verification

        copy, verification, embedding, upgrade = None, None, None, None
        for work in done:
            if isinstance(work, Run) and not work.plan.dry_run:
                copy, verification, embedding = work, None, None
            elif isinstance(work, Verification):
                verification = work
            elif isinstance(work, EmbedRun):
                embedding = work
            elif isinstance(work, InPlaceUpgrade):
                upgrade = work
        return cls(state, copy, verification, embedding, upgrade)

    @property
    def verdict(self) -> str:
        """How the last copy ended, and what came after it."""
        return " ".join([*self._of_copy(), *self._of_embedding()])

    def _of_copy(self) -> Iterator[str]:
        from vestige_tui.screens.outcome import verdict, verdict_after_verification

        copy = self.copy
        if copy is None:
            yield "Nothing was copied."
            if self.upgrade is not None:
                failure = self.upgrade.failure
                yield "Your file was upgraded in place." if failure is None else f"{failure.what} {failure.means}"
            return
        if self.verification is not None and copy.failure is None:
            again = self.verification
            said = verdict_after_verification(copy.report, copy.only, again.report, again.failure)
            yield said.headline
            yield verdict_after_verification(copy.report, copy.only, None, None).details[0]
            return
        said = verdict(copy.report, copy.failure, copy.only, self.state.proven_whole)
        yield said.headline
        if copy.failure is not None:
            yield copy.failure.means

    def _of_embedding(self) -> Iterator[str]:
        from vestige_tui.screens.embedding import outcome_in_words

        if self.embedding is None:
            return
        if self.embedding.failure is not None:
            yield f"Embedding: {self.embedding.failure.what}"
        elif self.embedding.report is not None:
            yield outcome_in_words(self.embedding.report)

    @property
    def report(self) -> str:
        """Where the report is."""
        if self.copy is None:
            return "none, since nothing was copied"
        if self.copy.kept is None:
            return f"could not be saved: {self.copy.unsaved}" if self.copy.unsaved else "none"
        return _files(self.copy.kept.report, _kept_report(self.verification), getattr(self.embedding, "saved", None))

    @property
    def receipt(self) -> str:
        """Where the receipt is."""
        later = self.verification.kept.receipt if self.verification is not None and self.verification.kept else None
        own = self.copy.kept.receipt if self.copy is not None and self.copy.kept is not None else None
        if own is None and later is None:
            return "none: only a copy that has come to its end has one"
        return _files(own, later)

    @property
    def move(self) -> str:
        """From where to where; and the backup of a file that was upgraded."""
        if self.copy is not None:
            source, place = str(self.copy.plan.sqlite_path), self.copy.plan.postgres_url.masked
        else:
            chosen = self.state.source.path if self.state.source is not None else None
            source = str(chosen) if chosen is not None else "no file chosen"
            place = self.state.target.dsn.masked if self.state.target is not None else "no destination chosen"
        backup = self.upgrade.backup if self.upgrade is not None else self.state.backup
        return f"{source} → {place}" + (f" (before its upgrade: {backup})" if backup is not None else "")

    def next_steps(self, embedded: EmbeddedNow) -> Iterator[str]:
        """What to do next."""
        copy = self.copy
        if copy is None:
            yield f"{_AGAIN} begins where you like."
        elif copy.failure is not None:
            yield copy.failure.remedy
        elif copy.report is None or not copy.report.outcome.finished:
            yield (
                f"{_AGAIN} again: what has arrived is skipped, the rest is copied. Until then let Vestige go on with "
                "your file."
            )
        else:
            yield from self._after_copy(copy, embedded)

    def _after_copy(self, copy: Run, embedded: EmbeddedNow) -> Iterator[str]:
        from vestige_tui.screens.dsn_fields import url_of

        report, target = copy.report, self.state.target
        if report is not None and any(table.failed for table in report.tables.values()):
            yield "Correct the rows that were not copied, and copy again: only they are written."
        compared = self.verification is not None and self.verification.report is not None
        if report is not None and not report.verified and not compared:
            url = "embedded" if target is not None and target.embedded else url_of(copy.plan.postgres_url)
            yield f"To compare every value: vestige-tui verify --sqlite-path {_quoted(str(copy.plan.sqlite_path))} "
            yield f"--postgres-url {_quoted(url)}"
        if target is not None and target.embedded:
            yield _of_embedded(embedded)
        if self.state.handed_over is not None:
            yield f"Vestige reads the new store's URL from {self.state.handed_over}: restart it."
        elif embedded.commands or target is None or not target.embedded:
            yield "Let Vestige use the new store: its lines are under Hand over, when you copy again."


def _of_embedded(now: EmbeddedNow) -> str:
    if not now.commands:
        return "That was the demo. Your own memories: vestige-tui."
    if now.running:
        return "The embedded PostgreSQL runs on; to stop it: vestige-tui embedded stop."
    return "The embedded PostgreSQL has stopped; to run it: vestige-tui embedded start."


def _kept_report(verification: Verification | None) -> Path | None:
    return verification.kept.report if verification is not None and verification.kept is not None else None


def _files(*paths: Path | None) -> str:
    return ", ".join(str(path) for path in paths if path is not None)


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
