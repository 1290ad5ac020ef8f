"""The bytes of a row as we make them for the digests of a source, against those that the server makes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.servers import Connection, Server
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.verify.wire import json_text, record

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
NUMBER = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
STRING = TEXT.map(lambda text: json.dumps(text, ensure_ascii=False))
DOCUMENT = st.recursive(
    st.sampled_from(["null", "true", "false", "[]", "{}"]) | STRING | NUMBER,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(STRING, inner), min_size=1, max_size=4).map(
            lambda pairs: "{" + ",".join(f"{key}:{value}" for key, value in pairs) + "}"
        )
    ),
    max_leaves=12,
)
"""JSON as text; an object may have a key twice."""

ROW = {
    PgType.UUID: ("%s::uuid", st.uuids()),
    PgType.TEXT: ("%s::text", TEXT),
    PgType.TIMESTAMPTZ: ("%s::timestamptz", st.datetimes(timezones=st.just(UTC))),
    PgType.TEXT_ARRAY: ("%s::text[]", st.lists(TEXT, max_size=3)),
    PgType.UUID_ARRAY: ("%s::uuid[]", st.lists(st.uuids(), max_size=3)),
    PgType.FLOAT8: ("%s::float8", st.floats(allow_nan=False, allow_infinity=False)),
    PgType.INT4: ("%s::int4::bigint", st.integers(-(2**31), 2**31 - 1)),
    PgType.INT2: ("%s::int2::bigint", st.integers(-(2**15), 2**15 - 1)),
}
"""By type, the expression in the digest's query, and values."""


@pytest.fixture(scope="module")
def connection(server: Server) -> Iterator[Connection]:
    with server.database() as database, database.connect() as connection:
        yield connection


@given(DOCUMENT)
@example('{"b": 1.50e1, "aa": -0.0, "a": 1E+3, "b": "\\u0001\\u007f\\u00e9/\\\\"}')
def test_json(connection: Connection, document: str) -> None:
    parsed = json.loads(document, parse_float=Decimal)
    assert connection.execute("SELECT %s::jsonb::text", (document,)).fetchone() == (json_text(parsed),)


@given(st.data())
def test_rows(connection: Connection, data: st.DataObject) -> None:
    values: list[Any] = [data.draw(st.none() | values, label=kind.name) for kind, (_, values) in ROW.items()]
    vector, document = data.draw(st.lists(FLOAT32, min_size=1, max_size=3)), data.draw(DOCUMENT)
    casts = ", ".join(cast for cast, _ in ROW.values())
    query = f"SELECT record_send(ROW({casts}, vector_send(%s::vector), vector_send(NULL::vector), %s::jsonb))"
    (sent,) = connection.execute(query.encode(), (*values, str(vector), document)).fetchone() or ()
    elements = struct.pack(f"<{len(vector)}f", *vector)
    made = record(
        [*ROW, PgType.VECTOR, PgType.VECTOR, PgType.JSONB],
        [*values, elements, None, json.loads(document, parse_float=Decimal)],
    )
    assert made == sent
