"""In which tense a sentence about a run is said."""

from __future__ import annotations

from enum import Enum


class Tense(Enum):
    """Which run a sentence is about."""

    ANY = "any"
    """None in particular, as in the documentation."""

    FORETOLD = "foretold"
    DONE = "done"


def tense_of(*, dry: bool) -> Tense:
    """The tense for the report of a dry run, or of a copy."""
    return Tense.FORETOLD if dry else Tense.DONE
