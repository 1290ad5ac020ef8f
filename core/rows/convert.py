"""From SQLite values to PostgreSQL fields. The one place where a value is judged; preview and copy both use it.

A converter takes what SQLite holds (``None``, ``int``, ``float``, ``str``, or ``bytes`` for a BLOB and ``BrokenText``
for TEXT that is not UTF-8) and returns a field as ``wire`` makes it, or raises ``ValueProblem``: a named kind, a
sentence without the value of anything private, and where there is one the field to use instead.
"""

from __future__ import annotations

import math
import re
from binascii import unhexlify
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from struct import error as StructError

from vestige_tui.core.model import MAX_DIMENSION
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.problems import Kind

SqliteValue = None | int | float | str | bytes
Convert = Callable[[SqliteValue], bytes]

EPOCH = copy_format.timestamptz(0)

MAX_INDEXED_BYTES = 2_600
"""The most bytes of UTF-8 in a value of an index. A B-tree takes entries of 2,704 bytes and GIN of 2,712, with their
headers (``BTMaxItemSize`` and ``GinMaxItemSize``, for pages of 8 kB).
"""

MAX_EXACT_INTEGER = 1 << 53
"""Up to here ``double precision`` holds every whole number exactly."""

TIMESTAMP = re.compile(
    r"\d{4}-\d\d-\d\d(?:T(?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
    r"| (?:[01]\d|2[0-3]):\d\d:\d\d(?:\.\d{1,9})?)",
    re.ASCII,
)
_UUID = re.compile(
    r"(?:urn:uuid:)?(\{)?([0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?(1)\})",
    re.ASCII | re.IGNORECASE,
)
_INTEGER = re.compile(r"\s*[+-]?\d{1,19}\s*", re.ASCII)
_LENGTH_BYTES = len(copy_format.NULL)
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d+\s*", re.ASCII)
STALE_VECTOR = 0
"""What the reader gives in place of a vector that was made of an older content."""

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class BrokenText(bytes):
    """TEXT whose bytes are not UTF-8."""


class ValueProblem(Exception):
    """A value cannot be stored as it is. ``instead`` is the field to store, None for the column's empty value.

    ``whole`` is the value that the field holds only the start of; ``also`` lists what else is wrong with the value.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        instead: bytes | None = None,
        whole: str | list[str] | None = None,
        also: Sequence[ValueProblem] = (),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.instead = instead
        self.whole = whole
        self.also = also


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
        return copy_format.text(value.encode())
    if value is None:
        return copy_format.NULL
    if isinstance(value, int | float):
        return copy_format.text(str(value).encode())
    storable, trouble = storable_text(value)
    field = copy_format.text(storable.encode())
    if trouble is None:
        return field
    raise ValueProblem(Kind.UNSTORABLE_TEXT, f"holds {trouble}, which PostgreSQL cannot store", instead=field)


def indexed_text(value: SqliteValue) -> bytes:
    """The same for a column with an index, which holds no more than ``MAX_INDEXED_BYTES``: longer text is cut."""
    field, found = _text_field(value)
    size = len(field) - _LENGTH_BYTES
    if size > MAX_INDEXED_BYTES:
        whole = field[_LENGTH_BYTES:].decode()
        message = f"is too long for its index ({size:,} bytes), cut to {MAX_INDEXED_BYTES:,} bytes"
        instead = copy_format.text(cut_to_index(whole).encode())
        raise ValueProblem(
            Kind.TOO_LONG_FOR_INDEX, message, instead=instead, whole=whole, also=[*filter(None, [found])]
        )
    if found is not None:
        raise found
    return field


def key_text(value: SqliteValue) -> bytes:
    """The same for a key, which cannot be cut."""
    try:
        return indexed_text(value)
    except ValueProblem as problem:
        if problem.whole is None:
            raise
    raise ValueProblem(Kind.TOO_LONG_FOR_INDEX, f"is a key of more than {MAX_INDEXED_BYTES:,} bytes")


def _text_field(value: SqliteValue) -> tuple[bytes, ValueProblem | None]:
    try:
        return text(value), None
    except ValueProblem as problem:
        return problem.instead or copy_format.NULL, problem


def cut_to_index(value: str) -> str:
    """The start of a text, as many whole characters of it as an index holds."""
    return value.encode()[:MAX_INDEXED_BYTES].decode(errors="ignore")


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
                return copy_format.uuid(raw)
        match = _UUID.fullmatch(value)
        if match:
            return copy_format.uuid(unhexlify(match[2].replace("-", "")))
        raise ValueProblem(Kind.BAD_UUID, f"is not a UUID: {shortened(value)!r}")
    raise ValueProblem(Kind.BAD_UUID, "is missing" if value is None else "is not a UUID")


def timestamp(value: SqliteValue) -> bytes:
    """TEXT in one of Vestige's three forms to ``timestamptz``, digits after the sixth cut; empty text is NULL.

    The forms: RFC 3339 with an offset, RFC 3339 with ``Z``, and SQLite's ``YYYY-MM-DD HH:MM:SS`` in UTC.
    """
    if value is None or value == "":
        return copy_format.NULL
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
    return copy_format.timestamptz(since // _MICROSECOND)


def float8(value: SqliteValue) -> bytes:
    """REAL, INTEGER or a number held as text to ``double precision``. A whole number that it cannot hold is rounded."""
    if type(value) is float:
        return copy_format.float8(value)
    if value is None:
        return copy_format.NULL
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


def _number(value: str) -> tuple[float, bool]:
    """The number in a text, and whether it is not a whole number rounded."""
    number = float(value)
    if math.isinf(number) or (number == 0 and Decimal(value) != 0):
        raise ValueProblem(Kind.BAD_NUMBER, "is a number out of range")
    return number, not _WHOLE.fullmatch(value) or Decimal(value) == number


def int4(value: SqliteValue) -> bytes:
    """INTEGER, a whole REAL or an integer held as text to ``integer``."""
    return _integer(value, copy_format.int4)


def int2(value: SqliteValue) -> bytes:
    """INTEGER, a whole REAL or an integer held as text to ``smallint``."""
    return _integer(value, copy_format.int2)


def _integer(value: SqliteValue, pack: Callable[[int], bytes]) -> bytes:
    if value is None:
        return copy_format.NULL
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
        return copy_format.NULL
    if type(value) is not bytes:
        raise ValueProblem(Kind.BAD_VECTOR, "is text where a vector's bytes belong", instead=copy_format.NULL)
    if not value or len(value) % 4:
        raise ValueProblem(Kind.BAD_VECTOR, f"has {len(value):,} bytes, which is no vector", instead=copy_format.NULL)
    count = len(value) // 4
    if count != dimension:
        if dimension is not None:
            message = f"has {count:,} dimensions where the model makes {dimension:,}"
            raise ValueProblem(Kind.WRONG_DIMENSION, message, instead=copy_format.NULL)
        if count > MAX_DIMENSION:
            raise ValueProblem(
                Kind.BAD_VECTOR, f"has {count:,} dimensions, more than pgvector holds", instead=copy_format.NULL
            )
    values = copy_format.floats(value)
    if not certainly_finite(value) and not math.isfinite(sum(values)):  # float32 values cannot overflow a float64 sum
        raise ValueProblem(Kind.BAD_VECTOR, "holds NaN or Infinity", instead=copy_format.NULL)
    return copy_format.vector(values)


def embedding(value: SqliteValue, dimension: int | None = None) -> bytes:
    """A memory's vector, as ``vector`` takes it; ``STALE_VECTOR`` is a problem of its own."""
    if type(value) is int and value == STALE_VECTOR:
        raise ValueProblem(Kind.STALE_VECTOR, "was made of an older content", instead=copy_format.NULL)
    return vector(value, dimension)


def centroid(value: SqliteValue) -> bytes:
    """A domain's centroid, as ``vector`` takes it; Vestige writes an empty BLOB for a domain without one."""
    return copy_format.NULL if value == b"" else vector(value)


def certainly_finite(blob: bytes) -> bool:
    """Whether no float32 in it can be NaN or Infinity: their highest byte is 0x7f or 0xff, as that of few others."""
    highest = blob[3::4]
    return b"\x7f" not in highest and b"\xff" not in highest


def shortened(value: str, limit: int = 40) -> str:
    """The start of a value for a message."""
    return value if len(value) <= limit else value[: limit - 1] + "…"
