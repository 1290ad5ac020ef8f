"""Converter for metadata that takes along what has no column at the destination, or more than its column holds."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.converter import Converter
from vestige_tui.core.rows.documents import MAX_JSONB_BYTES, REPEATS_KEY, load_document
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.problems import Kind
from vestige_tui.core.rows.values import BrokenText, SqliteValue, ValueProblem, storable_text

Extra = SqliteValue | list[str]
"""What metadata takes along: a value of a column that has no place, or the whole of a text or list that was cut."""

_CAUTION = 8
"""JSON has up to six bytes for a character; the rest is room for names."""


@dataclass(frozen=True)
class MetadataWithColumns(Converter):
    """To ``jsonb``, from a tuple: the value of ``metadata``, and those of columns that are added to it by ``names``.

    NULLs are left out, a BLOB becomes ``{"base64": …}``. A column whose name is a key already gets another key
    (``free_key``). JSON other than an object keeps its place under ``metadata``. Where all is more than ``limit`` bytes
    of UTF-8, the largest values are left out. What is unstorable in one part never costs the other parts; JSON has no
    Infinity, whose name is stored instead.
    """

    names: tuple[str, ...] = ()
    limit: int = MAX_JSONB_BYTES
    type = PgType.JSONB

    def one(self, value: Any) -> bytes:
        """The field of a metadata value and of the columns that it takes along. Raises ``ValueProblem``."""
        base, *values = value
        document, parsed, found = metadata_object(base, self.limit)
        problems = [] if found is None else [found]
        broken: ValueProblem | None = None
        extra: dict[str, Any] = {}
        size = len(document)
        for name, extra_value in zip(self.names, values, strict=True):
            if extra_value is None:
                continue
            storable, unstorable = _storable(extra_value)
            extra[name if name not in parsed and name not in extra else free_key(name, (parsed, extra))] = storable
            if unstorable and broken is None:
                message = f"its column {name} holds {unstorable}, which PostgreSQL cannot store"
                broken = ValueProblem(Kind.UNSTORABLE_TEXT, message)
            if isinstance(extra_value, float) and not isinstance(storable, float):
                message = f'its column {name} holds an infinite number, stored as the text "{extra_value}"'
                problems.append(ValueProblem(Kind.BAD_NUMBER, message))
            if isinstance(storable, str | bytes | list):
                size += sum(map(len, storable)) if isinstance(storable, list) else len(storable)
        if broken is not None:
            problems.append(broken)
        start = document.rstrip()[:-1] + ("," if parsed else "")
        if _CAUTION * size > self.limit:
            problems += [_left_out(key) for key in leave_out(extra, self.limit - len(start.encode()))]
        if extra:  # spliced in as text, so that not a digit of the document's own numbers changes
            document = start + _encode(extra)[1:]
        field = copy_format.jsonb(document.encode())
        if problems:
            first, *others = problems
            raise ValueProblem(first.kind, first.message, instead=field, also=others)
        return field


def metadata_object(base: SqliteValue, limit: int = MAX_JSONB_BYTES) -> tuple[str, dict[str, Any], ValueProblem | None]:
    """The object that metadata starts from, as text and as a value, and the problem of ``base``, which holds it."""
    if base is None:
        return "{}", {}, None
    try:
        found = load_document(base, limit)
    except ValueProblem as problem:
        return "{}", {}, problem
    repeats = ValueProblem(Kind.DUPLICATE_JSON_KEY, REPEATS_KEY) if found.repeats_key else None
    if not isinstance(found.value, dict):
        return f'{{"metadata": {found.text}}}', {"metadata": found.value}, repeats
    return found.text, found.value, repeats


def free_key(name: str, taken: Sequence[Container[str]]) -> str:
    """The key for a column: NAME, else ``NAME (column)``, else ``NAME (column 2)`` and so on, as the first is free."""
    keys = chain((name, f"{name} (column)"), (f"{name} (column {number})" for number in count(2)))
    return next(key for key in keys if not any(key in keys_ for keys_ in taken))


def leave_out(extra: dict[str, Any], room: int) -> Iterator[str]:
    """Remove the largest values until the others and their keys fit into ``room`` bytes of JSON; yields their keys."""
    sizes = {key: _json_size(key) + _json_size(value) + len(": , ") for key, value in extra.items()}
    total = sum(sizes.values()) - len(",")
    for key in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if total <= room:
            return
        del extra[key]
        total -= sizes[key]
        yield key


def _left_out(key: str) -> ValueProblem:
    return ValueProblem(Kind.TOO_LARGE, f'is without "{key}", with which it is too large for JSONB')


def _storable(value: Extra) -> tuple[Extra, str | None]:
    if isinstance(value, str | BrokenText):
        return storable_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value), None
    return value, None


def _json_size(value: Any) -> int:
    """Bytes of a value in JSON, found without encoding a BLOB."""
    if isinstance(value, bytes):
        return len(_encode(b"")) + -(-len(value) // 3) * 4
    if isinstance(value, str) and len(value) > MAX_JSONB_BYTES:
        return len(value)  # never fits, however many bytes it has
    return len(_encode(value).encode())


def _base64(value: bytes) -> dict[str, str]:
    return {"base64": base64.b64encode(value).decode()}


_encode = json.JSONEncoder(ensure_ascii=False, default=_base64).encode
