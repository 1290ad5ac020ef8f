"""Answers one question, in a transaction that is open."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.search import by_meaning, by_words, rows
from vestige_tui.core.search.answers import Answer, By, Found, Meaning, Notice, Question
from vestige_tui.core.search.fusion import fused
from vestige_tui.core.search.shape import Shape, VectorIndex
from vestige_tui.core.search.snippets import Sought, one_line, snippet

LONGEST = 30
"""Seconds that one query may take."""

_LEAST_DEPTH = 50
"""Memories of each list that are joined, at least."""

_ALWAYS = {
    "statement_timeout": f"{LONGEST}s",
    "jit": "off",  # compiling a query takes longer than the query
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
}
_SETTINGS: LiteralString = "SELECT set_config(name, value, true) FROM unnest(%s::text[], %s::text[]) s(name, value)"


@dataclass(slots=True)
class _Lists:
    """What each way of looking has found."""

    ranks: by_words.Ranks = field(default_factory=dict)
    distances: by_meaning.Distances = field(default_factory=dict)
    sought: Sought = field(default_factory=Sought)
    notices: list[Notice] = field(default_factory=list)


def answer(connection: Connection, shape: Shape, question: Question, meaning: Meaning | None) -> Answer:
    """The answer. Raises ``psycopg.Error``."""
    started = time.monotonic()
    depth = max(_LEAST_DEPTH, 2 * question.limit)
    settle(connection, by_meaning.settings(shape, depth))
    lists = _Lists()
    words = _sendable(question.words)
    if not words:
        scores = dict.fromkeys(rows.newest(connection, shape, question.limit), 0.0)
    else:
        if question.by is not By.MEANING:
            _by_words(connection, shape, words, depth, lists)
        if question.by is not By.WORDS and meaning is not None:
            _by_meaning(connection, shape, meaning, depth, lists)
        scores = fused(lists.ranks, lists.distances)
    found = _shown(connection, shape, question, lists, scores)
    return Answer(question, found, tuple(lists.notices), shape.registered, time.monotonic() - started)


def settle(connection: Connection, more: dict[str, str] | None = None) -> None:
    """Apply the settings of a search to the open transaction."""
    settings = _ALWAYS | (more or {})
    connection.execute(_SETTINGS, ([*settings], [*settings.values()]))


def _by_words(connection: Connection, shape: Shape, words: str, depth: int, lists: _Lists) -> None:
    found = by_words.find(connection, shape, words, depth)
    lists.ranks, lists.sought = found.ranks, found.sought
    lists.notices += found.notices


def _by_meaning(connection: Connection, shape: Shape, meaning: Meaning, depth: int, lists: _Lists) -> None:
    obstacle = by_meaning.obstacle(shape, meaning.model)
    if obstacle is not None:
        lists.notices.append(obstacle)
        return
    lists.distances = by_meaning.find(connection, shape, meaning, depth)
    if shape.index is VectorIndex.NONE:
        lists.notices.append(Notice.NO_VECTOR_INDEX)


def _shown(
    connection: Connection, shape: Shape, question: Question, lists: _Lists, scores: Mapping[str, float]
) -> tuple[Found, ...]:
    """The memories with the best scores, with their words marked."""
    best: Sequence[str] = [*scores][: question.limit]
    read = rows.read(connection, shape, best)
    lines = {id_: one_line(row.content) for id_, row in read.items()}
    hits = by_words.hits(connection, shape, lists.sought, lines.values())
    return tuple(
        Found(
            id=id_,
            kind=read[id_].kind,
            created=read[id_].created,
            snippet=snippet(lines[id_], lists.sought.places(lines[id_], hits), question.excerpt),
            tags=read[id_].tags,
            states=read[id_].states,
            rank=lists.ranks.get(id_),
            distance=lists.distances.get(id_),
            score=scores[id_],
        )
        for id_ in best
        if id_ in read  # else it was deleted just now
    )


def _sendable(words: str) -> str:
    """Words as the server takes them: without NUL, and without halves of surrogate pairs."""
    return words.replace("\0", " ").encode("utf-8", "replace").decode().strip()
