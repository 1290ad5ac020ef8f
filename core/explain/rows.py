"""Rows with a problem: what is wrong, what becomes of them, and what to do."""

from __future__ import annotations

from vestige_tui.core.explain.tense import Tense
from vestige_tui.core.rows.problems import EMBEDDING_KINDS, EXPLANATIONS, OF_MANY, Kind, RowError

_MENDED = (
    "A row that has arrived is not overwritten. A repair (Mend the rows in the wizard, or --repairs) sets the field "
    "that arrived empty, and nothing else."
)
NOT_OVERWRITTEN = {
    Tense.ANY: _MENDED,
    Tense.FORETOLD: (
        "Do it before the copy: a row that has arrived is not overwritten, and then only a repair sets its empty field."
    ),
    Tense.DONE: _MENDED,
}

_ARRIVES = {Tense.ANY: ("arrives", "arrive"), Tense.FORETOLD: ("will arrive",) * 2, Tense.DONE: ("arrived",) * 2}

_OTHER_ARRIVALS = {
    Kind.BAD_UUID: "with {field} empty",
    Kind.VALUE_NOT_ALLOWED: "with the default in {field}",
}
"""How a row arrives with a problem of a kind that mostly keeps rows from being copied."""

_LOCAL_OWNER = "with the user local as its owner"


_NOT_CORRECTED_IN_SOURCE = EMBEDDING_KINDS | OF_MANY | {Kind.TOO_LARGE}
"""Kinds that no change of the source corrects."""


def meaning(kind: Kind, tense: Tense) -> str:
    """What is wrong with rows of a kind, and how they arrive all the same."""
    explanation = EXPLANATIONS[kind]
    if not explanation.arrival:
        return explanation.meaning
    return f"{explanation.meaning} {_arriving(kind, explanation.arrival, None, tense)}"


def _arriving(kind: Kind, arrival: str, field: str | None, tense: Tense) -> str:
    several = kind in OF_MANY
    subject = "The rows" if several else "The row"
    return f"{subject} {_ARRIVES[tense][several]} {arrival.format(field=field or 'the field')}."


def fate(error: RowError) -> str:
    """What becomes of a row, in two words that fit before and after a copy."""
    if error.kind in _FATES:
        return _FATES[error.kind]
    return "repaired" if error.copied else "not copied"


_FATES = {
    Kind.DANGLING_REFERENCE: "left as is",
    Kind.DIFFERS_AT_DESTINATION: "differs",
    Kind.GONE_AT_DESTINATION: "gone",
}


def fate_in_full(error: RowError, tense: Tense) -> str:
    """What becomes of a row, in a sentence or two."""
    if error.kind is Kind.DANGLING_REFERENCE:
        return "Those rows are at the destination, and no copy changes them. All that the source has is there too."
    if error.kind is Kind.GONE_AT_DESTINATION:
        return "The row is not at the destination. The source still has it."
    if not error.copied:
        return _NOT_COPIED[tense]
    if error.kind is Kind.DIFFERS_AT_DESTINATION:
        return _arriving(error.kind, _arrival(error), error.field, tense)
    return f"{_arriving(error.kind, _arrival(error), error.field, tense)} {_UNCHANGED[tense]}"


_NOT_COPIED = {
    Tense.ANY: "The row is not copied.",
    Tense.FORETOLD: "The row will not be copied: nothing of it will be written.",
    Tense.DONE: "The row was not copied: nothing of it was written.",
}
_UNCHANGED = {
    Tense.ANY: "If it is at the destination already, it is not changed.",
    Tense.FORETOLD: "If it is at the destination already, it will not be changed.",
    Tense.DONE: "If it was at the destination before, it was not changed.",
}


def _arrival(error: RowError) -> str:
    if error.kind is Kind.BAD_UUID and error.field == "owner_user_id":
        return _LOCAL_OWNER
    if error.kind in EMBEDDING_KINDS and error.table != "knowledge_nodes":
        return "without its vector"
    return EXPLANATIONS[error.kind].arrival or _OTHER_ARRIVALS.get(error.kind, "with {field} empty")


def remedy(error: RowError, tense: Tense) -> str:
    """What to do about a row, in a sentence or two."""
    own = EXPLANATIONS[error.kind].remedy
    corrected_in_source = error.copied and error.kind not in _NOT_CORRECTED_IN_SOURCE
    return f"{own} {NOT_OVERWRITTEN[tense]}" if corrected_in_source else own
