"""PostgreSQL's binary ``COPY`` format, one field at a time.

Every function returns whole fields: four bytes of length, big-endian, and then the value in the binary form that the
type's receive function reads. Functions in the plural make many fields without a Python call for each. Sources:
PostgreSQL's documentation of ``COPY`` ("Binary Format") and the receive functions of each type; pgvector's README for
``vector``.
"""

from __future__ import annotations

import sys
from array import array
from binascii import unhexlify
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from operator import add, floordiv, sub
from struct import Struct

NULL = b"\xff\xff\xff\xff"
HEADER = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
TRAILER = b"\xff\xff"

UUID_OID = 2950
TEXT_OID = 25
TIMESTAMPTZ_OID = 1184
FLOAT8_OID = 701
INT4_OID = 23
INT2_OID = 21
"""Of PostgreSQL's own types, the same on every server (``pg_type.dat``)."""

_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

POSTGRES_EPOCH_MICROS = 946_684_800_000_000
"""2000-01-01T00:00:00Z, where PostgreSQL's timestamps start, in microseconds of Unix time."""

UUID_FIELD = 20
"""Bytes of a ``uuid`` field."""

MAX_FIELD = 1 << 30
"""PostgreSQL allocates no value of 1 GiB or more."""

_INT2 = Struct(">ih").pack
_INT4 = Struct(">ii").pack
_INT8 = Struct(">iq").pack
_FLOAT8 = Struct(">id").pack
_LENGTH = Struct(">i").pack
_COUNT = Struct(">h").pack
_JSONB_HEAD = Struct(">ib").pack
_UUID_FIELDS = Struct(f"{UUID_FIELD}s")
_ARRAY_HEAD = Struct(">iiiii").pack
_VECTOR_HEAD = Struct(">iHH").pack
_LITTLE_ENDIAN_HOST = sys.byteorder == "little"


def text(value: bytes) -> bytes:
    """``text`` from UTF-8 bytes."""
    return _LENGTH(len(value)) + value


def uuid(value: bytes) -> bytes:
    """``uuid`` from its 16 bytes."""
    return b"\0\0\0\x10" + value


def jsonb(document: bytes) -> bytes:
    """``jsonb`` from a JSON document in UTF-8, format version 1."""
    return _LENGTH(len(document) + 1) + b"\x01" + document


def timestamptz(unix_micros: int) -> bytes:
    """``timestamptz`` from microseconds of Unix time."""
    return _INT8(8, unix_micros - POSTGRES_EPOCH_MICROS)


def float8(value: float) -> bytes:
    """``double precision``."""
    return _FLOAT8(8, value)


def int4(value: int) -> bytes:
    """``integer``; raises ``struct.error`` outside 32 bits."""
    return _INT4(4, value)


def int2(value: int) -> bytes:
    """``smallint``; raises ``struct.error`` outside 16 bits."""
    return _INT2(2, value)


def array_of(element_oid: int, fields: Sequence[bytes]) -> bytes:
    """A one-dimensional array from its elements, each a field already."""
    return joined_array(element_oid, len(fields), b"".join(fields))


def joined_array(element_oid: int, count: int, fields: bytes) -> bytes:
    """A one-dimensional array from the joined fields of its ``count`` elements."""
    if not count:
        return b"\0\0\0\x0c" + b"\0" * 8 + _LENGTH(element_oid)
    return _LENGTH(20 + len(fields)) + _ARRAY_HEAD(1, 0, element_oid, count, 1) + fields


def floats(blob: bytes) -> array[float]:
    """Little-endian float32 values, as Vestige stores a vector; ``len(blob)`` is a multiple of 4."""
    values = array("f", blob)
    if not _LITTLE_ENDIAN_HOST:
        values.byteswap()
    return values


def vector(values: array[float]) -> bytes:
    """pgvector's ``vector`` from float32 values, bit for bit: int16 dimension, int16 unused, big-endian floats."""
    swapped = values[:]
    if _LITTLE_ENDIAN_HOST:
        swapped.byteswap()
    return _VECTOR_HEAD(4 + 4 * len(values), len(values), 0) + swapped.tobytes()


def texts(values: Iterable[str]) -> Iterator[bytes]:
    """``text`` from many strings that are valid UTF-8."""
    encoded = [*map(str.encode, values)]
    return map(add, map(_LENGTH, map(len, encoded)), encoded)


def jsonbs(documents: Iterable[str]) -> Iterator[bytes]:
    """``jsonb`` from many JSON documents."""
    encoded = [*map(str.encode, documents)]
    return map(add, map(_JSONB_HEAD, map((1).__add__, map(len, encoded)), repeat(1)), encoded)


def joined_uuids(listed: str) -> bytes:
    """The joined ``uuid`` fields from a list, with commas, of many of 32 hexadecimal digits, with any hyphens.

    Raises ``ValueError`` for other letters.
    """
    return unhexlify(f",{listed}".replace("-", "").replace(",", "00000010"))


def split_uuids(fields: bytes) -> Iterator[bytes]:
    """Each of joined ``uuid`` fields."""
    return chain.from_iterable(_UUID_FIELDS.iter_unpack(fields))


def timestamptzs(moments: Iterable[datetime]) -> Iterator[bytes]:
    """``timestamptz`` from many moments that have an offset."""
    since = map(floordiv, map(sub, moments, repeat(_POSTGRES_EPOCH)), repeat(_MICROSECOND))
    return map(_INT8, repeat(8), since)


def float8s(values: Iterable[float]) -> Iterator[bytes]:
    """``double precision`` from many numbers."""
    return map(_FLOAT8, repeat(8), values)


def int4s(values: Iterable[int]) -> Iterator[bytes]:
    """``integer`` from many numbers; raises ``struct.error`` outside 32 bits."""
    return map(_INT4, repeat(4), values)


def int2s(values: Iterable[int]) -> Iterator[bytes]:
    """``smallint`` from many numbers; raises ``struct.error`` outside 16 bits."""
    return map(_INT2, repeat(2), values)


def vectors(blobs: Sequence[bytes], dimension: int) -> Iterator[bytes]:
    """pgvector's ``vector`` from many of ``dimension`` little-endian float32 values each."""
    values = floats(b"".join(blobs))
    if _LITTLE_ENDIAN_HOST:
        values.byteswap()
    head = _VECTOR_HEAD(4 + 4 * dimension, dimension, 0)
    return map(add, repeat(head), chain.from_iterable(Struct(f"{4 * dimension}s").iter_unpack(values)))


def rows(records: Iterable[Sequence[bytes]], width: int) -> bytes:
    """Rows of a ``COPY``, from the ``width`` fields of each."""
    return _COUNT(width).join([b"", *map(b"".join, records)])


def stream(packed: bytes) -> bytes:
    """A whole ``COPY``, from its rows."""
    return b"".join((HEADER, packed, TRAILER))
