"""Converters for texts, ids, timestamps, numbers and vectors."""

from __future__ import annotations

import math
import re
from binascii import unhexlify
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import repeat
from struct import error as StructError
from typing import Any, Self

from vestige_tui.core.model import MAX_DIMENSION
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.values import SqliteValue, ValueProblem, shortened, storable_text

EPOCH = copy_format.timestamptz(0)

MAX_INDEXED_BYTES = 2_600
"""The most bytes of UTF-8 in a value of an index. A B-tree takes entries of 2,704 bytes and GIN of 2,712, with their
headers (``BTMaxItemSize`` and ``GinMaxItemSize``, for pages of 8 kB).
"""

STALE_VECTOR = 0
"""What the reader gives in place of a vector that was made of an older content."""

_MAX_EXACT_INTEGER = 1 << 53
"""Up to here ``double precision`` holds every whole number exactly."""

_LENGTH_BYTES = len(copy_format.NULL)
_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?:T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
    r"| (?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?)",
    re.ASCII,
)
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?(1)\})",
    re.ASCII | re.IGNORECASE,
)
_UUID_SHAPE = "00000000-0000-0000-0000-000000000000"
_ZEROS = str.maketrans(dict.fromkeys("123456789abcdefABCDEF", "0"))
_INTEGER = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)


class Text(Converter):
    """To ``text``. A number becomes its text, and U+FFFD replaces what PostgreSQL cannot store."""

    type = PgType.TEXT
    repeats = True

    def one(self, value: SqliteValue) -> bytes:
        """The field of a text or a number. Raises ``ValueProblem``."""
        if type(value) is str and "\0" not in value:
            return copy_format.text(value.encode())
        if value is None:
            return self._null()
        if isinstance(value, int | float):
            return copy_format.text(str(value).encode())
        storable, replaced = storable_text(value)
        field = copy_format.text(storable.encode())
        if replaced is None:
            return field
        raise ValueProblem(Kind.UNSTORABLE_TEXT, f"holds {replaced}, which PostgreSQL cannot store", instead=field)

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        return copy_format.texts(values) if are_texts(values) and "\0" not in "".join(values) else None

    def in_index(self) -> Converter:
        """One that cuts what is too long."""
        return IndexedText(self.nullable)

    def in_key(self) -> Converter:
        """One that refuses what is too long."""
        return KeyText(self.nullable)


class IndexedText(Text):
    """To ``text`` of at most ``MAX_INDEXED_BYTES``; longer text is cut."""

    def one(self, value: SqliteValue) -> bytes:
        """The field of a text or a number. Raises ``ValueProblem``."""
        unstorable = None
        try:
            field = super().one(value)
        except ValueProblem as problem:
            if problem.instead is None:
                raise
            field, unstorable = problem.instead, problem
        size = len(field) - _LENGTH_BYTES
        if size > MAX_INDEXED_BYTES:
            whole = field[_LENGTH_BYTES:].decode()
            raise ValueProblem(
                Kind.TOO_LONG_FOR_INDEX,
                f"is too long for its index ({size:,} bytes), cut to {MAX_INDEXED_BYTES:,} bytes",
                instead=copy_format.text(cut_to_index(whole).encode()),
                whole=whole,
                also=[] if unstorable is None else [unstorable],
            )
        if unstorable is not None:
            raise unstorable
        return field

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        fields = super()._fields(values)
        return fields if fields is not None and fit_index(values) else None


class KeyText(IndexedText):
    """To ``text`` of at most ``MAX_INDEXED_BYTES``; longer text is refused, as cut keys could become equal."""

    repeats = False

    def one(self, value: SqliteValue) -> bytes:
        """The field of a text or a number. Raises ``ValueProblem``."""
        try:
            return super().one(value)
        except ValueProblem as problem:
            if problem.whole is None:
                raise
        raise ValueProblem(Kind.TOO_LONG_FOR_INDEX, f"is a key of more than {MAX_INDEXED_BYTES:,} bytes")


@dataclass(frozen=True)
class Content(Text):
    """To ``text`` that is not empty: the content of a memory."""

    nullable: bool = False
    repeats = False

    def one(self, value: SqliteValue) -> bytes:
        """The field of a text or a number. Raises ``ValueProblem``."""
        if value is None or value in ("", b""):
            raise ValueProblem(Kind.EMPTY_CONTENT, "is empty")
        return super().one(value)

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        return None if "" in values else super()._fields(values)


@dataclass(frozen=True)
class Uuid(Converter):
    """To ``uuid``, from any usual spelling: hyphens or none, braces, ``urn:uuid:``, either case."""

    nullable: bool = False
    type = PgType.UUID

    def one(self, value: SqliteValue) -> bytes:
        """The field of an id. Raises ``ValueProblem``."""
        if type(value) is not str:
            raise ValueProblem(Kind.BAD_UUID, "is missing" if value is None else "is not a UUID")
        match = _UUID.fullmatch(value)
        if match is None:
            raise ValueProblem(Kind.BAD_UUID, f"is not a UUID: {shortened(value)!r}")
        return copy_format.uuid(unhexlify(match[2].replace("-", "")))

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        joined = joined_uuids(",".join(values), len(values)) if are_texts(values) else None
        return None if joined is None else copy_format.split_uuids(joined)


uuid = Uuid().one
"""The field of an id. Raises ``ValueProblem``."""


def joined_uuids(listed: str, count: int) -> bytes | None:
    """The joined fields of ``count`` ids in a list with commas; None where one of them is not 8-4-4-4-12 digits."""
    if listed.translate(_ZEROS) != ",".join(repeat(_UUID_SHAPE, count)):
        return None
    return copy_format.joined_uuids(listed)


class Timestamp(Converter):
    """To ``timestamptz``, from the three forms that Vestige writes; digits after the sixth are cut.

    The forms: RFC 3339 with an offset, RFC 3339 with ``Z``, and SQLite's ``YYYY-MM-DD HH:MM:SS`` in UTC. Empty text is
    NULL.
    """

    type = PgType.TIMESTAMPTZ

    def one(self, value: SqliteValue) -> bytes:
        """The field of a timestamp. Raises ``ValueProblem``."""
        if value is None or value == "":
            return self._null()
        if type(value) is not str or not _TIMESTAMP.fullmatch(value):
            raise ValueProblem(Kind.BAD_TIMESTAMP, "is not a timestamp in a form that Vestige writes")
        try:
            moment = _in_utc(datetime.fromisoformat(value))  # cuts what follows the sixth digit
        except ValueError:
            raise ValueProblem(Kind.BAD_TIMESTAMP, "names a day or a time that does not exist") from None
        return copy_format.timestamptz((moment - _UNIX_EPOCH) // _MICROSECOND)

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        if not are_texts(values) or not all(map(_TIMESTAMP.fullmatch, values)):
            return None
        moments = [*map(datetime.fromisoformat, values)]
        if None in {moment.tzinfo for moment in moments}:
            moments = [*map(_in_utc, moments)]
        return copy_format.timestamptzs(moments)


def _in_utc(moment: datetime) -> datetime:
    """A moment with its offset; one that has none is in UTC."""
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Float8(Converter):
    """To ``double precision``, from a number or the text of one. A whole number that does not fit is rounded."""

    type = PgType.FLOAT8

    def one(self, value: SqliteValue) -> bytes:
        """The field of a number. Raises ``ValueProblem``."""
        if type(value) is float:
            return copy_format.float8(value)
        if value is None:
            return self._null()
        if type(value) is int:
            number, exact = float(value), float(value) == value
        elif isinstance(value, str) and _NUMBER.fullmatch(value):
            number, exact = _number(value)
        else:
            raise ValueProblem(Kind.BAD_NUMBER, "is not a number")
        if not exact:
            message = "is a whole number of too many digits for double precision, rounded"
            raise ValueProblem(Kind.BAD_NUMBER, message, instead=copy_format.float8(number))
        return copy_format.float8(number)

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        types = {*map(type, values)}
        if not types <= {float, int} or (int in types and max(map(abs, values)) > _MAX_EXACT_INTEGER):
            return None
        return copy_format.float8s(values)


def _number(value: str) -> tuple[float, bool]:
    """The number in a text; False where it is a whole number that had to be rounded."""
    number = float(value)
    if math.isinf(number) or (number == 0 and Decimal(value) != 0):
        raise ValueProblem(Kind.BAD_NUMBER, "is a number out of range")
    return number, not _WHOLE.fullmatch(value) or Decimal(value) == number


class Int4(Converter):
    """To ``integer``, from a whole number or the text of one."""

    type = PgType.INT4
    _pack = staticmethod(copy_format.int4)
    _pack_many = staticmethod(copy_format.int4s)

    def one(self, value: SqliteValue) -> bytes:
        """The field of a whole number. Raises ``ValueProblem``."""
        if value is None:
            return self._null()
        if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
            value = int(value)
        if not isinstance(value, int):
            raise ValueProblem(Kind.BAD_NUMBER, "is not a whole number")
        try:
            return self._pack(value)
        except StructError:
            raise ValueProblem(Kind.BAD_NUMBER, "is a number out of range") from None

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        return self._pack_many(values)


class Int2(Int4):
    """To ``smallint``, from a whole number or the text of one."""

    type = PgType.INT2
    _pack = staticmethod(copy_format.int2)
    _pack_many = staticmethod(copy_format.int2s)


@dataclass(frozen=True)
class Vector(Converter):
    """To ``vector``, from a BLOB of little-endian float32, bit for bit, with ``dimension`` elements (None: any)."""

    dimension: int | None = None
    type = PgType.VECTOR

    def one(self, value: SqliteValue) -> bytes:
        """The field of a vector. Raises ``ValueProblem``."""
        if value is None:
            return self._null()
        if type(value) is not bytes:
            raise _no_vector("is text where a vector's bytes belong")
        if not value or len(value) % 4:
            raise _no_vector(f"has {len(value):,} bytes, which is no vector")
        count = len(value) // 4
        if self.dimension is not None and count != self.dimension:
            message = f"has {count:,} dimensions where the model makes {self.dimension:,}"
            raise _no_vector(message, Kind.WRONG_DIMENSION)
        if self.dimension is None and count > MAX_DIMENSION:
            raise _no_vector(f"has {count:,} dimensions, more than pgvector holds")
        values = copy_format.floats(value)
        if not _certainly_finite(value) and not math.isfinite(sum(values)):  # a float64 holds any sum of float32 values
            raise _no_vector("holds NaN or Infinity")
        return copy_format.vector(values)

    def _fields(self, values: Sequence[Any]) -> Iterable[bytes] | None:
        if self.dimension is None or {*map(type, values)} != {bytes} or {*map(len, values)} != {4 * self.dimension}:
            return None
        return copy_format.vectors(values, self.dimension) if _certainly_finite(b"".join(values)) else None


class Embedding(Vector):
    """The vector of a memory. ``STALE_VECTOR`` is a problem of its own."""

    def one(self, value: SqliteValue) -> bytes:
        """The field of a vector. Raises ``ValueProblem``."""
        if type(value) is int and value == STALE_VECTOR:
            raise _no_vector("was made of an older content", Kind.STALE_VECTOR)
        return super().one(value)

    def for_dimension(self, dimension: int | None) -> Self:
        """One that takes vectors of ``dimension`` elements alone."""
        return replace(self, dimension=dimension)


class Centroid(Vector):
    """The centroid of a domain. Vestige writes an empty BLOB for a domain without one."""

    def one(self, value: SqliteValue) -> bytes:
        """The field of a vector. Raises ``ValueProblem``."""
        return self._null() if value == b"" else super().one(value)


def are_texts(values: Sequence[Any]) -> bool:
    """Whether all values are TEXT in UTF-8."""
    return {*map(type, values)} == {str}


def fit_index(texts: Sequence[str]) -> bool:
    """Whether all texts fit into an index; a character has up to four bytes."""
    longest = max(map(len, texts))
    return 4 * longest <= MAX_INDEXED_BYTES or max(map(len, map(str.encode, texts))) <= MAX_INDEXED_BYTES


def cut_to_index(value: str) -> str:
    """The start of a text, as many whole characters of it as an index holds."""
    return value.encode()[:MAX_INDEXED_BYTES].decode(errors="ignore")


def _no_vector(message: str, kind: Kind = Kind.BAD_VECTOR) -> ValueProblem:
    return ValueProblem(kind, message, instead=copy_format.NULL)


def _certainly_finite(blob: bytes) -> bool:
    """Whether no float32 can be NaN or Infinity: the highest byte of those is 0x7f or 0xff."""
    highest = blob[3::4]
    return b"\x7f" not in highest and b"\xff" not in highest
