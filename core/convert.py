"""From SQLite values to PostgreSQL fields. The one place where a value is judged; preview and copy both use it.

A converter takes what SQLite holds (``None``, ``int``, ``float``, ``str``, or ``bytes`` for a BLOB and ``BrokenText``
for TEXT that is not UTF-8) and returns a field as ``wire`` makes it, or raises ``ValueProblem``: a named kind, a
sentence without the value of anything private, and where there is one the field to use instead.
"""

from __future__ import annotations

import base64
import json
import math
import re
from binascii import unhexlify
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from struct import error as StructError
from typing import Any, NoReturn

from vestige_tui.core import wire
from vestige_tui.core.kinds import Kind
from vestige_tui.core.model import MAX_DIMENSION

SqliteValue = None | int | float | str | bytes
Convert = Callable[[SqliteValue], bytes]

EPOCH = wire.timestamptz(0)
EMPTY_OBJECT = wire.jsonb(b"{}")
EMPTY_TEXT_ARRAY = wire.array_of(wire.TEXT_OID, ())
EMPTY_UUID_ARRAY = wire.array_of(wire.UUID_OID, ())

MAX_JSON_DEPTH = 500
"""Deeper JSON is refused here, well before PostgreSQL's ``max_stack_depth`` would refuse it."""

MAX_NUMBER_DIGITS = 16_000
"""Longer JSON numbers, written out, are refused: ``numeric`` keeps 131,072 digits before the point and 16,383 after."""

_FLOAT_DIGITS = 300
"""A number of fewer digits, and without an exponent, is certainly one for Python and for ``numeric``."""

TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?:T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
    r"| (?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?)",
    re.ASCII,
)
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?(1)\})",
    re.ASCII | re.IGNORECASE,
)
_SUSPECT_ESCAPE = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_UNSTORABLE_LETTER = re.compile("[\0\ud800-\udfff]")
LARGE_EXPONENT = re.compile(r"[eE][+-]?\d{3}")
"""Where a number in a JSON document has an exponent that ``numeric`` may not be able to hold."""

_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_INTEGER = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BrokenText(bytes):
    """TEXT whose bytes are not UTF-8."""


class ValueProblem(Exception):
    """A value cannot be stored as it is. ``instead`` is the field to store, None for the column's empty value."""

    def __init__(self, kind: Kind, message: str, *, instead: bytes | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.instead = instead


def decode_text(raw: bytes) -> str | BrokenText:
    """The ``text_factory`` of every source connection: one broken value must not fail a whole fetch."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return BrokenText(raw)


def storable_text(value: str | bytes) -> tuple[str, str | None]:
    """Text that PostgreSQL can store, and what had to be replaced by U+FFFD in words, or None."""
    decoded = value if isinstance(value, str) else decode_text(value)
    found = []
    if isinstance(decoded, bytes):
        decoded = decoded.decode(errors="replace")
        found.append("bytes that are not UTF-8")
    if "\0" in decoded:
        decoded = decoded.replace("\0", "\ufffd")
        found.append("NUL characters")
    return decoded, " and ".join(found) or None


def text(value: SqliteValue) -> bytes:
    """TEXT to ``text``; numbers are taken as their text, unstorable characters as U+FFFD."""
    if type(value) is str and "\0" not in value:
        return wire.text(value.encode())
    if value is None:
        return wire.NULL
    if isinstance(value, int | float):
        return wire.text(str(value).encode())
    storable, trouble = storable_text(value)
    field = wire.text(storable.encode())
    if trouble is None:
        return field
    raise ValueProblem(Kind.UNSTORABLE_TEXT, f"holds {trouble}, which PostgreSQL cannot store", instead=field)


def content(value: SqliteValue) -> bytes:
    """A memory's text; none at all is a problem without a way out."""
    if value is None or value in ("", b""):
        raise ValueProblem(Kind.EMPTY_CONTENT, "is empty")
    return text(value)


def uuid(value: SqliteValue) -> bytes:
    """TEXT to ``uuid``, in any usual spelling: hyphens or none, braces, ``urn:uuid:``, either case."""
    if type(value) is str:
        if len(value) == 36 and value[8] == value[13] == value[18] == value[23] == "-":
            try:
                raw = unhexlify(value.replace("-", ""))
            except ValueError:
                raw = b""
            if len(raw) == 16:
                return wire.uuid(raw)
        match = _UUID.fullmatch(value)
        if match:
            return wire.uuid(unhexlify(match[2].replace("-", "")))
        raise ValueProblem(Kind.BAD_UUID, f"is not a UUID: {shortened(value)!r}")
    raise ValueProblem(Kind.BAD_UUID, "is missing" if value is None else "is not a UUID")


def timestamp(value: SqliteValue) -> bytes:
    """TEXT in one of Vestige's three forms to ``timestamptz``, digits after the sixth cut; empty text is NULL.

    The forms: RFC 3339 with an offset, RFC 3339 with ``Z``, and SQLite's ``YYYY-MM-DD HH:MM:SS`` in UTC.
    """
    if value is None or value == "":
        return wire.NULL
    if type(value) is not str or not TIMESTAMP.fullmatch(value):
        raise ValueProblem(Kind.BAD_TIMESTAMP, "is not a timestamp in a form that Vestige writes")
    try:
        moment = datetime.fromisoformat(value)  # cuts what follows the sixth digit
    except ValueError:
        raise ValueProblem(Kind.BAD_TIMESTAMP, "names a day or a time that does not exist") from None
    return timestamp_field(moment)


def timestamp_field(moment: datetime) -> bytes:
    """A moment to ``timestamptz``; one without an offset is in UTC."""
    since = (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)) - _UNIX_EPOCH
    return wire.timestamptz(since // _MICROSECOND)


def float8(value: SqliteValue) -> bytes:
    """REAL, INTEGER or a number held as text to ``double precision``."""
    if type(value) is float or type(value) is int:
        return wire.float8(value)
    if value is None:
        return wire.NULL
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return wire.float8(float(value))
    raise ValueProblem(Kind.BAD_NUMBER, "is not a number")


def int4(value: SqliteValue) -> bytes:
    """INTEGER, a whole REAL or an integer held as text to ``integer``."""
    return _integer(value, wire.int4)


def int2(value: SqliteValue) -> bytes:
    """INTEGER, a whole REAL or an integer held as text to ``smallint``."""
    return _integer(value, wire.int2)


def _integer(value: SqliteValue, pack: Callable[[int], bytes]) -> bytes:
    if value is None:
        return wire.NULL
    if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if not isinstance(value, int):
        raise ValueProblem(Kind.BAD_NUMBER, "is not a whole number")
    try:
        return pack(value)
    except StructError:
        raise ValueProblem(Kind.BAD_NUMBER, "is a number out of range") from None


def vector(value: SqliteValue, dimension: int | None = None) -> bytes:
    """BLOB of little-endian float32 to ``vector``, bit for bit; ``dimension`` is what it must be, None for any."""
    if value is None:
        return wire.NULL
    if type(value) is not bytes:
        raise ValueProblem(Kind.BAD_VECTOR, "is text where a vector's bytes belong", instead=wire.NULL)
    if not value or len(value) % 4:
        raise ValueProblem(Kind.BAD_VECTOR, f"has {len(value):,} bytes, which is no vector", instead=wire.NULL)
    count = len(value) // 4
    if count != dimension:
        if dimension is not None:
            message = f"has {count:,} dimensions where the model makes {dimension:,}"
            raise ValueProblem(Kind.WRONG_DIMENSION, message, instead=wire.NULL)
        if count > MAX_DIMENSION:
            raise ValueProblem(
                Kind.BAD_VECTOR, f"has {count:,} dimensions, more than pgvector holds", instead=wire.NULL
            )
    values = wire.floats(value)
    if not certainly_finite(value) and not math.isfinite(sum(values)):  # float32 values cannot overflow a float64 sum
        raise ValueProblem(Kind.BAD_VECTOR, "holds NaN or Infinity", instead=wire.NULL)
    return wire.vector(values)


def certainly_finite(blob: bytes) -> bool:
    """Whether no float32 in it can be NaN or Infinity: their highest byte is 0x7f or 0xff, as that of few others."""
    highest = blob[3::4]
    return b"\x7f" not in highest and b"\xff" not in highest


def json_document(value: SqliteValue) -> bytes:
    """TEXT of any JSON to ``jsonb``; NULL is the empty object."""
    if value is None or value == "{}":
        return EMPTY_OBJECT
    document, _ = load_json(value)
    return wire.jsonb(document.encode())


def number_map(value: SqliteValue) -> bytes:
    """TEXT of a JSON object from strings to finite numbers to ``jsonb``; NULL is the empty object."""
    if value is None or value == "{}":
        return EMPTY_OBJECT
    document, parsed = load_json(value)
    if not isinstance(parsed, dict) or not all(_is_number(score) for score in parsed.values()):
        raise ValueProblem(Kind.MISSHAPEN_JSON, "is not a JSON object of numbers")
    return wire.jsonb(document.encode())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_list(value: SqliteValue) -> bytes:
    """TEXT of a JSON list of strings to ``text[]``; NULL is the empty list."""
    if value is None or value == "[]":
        return EMPTY_TEXT_ARRAY
    items = _string_list(value)
    return wire.array_of(wire.TEXT_OID, [wire.text(item.encode()) for item in items])


def uuid_list(value: SqliteValue) -> bytes:
    """TEXT of a JSON list of UUIDs to ``uuid[]``; NULL is the empty list."""
    if value is None or value == "[]":
        return EMPTY_UUID_ARRAY
    items = _string_list(value)
    try:
        return wire.array_of(wire.UUID_OID, [uuid(item) for item in items])
    except ValueProblem:
        raise ValueProblem(Kind.BAD_UUID, "holds something that is not a UUID") from None


def _string_list(value: SqliteValue) -> list[str]:
    _, parsed = load_json(value)
    if type(parsed) is not list or not {str}.issuperset(map(type, parsed)):
        raise ValueProblem(Kind.MISSHAPEN_JSON, "is not a JSON list of strings")
    return parsed


def load_json(value: SqliteValue) -> tuple[str, Any]:
    """A JSON document and its value, when JSONB can store it; raises ``ValueProblem`` otherwise."""
    if isinstance(value, BrokenText):
        raise ValueProblem(Kind.UNSTORABLE_JSON, "holds bytes that are not UTF-8")
    try:
        document = value if type(value) is str else value.decode() if isinstance(value, bytes) else str(value)
        if nests_too_deep(document):
            raise ValueProblem(Kind.UNSTORABLE_JSON, f"is nested more than {MAX_JSON_DEPTH} levels deep")
        careful = len(document) >= _FLOAT_DIGITS or LARGE_EXPONENT.search(document)
        parsed = (CAREFUL_DECODER if careful else _DECODER).decode(document)
    except (ValueError, RecursionError):  # a UnicodeDecodeError is a ValueError
        raise ValueProblem(Kind.MALFORMED_JSON, "is not valid JSON") from None
    check_strings(document)
    return document, parsed


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


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_PAIRS_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_int=str, parse_float=str)
"""Keeps every name and every value, where a dict keeps the last of each name."""

CAREFUL_DECODER = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_int=_number_in_range, parse_float=_number_in_range
)
"""Looks at each number; raises ``ValueError``, or ``ValueProblem`` for one that ``numeric`` cannot hold."""


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


def with_columns(base: SqliteValue, names: Sequence[str], values: Sequence[SqliteValue]) -> bytes:
    """``metadata`` as ``jsonb``: the object in ``base``, and under their own names the columns that no one mapped.

    NULLs are left out, a name that ``base`` uses is not overwritten, a BLOB becomes ``{"base64": …}``. JSON other
    than an object keeps its place under ``metadata``. What is unstorable in one part never costs the other parts.
    """
    trouble: ValueProblem | None = None
    document: str = "{}"
    parsed: Any = {}
    if base is not None:
        try:
            document, parsed = load_json(base)
        except ValueProblem as problem:
            trouble = problem
    if not isinstance(parsed, dict):
        document, parsed = f'{{"metadata": {document}}}', {"metadata": parsed}
    extra: dict[str, object] = {}
    for name, value in zip(names, values, strict=True):
        if value is not None and name not in parsed:
            extra[name], found = _json_value(value)
            if found and trouble is None:
                message = f"its column {name} holds {found}, which PostgreSQL cannot store"
                trouble = ValueProblem(Kind.UNSTORABLE_TEXT, message)
    if extra:  # spliced in as text, so that not a digit of the document's own numbers changes
        start = document.rstrip()[:-1] + ("," if parsed else "")
        document = start + json.dumps(extra, ensure_ascii=False)[1:]
    field = wire.jsonb(document.encode())
    if trouble is not None:
        raise ValueProblem(trouble.kind, trouble.message, instead=field)
    return field


def _json_value(value: int | float | str | bytes) -> tuple[object, str | None]:
    if isinstance(value, str | BrokenText):
        return storable_text(value)
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}, None
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), None
    return value, None


def shortened(value: str, limit: int = 40) -> str:
    """The start of a value for a message."""
    return value if len(value) <= limit else value[: limit - 1] + "…"
