"""One value of a source: what PostgreSQL holds in its place, or the kind of problem that it has.

A rule takes what SQLite holds: ``None``, ``int``, ``float``, ``str`` for TEXT, ``Text`` for TEXT that is not UTF-8, or
``bytes`` for a BLOB. It returns the value of the destination, or raises ``Broken``.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from itertools import chain
from typing import Any
from uuid import UUID

LONGEST_INDEXED = 2_600
"""Bytes of UTF-8 that an index of the destination takes."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEEPEST_JSON = 500
MOST_DIGITS = 16_000

MOST_ELEMENTS = 16_000
"""Elements of a vector that pgvector stores."""


class Text(bytes):
    """The bytes of a TEXT value that is not UTF-8; a BLOB is plain ``bytes``."""

    @property
    def shown(self) -> str:
        """Its letters, with U+FFFD in place of what is not UTF-8."""
        return self.decode(errors="replace")


class Missing:
    """What a column yields that the source does not have."""


MISSING = Missing()
"""The only one of its class."""


class Lost(Exception):
    """The row cannot exist; its argument is the complaint."""


class Broken(Exception):
    """A value of this kind; what stands in for it, unless the column says what does (``Lost``)."""

    def __init__(self, kind: str, instead: object = Lost) -> None:
        super().__init__(kind)
        self.kind = kind
        self.instead = instead


Rule = Callable[[Any], Any]


def decoded(value: bytes) -> str | Text:
    """A TEXT value: ``str``, or ``Text`` where it is not UTF-8. For a connection's ``text_factory``."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return Text(value)


def letters(value: Any) -> str | None:
    """The letters of a TEXT value; None where the value is none."""
    return value if isinstance(value, str) else value.shown if isinstance(value, Text) else None


def text(value: Any) -> Any:
    """Text, with what PostgreSQL cannot store replaced."""
    if value is None or isinstance(value, int | float):
        return None if value is None else str(value)
    shown = storable(value)
    if (shown if isinstance(value, str) else shown.encode()) != value:
        raise Broken("unstorable_text", shown)
    return shown


def storable(value: str | bytes) -> str:
    """Text with U+FFFD in place of what PostgreSQL cannot store."""
    shown = value if isinstance(value, str) else value.decode(errors="replace")
    return shown.replace("\0", "\ufffd")


def content(value: Any) -> Any:
    """A memory's text."""
    if value in (None, "", b""):
        raise Broken("empty_content")
    return text(value)


_UUID = re.compile("[0-9a-f]{8}(-?)[0-9a-f]{4}(?:\\1[0-9a-f]{4}){2}\\1[0-9a-f]{12}")


def uuid(value: Any) -> UUID:
    """A UUID with hyphens or none, in braces, as a URN, in either case."""
    plain = (letters(value) or "").lower().removeprefix("urn:uuid:")
    if plain.startswith("{") and plain.endswith("}"):
        plain = plain[1:-1]
    if _UUID.fullmatch(plain):
        return UUID(plain)
    raise Broken("bad_uuid")


_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})([T ])([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def moment(value: Any) -> Any:
    """A timestamp in one of the three forms, with its own offset; digits after the sixth are cut.

    It is not brought to UTC: the first and the last hours of Python's calendar have no place there.
    """
    shown = letters(value)
    if value is None or shown == "":
        return None
    found = _MOMENT.fullmatch(shown) if shown is not None else None
    if found is None or (found[4] == "T") != (found[9] is not None):
        raise Broken("bad_timestamp")
    year, month, day, hour, minute, second = map(int, found.group(1, 2, 3, 5, 6, 7))
    micros = int((found[8] or "").ljust(6, "0")[:6])
    try:
        return datetime(year, month, day, hour, minute, second, micros, timezone(_offset(found[9])))
    except ValueError:
        raise Broken("bad_timestamp") from None


def _offset(offset: str | None) -> timedelta:
    if offset is None or offset == "Z":
        return timedelta()
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:
        raise ValueError("no offset")
    return timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)


_INTEGER = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)


def real(value: Any) -> Any:
    """A float, which may be held as text; a whole number that a float cannot hold exactly is rounded and reported."""
    if value is None or isinstance(value, float):
        return value
    shown = letters(value)
    if shown is not None and _NUMBER.fullmatch(shown):
        exact = Decimal(shown)
    elif isinstance(value, int):
        exact = Decimal(value)
    else:
        raise Broken("bad_number")
    nearest = float(exact)
    if math.isinf(nearest) or (nearest == 0 and exact != 0):
        raise Broken("bad_number")
    if Decimal(nearest) != exact and (shown is None or _WHOLE.fullmatch(shown)):
        raise Broken("bad_number", nearest)
    return nearest


def integer(bits: int) -> Rule:
    """A whole number that fits."""

    def rule(value: Any) -> Any:
        shown = letters(value)
        if shown is not None and _INTEGER.fullmatch(shown):
            value = int(shown)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise Broken("bad_number")
        return value

    return rule


def vector(dimension: int | None) -> Rule:
    """Float32 values, all of them finite."""

    def rule(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not bytes or not value or len(value) % 4:
            raise Broken("bad_vector", None)
        if dimension is not None and len(value) != 4 * dimension:
            raise Broken("wrong_dimension", None)
        if len(value) > 4 * MOST_ELEMENTS or not all(map(math.isfinite, struct.unpack(f"<{len(value) // 4}f", value))):
            raise Broken("bad_vector", None)
        return value

    return rule


def centroid(value: Any) -> Any:
    """The vector of a domain; Vestige writes an empty one for none."""
    return None if type(value) is bytes and not value else vector(None)(value)


def document(value: Any) -> tuple[Any, bool]:
    """JSON that JSONB stores, and whether a key came twice in an object: the last value of a key counts."""
    if isinstance(value, Text) and value.shown.encode() != value:
        raise Broken("unstorable_json")
    repeated = False

    def keyed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        made = dict(pairs)
        overridden = [part for _, value in pairs for part in _strings(value)] if len(made) < len(pairs) else []
        repeated |= len(made) < len(pairs)
        if not all(map(_storable, chain(made, overridden))):
            raise Broken("unstorable_json")
        return made

    try:
        shown = value.decode() if isinstance(value, bytes) else str(value)
        if _depth(shown) > DEEPEST_JSON:
            raise Broken("unstorable_json")
        parsed = json.loads(
            shown, parse_constant=_constant, parse_float=number, parse_int=number, object_pairs_hook=keyed
        )
    except ValueError:
        raise Broken("malformed_json") from None
    if not all(map(_storable, _strings(parsed))):
        raise Broken("unstorable_json")
    return parsed, repeated


def _depth(shown: str) -> int:
    if shown.count("[") + shown.count("{") <= DEEPEST_JSON:  # so it cannot be deeper
        return 0
    depth = deepest = 0
    for letter in re.sub(r'"(?:[^"\\]|\\.)*"', "", shown, flags=re.DOTALL):
        depth += (letter in "[{") - (letter in "]}")
        deepest = max(deepest, depth)
    return deepest


def number(literal: str) -> Any:
    """A number of JSON, which JSONB keeps with all of its decimals: ``int`` where it is written as one, else
    ``Decimal``.
    """
    mantissa, _, exponent = literal.lower().partition("e")
    if len(mantissa) + int(exponent.lstrip("+-0")[:9] or 0) > MOST_DIGITS:
        raise Broken("unstorable_json")
    exact = Decimal(literal)
    return exact if exponent or "." in mantissa else int(exact)


def _constant(name: str) -> Any:
    raise Broken("unstorable_json")


def _storable(part: Any) -> bool:
    return not isinstance(part, str) or not re.search("[\0\ud800-\udfff]", part)


def _strings(value: Any) -> Iterator[Any]:
    """Every value in a document; the names of objects have been looked at."""
    yield value
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _strings(item)


def any_json(value: Any) -> Any:
    """Any JSON; NULL is the empty object."""
    parsed, repeated = ({}, False) if value is None else document(value)
    if repeated:
        raise Broken("duplicate_json_key", parsed)
    return parsed


def strings(value: Any) -> Any:
    """A list of texts."""
    parsed, _ = ([], False) if value is None else document(value)
    if not isinstance(parsed, list) or not all(isinstance(item, str) for item in parsed):
        raise Broken("misshapen_json")
    return parsed


def uuids(value: Any) -> Any:
    """A list of UUIDs."""
    return [uuid(item) for item in strings(value)]


def scores(value: Any) -> Any:
    """An object of numbers."""
    parsed, repeated = ({}, False) if value is None else document(value)
    if not isinstance(parsed, dict) or not all(type(item) in (int, float, Decimal) for item in parsed.values()):
        raise Broken("misshapen_json")
    if repeated:
        raise Broken("duplicate_json_key", parsed)
    return parsed


def indexable(value: str) -> str:
    """The start of a text that an index takes: cut between two characters."""
    if len(value) * 4 <= LONGEST_INDEXED:
        return value
    return value.encode()[:LONGEST_INDEXED].decode(errors="ignore")
