"""One row of a source: what the destination holds in its place, judged by the row alone."""

from __future__ import annotations

import base64
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from vestige_tui.core.verify.expectation.names import Row
from vestige_tui.core.verify.expectation.shapes import Shape
from vestige_tui.core.verify.expectation.values import (
    MISSING,
    Broken,
    Lost,
    Text,
    any_json,
    document,
    indexable,
    number,
    storable,
)

Complaint = tuple[str, str, str | None, str, bool]
"""What there is to say of a row: table, label of the row, field, kind of problem, and whether the row arrives."""

NIL = str(UUID(int=0))
"""The label of a row without a key."""

_LONGEST_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Raw:
    """A row as the file has it: by column of the destination, and the columns that go into its metadata.

    ``problems``: by column, what is wrong with a value beside what its rule finds.
    """

    values: Row
    extra: Row
    problems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a row. ``values`` are what the destination holds, None where the row cannot exist; ``complaints``
    say why, or what of it is not as in the source.

    Values are ``UUID``, ``datetime`` (with an offset), ``str``, ``int``, ``float``, lists, JSON, and ``bytes`` for
    vectors: float32 values in little-endian order.
    """

    label: str
    values: Row | None
    complaints: tuple[Complaint, ...] = ()


def judge(table: str, shape: Shape, raw: Raw, names: Collection[str] | None = None) -> Judged:
    """Judge a row; ``names`` restricts its values to these columns."""
    label = label_of([raw.values[name] for name in shape.key])
    try:
        values, complaints = _convert(table, shape, raw, label, names)
    except Lost as refused:
        return Judged(label, None, (refused.args[0],))
    return Judged(label, values, tuple(complaints))


def refusal(table: str, label: str, name: str, kind: str) -> Complaint:
    """The complaint of a row that does not arrive."""
    return table, label, name, kind, False


def _convert(
    table: str, shape: Shape, raw: Raw, label: str, names: Collection[str] | None
) -> tuple[Row, list[Complaint]]:
    """A row as the destination has it, and what there is to say of it. Raises ``Lost``."""
    row: Row = {}
    complaints: list[Complaint] = [(table, label, name, kind, True) for name, kind in raw.problems.items()]
    too_long: Row = {}
    wanted = shape.fields if names is None else _with_what_they_need(shape, names)
    for name in wanted:
        column, value = shape.fields[name], raw.values[name]
        try:
            row[name] = column.empty if value is MISSING and column.empty is not Lost else column.rule(value)
            if row[name] is None and not column.null and column.rule is not any_json:  # null is JSON, too
                raise Broken("missing_value")
        except Broken as broken:
            instead = column.empty if broken.instead is Lost else broken.instead
            if instead is Lost:
                raise Lost(refusal(table, label, name, broken.kind)) from None
            row[name] = instead
            complaints.append((table, label, name, broken.kind, True))
        short = _short(row[name]) if column.indexed else row[name]
        if short != row[name]:
            if name in shape.key:
                raise Lost(refusal(table, label, name, "too_long_for_index"))
            too_long[name], row[name] = row[name], short
            complaints.append((table, label, name, "too_long_for_index", True))
    if "metadata" in row:
        _enrich(row, raw.extra, too_long)
        complaints += _of_extra(table, label, raw.extra.values())
    return (row if names is None else {name: row[name] for name in names}), complaints


def _with_what_they_need(shape: Shape, names: Collection[str]) -> list[str]:
    """Metadata takes along what was cut of other columns."""
    return [name for name, column in shape.fields.items()
            if name in names or ("metadata" in names and column.indexed)]  # fmt: skip


def _of_extra(table: str, label: str, values: Collection[Any]) -> list[Complaint]:
    """What there is to say of the columns that go into the metadata."""
    unstorable = any(isinstance(value, str | Text) and _is_unstorable(value) for value in values)
    infinite = [value for value in values if isinstance(value, float) and math.isinf(value)]
    return [
        (table, label, "metadata", kind, True)
        for kind in ["unstorable_text"] * unstorable + ["bad_number"] * len(infinite)
    ]


def _is_unstorable(value: str | Text) -> bool:
    return "\0" in value if isinstance(value, str) else storable(value).encode() != value


def _short(value: Any) -> Any:
    """A text, or the items of a list, as an index takes it."""
    if isinstance(value, list):
        return [indexable(item) for item in value]
    return value if value is None else indexable(value)


def shared_names(metadata: Any, extra: Row) -> list[str]:
    """The extra columns with a value whose name is also a key of the row's metadata."""
    try:
        base, _ = document(metadata)
    except Broken:
        return []
    keys = base if isinstance(base, dict) else {"metadata"}
    return [name for name, value in extra.items() if value is not None and name in keys]


def _enrich(row: Row, extra: Row, too_long: Row) -> None:
    """Put into the metadata what has no column of its own: extra columns, and the full form of what was cut."""
    if not extra and not too_long:
        return
    base = row["metadata"]
    enriched = dict(base) if isinstance(base, dict) else {"metadata": base}
    for name, value in extra.items():
        if value is not None:
            enriched[_free(name, enriched)] = _shown(value)
    for name, value in too_long.items():
        enriched[_free(name, enriched)] = value
    row["metadata"] = enriched


def _shown(value: Any) -> Any:
    """A value of an extra column in JSON."""
    if isinstance(value, str | Text):
        return storable(value)
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, float):
        return number(repr(value)) if math.isfinite(value) else str(value)
    return value


def _free(name: str, taken: Row) -> str:
    """The name itself, or the first of ``NAME (column)``, ``NAME (column 2)`` … that is not taken."""
    number = 1
    free = name
    while free in taken:
        free = f"{name} (column)" if number == 1 else f"{name} (column {number})"
        number += 1
    return free


def label_of(parts: Sequence[Any]) -> str:
    """A key as it is shown, long parts of it shortened."""
    readable = [
        "" if part is None else part.decode(errors="replace") if isinstance(part, bytes) else str(part)
        for part in parts
    ]
    shown = [part if len(part) <= _LONGEST_SHOWN else f"{part[: _LONGEST_SHOWN - 1]}…" for part in readable]
    return "→".join(shown) if any(shown) else NIL
