"""Converters for JSON: documents, and lists of texts and ids. What JSONB refuses is found here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, NoReturn

import orjson

from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.converters import MAX_INDEXED_BYTES, are_texts, cut_to_index, fit_index, uuid
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.values import BrokenText, SqliteValue, ValueProblem

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
"""Python and ``numeric`` hold every number of fewer digits that has no exponent."""

REPEATS_KEY = "has a key twice in one object; the last value counts"

_LARGE_EXPONENT = re.compile(r"[eE][+-]?\d{3}")
"""Where a number in a JSON document has an exponent that ``numeric`` may not be able to hold."""

_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE_LETTER = re.compile("[\0\ud800-\udfff]")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


class Document(NamedTuple):
    """A JSON document and its value. Where an object has a key twice, the last value counts."""

    text: str
    value: Any
    repeats_key: bool


@dataclass(frozen=True)
class JsonDocument(Converter):
    """To ``jsonb`` of at most ``limit`` bytes, from any JSON. NULL is the empty object."""

    nullable: bool = False
    limit: int = MAX_JSONB_BYTES
    type = PgType.JSONB
    repeats = True

    def one(self, value: SqliteValue) -> bytes:
        """The field of a JSON document. Raises ``ValueProblem``."""
        if value is None or value == "{}":
            return EMPTY_OBJECT
        document = load_document(value, self.limit)
        if not self._takes([document.value]):
            raise ValueProblem(Kind.MISSHAPEN_JSON, "is not a JSON object of numbers")
        field = copy_format.jsonb(document.text.encode())
        if document.repeats_key:
            raise ValueProblem(Kind.DUPLICATE_JSON_KEY, REPEATS_KEY, instead=field)
        return field

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        parsed = _loaded(values)
        if parsed is None or 4 * max(map(len, values)) > self.limit or _may_repeat_key(values, parsed):
            return None
        return copy_format.jsonbs(values) if self._takes(parsed) else None

    def _takes(self, parsed: Sequence[Any]) -> bool:
        """Whether these values have the right shape."""
        return True


class NumberMap(JsonDocument):
    """To ``jsonb``, from a JSON object of finite numbers. NULL is the empty object."""

    def _takes(self, parsed: Sequence[Any]) -> bool:
        if not {dict}.issuperset(map(type, parsed)):
            return False
        return {float, int}.issuperset(map(type, chain.from_iterable(map(dict.values, parsed))))


@dataclass(frozen=True)
class TextList(Converter):
    """To ``text[]``, from a JSON list of strings. NULL is the empty list."""

    nullable: bool = False
    type = PgType.TEXT_ARRAY
    repeats = True

    def one(self, value: SqliteValue) -> bytes:
        """The field of a JSON list. Raises ``ValueProblem``."""
        return _text_array(_strings(value))

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        lists = self._lists(values)
        return None if lists is None else map(_text_array, lists)

    def _lists(self, values: Sequence[Any]) -> Sequence[list[str]] | None:
        """The list in each document; None where one of them is not a list of strings."""
        parsed = _loaded(values)
        if parsed is None or {*map(type, parsed)} != {list}:
            return None
        return parsed if {str}.issuperset(map(type, chain.from_iterable(parsed))) else None

    def in_index(self) -> Converter:
        """One that cuts items that are too long."""
        return IndexedTextList()


class IndexedTextList(TextList):
    """To ``text[]`` with items of at most ``MAX_INDEXED_BYTES``; longer items are cut."""

    def one(self, value: SqliteValue) -> bytes:
        """The field of a JSON list. Raises ``ValueProblem``."""
        items = _strings(value)
        longest = max((len(item.encode()) for item in items), default=0)
        if longest <= MAX_INDEXED_BYTES:
            return _text_array(items)
        message = f"has an item too long for its index ({longest:,} bytes), cut to {MAX_INDEXED_BYTES:,} bytes"
        instead = _text_array(map(cut_to_index, items))
        raise ValueProblem(Kind.TOO_LONG_FOR_INDEX, message, instead=instead, whole=items)

    def _lists(self, values: Sequence[Any]) -> Sequence[list[str]] | None:
        lists = super()._lists(values)
        if lists is None or fit_index(values):  # an item is never longer than the JSON that has it
            return lists
        return lists if fit_index(["", *chain.from_iterable(lists)]) else None


@dataclass(frozen=True)
class UuidList(Converter):
    """To ``uuid[]``, from a JSON list of UUIDs. NULL is the empty list."""

    nullable: bool = False
    type = PgType.UUID_ARRAY
    repeats = True

    def one(self, value: SqliteValue) -> bytes:
        """The field of a JSON list. Raises ``ValueProblem``."""
        items = _strings(value)
        try:
            return copy_format.array_of(copy_format.UUID_OID, [*map(uuid, items)])
        except ValueProblem:
            raise ValueProblem(Kind.BAD_UUID, "holds something that is not a UUID") from None

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        return map(self.one, values) if are_texts(values) else None


def _text_array(items: Iterable[str]) -> bytes:
    return copy_format.array_of(copy_format.TEXT_OID, [*copy_format.texts(items)])


def _strings(value: SqliteValue) -> list[str]:
    if value is None or value == "[]":
        return []
    parsed = load_json(value).value
    if type(parsed) is not list or not {str}.issuperset(map(type, parsed)):
        raise ValueProblem(Kind.MISSHAPEN_JSON, "is not a JSON list of strings")
    return parsed


def _loaded(texts: Sequence[Any]) -> Sequence[Any] | None:
    """The value of each JSON document; None where ``load_json`` has to look at them. Raises ``ValueError``."""
    if not are_texts(texts):
        return None
    longest = max(map(len, texts))
    if longest > MAX_JSON_DEPTH and any(map(_nests_too_deep, texts)):
        return None
    joined = "".join(texts)
    # orjson refuses a number that is too large for a double, and takes a tiny one for zero
    careful = longest > MAX_NUMBER_DIGITS or _LARGE_EXPONENT.search(joined)
    parsed = [*map(_CAREFUL_DECODER.decode if careful else orjson.loads, texts)]
    for text in texts if "\\u" in joined else ():
        _check_strings(text)
    return parsed


def _may_repeat_key(texts: Sequence[str], parsed: Sequence[Any]) -> bool:
    """Whether an object in these documents may have a key twice.

    Each member of an object has a colon, and of two members with one key only the last is in the parsed value. So the
    text has more colons than the value where a key repeats, as long as no string hides a colon in an escape.
    """
    joined = "".join(texts)
    colons = joined.count(":")
    if colons == sum(len(value) for value in parsed if type(value) is dict):
        return False  # flat objects, the usual case
    try:
        return colons != orjson.dumps(parsed).count(b":") or "\\u003a" in joined or "\\u003A" in joined
    except TypeError:  # nests deeper than orjson writes
        return True


def load_document(value: SqliteValue, limit: int = MAX_JSONB_BYTES) -> Document:
    """A JSON document of at most ``limit`` bytes that JSONB can store. Raises ``ValueProblem`` for any other."""
    if isinstance(value, str | bytes) and 4 * len(value) > limit:  # a character has up to four bytes
        size = len(value.encode() if isinstance(value, str) else value)
        if size > limit:
            raise ValueProblem(Kind.TOO_LARGE, f"is too large for JSONB ({size:,} bytes)")
    return load_json(value)


def load_json(value: SqliteValue) -> Document:
    """A JSON document that JSONB can store. Raises ``ValueProblem`` for any other."""
    if isinstance(value, BrokenText):
        raise ValueProblem(Kind.UNSTORABLE_JSON, "holds bytes that are not UTF-8")
    try:
        text = value if type(value) is str else value.decode() if isinstance(value, bytes) else str(value)
        if _nests_too_deep(text):
            raise ValueProblem(Kind.UNSTORABLE_JSON, f"is nested more than {MAX_JSON_DEPTH} levels deep")
        document = _decoded(text)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
        raise ValueProblem(Kind.MALFORMED_JSON, "is not valid JSON") from None
    _check_strings(text)
    return document


def _decoded(text: str) -> Document:
    careful = bool(len(text) >= _FLOAT_DIGITS or _LARGE_EXPONENT.search(text))
    try:
        return Document(text, (_CAREFUL_KEYS if careful else _KEYS).decode(text), repeats_key=False)
    except _RepeatedKey:
        return Document(text, (_CAREFUL_DECODER if careful else _DECODER).decode(text), repeats_key=True)


def _check_strings(document: str) -> None:
    """Raise ``ValueProblem`` where JSONB refuses a string of a valid JSON document, a value of a repeated key too."""
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
    if len(mantissa) + int(exponent.lstrip("+-0")[:9] or 0) > MAX_NUMBER_DIGITS:
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
_CAREFUL_DECODER = _careful()
"""Looks at each number. Raises ``ValueProblem`` for one that ``numeric`` cannot hold."""

_PAIRS_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str)
"""Keeps every key and every value, where a dict keeps the last value of each key."""


def _nests_too_deep(document: str) -> bool:
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
