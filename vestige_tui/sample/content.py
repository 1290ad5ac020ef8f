"""Believable notes of a software engineer's assistant, put together from templates. Entirely invented."""

from __future__ import annotations

from functools import cache
from itertools import cycle
from math import gcd
from random import Random

from vestige_tui.sample.chance import deck, pick
from vestige_tui.sample.phrases import (
    DAYS,
    DETAILS,
    FILES,
    HEADINGS,
    OPENINGS,
    PEOPLE,
    PLACES,
    PROJECTS,
    SHORTS,
    WORLD,
)
from vestige_tui.sample.snippets import SNIPPETS
from vestige_tui.sample.topics import TOPICS, Topic

_NODE_TYPES = deck(
    {"fact": 35, "decision": 17, "event": 14, "note": 12, "pattern": 9, "concept": 7, "person": 4, "place": 2}
)
"""Shares in percent."""

_STRIDES = tuple(stride for stride in range(1, len(DETAILS)) if gcd(stride, len(DETAILS)) == 1)

_LONG = (2_000, 4_000)
"""Characters of a long note, about."""


def node_type(rng: Random) -> str:
    """Draw one of Vestige's node types, with the shares a working database has."""
    return pick(rng, _NODE_TYPES)


def note(rng: Random, topic: Topic, kind: str, project: str) -> str:
    """Return the text of one note of node type ``kind`` about ``project``.

    Of a hundred notes about 22 are one line, 5 are in another language or full of emoji and quotes, 6 are long
    (2,000 to 4,000 characters, Markdown), and the rest has two to five sentences.
    """
    words = _Words(rng, topic, project)
    style = rng.random()
    if style < 0.22:
        return pick(rng, SHORTS).format_map(words)
    if style < 0.27:
        return pick(rng, WORLD).format_map(words)
    opening = pick(rng, OPENINGS[kind]).format_map(words)
    if style < 0.33:
        return _long_note(rng, topic, opening, words)
    sentences = [opening, *_details(rng, words, 1 + int(4 * rng.random()))]
    if style < 0.43:
        sentences.append("\n\n" + pick(rng, SNIPPETS[topic.subject]))
    return " ".join(sentences)


def sentence(rng: Random, topic: Topic) -> str:
    """Return one sentence about a topic, for the tables that hold no memories."""
    return pick(rng, DETAILS).format_map(_Words(rng, topic, pick(rng, PROJECTS)))


def _details(rng: Random, words: _Words, count: int) -> list[str]:
    """Return up to ``len(DETAILS)`` different sentences, by steps of a stride that has no factor in common with it."""
    first, stride = int(len(DETAILS) * rng.random()), pick(rng, _STRIDES)
    return [DETAILS[(first + stride * step) % len(DETAILS)].format_map(words) for step in range(count)]


def _long_note(rng: Random, topic: Topic, opening: str, words: _Words) -> str:
    """Return a Markdown note of sections, lists and snippets."""
    lines, length, wanted = [opening], len(opening), rng.randrange(*_LONG) - 150
    headings = cycle(HEADINGS)
    while length < wanted:
        words.forget()
        section = [f"\n{next(headings)}\n"]
        bullet = "- " if rng.random() < 0.5 else ""
        section += [bullet + line for line in _details(rng, words, 4)]
        if rng.random() < 0.4:
            section.append("\n" + pick(rng, SNIPPETS[topic.subject]))
        lines += section
        length += sum(map(len, section)) + len(section)
    return "\n".join(lines)


class _Words(dict[str, str]):
    """Fills the slots of a template. A word is kept within a note, so that a note makes sense; numbers are not."""

    def __init__(self, rng: Random, topic: Topic, project: str) -> None:
        super().__init__(project=project)
        self._rng = rng
        self._vocabulary = _vocabulary(topic.subject)

    def __missing__(self, slot: str) -> str:
        rng = self._rng
        if slot in _NUMBERS:
            low, high = _NUMBERS[slot]
            return str(low + int((high - low) * rng.random()))
        if slot in _OTHERS:
            taken = self[_OTHERS[slot]]
            word = pick(rng, [word for word in self._vocabulary[_OTHERS[slot]] if word != taken])
        else:
            word = pick(rng, self._vocabulary[slot])
        self[slot] = word
        return word

    def forget(self) -> None:
        """Draw new words from now on, except for the project and its people."""
        kept = {slot: word for slot, word in self.items() if slot in ("project", "person", "other")}
        self.clear()
        self.update(kept)


_NUMBERS = {"number": (12, 900), "number_small": (2, 11), "percent": (1, 60)}
_OTHERS = {"other": "person", "other_project": "project", "other_tool": "tool", "other_term": "term"}
"""Slots whose word differs from that of another slot."""

_VERSIONS = tuple(f"{major}.{minor}" for major in range(5) for minor in range(31))


@cache
def _vocabulary(subject: str) -> dict[str, tuple[str, ...]]:
    """Return the words for each slot of a note about a subject."""
    topic = next(topic for topic in TOPICS if topic.subject == subject)
    return {
        "person": PEOPLE,
        "project": PROJECTS,
        "day": DAYS,
        "file": FILES,
        "place": PLACES,
        "version": _VERSIONS,
        "tool": topic.tools,
        "part": topic.parts,
        "symptom": topic.symptoms,
        "cause": topic.causes,
        "fix": topic.fixes,
        "command": topic.commands,
        "term": topic.terms,
    }
