"""Values that a source may hold, sound ones and broken ones, and rows of them for both layouts: strategies."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from tests.support.destination import Row
from tests.support.expected import BOOTSTRAP_USER
from vestige_tui.core.verify.expectation import Text

MODEL = "nomic-ai/nomic-embed-text-v1.5"

# TEXT is bytes of its own type, so that any bytes can be in it.


def texts(*values: str) -> st.SearchStrategy[Any]:
    """One of these as TEXT."""
    return st.sampled_from([Text(value.encode()) for value in values])


def documents(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """JSON of these values as TEXT, in both ways of writing what is not ASCII, and with spaces around."""
    return st.builds(
        lambda value, ascii_only, before: Text((before + json.dumps(value, ensure_ascii=ascii_only)).encode()),
        values,
        st.booleans(),
        st.sampled_from(["", " ", "\n\t"]),
    )


def mostly(sound: st.SearchStrategy[Any], broken: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Seven sound values for each broken one."""
    return st.integers(0, 7).flatmap(lambda choice: sound if choice else broken)


JUNK = st.one_of(
    st.none(),
    st.sampled_from([0, -1, 2**40, 0.5, 2.0, b"", b"\xff\0", Text(b""), Text(b"\xff"), Text(b"a\0b"), Text(b"[1")]),
    st.binary(max_size=6).map(Text),
)
WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LONG_WORDS = st.sampled_from(["x" * 2_600, "x" * 2_601, "é" * 1_301, "y" + "\U0001f600" * 651])
"""As long as an index takes, and longer."""
TEXTS = mostly(WORDS.map(lambda word: Text(word.encode())), JUNK | LONG_WORDS.map(lambda word: Text(word.encode())))
IDS = [f"{digit * 8}-{digit * 4}-4{digit * 3}-8{digit * 3}-{digit * 12}" for digit in "123456abcdef"]


def ids(known: Sequence[str]) -> st.SearchStrategy[Any]:
    """An id of a few, spelled in some way; or something else."""
    spellings = [str, str, str, str.upper, lambda text: text.replace("-", ""), "{{{}}}".format, "urn:uuid:{}".format]
    sound = st.builds(
        lambda text, spell: Text(spell(text).encode()), st.sampled_from(known), st.sampled_from(spellings)
    )
    broken = texts("note-7", known[0][:-1], known[0] + "}", "g" * 32)
    return st.integers(0, 9).flatmap(lambda choice: sound if choice else st.one_of(broken, JUNK))


MEMORY_IDS, USER_IDS, GROUP_IDS = IDS[:8], [*IDS[8:10], str(BOOTSTRAP_USER)], IDS[10:]
MOMENTS = mostly(
    texts(
        "2026-02-13T10:11:12.123456789+00:00", "2026-02-13T10:11:12.999999999-11:30", "2026-02-13T10:11:12Z",
        "2026-02-13 10:11:12", "1969-12-31T23:59:59.5Z", "2026-02-13T10:11:12.1+05:45",
    ),
    st.one_of(JUNK, texts("2026-02-30 10:11:12", "2026-02-13", "now", "2026-02-13T10:11:12", "13.2.2026",
                          "2026-02-13T10:11:12+00:60", "2026-02-13T23:59:60Z")),
)  # fmt: skip
BAD_JSON = st.one_of(
    JUNK,
    texts(
        '{"a": 1, "a": 2}',
        '{"b": {"a": 1, "\\u0061": [1]}}',
        '[{"a": 1, "a": 1}]',
        "{",
        "[",
        "nope",
        "[NaN]",
        '{"a": Infinity}',
        '"\\u0000"',
        '["\\ud800"]',
        '{"\\udc00": 1}',
        "null",
        "17",
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**30), 10**30), WORDS, st.sampled_from([0.5, -1.25e-7, 1e22])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=5,
)
LISTS = mostly(
    documents(st.lists(WORDS | st.sampled_from(["codebase:quill", "codebase:"]), max_size=3)),
    st.one_of(BAD_JSON, documents(VALUES), documents(st.lists(WORDS | LONG_WORDS, max_size=3))),
)
OBJECTS = mostly(
    documents(st.dictionaries(WORDS | st.sampled_from(["source", "mood", "a", "a (column)"]), VALUES, max_size=3)),
    st.one_of(BAD_JSON, documents(VALUES)),
)
SCORES = mostly(
    documents(st.dictionaries(WORDS, st.floats(allow_nan=False, allow_infinity=False, width=16), max_size=2)),
    st.one_of(BAD_JSON, documents(VALUES)),
)
GROUP_LISTS = mostly(
    documents(st.lists(st.sampled_from([*GROUP_IDS, GROUP_IDS[0].upper()]), max_size=2)),
    st.one_of(BAD_JSON, documents(st.just(["team"]))),
)
VECTORS = mostly(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3).map(
        lambda numbers: struct.pack("<3f", *numbers)
    ),
    st.one_of(JUNK, st.sampled_from([bytes(8), bytes(13), struct.pack("<3f", 0, math.nan, 0), b"\0\0\x80\x7f" * 3])),
)
NUMBERS = mostly(
    st.one_of(st.floats(allow_nan=False), st.integers(-5, 5), texts("2.5", " -3e2 ", "7")),
    st.one_of(
        JUNK,
        texts(
            "much",
            "1e",
            "0x10",
            "9" * 25,
            "1e999",
            "-1e999",
            "1e-999",
            "0e-999",
            "9007199254740993",
            "9007199254740992.5",
        ),
        st.sampled_from([2**53, 2**53 + 1, -(2**63)]),
    ),
)

PARTY = {"handle": mostly(texts("ada", "bob", "local", "eve", "mel"), TEXTS), "display_name": TEXTS,
         "created_at": MOMENTS, "metadata": OBJECTS}  # fmt: skip
SCHEDULE = {"stability": NUMBERS, "difficulty": NUMBERS, "next_review": MOMENTS, "reps": NUMBERS, "lapses": NUMBERS}
SHARED: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "users": {"id": ids(USER_IDS), **PARTY},
    "groups": {"id": ids(GROUP_IDS), **PARTY},
    "group_memberships": {
        "user_id": ids(USER_IDS), "group_id": ids(GROUP_IDS), "role": mostly(texts("member", "admin"), TEXTS),
        "joined_at": MOMENTS,
    },
    "domains": {"id": mostly(texts("rust", "python", "1"), TEXTS), "label": TEXTS, "centroid": VECTORS,
                "top_terms": LISTS, "memory_count": NUMBERS, "created_at": MOMENTS},
}  # fmt: skip
NODES = {
    "id": ids(MEMORY_IDS), "content": TEXTS, "node_type": TEXTS, "tags": LISTS, "created_at": MOMENTS,
    "updated_at": MOMENTS, "domains": LISTS, "domain_scores": SCORES, "owner_user_id": ids(USER_IDS),
    "visibility": mostly(texts("private", "group", "public"), TEXTS), "shared_with_groups": GROUP_LISTS,
    "codebase": mostly(texts("quill", "harbor"), TEXTS),
}  # fmt: skip
SEED = SHARED | {
    "knowledge_nodes": NODES | {"embedding": VECTORS, "metadata": OBJECTS},
    "scheduling": {"memory_id": ids(MEMORY_IDS), **SCHEDULE, "retrievability": NUMBERS, "last_review": MOMENTS},
    "edges": {"source_id": ids(MEMORY_IDS), "target_id": ids(MEMORY_IDS), "edge_type": TEXTS, "weight": NUMBERS,
              "created_at": MOMENTS},
    "review_events": {"id": ids(IDS), "memory_id": ids(MEMORY_IDS), "occurred_at": MOMENTS, "rating": NUMBERS,
                      "retrievability_before": NUMBERS, "retrievability_after": NUMBERS, "kind": TEXTS,
                      "metadata": OBJECTS},
}  # fmt: skip
PUBLISHED = SHARED | {
    "knowledge_nodes": NODES | SCHEDULE | {
        "last_accessed": MOMENTS, "retention_strength": NUMBERS, "source": TEXTS, "sentiment_score": NUMBERS,
        "nobody knows this": JUNK, 'odd "name"': VECTORS,
    },
    "memory_connections": {"source_id": ids(MEMORY_IDS), "target_id": ids(MEMORY_IDS), "link_type": TEXTS,
                           "strength": NUMBERS, "created_at": MOMENTS, "last_activated": MOMENTS},
    "node_embeddings": {"node_id": ids(MEMORY_IDS), "embedding": VECTORS.filter(lambda vector: vector is not None),
                        "model": st.sampled_from([None, Text(MODEL.encode()), Text(MODEL.encode()), Text(b"other")])},
}  # fmt: skip
KEYS = {"users": "id", "groups": "id", "domains": "id", "knowledge_nodes": "id", "scheduling": "memory_id",
        "review_events": "id", "node_embeddings": "node_id"}  # fmt: skip


def rows_of(layout: dict[str, dict[str, st.SearchStrategy[Any]]]) -> st.SearchStrategy[dict[str, list[Row]]]:
    """Some rows for every table of a layout."""
    return st.fixed_dictionaries(
        {
            table: st.lists(
                st.fixed_dictionaries(columns),
                max_size=8 if table == "knowledge_nodes" else 4,
                unique_by=(lambda row: (type(row["node_id"]), row["node_id"])) if table == "node_embeddings" else None,
            )
            for table, columns in layout.items()
        }
    )
