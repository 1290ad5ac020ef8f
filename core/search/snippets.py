"""Chooses the part of a memory that is shown, and marks words in it.

Marks are places in a text, never characters in it: whatever a memory holds, it cannot look like a mark.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from vestige_tui.core.search.answers import Snippet

WORDS_ASKED = 2_000
"""The most words whose lexemes the server is asked for, so that they can be marked."""

_WORD = re.compile(r"[^\W_]+")
_CHUNK = re.compile(r"[^\W_](?:\S*[^\W_])?")
"""A web address or a version is one lexeme to PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Sought:
    """The lexemes that a question looks for: whole ones, and beginnings."""

    lexemes: frozenset[str] = frozenset()
    beginnings: tuple[str, ...] = ()
    _initials: frozenset[str] = field(init=False, repr=False, default=frozenset())

    def __post_init__(self) -> None:
        object.__setattr__(self, "_initials", frozenset(map(_initial, (*self.lexemes, *self.beginnings))))

    def hit(self, lexemes: Iterable[str]) -> bool:
        """Whether one of a word's lexemes is looked for."""
        return any(lexeme in self.lexemes or lexeme.startswith(self.beginnings) for lexeme in lexemes)

    def candidates(self, texts: Iterable[str]) -> list[str]:
        """The words of some texts that may be hits: a stemmer leaves the first letter of a word as it is."""
        words = {word.lower() for text in texts for word, _ in self._words(text) if _initial(word) in self._initials}
        return sorted(words)[:WORDS_ASKED]

    def places(self, text: str, hits: frozenset[str]) -> list[tuple[int, int]]:
        """Where a text has words of ``hits``, which are in lower case."""
        return [(start, start + len(word)) for word, start in self._words(text) if word.lower() in hits]

    def _words(self, text: str) -> Iterator[tuple[str, int]]:
        pattern = _CHUNK if any(not lexeme.isalnum() for lexeme in self.lexemes) else _WORD
        for match in pattern.finditer(text):
            if pattern is _WORD or match[0].isalnum() or match[0].lower() in self.lexemes:
                yield match[0], match.start()
            else:
                yield from ((inner[0], match.start() + inner.start()) for inner in _WORD.finditer(match[0]))


def _initial(word: str) -> str:
    return unicodedata.normalize("NFKD", word[:1]).casefold()[:1]


def one_line(text: str) -> str:
    """A text with every run of white space as one space."""
    return " ".join(text.split())


def snippet(line: str, places: list[tuple[int, int]], width: int) -> Snippet:
    """At most ``width`` characters of a text of one line: where most of the ``places`` are, else its beginning."""
    if len(line) <= width:
        return Snippet(line, tuple(places))
    start = _start(line, places, width)
    stop = min(len(line), start + width)
    if stop < len(line) and (space := line.rfind(" ", start, stop + 1)) > start + width // 2:
        stop = space
    marks = tuple((first - start, last - start) for first, last in places if start <= first and last <= stop)
    return Snippet(line[start:stop], marks, before=start > 0, after=stop < len(line))


def _start(line: str, places: list[tuple[int, int]], width: int) -> int:
    """Where a snippet begins: shortly before the densest marks, at a word; at the start where all marks fit."""
    if not places or places[-1][1] <= width:
        return 0
    ends = [last for _, last in places]
    best, most = 0, 0
    for number, (first, _) in enumerate(places):
        within = bisect_right(ends, max(0, first - width // 4) + width) - number
        if within > most:
            best, most = first, within
    start = min(max(0, best - width // 4), len(line) - width)
    space = line.find(" ", start, best) if start else -1
    return space + 1 if space >= 0 else start
