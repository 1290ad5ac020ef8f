"""One value of a source: what PostgreSQL holds in its place, or the kind of problem that it has.

A rule takes what SQLite holds (``None``, ``int``, ``float``, ``Text``, or ``bytes`` for a BLOB) and returns the value of
the destination, or raises ``Broken``.
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


class Text(bytes):
    """A TEXT value; a BLOB is plain ``bytes``."""

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


def text(value: Any) -> Any:
    """Text, with what PostgreSQL cannot store replaced."""
    if value is None or isinstance(value, int | float):
        return None if value is None else str(value)
    shown = storable(value)
    if shown.encode() != value:
        raise Broken("unstorable_text", shown)
    return shown


def storable(value: bytes) -> str:
    """Text with U+FFFD in place of what PostgreSQL cannot store."""
    return value.decode(errors="replace").replace("\0", "\ufffd")


def content(value: Any) -> Any:
    """A memory's text."""
    if value in (None, b""):
        raise Broken("empty_content")
    return text(value)


def uuid(value: Any) -> UUID:
    """A UUID with hyphens or none, in braces, as a URN, in either case."""
    if isinstance(value, Text):
        plain = value.shown.lower().removeprefix("urn:uuid:")
        if plain.startswith("{") and plain.endswith("}"):
            plain = plain[1:-1]
        parts = plain.split("-")
        if [len(part) for part in parts] in ([32], [8, 4, 4, 4, 12]) and set("".join(parts)) <= set("0123456789abcdef"):
            return UUID("".join(parts))
    raise Broken("bad_uuid")


_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9:]{8})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
    r"| ([0-9:]{8})(\.[0-9]{1,9})?)"
)


def moment(value: Any) -> Any:
    """A timestamp in one of the three forms, digits after the sixth cut."""
    if value is None or (isinstance(value, Text) and not value):
        return None
    found = _MOMENT.fullmatch(value.shown) if isinstance(value, Text) else None
    if found is None:
        raise Broken("bad_timestamp")
    day, zoned, cut, offset, plain, plain_cut = found.groups()
    try:
        whole = datetime.strptime(f"{day} {zoned or plain}", "%Y-%m-%d %H:%M:%S")
        if int((zoned or plain)[6:]) > 59:
            raise ValueError("leap second")
        behind = _offset(offset)
    except ValueError:
        raise Broken("bad_timestamp") from None
    micros = int(((cut or plain_cut or ".0")[1:]).ljust(6, "0")[:6])
    return whole.replace(microsecond=micros, tzinfo=timezone(behind)).astimezone(UTC)


def _offset(offset: str | None) -> timedelta:
    if offset in (None, "Z"):
        return timedelta()
    hours, minutes = int(offset[1:3]), int(offset[4:])
    if hours > 23 or minutes > 59:
        raise ValueError("no offset")
    return timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)


_INTEGER = re.compile(rb"\s*[+-]?\d{1,19}\s*")
_WHOLE = re.compile(rb"\s*[+-]?\d+\s*")
_NUMBER = re.compile(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*")


def real(value: Any) -> Any:
    """A float, which may be held as text; a whole number that a float cannot hold exactly is rounded and reported."""
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, Text) and _NUMBER.fullmatch(value):
        exact = Decimal(value.decode())
    elif isinstance(value, int):
        exact = Decimal(value)
    else:
        raise Broken("bad_number")
    nearest = float(exact)
    if math.isinf(nearest) or (nearest == 0 and exact != 0):
        raise Broken("bad_number")
    if Decimal(nearest) != exact and (isinstance(value, int) or _WHOLE.fullmatch(value)):
        raise Broken("bad_number", nearest)
    return nearest


def integer(bits: int) -> Rule:
    """A whole number that fits."""

    def rule(value: Any) -> Any:
        if isinstance(value, Text) and _INTEGER.fullmatch(value):
            value = int(value)
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
        if isinstance(value, Text | int | float) or not value or len(value) % 4:
            raise Broken("bad_vector", None)
        if dimension is not None and len(value) != 4 * dimension:
            raise Broken("wrong_dimension", None)
        if not all(map(math.isfinite, struct.unpack(f"<{len(value) // 4}f", value))):
            raise Broken("bad_vector", None)
        return value

    return rule


def centroid(value: Any) -> Any:
    """The vector of a domain; Vestige writes an empty one for none."""
    return None if value == b"" and not isinstance(value, Text) else vector(None)(value)


def document(value: Any) -> tuple[Any, bool]:
    """JSON that JSONB stores, and whether a key came twice in an object: the last value of a key counts."""
    if isinstance(value, Text) and value.shown.encode() != value:
        raise Broken("unstorable_json")
    repeated = False

    def keyed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal repeated
        made = dict(pairs)
        repeated |= len(made) < len(pairs)
        if not all(map(_storable, chain.from_iterable(pairs))):
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
    depth = deepest = 0
    for letter in re.sub(r'"(?:[^"\\]|\\.)*"', "", shown, flags=re.DOTALL):
        depth += (letter in "[{") - (letter in "]}")
        deepest = max(deepest, depth)
    return deepest


def number(literal: str) -> Any:
    """JSONB keeps decimals exactly, and writes whole numbers without an exponent."""
    mantissa, _, exponent = literal.lower().partition("e")
    if len(mantissa) + abs(int(exponent[:9] or 0)) > MOST_DIGITS:
        raise Broken("unstorable_json")
    exact = Decimal(literal)
    return int(exact) if exact == exact.to_integral_value() else float(literal)


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
    return [uuid(Text(item.encode())) for item in strings(value)]


def scores(value: Any) -> Any:
    """An object of numbers."""
    parsed, repeated = ({}, False) if value is None else document(value)
    if not isinstance(parsed, dict) or not all(type(item) in (int, float) for item in parsed.values()):
        raise Broken("misshapen_json")
    if repeated:
        raise Broken("duplicate_json_key", parsed)
    return parsed


def indexable(value: str) -> str:
    """The start of a text that an index takes: cut between two characters."""
    return value.encode()[:LONGEST_INDEXED].decode(errors="ignore")
