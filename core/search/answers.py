"""What is asked of a store, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

from vestige_tui.core.model import ModelSignature


class By(StrEnum):
    """How memories are looked for."""

    WORDS = "words"
    MEANING = "meaning"
    BOTH = "both"


class State(StrEnum):
    """What Vestige has noted about a memory that it does not use like others any more."""

    SUPERSEDED = "superseded"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"
    ARCHIVED = "archived"


class Notice(Enum):
    """What has to be said about an answer. ``wording`` has the sentences."""

    NOTHING_TO_LOOK_FOR = "nothing_to_look_for"
    """The words are none that are searched for: too common, or only words to leave out."""

    BEGINS_ALIKE = "begins_alike"
    """No memory has the words; these have words that begin like them."""

    NEWEST_RANKED = "newest_ranked"
    """So many memories have the words that only the newest of them were ranked."""

    NO_WORD_INDEX = "no_word_index"
    """Every memory was read, since the store has no column of indexed words."""

    NO_MODEL = "no_model"
    """The store names no model that this role can read."""

    OTHER_MODEL = "other_model"
    """The embedder's model is not the one that made the store's vectors."""

    NO_VECTORS = "no_vectors"
    """The store has no column of vectors that this role can read."""

    NO_VECTOR_INDEX = "no_vector_index"
    """Every vector was looked at, since there is no valid index of them."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a memory on one line. ``marks`` are the places of the words that were looked for, in order.

    ``before`` and ``after``: the memory has more there. Nothing in the text itself is a mark.
    """

    text: str
    marks: tuple[tuple[int, int], ...] = ()
    before: bool = False
    after: bool = False

    @property
    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The text in pieces, each marked or not; together they are the whole of it."""
        end = 0
        for start, stop in self.marks:
            if start > end:
                yield self.text[end:start], False
            yield self.text[start:stop], True
            end = stop
        if end < len(self.text):
            yield self.text[end:], False


@dataclass(frozen=True, slots=True)
class Found:
    """A memory that was found. ``kind`` is its node type, ``created`` a date and time in ISO 8601, in UTC.

    ``rank`` is that of the words, larger for better; ``distance`` is that of the meaning, from 0 to 2 (cosine). The
    memory was not found that way where one is None. ``score`` joins both.
    """

    id: str
    kind: str
    created: str
    snippet: Snippet
    tags: tuple[str, ...]
    states: tuple[State, ...]
    rank: float | None
    distance: float | None
    score: float

    @property
    def found_by(self) -> tuple[By, ...]:
        """What has found it; nothing where the newest memories were asked for."""
        ways = ((By.WORDS, self.rank), (By.MEANING, self.distance))
        return tuple(way for way, figure in ways if figure is not None)


@dataclass(frozen=True, slots=True)
class Question:
    """Words to look for. Without any, the newest memories are the answer. ``excerpt``: characters of a snippet."""

    words: str
    by: By = By.WORDS
    limit: int = 10
    excerpt: int = 160


@dataclass(frozen=True, slots=True)
class Meaning:
    """The vector of a question's words: little-endian float32, and the model that made it."""

    vector: bytes
    model: ModelSignature


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, the best first. ``registered`` is the model of the store, None where it is not known."""

    question: Question
    found: tuple[Found, ...]
    notices: tuple[Notice, ...]
    registered: ModelSignature | None
    seconds: float

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "format": FORMAT,
            "words": self.question.words,
            "by": self.question.by,
            "notices": [notice.value for notice in self.notices],
            "model": None if self.registered is None else self.registered.name,
            "seconds": round(self.seconds, 4),
            "results": [_found_as_dict(found) for found in self.found],
        }


FORMAT = "vestige-tui/search/1"


def _found_as_dict(found: Found) -> dict[str, object]:
    return {
        "id": found.id,
        "kind": found.kind,
        "created_at": found.created,
        "excerpt": found.snippet.text,
        "marks": [list(mark) for mark in found.snippet.marks],
        "tags": list(found.tags),
        "states": list(found.states),
        "found_by": list(found.found_by),
        "rank": found.rank,
        "distance": found.distance,
        "score": found.score,
    }


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection as seen from one memory: ``outgoing`` leads from it to the ``other``, else the other way."""

    other: str
    outgoing: bool
    type: str
    weight: float
    kind: str
    created: str
    snippet: Snippet


@dataclass(frozen=True, slots=True)
class Memory:
    """A whole memory, and where it lies. ``length`` counts the characters of its content, of which there may be fewer.

    What this role may not read, or the store does not have, is None or empty. ``elements`` are those of its vector.
    """

    id: str
    database: str
    schema: str
    kind: str
    created: str
    updated: str | None
    content: str
    length: int
    tags: tuple[str, ...]
    states: tuple[State, ...]
    codebase: str | None
    owner: str | None
    owner_handle: str | None
    visibility: str | None
    groups: tuple[str, ...]
    elements: int | None
    connections: tuple[Connection, ...]
    more_connections: bool
    connections_readable: bool

    @property
    def table(self) -> str:
        """The table that it lies in."""
        return f"{self.schema}.knowledge_nodes"

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "format": CONNECTIONS_FORMAT,
            "id": self.id,
            "table": self.table,
            "kind": self.kind,
            "created_at": self.created,
            "states": list(self.states),
            "connections_readable": self.connections_readable,
            "more_connections": self.more_connections,
            "connections": [
                {
                    "id": connection.other,
                    "direction": "to" if connection.outgoing else "from",
                    "type": connection.type,
                    "weight": connection.weight,
                    "kind": connection.kind,
                    "created_at": connection.created,
                    "excerpt": connection.snippet.text,
                }
                for connection in self.connections
            ],
        }


CONNECTIONS_FORMAT = "vestige-tui/connections/1"
