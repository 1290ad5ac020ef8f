"""JSON that both sides write alike is equal without being parsed, which would take ten times as long.

The server writes a document with one blank after each colon and comma, and a list of texts without any. Vestige writes
no blanks, Python one after each colon and comma. What is stored is brought to the other form by one replacement in all
documents together; that is sound where no quotation mark inside of a text can be taken for one that begins or ends it,
so a block with such texts, or with a backslash, is left to the slower rules (``quick``).

Each function gives the positions that it does not settle. Stored values are as ``stored`` reads them, NULL is None.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

LONGEST = 1_000
"""Characters of a document that is surely not too deep for PostgreSQL, and of numbers that surely fit."""

_IN_DOCUMENTS = ("\\", '{": ', '[": ', ' ": ', '\n": ', ', ":', ', ",', ', "]', ', "}', ', "\n')
"""A backslash, texts that begin with a colon and a blank, and texts that end with a comma and a blank."""

_IN_LISTS = ("\\", '[","', ',","')
"""A backslash, and a text that is a comma."""

_NO_NUMBERS = ('": "', '": {', '": [', '": t', '": f', '": n')


def unsettled_documents(source: Sequence[Any], stored: Sequence[Any]) -> list[int]:
    """Any documents; where ``source`` has None, nothing is settled."""
    return _other_texts(source, stored, lambda: _without_blanks(stored))


def unsettled_scores(source: Sequence[Any], stored: Sequence[Any]) -> list[int]:
    """Documents that have to be objects of numbers."""
    lines = _lines(stored)
    if lines.count("\n{") < len(stored) or any(part in lines for part in _NO_NUMBERS):
        return [*range(len(source))]
    return unsettled_documents(source, stored)


def unsettled_lists(source: Sequence[Any], stored: Sequence[Any], longest: int) -> list[int]:
    """Lists of texts, written in up to ``longest`` characters."""
    lines = _lines(stored)
    if lines.count('\n["') + lines.count("\n[]") < len(stored) or ",null" in lines:
        return [*range(len(source))]
    return _other_texts(source, stored, lambda: _with_blanks(stored, lines), longest)


def _with_blanks(stored: Sequence[Any], lines: str) -> Sequence[Any]:
    """The lists with a blank after each comma between two texts, where that can be told."""
    unclear = any(part in lines for part in _IN_LISTS)
    return stored if unclear else lines[1:-1].replace('","', '", "').split("\n")


def _without_blanks(stored: Sequence[Any]) -> Sequence[Any]:
    """The documents without blanks between their parts, where that can be told."""
    lines = _lines(stored)
    if any(part in lines for part in _IN_DOCUMENTS):
        return stored
    return lines[1:-1].replace('": ', '":').replace(', "', ',"').split("\n")


def _lines(stored: Sequence[Any]) -> str:
    """All documents, which have no line breaks, between line breaks; nothing where one is NULL."""
    return "" if None in stored else "\n" + "\n".join(stored) + "\n"


def _other_texts(
    source: Sequence[Any], stored: Sequence[Any], otherwise: Callable[[], Sequence[Any]], longest: int = LONGEST
) -> list[int]:
    """The positions whose text is that of neither form, or too long."""
    if None in source or None in stored:
        return [*range(len(source))]
    if source == stored or source == (other_form := otherwise()):
        return [place for place, one in enumerate(source) if len(one) > longest]
    return [
        place
        for place, (one, other, third) in enumerate(zip(source, stored, other_form, strict=True))
        if one not in (other, third) or len(one) > longest
    ]
