"""Fields as text that PostgreSQL reads: for statements that set single fields, where no ``COPY`` can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from struct import unpack_from
from uuid import UUID

from vestige_tui.core.rows.copy_format import NULL
from vestige_tui.core.rows.pg_types import PgType

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def literal(kind: PgType, field: bytes) -> str | None:
    """A field of the binary ``COPY`` format as text; None for NULL."""
    return None if field == NULL else _READ[kind](field[4:])


def array(items: Iterable[str]) -> str:
    """An array of texts or UUIDs."""
    return f"{{{','.join(map(_item, items))}}}"


def vector(elements: Iterable[float]) -> str:
    """A vector of pgvector; each element keeps its bits."""
    return f"[{','.join(map(repr, elements))}]"


def _item(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _items(value: bytes) -> list[bytes]:
    """The items of an array of one dimension, none of them NULL."""
    dimensions = int.from_bytes(value[:4])
    count = int.from_bytes(value[12:16]) if dimensions else 0
    found, place = [], 20
    for _ in range(count):
        size = int.from_bytes(value[place : place + 4])
        found.append(value[place + 4 : place + 4 + size])
        place += 4 + size
    return found


_READ: dict[PgType, Callable[[bytes], str]] = {
    PgType.UUID: lambda value: str(UUID(bytes=value)),
    PgType.TEXT: lambda value: value.decode(),
    PgType.JSONB: lambda value: value[1:].decode(),
    PgType.TIMESTAMPTZ: lambda value: (_EPOCH + int.from_bytes(value, signed=True) * _MICROSECOND).isoformat(),
    PgType.TEXT_ARRAY: lambda value: array(item.decode() for item in _items(value)),
    PgType.UUID_ARRAY: lambda value: array(str(UUID(bytes=item)) for item in _items(value)),
    PgType.VECTOR: lambda value: vector(unpack_from(f">{int.from_bytes(value[:2])}f", value, 4)),
    PgType.FLOAT8: lambda value: repr(unpack_from(">d", value)[0]),
    PgType.INT4: lambda value: str(int.from_bytes(value, signed=True)),
    PgType.INT2: lambda value: str(int.from_bytes(value, signed=True)),
}
