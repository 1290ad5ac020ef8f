"""What a copy must bring and what it must complain of, for any source, however broken: read with plain Python.

The rules are those of the product's page ("No memory is lost to a broken field"), of ``vestige-schemas.md`` and of
``docs/errors.md``, written down a second time. Nothing of ``vestige_tui.core`` is used.
"""

from __future__ import annotations

import base64
import json
import math
import re
import sqlite3
import struct
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.destination import Key, Row
from tests.support.expected import BOOTSTRAP_USER
from tests.support.hostile import Complaint

NIL = str(UUID(int=0))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Text(bytes):
    """A TEXT value; a BLOB is plain ``bytes``."""


class Lost(Exception):
    """The row cannot exist."""


class Broken(Exception):
    """A value of this kind; what stands in for it, unless the column says what does."""

    def __init__(self, kind: str, instead: object = Lost) -> None:
        super().__init__(kind)
        self.kind = kind
        self.instead = instead


Rule = Callable[[Any], Any]


def text(value: Any) -> Any:
    """Text, with what PostgreSQL cannot store replaced."""
    if value is None or isinstance(value, int | float):
        return None if value is None else str(value)
    shown = value.decode(errors="replace").replace("\0", "\ufffd")
    if shown.encode() != value:
        raise Broken("unstorable_text", shown)
    return shown


def content(value: Any) -> Any:
    """A memory's text."""
    if value in (None, b""):
        raise Broken("empty_content")
    return text(value)


def uuid(value: Any) -> UUID:
    """A UUID with hyphens or none, in braces, as a URN, in either case."""
    if isinstance(value, Text):
        plain = value.decode(errors="replace").lower().removeprefix("urn:uuid:")
        if plain.startswith("{") and plain.endswith("}"):
            plain = plain[1:-1]
        hexadecimal = set("0123456789abcdef")
        parts = plain.split("-")
        if [len(part) for part in parts] in ([32], [8, 4, 4, 4, 12]) and set("".join(parts)) <= hexadecimal:
            return UUID("".join(parts))
    raise Broken("bad_uuid")


def moment(value: Any) -> Any:
    """A timestamp in one of the three forms."""
    if value is None or (isinstance(value, Text) and not value):
        return None
    if not isinstance(value, Text):
        raise Broken("bad_timestamp")
    shown = value.decode(errors="replace")
    found = re.fullmatch(
        r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9:]{8})(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})"
        r"| ([0-9:]{8})(\.[0-9]{1,9})?)",
        shown,
    )
    if found is None:
        raise Broken("bad_timestamp")
    day, zoned, cut, offset, plain, plain_cut = found.groups()
    try:
        whole = datetime.strptime(f"{day} {zoned or plain}", "%Y-%m-%d %H:%M:%S")
        if int((zoned or plain)[6:]) > 59:
            raise ValueError("leap second")
        behind = timedelta()
        if offset and offset != "Z":
            hours, minutes = int(offset[1:3]), int(offset[4:])
            if hours > 23 or minutes > 59:
                raise ValueError("no offset")
            behind = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
    except ValueError:
        raise Broken("bad_timestamp") from None
    micros = int(((cut or plain_cut or ".0")[1:]).ljust(6, "0")[:6])
    return whole.replace(microsecond=micros, tzinfo=timezone(behind)).astimezone(UTC)


def real(value: Any) -> Any:
    """A float, which may be held as text."""
    if value is None or isinstance(value, int | float):
        return value if value is None else float(value)
    if isinstance(value, Text) and re.fullmatch(rb"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", value):
        return float(value)
    raise Broken("bad_number")


def integer(bits: int) -> Rule:
    """A whole number that fits."""

    def rule(value: Any) -> Any:
        if isinstance(value, Text) and re.fullmatch(rb"\s*[+-]?\d{1,19}\s*", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if not isinstance(value, int) or not -(2 ** (bits - 1)) <= value < 2 ** (bits - 1):
            raise Broken("bad_number")
        return value

    return rule


def vector(dimension: int | None) -> Rule:
    """Float32 values, all of them finite."""

    def rule(value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, Text | int | float) or not value or len(value) % 4:
            raise Broken("bad_vector", None)
        if dimension is not None and len(value) != 4 * dimension:
            raise Broken("wrong_dimension", None)
        if not all(map(math.isfinite, struct.unpack(f"<{len(value) // 4}f", value))):
            raise Broken("bad_vector", None)
        return value

    return rule


def document(value: Any) -> Any:
    """JSON that JSONB stores."""
    if isinstance(value, Text) and value.decode(errors="replace").encode() != value:
        raise Broken("unstorable_json")
    try:
        shown = value.decode() if isinstance(value, bytes) else str(value)
        parsed = json.loads(shown, parse_constant=_constant, parse_float=_number)
    except ValueError:
        raise Broken("malformed_json") from None
    if not all(_storable(part) for part in _strings(parsed)):
        raise Broken("unstorable_json")
    return parsed


def _number(literal: str) -> Any:
    """JSONB keeps decimals exactly, and writes whole numbers without an exponent."""
    exact = Decimal(literal)
    return int(exact) if exact == exact.to_integral_value() else float(literal)


def _constant(name: str) -> Any:
    raise Broken("unstorable_json")


def _storable(part: str) -> bool:
    return "\0" not in part and not re.search("[\ud800-\udfff]", part)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for item in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from _strings(item)
    yield from value.keys() if isinstance(value, dict) else ()


def json_or(empty: Any) -> Rule:
    """Any JSON; NULL is ``empty``. Of loose columns, what was replaced is told."""

    def rule(value: Any) -> Any:
        parsed = empty if value is None else document(value)
        if isinstance(value, Loose) and value.broken:
            raise Broken("unstorable_text", parsed)
        return parsed

    return rule


def strings(value: Any) -> Any:
    """A list of texts."""
    parsed = [] if value is None else document(value)
    if not isinstance(parsed, list) or not all(isinstance(item, str) for item in parsed):
        raise Broken("misshapen_json")
    return parsed


def uuids(value: Any) -> Any:
    """A list of UUIDs."""
    return [uuid(Text(item.encode())) for item in strings(value)]


def scores(value: Any) -> Any:
    """An object of numbers."""
    parsed = {} if value is None else document(value)
    if not isinstance(parsed, dict) or not all(type(item) in (int, float) for item in parsed.values()):
        raise Broken("misshapen_json")
    return parsed


@dataclass(frozen=True)
class Field:
    """A column: its rule, whether NULL is allowed, what stands in for a broken value, and the only values allowed."""

    rule: Rule
    null: bool = False
    empty: Any = Lost
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """A table: its columns, its key, columns whose values are taken once, and the tables that columns refer to."""

    fields: dict[str, Field]
    key: tuple[str, ...]
    unique: tuple[str, ...] = ()
    references: dict[str, str] = field(default_factory=dict)


def _shapes(dimension: int) -> dict[str, Shape]:
    party = {
        "id": Field(uuid),
        "handle": Field(text),
        "display_name": Field(text, True, None),
        "created_at": Field(moment, empty=EPOCH),
        "metadata": Field(json_or({}), empty={}),
    }
    return {
        "users": Shape(party, ("id",), ("handle",)),
        "groups": Shape(party, ("id",), ("handle",)),
        "group_memberships": Shape(
            {
                "user_id": Field(uuid),
                "group_id": Field(uuid),
                "role": Field(text, empty="member", allowed=("member", "admin")),
                "joined_at": Field(moment, empty=EPOCH),
            },
            ("user_id", "group_id"),
            references={"user_id": "users", "group_id": "groups"},
        ),
        "knowledge_nodes": Shape(
            {
                "id": Field(uuid),
                "content": Field(content),
                "node_type": Field(text, empty="fact"),
                "tags": Field(strings, empty=[]),
                "embedding": Field(vector(dimension), True, None),
                "created_at": Field(moment, empty=EPOCH),
                "updated_at": Field(moment, empty=EPOCH),
                "metadata": Field(json_or({}), empty={}),
                "owner_user_id": Field(uuid, empty=BOOTSTRAP_USER),
                "visibility": Field(text, empty="private", allowed=("private", "group", "public")),
                "shared_with_groups": Field(uuids, empty=[]),
                "codebase": Field(text, True, None),
                "domains": Field(strings, empty=[]),
                "domain_scores": Field(scores, empty={}),
            },
            ("id",),
            references={"owner_user_id": "users"},
        ),
        "scheduling": Shape(
            {
                "memory_id": Field(uuid),
                "stability": Field(real, empty=1.0),
                "difficulty": Field(real, empty=5.0),
                "retrievability": Field(real, empty=1.0),
                "last_review": Field(moment, True, None),
                "next_review": Field(moment, True, None),
                "reps": Field(integer(32), empty=0),
                "lapses": Field(integer(32), empty=0),
            },
            ("memory_id",),
            references={"memory_id": "knowledge_nodes"},
        ),
        "edges": Shape(
            {
                "source_id": Field(uuid),
                "target_id": Field(uuid),
                "edge_type": Field(text, empty="semantic"),
                "weight": Field(real, empty=1.0),
                "created_at": Field(moment, empty=EPOCH),
            },
            ("source_id", "target_id"),
            references={"source_id": "knowledge_nodes", "target_id": "knowledge_nodes"},
        ),
        "review_events": Shape(
            {
                "id": Field(uuid),
                "memory_id": Field(uuid),
                "occurred_at": Field(moment, empty=EPOCH),
                "retrievability_before": Field(real, True, None),
                "retrievability_after": Field(real, True, None),
                "rating": Field(integer(16), True, None),
                "kind": Field(text, empty="review"),
                "metadata": Field(json_or({}), empty={}),
            },
            ("id",),
            references={"memory_id": "knowledge_nodes"},
        ),
        "domains": Shape(
            {
                "id": Field(text),
                "label": Field(text, empty=""),
                "centroid": Field(vector(None), True, None),
                "top_terms": Field(strings, empty=[]),
                "memory_count": Field(integer(32), empty=0),
                "created_at": Field(moment, empty=EPOCH),
            },
            ("id",),
        ),
    }


@dataclass
class Reading:
    """By table and key the rows that must arrive, the bootstrap user aside; and every complaint, as often as it comes.

    ``read`` and ``failed`` count rows by table, the bootstrap user's included.
    """

    rows: dict[str, dict[Key, Row]] = field(default_factory=dict)
    complaints: Counter[Complaint] = field(default_factory=Counter)
    read: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)


def read_source(path: Path, dimension: int, model: str) -> Reading:
    """Read a source of either layout whose registered model is ``model``, as a copy into an empty destination must."""
    reading = Reading()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = Text
        published = b"last_accessed" in {row[1] for row in connection.execute("PRAGMA table_info(knowledge_nodes)")}
        origins = _published(connection, reading, model) if published else _seed(connection)
        for table, shape in _shapes(dimension).items():
            _take(reading, table, shape, origins[table])
    return reading


def _take(reading: Reading, table: str, shape: Shape, origin: Sequence[Row]) -> None:
    """Judge the rows of a table in their order: first each for itself, then keys, then what only the server knows."""
    bootstrap = {("id" if table == "users" else ""): BOOTSTRAP_USER, "handle": "local"} if table == "users" else {}
    arrived: dict[Key, Row] = {}
    keys: set[Key] = set()
    taken = {name: {bootstrap[name]: (BOOTSTRAP_USER,)} if bootstrap else {} for name in shape.unique}
    for values in origin:
        reading.read[table] += 1
        label = _label([values[name] for name in shape.key])
        try:
            row, complaints = _convert(table, shape, values, label)
            key = tuple(row[name] for name in shape.key)
            if key in keys:
                raise _refusal(table, label, shape.key[0], "duplicate_id")
            keys.add(key)
            if table == "users" and key == (BOOTSTRAP_USER,):
                reading.complaints.update(complaints)
                continue
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


def _convert(table: str, shape: Shape, values: Row, label: str) -> tuple[Row, list[Complaint]]:
    row: Row = {}
    complaints: list[Complaint] = []
    for name, column in shape.fields.items():
        try:
            row[name] = column.rule(values[name])
            if row[name] is None and not column.null and name != "metadata":
                raise Broken("missing_value")
        except Broken as broken:
            instead = column.empty if broken.instead is Lost else broken.instead
            if instead is Lost:
                raise _refusal(table, label, name, broken.kind) from None
            row[name] = instead
            complaints.append((table, label, name, broken.kind, True))
    return row, complaints


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
    shown = [
        "" if part is None else part.decode(errors="replace") if isinstance(part, bytes) else str(part)
        for part in parts
    ]
    return "→".join(shown) if any(shown) else NIL


def _rows(connection: sqlite3.Connection, table: str, order: str = "rowid") -> list[Row]:
    cursor = connection.execute(f'SELECT * FROM "{table}" ORDER BY {order}')
    names = [name for name, *_ in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _seed(connection: sqlite3.Connection) -> dict[str, list[Row]]:
    tables = ("users", "groups", "group_memberships", "scheduling", "edges", "review_events", "domains")
    found = {table: _rows(connection, table) for table in tables}
    return found | {"knowledge_nodes": _rows(connection, "knowledge_nodes", "created_at, id")}


_SCHEDULED = {"retrievability": "retention_strength", "last_review": "last_accessed", "memory_id": "id"}


def _published(connection: sqlite3.Connection, reading: Reading, model: str) -> dict[str, list[Row]]:
    vectors = {}
    others: Counter[str] = Counter()
    for row in _rows(connection, "node_embeddings"):
        name = row["model"] if row["model"] is None else row["model"].decode(errors="replace")
        if name in (None, model):
            vectors[_exactly(row["node_id"])] = row["embedding"]
        elif type(row["embedding"]) is bytes and len(row["embedding"]) >= 4:
            others[name] += 1
    for _ in others:
        reading.complaints[("knowledge_nodes", NIL, "embedding", "other_model", True)] += 1
    memories = _rows(connection, "knowledge_nodes", "created_at, id")
    stored = _rows(connection, "knowledge_nodes")
    known = {*_shapes(1)["knowledge_nodes"].fields, *_shapes(1)["scheduling"].fields, *_SCHEDULED.values()}
    for row in memories:
        loose = {name: value for name, value in row.items() if name not in known - {"metadata", "memory_id"}}
        row["metadata"] = loose
        row["embedding"] = vectors.get(_exactly(row["id"]))
        row["codebase"] = row["codebase"] if row["codebase"] is not None else _tagged(row["tags"])
    return {
        "users": _rows(connection, "users"),
        "groups": _rows(connection, "groups"),
        "group_memberships": _rows(connection, "group_memberships"),
        "knowledge_nodes": [row | {"metadata": Loose(row["metadata"])} for row in memories],
        "scheduling": [row | {name: row[source] for name, source in _SCHEDULED.items()} for row in stored],
        "edges": [
            row | {"weight": row["strength"], "edge_type": row["link_type"]}
            for row in _rows(connection, "memory_connections")
        ],
        "review_events": [],
        "domains": _rows(connection, "domains"),
    }


class Loose(str):
    """The columns of a published memory that have no place of their own, as the JSON document that takes them."""

    def __new__(cls, columns: dict[str, Any]) -> Loose:
        """Judge each value; what PostgreSQL cannot store is replaced in it."""
        kept: dict[str, Any] = {}
        broken = False
        for name, value in columns.items():
            if isinstance(value, Text):
                kept[name] = value.decode(errors="replace").replace("\0", "\ufffd")
                broken |= kept[name].encode() != value
            elif isinstance(value, bytes):
                kept[name] = {"base64": base64.b64encode(value).decode()}
            elif value is not None:
                kept[name] = str(value) if value in (math.inf, -math.inf) else value
        made = super().__new__(cls, json.dumps(kept))
        made.broken = broken
        return made

    broken: bool


def _exactly(value: Any) -> Any:
    """What SQLite's ``=`` tells apart: TEXT is no BLOB."""
    return type(value), value


def _tagged(tags: Any) -> Any:
    """The code base that the first tag of the form ``codebase:NAME`` names."""
    try:
        found = [tag[9:] for tag in strings(tags) if tag.startswith("codebase:") and tag != "codebase:"]
    except Broken:
        return None
    return Text(found[0].encode()) if found else None
