"""By words: PostgreSQL's full-text search, with the store's own configuration and index."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.schema import SEARCHED_CHARACTERS
from vestige_tui.core.search.answers import Notice
from vestige_tui.core.search.shape import Shape
from vestige_tui.core.search.snippets import Sought

RANKED = 1_000
"""The most memories that are ranked, the newest of those with the words: each that is ranked is read from its table.

Measured on 100,000 memories, of which 7,000 to 22,000 had the words: 5,000 took two to five times as long as 1,000.
"""

_SHORTENED = 3
"""Letters that a word may lose, so that it is found by the stem of a longer one: ``replicat`` by ``replic``."""

_LEAST = 4
"""Letters that stay of it."""

_PLAIN = re.compile(r"[\w\s]+")
"""Words without operators: no quotes, no minus."""

_LEXEME = re.compile(r"'((?:[^'\\]|''|\\.)*)'")
_ESCAPED = re.compile(r"''|\\(.)")

Ranks = dict[str, float]
"""The rank of each memory that was found, the best first."""


@dataclass(frozen=True, slots=True)
class WordsFound:
    """What was found, what was looked for in the end, and what has to be said of it."""

    ranks: Ranks
    sought: Sought
    notices: tuple[Notice, ...] = ()


_PARSED: LiteralString = """
    SELECT numnode(query), querytree(query) FROM (SELECT websearch_to_tsquery({configuration}, %s) AS query) parsed"""
_LEXEMES: LiteralString = """
    SELECT word, tsvector_to_array(to_tsvector({configuration}, word)) FROM unnest(%s::text[]) word"""
_RANKED: LiteralString = """
    SELECT id::text, rank, count(*) OVER () FROM (
        SELECT newest.id, newest.created_at, ts_rank(newest.words, querytree({query})::tsquery, 1)::float8 AS rank
        FROM (SELECT k.id, k.created_at, {words} AS words FROM {memories} k WHERE {words} @@ {query}
              ORDER BY k.created_at DESC LIMIT %(most)s) newest) found
    ORDER BY rank DESC, created_at DESC, id LIMIT %(depth)s"""
_AS_TYPED: LiteralString = "websearch_to_tsquery({configuration}, %(query)s)"
_AS_BUILT: LiteralString = "%(query)s::tsquery"
_INDEXED: LiteralString = "k.search_vec"
_UNINDEXED: LiteralString = "to_tsvector({configuration}, left(k.content, {characters}))"


def find(connection: Connection, shape: Shape, words: str, depth: int) -> WordsFound:
    """The ``depth`` best memories. Raises ``psycopg.Error``."""
    row = connection.execute(shape.sql(_PARSED), (words,)).fetchone()
    sought = Sought(frozenset(lexemes_of(row[1] if row else "")))
    if not sought.lexemes:
        return WordsFound({}, sought, (Notice.NOTHING_TO_LOOK_FOR,))
    notices = () if shape.configuration is not None else (Notice.NO_WORD_INDEX,)
    ranks, many = _ranked(connection, shape, shape.sql(_AS_TYPED), words, depth)
    if not ranks and _PLAIN.fullmatch(words):
        alike = _alike(connection, shape, words)
        ranks, many = _ranked(connection, shape, shape.sql(_AS_BUILT), alike.query, depth)
        if ranks:
            sought, notices = alike.sought, (*notices, Notice.BEGINS_ALIKE)
    return WordsFound(ranks, sought, (*notices, Notice.NEWEST_RANKED) if many else notices)


def hits(connection: Connection, shape: Shape, sought: Sought, texts: Iterable[str]) -> frozenset[str]:
    """The words of some texts that are looked for, in lower case: the server says so itself."""
    candidates = sought.candidates(texts)
    if not candidates:
        return frozenset()
    return frozenset(word for word, lexemes in _lexemes(connection, shape, candidates) if sought.hit(lexemes))


def lexemes_of(query: str) -> Iterator[str]:
    """The lexemes in the text of a ``tsquery``."""
    for match in _LEXEME.finditer(query):
        yield _ESCAPED.sub(lambda escaped: escaped[1] or "'", match[1])


def quoted(lexeme: str) -> str:
    """A lexeme as it stands in the text of a ``tsquery``."""
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"


def _ranked(connection: Connection, shape: Shape, query: sql.Composed, text: str, depth: int) -> tuple[Ranks, bool]:
    """The best memories, and whether there were too many to rank all of them."""
    expression = shape.sql(
        _INDEXED if shape.configuration is not None else _UNINDEXED, characters=sql.Literal(SEARCHED_CHARACTERS)
    )
    rows = connection.execute(
        shape.sql(_RANKED, words=expression, query=query), {"query": text, "most": RANKED + 1, "depth": depth}
    ).fetchall()
    return {memory: rank for memory, rank, _ in rows}, bool(rows) and rows[0][2] > RANKED


@dataclass(frozen=True, slots=True)
class _Alike:
    """A query for words that begin alike, and what it looks for."""

    query: str
    sought: Sought


def _alike(connection: Connection, shape: Shape, words: str) -> _Alike:
    """A query for words that begin like these, or like them without their last letters. Common words are left out."""
    typed = dict.fromkeys(words.lower().split())
    parts, exact, beginnings = [], set[str](), []
    for word, lexemes in _lexemes(connection, shape, typed):
        if not lexemes:
            continue
        stems = {word[:-lost] for lost in range(1, _SHORTENED + 1) if len(word) - lost >= _LEAST} | set(lexemes)
        exact |= stems
        beginnings.append(word)
        parts.append(f"({' | '.join([f'{quoted(word)}:*', *map(quoted, sorted(stems))])})")
    return _Alike(" & ".join(parts), Sought(frozenset(exact), tuple(beginnings)))


def _lexemes(connection: Connection, shape: Shape, words: Iterable[str]) -> list[tuple[str, list[str]]]:
    return connection.execute(shape.sql(_LEXEMES), ([*words],)).fetchall()
