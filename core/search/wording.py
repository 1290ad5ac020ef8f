"""Sentences about a search that the command line and the wizard share."""

from __future__ import annotations

from collections.abc import Mapping

from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.protocol import Place
from vestige_tui.core.search.answers import Answer, By, Found, Memory, Notice
from vestige_tui.core.search.by_words import RANKED

NOTICES: Mapping[Notice, str] = {
    Notice.NOTHING_TO_LOOK_FOR: "These words are too common to be looked for, or only say what to leave out.",
    Notice.BEGINS_ALIKE: "No memory has all of these words; these have words that begin like them.",
    Notice.NEWEST_RANKED: f"More than {RANKED:,} memories have these words, and the newest {RANKED:,} were "
    "ranked. More words find better.",
    Notice.NO_WORD_INDEX: "This store has no column search_vec: every memory was read, which is slow.",
    Notice.NO_MODEL: "The store names no embedding model that this role can read, so nothing was looked for by "
    "meaning.",
    Notice.OTHER_MODEL: "The embedder is of another model than the vectors of the store, so nothing was looked for by "
    "meaning.",
    Notice.NO_VECTORS: "The store has no vectors that this role can read, so nothing was looked for by meaning.",
    Notice.NO_VECTOR_INDEX: "The store has no valid index of its vectors: all of them were compared, which is slow.",
}


def nothing_found(answer: Answer) -> str:
    """That there is no result, and what may help."""
    if not answer.question.words.strip():
        return "There is no memory here that this role can read."
    if answer.question.by is By.MEANING:
        return "No memory with a vector was found that this role can read."
    return (
        "No memory that this role can read has all of these words. Fewer words find more, and so do OR between words "
        "and quotes left out."
    )


def found_in_words(found: Found) -> str:
    """How a memory was found: by which ways, and how near."""
    ways = " and ".join(found.found_by)
    distance = f"distance {found.distance:.3f}" if found.distance is not None else ""
    return ", ".join(part for part in (f"by {ways}" if ways else "", distance) if part)


def words_go_to(place: Place) -> str:
    """Where the words of a question go; empty where they stay on this machine."""
    if not place.leaves_machine:
        return ""
    reach = "" if place.encrypted else " The connection is not encrypted: whoever is on the way can read them."
    return f"The words that you look for go to {place.shown}, on another machine.{reach}"


def models_differ(registered: ModelSignature, presented: ModelSignature) -> str:
    """Which models do not fit together."""
    return (
        f"The vectors of the store are of {registered.name}, dimension {registered.dimension:,}; this embedder makes "
        f"those of {presented.name}, dimension {presented.dimension:,}. Distances between them mean nothing."
    )


def no_connections(memory: Memory) -> str:
    """Why no connection is shown."""
    if not memory.connections_readable:
        return "This role may not read the table edges, which has the connections."
    return "It has no connection to a memory that this role can read."


def date_of(moment: str) -> str:
    """The day of a moment in ISO 8601; PostgreSQL's ``infinity`` stays as it is."""
    return moment.partition("T")[0]
