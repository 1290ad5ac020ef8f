"""Many values at once: a column of a batch judged, or converted, in a few steps instead of one by one.

What is found sound here, the converters of ``convert`` take value by value without a word, and ``Bulk.fields`` gives
the very fields that they would. Whatever is not certain is left to them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import orjson

from vestige_tui.core.rows import convert, copy_format, documents, metadata
from vestige_tui.core.rows.convert import Convert, SqliteValue, ValueProblem
from vestige_tui.core.rows.tables import Column, PgType

Values = Sequence[Any]
"""Values of one column, none of them NULL."""


@dataclass(frozen=True, slots=True)
class _Way:
    """How a kind of column goes in bulk.

    ``check`` gives what ``pack`` makes fields of, or None where a value is not certain to be taken; it may raise
    ``ValueError``. ``distinct``: the same value often comes again, so that it pays to look at each only once.
    """

    check: Callable[[Values], Any]
    pack: Callable[[Any], Iterable[bytes]]
    distinct: bool = False


class Bulk:
    """One column of a table in a run. ``missing``: the file has no such column, and it is filled without a word."""

    def __init__(self, column: Column, dimension: int | None, *, missing: bool) -> None:
        self._how: Convert = column.converter(dimension)
        self._fill = column.empty if missing else None
        self._null = _field_of_null(self._how, nullable=column.nullable)
        self._required = not column.nullable
        if column.type is PgType.VECTOR:
            self._way: _Way | None = _vectors(dimension)
        else:
            self._way = _WAYS.get(column.convert)

    def sound(self, values: Sequence[SqliteValue]) -> bool:
        """Whether the converter takes every one of these values."""
        return self._fill is not None or self._checked(values) is not None or self.fields(values) is not None

    def fields(self, values: Sequence[SqliteValue]) -> Sequence[bytes] | None:
        """The field of each value, None where one of them has a problem."""
        if self._fill is not None:
            return [self._fill] * len(values)
        checked = self._checked(values)
        if checked is None or self._way is None:
            return self._one_by_one(values)
        present, found = checked
        packed = self._way.pack(found) if present else ()
        if self._way.distinct:
            known: dict[SqliteValue, bytes] = dict(zip(present, packed, strict=True))
            if self._null is not None:
                known[None] = self._null
            return [*map(known.__getitem__, values)]
        if len(present) == len(values):
            return [*packed]
        following = iter(packed)
        return [self._null or b"" if value is None else next(following) for value in values]

    def _checked(self, values: Sequence[SqliteValue]) -> tuple[Values, Any] | None:
        """The values that are not NULL, and what was made of them; None where they have to be taken one by one."""
        if self._way is None:
            return None
        present: Values = [*{*values}] if self._way.distinct else values
        if None in present:
            if self._null is None:
                return None
            present = [value for value in present if value is not None]
        try:
            found = self._way.check(present) if present else ()
        except (ValueError, RecursionError, ValueProblem):
            return None
        return None if found is None else (present, found)

    def _one_by_one(self, values: Sequence[SqliteValue]) -> Sequence[bytes] | None:
        try:
            fields = [*map(self._how, values)]
        except ValueProblem:
            return None
        return None if self._required and copy_format.NULL in fields else fields


class RestBulk:
    """The column that takes the loose ones along: each value is a tuple of its own and theirs, in the order of
    ``names``.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def sound(self, values: Sequence[Sequence[SqliteValue]]) -> bool:
        """Whether all of them can be stored as they are."""
        return self.fields(values) is not None

    def fields(self, values: Sequence[Sequence[SqliteValue]]) -> Sequence[bytes] | None:
        """The field of each, None where one of them has a problem."""
        try:
            return [metadata.with_columns(own, self._names, loose) for own, *loose in values]
        except ValueProblem:
            return None


def _field_of_null(how: Convert, *, nullable: bool) -> bytes | None:
    """What becomes of NULL, None where that is a problem."""
    try:
        field = how(None)
    except ValueProblem:
        return None
    return field if nullable or field != copy_format.NULL else None


def storable(values: Values) -> bool:
    """Whether all of these are texts that PostgreSQL can store as they are."""
    return {str}.issuperset(map(type, values)) and "\0" not in "".join(values)


def _texts(values: Values) -> Values | None:
    return values if storable(values) else None


def _indexed_texts(values: Values) -> Values | None:
    return values if storable(values) and _fits_index(values) else None


def _fits_index(values: Values) -> bool:
    """Whether all texts fit into an index; a character has up to four bytes."""
    longest = max(map(len, values))
    return 4 * longest <= convert.MAX_INDEXED_BYTES or (
        longest <= convert.MAX_INDEXED_BYTES and max(map(len, map(str.encode, values))) <= convert.MAX_INDEXED_BYTES
    )


def _contents(values: Values) -> Values | None:
    return None if "" in values else _texts(values)


def listed_uuids(listed: str, count: int) -> bytes | None:
    """The joined fields of ``count`` values in a list, with commas, where all are spelled in the usual way.

    As many commas as there have to be, each where it has to be, and no other: so no value has one of its own, and each
    has the usual length.
    """
    commas, hyphens = "," * (count - 1), "-" * count
    if listed[36::37] != commas or listed.count(",") != count - 1:
        return None
    if any(listed[place::37] != hyphens for place in (8, 13, 18, 23)):
        return None
    fields = copy_format.joined_uuids(listed)
    return fields if len(fields) == copy_format.UUID_FIELD * count and len(listed) == 37 * count - 1 else None


def _uuids(values: Values) -> bytes | None:
    return listed_uuids(",".join(values), len(values)) if {str}.issuperset(map(type, values)) else None


def _as_they_are(fields: Values) -> Values:
    return fields


_SHAPE = str.maketrans("123456789", "000000000")
_ENDING = itemgetter(slice(-6, None))


def _timestamps(values: Values) -> Sequence[datetime] | None:
    """The moments. Their shapes, with a 0 for each digit, are few: those are looked at, and not each value."""
    if not {str}.issuperset(map(type, values)):
        return None
    joined = "\n".join(values)
    shapes = {*joined.translate(_SHAPE).split("\n")}
    if not all(map(convert.TIMESTAMP.fullmatch, shapes)) or "T24" in joined or " 24" in joined:
        return None
    offsets = {*map(_ENDING, values)} if any(shape[-6] in "+-" for shape in shapes) else ()
    if any(offset[0] in "+-" and offset != "+00:00" for offset in offsets):
        return None
    return [*map(datetime.fromisoformat, values)]  # refuses what is no date or time, also two parted by a line end


def _pack_timestamps(moments: Sequence[datetime]) -> Iterable[bytes]:
    if None in {moment.tzinfo for moment in moments}:
        moments = [moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC) for moment in moments]
    return copy_format.timestamptzs(moments)


def _floats(values: Values) -> Values | None:
    types = {*map(type, values)}
    if not {float, int}.issuperset(types):
        return None
    exact = convert.MAX_EXACT_INTEGER
    return values if int not in types or -exact <= min(values) <= max(values) <= exact else None


def _integers(bits: int) -> Callable[[Values], Values | None]:
    bound = 1 << (bits - 1)

    def check(values: Values) -> Values | None:
        return values if {*map(type, values)} == {int} and -bound <= min(values) and max(values) < bound else None

    return check


def _vectors(dimension: int | None) -> _Way | None:
    if dimension is None:
        return None

    def check(values: Values) -> Values | None:
        if {*map(type, values)} != {bytes} or {*map(len, values)} != {4 * dimension}:
            return None
        return values if convert.certainly_finite(b"".join(values)) else None

    return _Way(check, lambda values: copy_format.vectors(values, dimension))


_SEPARATOR = str(10**14 + secrets.randbelow(10**14))
"""Stands between documents that are read as one; a number that nobody can have put into theirs."""


def _parsed(texts: Values) -> Sequence[Any] | None:
    """The value of each JSON document, read all together."""
    if not {str}.issuperset(map(type, texts)):
        return None
    longest = max(map(len, texts))
    if longest > documents.MAX_JSON_DEPTH and any(map(documents.nests_too_deep, texts)):
        return None
    joined = f"[{f',{_SEPARATOR},'.join(texts)}]"
    # orjson refuses a number that is too large for a double, and takes a tiny one for zero
    careful = longest > documents.MAX_NUMBER_DIGITS or documents.LARGE_EXPONENT.search(joined)
    parsed = (documents.CAREFUL_DECODER.decode if careful else orjson.loads)(joined)
    values: list[Any] = parsed[::2]
    if parsed[1::2] != [int(_SEPARATOR)] * (len(texts) - 1) or len(values) != len(texts):
        return None  # one document's end was another one's beginning
    for text in texts if "\\u" in joined else ():
        documents.check_strings(text)
    return values


def _objects(values: Values) -> Sequence[Any] | None:
    """The value of each document, none of which is too large for JSONB or has a key twice in one object."""
    parsed = _parsed(values)
    if parsed is None or 4 * max(map(len, values)) > documents.MAX_JSONB_BYTES or _may_repeat_key(values, parsed):
        return None
    return parsed


def _may_repeat_key(texts: Values, parsed: Sequence[Any]) -> bool:
    """Whether a key may come twice in an object of these documents. What was parsed has one of the two, and so fewer
    colons than the text, unless that has one in disguise. Flat objects need no second text: their keys are counted.
    """
    joined = "".join(texts)
    if joined.count(":") == sum(len(value) for value in parsed if type(value) is dict):
        return False
    try:
        return joined.count(":") != orjson.dumps(parsed).count(b":") or "\\u003a" in joined or "\\u003A" in joined
    except TypeError:  # nests deeper than orjson writes
        return True


def _documents(values: Values) -> Values | None:
    return None if _objects(values) is None else values


def _text_lists(values: Values) -> Sequence[Any] | None:
    parsed = _parsed(values)
    if parsed is None or not {list}.issuperset(map(type, parsed)):
        return None
    return parsed if {str}.issuperset(map(type, chain.from_iterable(parsed))) else None


def _indexed_text_lists(values: Values) -> Sequence[Any] | None:
    """The same of texts that fit into an index, as all in a short document do: an escape is longer than what it is."""
    parsed = _text_lists(values)
    if parsed is None or 4 * max(map(len, values)) <= convert.MAX_INDEXED_BYTES:
        return parsed
    return parsed if _fits_index(["", *chain.from_iterable(parsed)]) else None


def _pack_text_lists(lists: Values) -> Iterable[bytes]:
    return map(copy_format.array_of, repeat(copy_format.TEXT_OID), ([*copy_format.texts(items)] for items in lists))


def _number_maps(values: Values) -> Values | None:
    parsed = _objects(values)
    if parsed is None or not {dict}.issuperset(map(type, parsed)):
        return None
    numbers = chain.from_iterable(map(dict.values, parsed))
    return values if {float, int}.issuperset(map(type, numbers)) else None


_WAYS: dict[Convert, _Way] = {
    convert.text: _Way(_texts, copy_format.texts, distinct=True),
    convert.indexed_text: _Way(_indexed_texts, copy_format.texts, distinct=True),
    convert.key_text: _Way(_indexed_texts, copy_format.texts),
    convert.content: _Way(_contents, copy_format.texts),
    convert.uuid: _Way(_uuids, copy_format.split_uuids),
    convert.timestamp: _Way(_timestamps, _pack_timestamps),
    convert.float8: _Way(_floats, copy_format.float8s),
    convert.int4: _Way(_integers(32), copy_format.int4s),
    convert.int2: _Way(_integers(16), copy_format.int2s),
    documents.json_document: _Way(_documents, copy_format.jsonbs, distinct=True),
    documents.number_map: _Way(_number_maps, copy_format.jsonbs, distinct=True),
    documents.text_list: _Way(_text_lists, _pack_text_lists, distinct=True),
    documents.indexed_text_list: _Way(_indexed_text_lists, _pack_text_lists, distinct=True),
    documents.uuid_list: _Way(lambda values: [*map(documents.uuid_list, values)], _as_they_are, distinct=True),
}
"""By converter; one that is not here is asked value by value."""
