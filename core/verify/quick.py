"""The quick lane: whole columns compared at once.

A lane may accept a column only where every stored value is surely what is expected of the source's value. What it does
not accept is judged value by value (``meaning``); so a lane may always say no. A source's value is None, an int, a
float, a str, or bytes for a BLOB; text that is not UTF-8 is of another class, and passes no lane.
"""

from __future__ import annotations

import json
import re
import struct
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from itertools import chain
from typing import Any

import orjson

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.verify.same_text import LONGEST, unsettled_documents, unsettled_lists, unsettled_scores

Lane = Callable[[Sequence[Any], Sequence[Any]], list[int]]
"""The positions of the stored values (second) that are not surely what is expected of the source's values (first)."""

_Rule = Callable[[Sequence[Any], Sequence[Any]], bool]
"""Whether all stored values are surely what is expected."""

_REFUSALS = (TypeError, ValueError, OverflowError, RecursionError, struct.error)
"""What a rule may run into: each means that a value is not of the usual kind."""


def lane(
    kind: PgType,
    *,
    nullable: bool = False,
    allowed: Sequence[str] = (),
    indexed: bool = False,
    filled: bool = False,
    numbers: bool = False,
    dimension: int | None = None,
) -> Lane:
    """The lane for a column of this type.

    ``allowed``: the only texts that may be. ``indexed``: long texts, or long items of a list, are cut. ``filled``: the
    empty text is none. ``numbers``: only objects of numbers are taken. ``dimension`` is that of a vector, None for any.
    """
    if kind is PgType.JSONB:
        return partial(_documents, numbers=numbers)
    if kind in (PgType.TEXT_ARRAY, PgType.UUID_ARRAY):
        return partial(_lists, indexed=indexed)
    rules: dict[PgType, _Rule] = {
        PgType.UUID: _uuids,
        PgType.TEXT: partial(_texts, allowed=frozenset(allowed), indexed=indexed, filled=filled),
        PgType.TIMESTAMPTZ: _moments,
        PgType.VECTOR: partial(_vectors, dimension=dimension),
        PgType.FLOAT8: _floats,
        PgType.INT4: partial(_integers, bits=32),
        PgType.INT2: partial(_integers, bits=16),
    }
    return partial(_halving, partial(_with_nulls, rules[kind], nullable=nullable))


def _halving(rule: _Rule, source: Sequence[Any], stored: Sequence[Any], start: int = 0) -> list[int]:
    """The positions of the values that a rule does not accept: the column is halved until they stand alone."""
    if not source or rule(source, stored):
        return []
    if len(source) == 1:
        return [start]
    middle = len(source) // 2
    return [
        *_halving(rule, source[:middle], stored[:middle], start),
        *_halving(rule, source[middle:], stored[middle:], start + middle),
    ]


def _with_nulls(rule: _Rule, source: Sequence[Any], stored: Sequence[Any], *, nullable: bool) -> bool:
    """Whether a rule accepts the values, NULL on both sides aside where that may be."""
    if _accepts(rule, source, stored):
        return nullable or None not in stored
    if not nullable or [value is None for value in source] != [value is None for value in stored]:
        return False
    mine, theirs = _values(source), _values(stored)
    return len(mine) < len(source) and (not mine or _accepts(rule, mine, theirs))


def _values(column: Sequence[Any]) -> list[Any]:
    return [value for value in column if value is not None]


def _accepts(rule: Callable[[Any, Any], bool], source: Any, stored: Any) -> bool:
    try:
        return rule(source, stored)
    except _REFUSALS:
        return False


def _uuids(source: Sequence[Any], stored: Sequence[str]) -> bool:
    """The server spells them in one form; the same text is the same UUID."""
    return source == stored


_SURELY_SHORT = 650
"""Letters that fit into any index: at most four bytes each."""


def _texts(
    source: Sequence[Any], stored: Sequence[str], *, allowed: frozenset[str], indexed: bool, filled: bool
) -> bool:
    return (
        source == stored
        and not (allowed and not allowed.issuperset(source))
        and not (filled and not all(source))
        and not (indexed and max(map(len, source)) > _SURELY_SHORT)
    )


_DAY, _TIME = b"0000-00-00", b"00:00:00"
_FRACTIONS = [b"", *(b"." + b"0" * digits for digits in range(1, 10))]
_SHAPES = frozenset(
    _DAY + between + _TIME + fraction + zone
    for fraction in _FRACTIONS
    for between, zone in ((b"T", b"Z"), (b"T", b"+00:00"), (b" ", b""))
)
"""How timestamps in UTC look where every digit is 0."""

_NO_DIGITS = bytes.maketrans(b"0123456789", b"0" * 10)
_TO_THE_SECOND = len("0000-00-00 00:00:00")
_TO_THE_MICROSECOND = len("0000-00-00 00:00:00.000000")


def _moments(source: Sequence[Any], stored: Sequence[str]) -> bool:
    """The source's texts are brought to the form in which the server writes a date and a time that exist, in UTC."""
    joined = "\n".join(source)
    shapes = joined.encode("ascii").translate(_NO_DIGITS)
    if joined.count("+") != joined.count("+00:00"):
        return False
    shape = shapes[: len(source[0])]
    if shape in _SHAPES and shapes == b"\n".join([shape] * len(source)):
        return _written(source, shape) == "\n".join(stored)
    if not _SHAPES.issuperset(shapes.split(b"\n")):
        return False
    plain = joined.replace("T", " ").replace("Z", "").replace("+00:00", "").split("\n")
    return stored == [
        f"{moment}+00" if len(moment) == _TO_THE_SECOND
        else f"{moment[:_TO_THE_MICROSECOND].rstrip('0').rstrip('.')}+00"
        for moment in plain
    ]  # fmt: skip


def _written(source: Sequence[str], shape: bytes) -> str:
    """Moments of one shape as the server writes them, one a line."""
    end = min(len(shape.removesuffix(b"Z").removesuffix(b"+00:00")), _TO_THE_MICROSECOND)
    cut = [moment[:end] if end == _TO_THE_SECOND else moment[:end].rstrip("0") for moment in source]
    return ("+00\n".join(cut) + "+00").replace("T", " ").replace(".+00", "+00")


_DEEPEST = 500
"""Levels of the deepest JSON that can be stored."""

_NUMBERS = frozenset({int, float, Decimal})
_DANGEROUS = (rb"\u0000", rb"\u007")
"""A letter that PostgreSQL does not store, and ``_MARK``. A surrogate by itself is no JSON to orjson."""

_DIGITS = bytes.maketrans(b"123456789.E+", b"0" * 10 + b"e-")
_MANY_DIGITS = (b"0" * 16, b"e000", b"e-000")
_FAR_TOO_MANY = (b"0" * 300, b"e000", b"e-000")
"""Numbers that a float may not tell apart, and those that may be refused: in documents with ``_DIGITS``."""

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')

_MARK = "\x7f"
"""A text that stands between documents: each is whole where every second item of the list of all is a mark."""

_AT_ONCE = 500_000
"""Bytes of documents that are parsed together: what is parsed takes ten times their room."""


def _documents(source: Sequence[Any], stored: Sequence[Any], *, numbers: bool) -> list[int]:
    """NULL is the empty object. What is not written alike is parsed."""
    mine = ["{}" if value is None else value for value in source] if None in source else source
    places = unsettled_scores(mine, stored) if numbers else unsettled_documents(mine, stored)
    rule = partial(_accepts, partial(_same_documents, numbers=numbers))
    found = _halving(rule, [mine[place] for place in places], [stored[place] for place in places])
    return [places[position] for position in found]


def _same_documents(source: Sequence[str], stored: Sequence[str], *, numbers: bool) -> bool:
    """All documents of a side are parsed at once.

    What cannot be stored may hide in the first of two equal keys, so nothing of that kind is taken at all.
    """
    mine, theirs = _joined(source), _joined(stored)
    if len(source) > 1 and len(mine) + len(theirs) > _AT_ONCE:
        return False
    if any(word in mine for word in _DANGEROUS) or any(map(_is_deep, source)):
        return False
    load: Callable[[bytes], list[Any]] = _load
    dump: Callable[[list[Any]], str | bytes] = _dump
    if _has_numbers(_MANY_DIGITS, mine) or _has_numbers(_MANY_DIGITS, theirs):
        if _has_numbers(_FAR_TOO_MANY, mine):
            return False
        load, dump = _load_exactly, _dump_exactly
    found, other = load(mine), load(theirs)
    same = found == other and len(found) == len(source)
    if numbers:
        return same and _are_numbers(found) and _are_numbers(other)
    words = any(word in mine or word in theirs for word in (b"true", b"false"))
    return same and (not words or dump(found) == dump(other))  # to Python, true is 1


def _joined(documents: Sequence[str]) -> bytes:
    """The list of all documents with a mark between any two. Raises ``ValueError`` where a document has the mark."""
    joined = f',"{_MARK}",'.join(documents)
    if joined.count(_MARK) != len(documents) - 1:
        raise ValueError
    return f"[{joined}]".encode()


def _is_deep(document: str) -> bool:
    """Whether the document may have more levels than can be stored."""
    return len(document) > 2 * _DEEPEST and document.count("[") + document.count("{") > _DEEPEST


def _has_numbers(parts: Sequence[bytes], documents: bytes) -> bool:
    """Whether there are such numbers. A text may look like one: without texts, it is looked at again."""
    return any(part in documents.translate(_DIGITS) for part in parts) and any(
        part in _STRING.sub(b"", documents).translate(_DIGITS) for part in parts
    )


def _are_numbers(documents: list[Any]) -> bool:
    """Whether each is an object of numbers."""
    return {dict}.issuperset(map(type, documents)) and _NUMBERS.issuperset(
        map(type, chain.from_iterable(map(dict.values, documents)))
    )


def _load(documents: bytes) -> list[Any]:
    return _without_marks(orjson.loads(documents))


def _load_exactly(documents: bytes) -> list[Any]:
    """JSON with exact numbers. Raises ``ValueError``, also for words such as NaN, which JSON does not have."""
    orjson.loads(documents)  # it refuses what Python takes
    return _without_marks(json.loads(documents, parse_float=Decimal, parse_constant=_refuse))


def _without_marks(items: list[Any]) -> list[Any]:
    """The documents. Raises ``ValueError`` where something else stands between two."""
    if items[1::2] != [_MARK] * (len(items) // 2):
        raise ValueError
    return items[::2]


def _refuse(word: str) -> None:
    raise ValueError(word)


def _dump(documents: list[Any]) -> bytes:
    return orjson.dumps(documents, option=orjson.OPT_SORT_KEYS)


def _dump_exactly(documents: list[Any]) -> str:
    return json.dumps(documents, sort_keys=True, default=str)


_OF_LISTS = str.maketrans("", "", '[],"\n')


def _lists(source: Sequence[Any], stored: Sequence[Any], *, indexed: bool) -> list[int]:
    """NULL is the empty list. What is not written alike is looked at more closely."""
    mine = ["[]" if value is None else value for value in source] if None in source else source
    places = unsettled_lists(mine, stored, _SURELY_SHORT if indexed else LONGEST)
    found = _other_lists([mine[place] for place in places], [stored[place] for place in places], indexed=indexed)
    return [places[position] for position in found]


def _other_lists(mine: Sequence[Any], stored: Sequence[Any], *, indexed: bool) -> list[int]:
    """The server writes a list of texts as JSON without blanks."""
    alone, together = _by_escapes(mine, stored)
    one_by_one = partial(_accepts, partial(_same_items, indexed=indexed))
    rule = partial(_accepts, partial(_same_lists, indexed=indexed))
    found = _halving(rule, [mine[place] for place in together], [stored[place] for place in together])
    return sorted(
        [
            *(place for place in alone if not one_by_one(mine[place], stored[place])),
            *(together[position] for position in found),
        ]
    )


def _by_escapes(source: Sequence[Any], stored: Sequence[str]) -> tuple[Sequence[int], Sequence[int]]:
    """The places of texts with escapes, and those of all others."""
    escaped = [
        place
        for place, (mine, theirs) in enumerate(zip(source, stored, strict=True))
        if type(mine) is not str or type(theirs) is not str or "\\" in mine or "\\" in theirs
    ]
    return escaped, [*{*range(len(source))}.difference(escaped)] if escaped else range(len(source))


def _same_lists(source: Sequence[str], stored: Sequence[str], *, indexed: bool) -> bool:
    """Without escapes, every second quotation mark ends a text. What is between texts has to be that of plain lists."""
    if indexed and max(map(len, source)) > _SURELY_SHORT:
        return False
    parts, others = "\n".join(source).split('"'), "\n".join(stored).split('"')
    between = '"'.join(others[::2])
    return (
        parts[1::2] == others[1::2]
        and '"'.join(parts[::2]).replace(" ", "") == between
        and not between.translate(_OF_LISTS)
        and between.count("[") == between.count("\n") + 1 == len(source)
    )


def _same_items(source: str, stored: str, *, indexed: bool) -> bool:
    """A list by itself, which may have escapes."""
    if (indexed and len(source) > _SURELY_SHORT) or "\\u0000" in source:
        return False
    items = orjson.loads(source)
    return type(items) is list and {str}.issuperset(map(type, items)) and bool(items == orjson.loads(stored))


_IN_CACHE = 40_000
"""Bytes of vectors that are turned round and compared at once: the processor's cache holds them."""


def _vectors(source: Sequence[Any], stored: Sequence[bytes], *, dimension: int | None) -> bool:
    """Little-endian float32 values, against the server's form: dimension, two bytes, elements in network order."""
    size = len(source[0])
    if not {bytes}.issuperset(map(type, source)) or set(map(len, source)) != {size}:
        return False
    if size == 0 or size % 4 or dimension not in (None, size // 4):
        return False
    heading = struct.pack("<HH", 0, size // 4)
    step = max(1, _IN_CACHE // size)
    return all(
        _same_vectors(heading, source[start : start + step], stored[start : start + step])
        for start in range(0, len(source), step)
    )


def _same_vectors(heading: bytes, source: Sequence[bytes], stored: Sequence[bytes]) -> bool:
    words = array("I", heading + heading.join(source))
    words.byteswap()
    return words.tobytes() == b"".join(stored)


def _floats(source: Sequence[Any], stored: Sequence[float]) -> bool:
    """Bit by bit; NaN, which no source has, is never accepted."""
    return array("d", source).tobytes() == array("d", stored).tobytes()


def _integers(source: Sequence[Any], stored: Sequence[int], *, bits: int) -> bool:
    return source == stored and -(2 ** (bits - 1)) <= min(source) <= max(source) < 2 ** (bits - 1)
