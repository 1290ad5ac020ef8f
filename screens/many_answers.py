"""One answer for many rows: what it makes of each, and in which words the operator is asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vestige_tui.core.repairs.answers import Answers, RowName
from vestige_tui.core.repairs.document import Repairs
from vestige_tui.core.repairs.proposals import ProposalKind, new_id
from vestige_tui.core.source.broken_rows import BrokenRow, broken_rows
from vestige_tui.core.text import count
from vestige_tui.screens.cases import Case
from vestige_tui.screens.dialogs import UndoableDialog
from vestige_tui.screens.offers import Offer
from vestige_tui.screens.row_questions import wanted

Read = Callable[[Case, BrokenRow], Iterable[Offer]]
"""The ways to deal with a row, the best first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one way would make of several rows: each with its offer, and how many have none."""

    answers: Sequence[tuple[Case, RowName, Offer]]
    without: int = 0

    @property
    def rows(self) -> str:
        """How many rows get an answer."""
        return count(len(self.answers), "row")

    @property
    def words(self) -> str:
        """How many rows are answered how."""
        summaries = Counter(offer.summary for _, _, offer in self.answers)
        said = [f"{number:,}  {summary}" for summary, number in summaries.items()]
        if self.without:
            said.append(f"{self.without:,}  stay open: they need a value of their own")
        return "\n".join(said)

    def question(self) -> UndoableDialog:
        """Asks whether to answer them all."""
        return UndoableDialog(
            f"Answer {self.rows} at once?", f"{self.words}\n\nYour file stays as it is; u takes it back.",
            yes=f"Answer {self.rows}", no="Back",
        )  # fmt: skip

    def added_to(self, repairs: Repairs) -> Repairs:
        """The repairs with these answers."""
        answers = Answers(repairs)
        for case, name, offer in self.answers:
            if offer.kind is ProposalKind.LEAVE_OUT:
                answers.leave_out(name, str(offer.value))
            elif case.error.field is not None:
                answers.set(name, case.error.field, offer.value)
        return answers.repairs


def plan_for(path: Path, cases: Sequence[Case], offer: Offer | None, read: Read) -> Plan:
    """What one way makes of several rows; without an ``offer``, each gets the best one of its own. Runs in a thread.

    Raises ``SourceError``.
    """
    answers, without = [], 0
    for case, row in zip(cases, broken_rows(path, [*map(wanted, cases)]), strict=True):
        found = _offer_for(case, row, offer, read) if row is not None else None
        if row is None or found is None:
            without += 1
        else:
            answers.append((case, row.name, found))
    return Plan(answers, without)


def _offer_for(case: Case, row: BrokenRow, chosen: Offer | None, read: Read) -> Offer | None:
    """The offer that answers a row in the chosen way; None where it has none."""
    if chosen is not None and chosen.kind in (ProposalKind.LEAVE_OUT, ProposalKind.TYPE):
        return chosen
    if chosen is not None and chosen.kind is ProposalKind.NEW_ID:
        return replace(chosen, value=new_id())
    found = (offer for offer in read(case, row) if offer.ready)
    if chosen is None:
        return next(found, None)
    same = (offer for offer in found if offer.kind is chosen.kind)
    return next(
        (offer for offer in same if chosen.kind is not ProposalKind.CHOOSE or offer.value == chosen.value), None
    )
