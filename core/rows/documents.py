"""JSON of the source: documents, lists of text and of ids, to the fields of PostgreSQL.

What JSONB refuses is found here. The converters raise ``ValueProblem`` as those of ``convert`` do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple, NoReturn

from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.convert import MAX_INDEXED_BYTES, BrokenText, SqliteValue, ValueProblem, cut_to_index, uuid
from vestige_tui.core.rows.problems import Kind

EMPTY_OBJECT = copy_format.jsonb(b"{}")
EMPTY_TEXT_ARRAY = copy_format.array_of(copy_format.TEXT_OID, ())
EMPTY_UUID_ARRAY = copy_format.array_of(copy_format.UUID_OID, ())

MAX_JSONB_BYTES = 200_000_000
"""Larger documents are refused here: JSONB takes no object or array of more than 268,435,455 bytes in its own form."""

MAX_JSON_DEPTH = 500
"""Deeper JSON is refused here, well before PostgreSQL's ``max_stack_depth`` would refuse it."""

MAX_NUMBER_DIGITS = 16_000
"""Longer JSON numbers, written out, are refused: ``numeric`` keeps 131,072 digits before the point and 16,383 after."""

_FLOAT_DIGITS = 300
"""A number of fewer digits, and without an exponent, is certainly one for Python and for ``numeric``."""

REPEATS_KEY = "has a key twice in one object; the last value counts"

LARGE_EXPONENT = re.compile(r"[eE][+-]?\d{3}")
"""Where a number in a JSON document has an exponent that ``numeric`` may not be able to hold."""

_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE_LETTER = re.compile("[\0\ud800-\udfff]")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Document(NamedTuple):
    """A JSON document and its value, in which of a key that comes again in one object the last one counts."""

    text: str
    value: Any
    repeats_key: bool


def json_document(value: SqliteValue, limit: int = MAX_JSONB_BYTES) -> bytes:
    """TEXT of any JSON to ``jsonb``, of no more than ``limit`` bytes; NULL is the empty object."""
    if value is None or value == "{}":
        return EMPTY_OBJECT
    return _field(load_document(value, limit))


def number_map(value: SqliteValue, limit: int = MAX_JSONB_BYTES) -> bytes:
    """TEXT of a JSON object from strings to finite numbers to ``jsonb``; NULL is the empty object."""
    if value is None or value == "{}":
        return EMPTY_OBJECT
    document = load_document(value, limit)
    if not isinstance(document.value, dict) or not all(map(_is_number, document.value.values())):
        raise ValueProblem(Kind.MISSHAPEN_JSON, "is not a JSON object of numbers")
    return _field(document)


def _field(document: Document) -> bytes:
    field = copy_format.jsonb(document.text.encode())
    if document.repeats_key:
        raise ValueProblem(Kind.DUPLICATE_JSON_KEY, REPEATS_KEY, instead=field)
    return field


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_list(value: SqliteValue) -> bytes:
    """TEXT of a JSON list of strings to ``text[]``; NULL is the empty list."""
    if value is None or value == "[]":
        return EMPTY_TEXT_ARRAY
    return _text_array(_string_list(value))


def indexed_text_list(value: SqliteValue) -> bytes:
    """The same for a column with an index, which holds no more than ``MAX_INDEXED_BYTES`` of an item: longer ones are
    cut.
    """
    if value is None or value == "[]":
        return EMPTY_TEXT_ARRAY
    items = _string_list(value)
    sizes = [len(item.encode()) for item in items]
    if max(sizes, default=0) <= MAX_INDEXED_BYTES:
        return _text_array(items)
    message = f"has an item too long for its index ({max(sizes):,} bytes), cut to {MAX_INDEXED_BYTES:,} bytes"
    instead = _text_array(map(cut_to_index, items))
    raise ValueProblem(Kind.TOO_LONG_FOR_INDEX, message, instead=instead, whole=items)


def _text_array(items: Iterable[str]) -> bytes:
    return copy_format.array_of(copy_format.TEXT_OID, [copy_format.text(item.encode()) for item in items])


def uuid_list(value: SqliteValue) -> bytes:
    """TEXT of a JSON list of UUIDs to ``uuid[]``; NULL is the empty list."""
    if value is None or value == "[]":
        return EMPTY_UUID_ARRAY
    items = _string_list(value)
    try:
        return copy_format.array_of(copy_format.UUID_OID, [uuid(item) for item in items])
    except ValueProblem:
        raise ValueProblem(Kind.BAD_UUID, "holds something that is not a UUID") from None


def _string_list(value: SqliteValue) -> list[str]:
    parsed = load_json(value).value
    if type(parsed) is not list or not {str}.issuperset(map(type, parsed)):
        raise ValueProblem(Kind.MISSHAPEN_JSON, "is not a JSON list of strings")
    return parsed


def load_document(value: SqliteValue, limit: int = MAX_JSONB_BYTES) -> Document:
    """The same of no more than ``limit`` bytes."""
    if isinstance(value, str | bytes) and 4 * len(value) > limit:  # a character has up to four bytes
        size = len(value.encode() if isinstance(value, str) else value)
        if size > limit:
            raise ValueProblem(Kind.TOO_LARGE, f"is too large for JSONB ({size:,} bytes)")
    return load_json(value)


def load_json(value: SqliteValue) -> Document:
    """A JSON document that JSONB can store; raises ``ValueProblem`` for any other."""
    if isinstance(value, BrokenText):
        raise ValueProblem(Kind.UNSTORABLE_JSON, "holds bytes that are not UTF-8")
    try:
        text = value if type(value) is str else value.decode() if isinstance(value, bytes) else str(value)
        if nests_too_deep(text):
            raise ValueProblem(Kind.UNSTORABLE_JSON, f"is nested more than {MAX_JSON_DEPTH} levels deep")
        document = _decoded(text)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
        raise ValueProblem(Kind.MALFORMED_JSON, "is not valid JSON") from None
    check_strings(text)
    return document


def _decoded(text: str) -> Document:
    careful = bool(len(text) >= _FLOAT_DIGITS or LARGE_EXPONENT.search(text))
    try:
        return Document(text, (_CAREFUL_KEYS if careful else _KEYS).decode(text), repeats_key=False)
    except _RepeatedKey:
        return Document(text, (CAREFUL_DECODER if careful else _DECODER).decode(text), repeats_key=True)


def check_strings(document: str) -> None:
    """Raise ``ValueProblem`` where a string in a valid JSON document is one that JSONB refuses, be it the value of a
    name that comes again.
    """
    if not _SUSPECT_ESCAPE.search(document):
        return
    waiting = [_PAIRS_DECODER.decode(document)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, str) and _UNSTORABLE_LETTER.search(item):
            raise ValueProblem(Kind.UNSTORABLE_JSON, "holds \\u0000 or half of a surrogate pair")


def _number_in_range(literal: str) -> float:
    mantissa, _, exponent = literal.lower().partition("e")
    if len(mantissa) + abs(int(exponent[:9] or 0)) > MAX_NUMBER_DIGITS:
        raise ValueProblem(Kind.UNSTORABLE_JSON, "holds a number out of range")
    return float(literal)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueProblem(Kind.UNSTORABLE_JSON, f"holds {name}, which JSON does not know")


class _RepeatedKey(Exception):
    """An object has a key twice."""


def _unique_keys(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RepeatedKey
    return found


_plain = partial(json.JSONDecoder, parse_constant=_refuse_constant)
_careful = partial(_plain, parse_int=_number_in_range, parse_float=_number_in_range)
_DECODER = _plain()
_KEYS = _plain(object_pairs_hook=_unique_keys)
_CAREFUL_KEYS = _careful(object_pairs_hook=_unique_keys)
CAREFUL_DECODER = _careful()
"""Looks at each number; raises ``ValueError``, or ``ValueProblem`` for one that ``numeric`` cannot hold."""

_PAIRS_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str)
"""Keeps every name and every value, where a dict keeps the last of each name."""


def nests_too_deep(document: str) -> bool:
    """Whether a JSON document goes more than ``MAX_JSON_DEPTH`` levels deep."""
    if len(document) <= MAX_JSON_DEPTH or document.count("[") + document.count("{") <= MAX_JSON_DEPTH:
        return False
    depth = 0
    for letter in _JSON_STRING.sub("", document):
        if letter in "[{":
            depth += 1
            if depth > MAX_JSON_DEPTH:
                return True
        elif letter in "]}":
            depth -= 1
    return False
