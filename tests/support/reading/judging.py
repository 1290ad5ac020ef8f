"""Every row judged as a copy into an empty destination has to judge it."""

from __future__ import annotations

import base64
import math
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.destination import Key, Row
from tests.support.expected import BOOTSTRAP_USER
from tests.support.hostile import Complaint
from tests.support.reading.leftovers import left_behind
from tests.support.reading.names import File
from tests.support.reading.origins import Raw, find, place_codebase, read
from tests.support.reading.shapes import Shape, shapes
from tests.support.reading.upgrade import add_bootstrap_user, is_old
from tests.support.reading.values import MISSING, Broken, Lost, Text, any_json, document, indexable, number, storable
from tests.support.reading.vectors import Group, Model, model_of, place_vectors

NIL = str(UUID(int=0))
LONGEST_SHOWN = 200


@dataclass
class Reading:
    """By table and key the rows that must arrive, and every complaint, as often as it comes.

    ``made_user`` is the bootstrap user where the source has none and the upgrade or the copy makes it, without its date.
    ``read`` and ``failed`` count rows by table. ``renamed`` counts by table and column
    the rows in which an extra column's name is also a key of the row's metadata. ``model`` is what the file itself says.
    """

    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    made_user: Row | None = None
    complaints: Counter[Complaint] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    renamed: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_behind: dict[str, int] = field(default_factory=dict)
    model: Model | None = None
    vectors: Counter[Group] = field(default_factory=Counter)


def read_source(path: Path, dimension: int, model: str) -> Reading:
    """Read a source of either layout whose registered model is ``model``, as a copy into an empty destination must."""
    reading = Reading()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = Text
        file = File(connection)
        described = shapes(dimension)
        found = find(file, described)
        for table, shape in described.items():
            rows = read(file, found, table, [*shape.fields])
            added = table == "users" and is_old(file) and add_bootstrap_user(file, rows)
            if table == "knowledge_nodes":
                place_codebase(file, rows)
                reading.model = model_of(file, rows)
                reading.vectors = place_vectors(file, rows, Model(model, dimension))
                others = [group for group in reading.vectors if group.fate == "other_model"]
                reading.complaints.update((table, NIL, "embedding", "other_model", True) for _ in others)
            _take(reading, table, shape, rows)
            if table == "users":
                _make_user(reading, added)
        reading.left_behind = left_behind(file, found, described)
    return reading


def _take(reading: Reading, table: str, shape: Shape, rows: Sequence[Raw]) -> None:
    """Judge the rows of a table in their order: first each for itself, then keys, then what only the server knows."""
    arrived: dict[Key, Row] = {}
    keys: set[Key] = set()
    taken: dict[str, dict[Any, Key]] = {name: {} for name in shape.unique}
    for raw in rows:
        reading.read[table] += 1
        reading.renamed.update((table, name) for name in _shared(raw))
        label = _label([raw.values[name] for name in shape.key])
        try:
            row, complaints = _convert(table, shape, raw, label)
            key = tuple(row[name] for name in shape.key)
            if key in keys:
                raise _refusal(table, label, shape.key[0], "duplicate_id")
            keys.add(key)
            _refuse(reading, table, shape, row, key, label, taken)
        except Lost as refused:
            reading.failed[table] += 1
            reading.complaints[refused.args[0]] += 1
            continue
        for name in shape.unique:
            taken[name][row[name]] = key
        arrived[key] = row
        reading.complaints.update(complaints)
    reading.rows[table] = arrived


def _make_user(reading: Reading, added: bool) -> None:
    """The default owner of memories is made where the source has none, with a handle that no other user has."""
    users = reading.rows["users"]
    if added or (BOOTSTRAP_USER,) not in users:
        made = users.pop((BOOTSTRAP_USER,), None)
        taken = {row["handle"] for row in users.values()}
        handles = chain(["local"], (f"local-{number}" for number in count(2)))
        handle = made["handle"] if made else next(handle for handle in handles if handle not in taken)
        reading.made_user = {"id": BOOTSTRAP_USER, "handle": handle, "display_name": "Local User", "metadata": {}}


def _convert(table: str, shape: Shape, raw: Raw, label: str) -> tuple[Row, list[Complaint]]:
    """A row as the destination has it, and what there is to say of it."""
    row: Row = {}
    complaints: list[Complaint] = [(table, label, name, kind, True) for name, kind in raw.problems.items()]
    too_long: Row = {}
    for name, column in shape.fields.items():
        value = raw.values[name]
        try:
            row[name] = column.empty if value is MISSING and column.empty is not Lost else column.rule(value)
            if row[name] is None and not column.null and column.rule is not any_json:  # null is JSON, too
                raise Broken("missing_value")
        except Broken as broken:
            instead = column.empty if broken.instead is Lost else broken.instead
            if instead is Lost:
                raise _refusal(table, label, name, broken.kind) from None
            row[name] = instead
            complaints.append((table, label, name, broken.kind, True))
        short = _short(row[name]) if column.indexed else row[name]
        if short != row[name]:
            if name in shape.key:
                raise _refusal(table, label, name, "too_long_for_index")
            too_long[name], row[name] = row[name], short
            complaints.append((table, label, name, "too_long_for_index", True))
    if "metadata" in shape.fields:
        _enrich(row, raw.extra, too_long)
        if any(isinstance(value, Text) and storable(value).encode() != value for value in raw.extra.values()):
            complaints.append((table, label, "metadata", "unstorable_text", True))
        infinite = (value for value in raw.extra.values() if isinstance(value, float) and math.isinf(value))
        complaints += [(table, label, "metadata", "bad_number", True) for _ in infinite]
    return row, complaints


def _short(value: Any) -> Any:
    """A text, or the items of a list, as an index takes it."""
    if isinstance(value, list):
        return [indexable(item) for item in value]
    return value if value is None else indexable(value)


def _shared(raw: Raw) -> list[str]:
    """The extra columns with a value in the row whose name is also a key of its metadata."""
    try:
        base, _ = document(raw.values.get("metadata", MISSING))
    except Broken:
        return []
    keys = base if isinstance(base, dict) else {"metadata"}
    return [name for name, value in raw.extra.items() if value is not None and name in keys]


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
    if isinstance(value, Text):
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


def _refuse(
    reading: Reading, table: str, shape: Shape, row: Row, key: Key, label: str, taken: dict[str, dict[Any, Key]]
) -> None:
    """What PostgreSQL refuses, in its order: checks, unique values, references."""
    for name, column in shape.fields.items():
        if column.allowed and row[name] not in column.allowed:
            raise _refusal(table, label, name, "value_not_allowed")
    for name in shape.unique:
        if taken[name].get(row[name], key) != key:
            raise _refusal(table, label, name, "already_taken")
    for name, parent in shape.references.items():
        bootstrap = parent == "users" and row[name] == BOOTSTRAP_USER
        if (row[name],) not in reading.rows[parent] and not bootstrap:
            raise _refusal(table, label, name, "missing_reference")


def _refusal(table: str, label: str, name: str, kind: str) -> Lost:
    return Lost((table, label, name, kind, False))


def _label(parts: list[Any]) -> str:
    """A key as it is shown, long parts of it shortened."""
    readable = [
        "" if part is None else part.decode(errors="replace") if isinstance(part, bytes) else str(part)
        for part in parts
    ]
    shown = [part if len(part) <= LONGEST_SHOWN else f"{part[: LONGEST_SHOWN - 1]}…" for part in readable]
    return "→".join(shown) if any(shown) else NIL
