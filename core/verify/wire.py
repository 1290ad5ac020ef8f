"""The bytes of PostgreSQL's ``record_send`` for a row, made from the values that the row should have.

They are what ``digests`` has the server hash. Nothing here is shared with the code that writes rows
(``rows/copy_format.py``): a fault there would otherwise be repeated here.
"""

from __future__ import annotations

import json
import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from vestige_tui.core.rows.pg_types import PgType

_number = struct.Struct(">i").pack
_NULL = _number(-1)
_FIRST_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)
_UUID, _TEXT, _UUID_ARRAY, _TEXT_ARRAY, _TIMESTAMPTZ, _JSONB = 2950, 25, 2951, 1009, 1184, 3802
_FLOAT8, _INT8, _BYTEA = 701, 20, 17
"""OIDs of PostgreSQL's own types: the same in every database."""


def record(types: Iterable[PgType], values: Sequence[Any]) -> bytes:
    """The bytes of a row: its number of columns, and of each the type, the length and the bytes that are sent.

    Values are UUID, str, aware datetime, int, float, list, JSON as Python values (numbers as int or ``Decimal``), and
    for a vector its little-endian float32 values as bytes. None is NULL, but in JSON it is ``null``.
    """
    parts = [_number(len(values))]
    for kind, value in zip(types, values, strict=True):
        oid, send = _SENDERS[kind]
        if value is None and kind is not PgType.JSONB:
            parts += oid, _NULL
        else:
            sent = send(value)
            parts += oid, _number(len(sent)), sent
    return b"".join(parts)


def _sized(sent: bytes) -> bytes:
    return _number(len(sent)) + sent


def _timestamp(value: datetime) -> bytes:
    """Microseconds since 2000-01-01 UTC."""
    return struct.pack(">q", (value - _FIRST_MOMENT) // timedelta(microseconds=1))


def _vector(value: bytes) -> bytes:
    """``vector_send``: the dimension, an unused number, and the elements with their bytes turned round."""
    elements = array("I")
    elements.frombytes(value)
    elements.byteswap()
    return struct.pack(">HH", len(elements), 0) + elements.tobytes()


def _array(oid: int, items: Sequence[bytes]) -> bytes:
    """A list without NULLs: dimensions (0 where it is empty), flags, type of the items; length, lower bound, items."""
    head = struct.pack(">iii", 1 if items else 0, 0, oid)
    return b"".join((head, struct.pack(">ii", len(items), 1), *map(_sized, items))) if items else head


def _jsonb(value: Any) -> bytes:
    """A version number, then the document as PostgreSQL writes it."""
    return b"\x01" + json_text(value).encode()


def json_text(value: Any) -> str:
    """A JSON value as ``jsonb`` writes it: keys by length, then by their bytes; numbers with all of their decimals."""
    parts: list[str] = []
    _write(value, parts.append)
    return "".join(parts)


def _write(value: Any, put: Callable[[str], None]) -> None:
    if isinstance(value, dict):
        separator = "{"
        for key in sorted(value, key=_key_order):
            put(f"{separator}{_quote(key)}: ")
            _write(value[key], put)
            separator = ", "
        put("}" if value else "{}")
    elif isinstance(value, list):
        separator = "["
        for item in value:
            put(separator)
            _write(item, put)
            separator = ", "
        put("]" if value else "[]")
    elif isinstance(value, str):
        put(_quote(value))
    else:
        put(_literal(value))


def _key_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded


_quote = json.JSONEncoder(ensure_ascii=False).encode
"""A JSON string: both PostgreSQL and Python escape the quotation mark, the backslash and what is below U+0020."""


def _literal(value: Any) -> str:
    """null, true, false, or a number as ``numeric`` writes it: without an exponent, and without a minus before zero."""
    if value is None or isinstance(value, bool):
        return _quote(value)
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return format(number if number else abs(number), "f")


_SENDERS: dict[PgType, tuple[bytes, Callable[[Any], bytes]]] = {
    PgType.UUID: (_number(_UUID), lambda value: bytes(value.bytes)),
    PgType.TEXT: (_number(_TEXT), str.encode),
    PgType.TIMESTAMPTZ: (_number(_TIMESTAMPTZ), _timestamp),
    PgType.JSONB: (_number(_JSONB), _jsonb),
    PgType.TEXT_ARRAY: (_number(_TEXT_ARRAY), lambda value: _array(_TEXT, [item.encode() for item in value])),
    PgType.UUID_ARRAY: (_number(_UUID_ARRAY), lambda value: _array(_UUID, [item.bytes for item in value])),
    PgType.VECTOR: (_number(_BYTEA), _vector),
    PgType.FLOAT8: (_number(_FLOAT8), struct.Struct(">d").pack),
    PgType.INT4: (_number(_INT8), struct.Struct(">q").pack),
    PgType.INT2: (_number(_INT8), struct.Struct(">q").pack),
}
"""The bytes of the type, and those of a value, as the query in ``digests`` casts it."""
