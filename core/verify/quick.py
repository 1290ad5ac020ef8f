"""The quick lane: whole columns compared at once.

A lane may accept a column only where every stored value is surely what is expected of the source's value. What it does
not accept is judged value by value (``meaning``); so a lane may always say no. A source's value is None, an int, a
float, a str, or bytes for a BLOB; text that is not UTF-8 is of another class, and passes no lane.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from array import array
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import orjson

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.verify.meaning import PG_EPOCH

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
    if not nullable:
        return False
    pairs = [pair for pair in zip(source, stored, strict=True) if pair != (None, None)]
    if len(pairs) == len(source):
        return False
    return not pairs or _accepts(rule, *map(list, zip(*pairs, strict=True)))


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
_SINCE_1970 = (PG_EPOCH - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
_EXACT = 2**52
"""Microseconds before and after 1970 (to the year 2112) that a float of seconds tells apart, with room to spare."""


def _moments(source: Sequence[Any], stored: Sequence[bytes]) -> bool:
    """Both sides as seconds since 1970: each a whole number of microseconds, divided and rounded in the same way."""
    joined = "\n".join(source)
    shapes = set(joined.encode("ascii").translate(_NO_DIGITS).split(b"\n"))
    if not shapes <= _SHAPES or joined.count("+") != joined.count("+00:00") or _MIDNIGHT.search(joined):
        return False
    found = array("q", b"".join(stored))
    if sys.byteorder == "little":
        found.byteswap()
    if len(found) != len(source) or not -_EXACT < min(found) <= max(found) < _EXACT - _SINCE_1970:
        return False
    seconds = [(micros + _SINCE_1970) / 1_000_000 for micros in found]
    return seconds == [_in_utc(moment).timestamp() for moment in map(datetime.fromisoformat, source)]


_MIDNIGHT = re.compile("[T ]24:")
"""Python 3.14 takes 24:00 for the beginning of the next day."""


def _in_utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_DEEPEST = 500
"""Levels of the deepest JSON that can be stored."""

_NUMBERS = frozenset({int, float, Decimal})
_DANGEROUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""Letters that PostgreSQL does not store."""

_MANY_DIGITS = re.compile(r"[0-9.]{16}|[eE][+-]?[0-9]{3}")
_FAR_TOO_MANY = re.compile(r"[0-9.]{300}|[eE][+-]?[0-9]{3}")
"""Numbers that a float may not tell apart, and those that may be refused."""


def _documents(source: Sequence[Any], stored: Sequence[Any], *, numbers: bool) -> list[int]:
    """NULL is the empty object."""
    same = _same_numbers if numbers else _same_document
    return [
        position
        for position, (mine, theirs) in enumerate(zip(source, stored, strict=True))
        if (numbers or mine is None or mine != theirs or len(mine) > 2 * _DEEPEST)
        and not _accepts(same, "{}" if mine is None else mine, theirs)
    ]


def _same_document(source: str, stored: str) -> bool:
    found = _both(source, stored)
    if _has_words(source) or _has_words(stored):  # to Python, true is 1
        exactly = orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
        return exactly == orjson.dumps(orjson.loads(stored), option=orjson.OPT_SORT_KEYS)
    return True


def _has_words(document: str) -> bool:
    return "true" in document or "false" in document


def _same_numbers(source: str, stored: str) -> bool:
    found = _both(source, stored)
    if type(found) is not dict or _has_words(stored):
        return False
    return _NUMBERS.issuperset(map(type, found.values()))


def _both(source: str, stored: str) -> Any:
    """What both documents hold. Raises ``ValueError`` where that is not surely the same.

    What cannot be stored may hide in the first of two equal keys, so nothing of that kind is taken at all.
    """
    if (
        type(source) is not str
        or source.count("[") + source.count("{") > _DEEPEST
        or ("\\u" in source and _DANGEROUS.search(source))
    ):
        raise ValueError
    load: Callable[[str], Any] = orjson.loads
    if _MANY_DIGITS.search(source) or _MANY_DIGITS.search(stored):
        if _FAR_TOO_MANY.search(source):
            raise ValueError
        load = _load_exactly
    found = load(source)
    if source != stored and found != load(stored):
        raise ValueError
    return found


def _load_exactly(document: str) -> Any:
    """JSON with exact numbers. Raises ``ValueError``, also for words such as NaN, which JSON does not have."""
    return json.loads(document, parse_float=Decimal, parse_constant=_refuse)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _lists(source: Sequence[Any], stored: Sequence[Any], *, indexed: bool) -> list[int]:
    """The server writes a list of texts as JSON without blanks, as Vestige does. NULL is the empty list."""
    if _accepts(partial(_same_lists, indexed=indexed), source, stored):
        return []
    same = partial(_same_items, indexed=indexed)
    return [
        position
        for position, (mine, theirs) in enumerate(zip(source, stored, strict=True))
        if not _accepts(same, "[]" if mine is None else mine, theirs)
    ]


def _same_lists(source: Sequence[str], stored: Sequence[str], *, indexed: bool) -> bool:
    if source != stored or (indexed and max(map(len, source)) > _SURELY_SHORT):
        return False
    joined = "".join(source)
    return joined.count("[") == len(source) and "null" not in joined


def _same_items(source: str, stored: str, *, indexed: bool) -> bool:
    if (indexed and len(source) > _SURELY_SHORT) or ("\\u" in source and _DANGEROUS.search(source)):
        return False
    items = orjson.loads(source)
    return type(items) is list and {str}.issuperset(map(type, items)) and bool(items == orjson.loads(stored))


def _vectors(source: Sequence[Any], stored: Sequence[bytes], *, dimension: int | None) -> bool:
    """Little-endian float32 values, against the server's form: dimension, two bytes, elements in network order."""
    size = len(source[0])
    if not {bytes}.issuperset(map(type, source)) or set(map(len, source)) != {size}:
        return False
    if size == 0 or size % 4 or dimension not in (None, size // 4):
        return False
    heading = struct.pack("<HH", 0, size // 4)
    words = array("I", heading + heading.join(source))
    words.byteswap()
    return words.tobytes() == b"".join(stored)


def _floats(source: Sequence[Any], stored: Sequence[float]) -> bool:
    """Bit by bit; NaN, which no source has, is never accepted."""
    return array("d", source).tobytes() == array("d", stored).tobytes()


def _integers(source: Sequence[Any], stored: Sequence[int], *, bits: int) -> bool:
    return source == stored and -(2 ** (bits - 1)) <= min(source) <= max(source) < 2 ** (bits - 1)
