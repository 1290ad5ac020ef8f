"""What can be made of text that should be JSON: where it is wrong, and how it may have been meant."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

from vestige_tui.core.repairs.document import exact_json

_CLOSED_BY = {"{": "}", "[": "]"}
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_HALF_ESCAPE = re.compile(r"((?<!\\)(?:\\\\)*)\\(?:u[0-9a-fA-F]{0,3})?$")
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
_TRIES = 20
_LONGEST_LITERAL = 1_000_000
NOTHING = object()
"""No value could be made."""


class JsonError(NamedTuple):
    """Where JSON is wrong: the place in the text from 0, line and column from 1, and what the parser expected."""

    offset: int
    line: int
    column: int
    expected: str


def json_error(text: str) -> JsonError | None:
    """Where a text is wrong as JSON; None where it is right. NaN and infinities count as wrong."""
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return JsonError(error.pos, error.lineno, error.colno, error.msg)
    except (ValueError, RecursionError) as error:
        return JsonError(0, 1, 1, str(error))
    return None


def completed(text: str) -> Any:
    """The value of JSON that was cut off, closed where it ends; ``NOTHING`` where that is not what is wrong.

    What is incomplete at the end (a name without its value, half a word) is left out; of a string, its start is kept.
    """
    text = _HALF_ESCAPE.sub(r"\1", text)
    error = json_error(text)
    if error is None or not _ends_at(text, error):
        return NOTHING
    for candidate in _closings(text):
        found = _parsed(candidate)
        if found is not NOTHING:
            return found
    return NOTHING


def reread(text: str) -> Any:
    """The value of a text that is JSON but for commas before brackets, or that Python wrote; else ``NOTHING``."""
    found = _parsed(_TRAILING_COMMA.sub(lambda match: match[1] or "", text))
    if found is not NOTHING or len(text) > _LONGEST_LITERAL or not text.lstrip().startswith(("{", "[")):
        return found
    try:
        written = ast.literal_eval(text.strip())
        return _parsed(json.dumps(written, allow_nan=False))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return NOTHING


def _ends_at(text: str, error: JsonError) -> bool:
    """Whether the text simply ends too early: after its last token, in a word, or in a string."""
    rest = text[error.offset :].strip()
    if not rest or any(word.startswith(rest) for word in ("true", "false", "null", "-")):
        return True
    end = max((token.end() for token in _tokens(text)), default=0)
    return text[end:].lstrip().startswith('"') and error.offset >= end


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """The tokens of a text, up to a string that does not end."""
    place = 0
    for token in _TOKEN.finditer(text):
        if text[place : token.start()].strip():
            return
        place = token.end()
        yield token


def _closings(text: str) -> Iterator[str]:
    """The text closed at its end, and then at the ends of values before that."""
    open_brackets: list[str] = []
    ends: list[tuple[int, str]] = []
    place = 0
    for token in _tokens(text):
        place = token.end()
        if token[0] in _CLOSED_BY:
            open_brackets.append(_CLOSED_BY[token[0]])
        elif token[0] in ("}", "]") and open_brackets:
            open_brackets.pop()
        if token[0] not in (",", ":"):
            ends.append((place, "".join(reversed(open_brackets))))
    if place < len(text.rstrip()):
        yield text + '"' + "".join(reversed(open_brackets))
    for end, closing in ends[: -_TRIES - 1 : -1]:
        yield text[:end] + closing


def _parsed(text: str) -> Any:
    try:
        return exact_json(text, parse_constant=_refuse)
    except ValueError:
        return NOTHING


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
