"""What an operator can do about a row, as the workbench offers it: each way in words, with the value that it sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vestige_tui.core.repairs.broken_json import JsonError
from vestige_tui.core.repairs.document import as_json
from vestige_tui.core.repairs.proposals import Proposal, ProposalKind, proposals
from vestige_tui.core.rows.tables import BY_NAME, Column
from vestige_tui.core.run.people import Person
from vestige_tui.core.source.broken_rows import BrokenRow
from vestige_tui.core.text import count
from vestige_tui.screens.cases import Case

_WORDS = {
    ProposalKind.NEW_ID: "a new UUID",
    ProposalKind.CLOSE: "closed where it was cut off",
    ProposalKind.READ_AS: "read as it was meant",
    ProposalKind.KEEP_AS_TEXT: "kept as text",
    ProposalKind.EMPTY: "leave it empty",
    ProposalKind.CHOOSE: "choose",
    ProposalKind.TYPE: "type it",
    ProposalKind.LEAVE_OUT: "leave the row out",
}
_NO_VECTOR = "without a vector; an embedder can make one"
_MOST_CHOICES = 5
"""So many values to choose from are offered one by one; more are listed by Edit."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One way: ``label`` says what is done, ``shown`` is the value as a short text. Not ``ready``: a value is asked."""

    kind: ProposalKind
    label: str
    shown: str = ""
    value: Any = None
    ready: bool = True

    @property
    def summary(self) -> str:
        """What is done, without what differs from row to row."""
        return _WORDS[self.kind] if self.kind is ProposalKind.NEW_ID else self.label


def offers(
    case: Case, row: BrokenRow, owners: Sequence[Person] = (), groups: Sequence[Person] = (), *, there: bool = False
) -> Iterator[Offer]:
    """What can be done about a row, the best first; each is made when it is asked for.

    ``there``: the row is at the destination, so leaving it out is late.
    """
    names = {person.id: person.handle for person in owners}
    for proposal in proposals(case.error, row.text, [*names], _by_name(groups)):
        if proposal.kind is ProposalKind.CHOOSE and len(proposal.choices) <= _MOST_CHOICES:
            yield from (_chosen(each, names) for each in proposal.choices)
        elif proposal.kind is not ProposalKind.LEAVE_OUT or not there:
            yield _offer(proposal, row)


def _by_name(groups: Sequence[Person]) -> dict[str, str]:
    """The ids of groups by their names; a name that several have says nothing."""
    times = Counter(group.handle for group in groups)
    return {group.handle: group.id for group in groups if times[group.handle] == 1}


def json_place(case: Case, row: BrokenRow) -> JsonError | None:
    """Where the value of a row is wrong as JSON."""
    return next((each.error for each in proposals(case.error, row.text) if each.error is not None), None)


def column_of(case: Case) -> Column | None:
    """The column with the problem."""
    table = BY_NAME[case.error.table]
    return table.columns[table.position(case.error.field)] if case.error.field in table.column_names else None


def _chosen(value: str, names: Mapping[str, str]) -> Offer:
    handle = names.get(value)
    return Offer(ProposalKind.CHOOSE, handle or value, value if handle else "", value)


def _offer(proposal: Proposal, row: BrokenRow) -> Offer:
    label, shown = _WORDS[proposal.kind], ""
    ready = proposal.kind not in (ProposalKind.TYPE, ProposalKind.CHOOSE, ProposalKind.LEAVE_OUT)
    if proposal.kind is ProposalKind.EMPTY and proposal.value is None:
        label = _NO_VECTOR
    elif proposal.kind is ProposalKind.NEW_ID:
        label, shown = f"a new UUID{_in_referring(row)}", str(proposal.value)
    elif ready:
        shown = as_json(proposal.value)
    return Offer(proposal.kind, label, shown, proposal.value, ready)


def _in_referring(row: BrokenRow) -> str:
    if not row.name.alone:
        return "; what refers to this id stays with the other row"
    if not row.referring:
        return "; no other row refers to the old one"
    parts = [count(number, BY_NAME[name].noun, BY_NAME[name].plural) for name, number in row.referring.items()]
    return f", also in {' and '.join(parts)}"
