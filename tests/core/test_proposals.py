"""What is proposed for a broken row: each value is one that a repair may have."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vestige_tui.core.repairs.broken_json import NOTHING, completed, json_error, reread
from vestige_tui.core.repairs.document import Repair, Repairs, as_file, as_json, parse
from vestige_tui.core.repairs.proposals import Proposal, ProposalKind, proposals
from vestige_tui.core.repairs.references import replaced
from vestige_tui.core.repairs.typed import to_type, typed
from vestige_tui.core.repairs.values import Unfit, source_value
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME, KNOWLEDGE_NODES
from vestige_tui.sample.broken import FLAWS

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(10**20), 10**20) | st.decimals(allow_nan=False, allow_infinity=False, places=4)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)
OWNER = "11111111-2222-4333-8444-55555555555a"


def of(table: str, field: str | None, kind: Kind, text: str | None = None) -> list[Proposal]:
    error = RowError(table, "row", field, kind, "message", copied=False)
    found = [*proposals(error, text, [OWNER], {"platform-team": OWNER})]
    for each in found:
        assert (each.field, each.kind is ProposalKind.LEAVE_OUT) in ((field, False), (None, True))
        if each.kind not in (ProposalKind.CHOOSE, ProposalKind.TYPE, ProposalKind.LEAVE_OUT):
            column = BY_NAME[table].columns[BY_NAME[table].position(each.field or "")]
            source_value(column, each.value)
    return found


def by_kind(found: list[Proposal]) -> list[tuple[ProposalKind, Any]]:
    return [(each.kind, each.choices or each.value) for each in found]


EMPTY: list[tuple[ProposalKind, Any]] = [
    (ProposalKind.TYPE, None),
    (ProposalKind.EMPTY, {}),
    (ProposalKind.LEAVE_OUT, None),
]
NO_LIST: list[tuple[ProposalKind, Any]] = [
    (ProposalKind.TYPE, None),
    (ProposalKind.EMPTY, []),
    (ProposalKind.LEAVE_OUT, None),
]
OF_THE_DEMO: dict[str, list[tuple[ProposalKind, Any]]] = {
    '{"source": "chat", "confidence": 0.8': [(ProposalKind.CLOSE, {"source": "chat", "confidence": Decimal("0.8")})],
    "{'source': 'import', 'reviewed': True}": [(ProposalKind.READ_AS, {"source": "import", "reviewed": True})],
    "[object Object]": [],
    '{"source": "chat", "files": ["src/main.rs",]}': [
        (ProposalKind.READ_AS, {"source": "chat", "files": ["src/main.rs"]})
    ],
    "imported by hand, see the wiki": [],
}


@pytest.mark.parametrize("text", OF_THE_DEMO, ids=["cut", "Python", "object", "comma", "words"])
def test_metadata_of_the_demo(text: str) -> None:
    assert text in {flaw.value for flaw in FLAWS if flaw.column == "metadata"}
    found = of("knowledge_nodes", "metadata", Kind.MALFORMED_JSON, text)
    assert by_kind(found) == [*OF_THE_DEMO[text], (ProposalKind.KEEP_AS_TEXT, {"text": text}), *EMPTY]
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    assert {each.error and each.error.offset for each in found} == {caught.value.pos, None}


@pytest.mark.parametrize(
    ("table", "field", "kind", "text", "expected"),
    [
        ("knowledge_nodes", "shared_with_groups", Kind.BAD_UUID, '["platform-team"]', [(ProposalKind.READ_AS, [OWNER]), *NO_LIST]),
        ("knowledge_nodes", "shared_with_groups", Kind.BAD_UUID, '["no team"]', NO_LIST),
        ("knowledge_nodes", "shared_with_groups", Kind.MISSHAPEN_JSON, '{"groups": "all"}', NO_LIST),
        ("knowledge_nodes", "tags", Kind.MALFORMED_JSON, "a, b", [(ProposalKind.KEEP_AS_TEXT, ["a, b"]), *NO_LIST]),
        ("knowledge_nodes", "domain_scores", Kind.MISSHAPEN_JSON, '{"a": "b"}', EMPTY),
        ("knowledge_nodes", "content", Kind.EMPTY_CONTENT, "", [(ProposalKind.TYPE, None), (ProposalKind.LEAVE_OUT, None)]),
        ("knowledge_nodes", "visibility", Kind.VALUE_NOT_ALLOWED, "secret", [(ProposalKind.CHOOSE, ("private", "group", "public")), (ProposalKind.LEAVE_OUT, None)]),
        ("knowledge_nodes", "owner_user_id", Kind.MISSING_REFERENCE, "x", [(ProposalKind.CHOOSE, (OWNER,)), (ProposalKind.LEAVE_OUT, None)]),
        ("knowledge_nodes", "embedding", Kind.WRONG_DIMENSION, None, [(ProposalKind.EMPTY, None), (ProposalKind.LEAVE_OUT, None)]),
        ("knowledge_nodes", "created_at", Kind.BAD_TIMESTAMP, "now", [(ProposalKind.TYPE, None), (ProposalKind.LEAVE_OUT, None)]),
        ("edges", "source_id", Kind.MISSING_REFERENCE, "x", [(ProposalKind.LEAVE_OUT, None)]),
        ("knowledge_nodes", None, Kind.REFUSED_BY_SERVER, None, [(ProposalKind.LEAVE_OUT, None)]),
        ("knowledge_nodes", "embedding", Kind.OTHER_MODEL, None, []),
        ("knowledge_nodes", "content", Kind.DIFFERS_AT_DESTINATION, None, []),
    ],
    ids=["groups", "no group", "no list", "tags", "scores", "content", "visibility", "owner", "vector", "date", "edge", "row", "many", "differs"],
)  # fmt: skip
def test_every_kind(
    table: str, field: str | None, kind: Kind, text: str | None, expected: list[tuple[ProposalKind, Any]]
) -> None:
    assert by_kind(of(table, field, kind, text)) == expected


@pytest.mark.parametrize("kind", [Kind.BAD_UUID, Kind.DUPLICATE_ID])
def test_a_new_id_is_new_each_time(kind: Kind) -> None:
    first, second = (of("knowledge_nodes", "id", kind, "note-7")[0] for _ in range(2))
    assert (first.kind, UUID(first.value).version) == (ProposalKind.NEW_ID, 4)
    assert first.value != second.value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": {"b": [1, 2', {"a": {"b": [1, 2]}}),
        ('{"a": "half of a wo', {"a": "half of a wo"}),
        ('{"a": "x\\u00', {"a": "x"}),
        ('{"a": "x\\\\', {"a": "x\\"}),
        ('{"a": 1, "b', {"a": 1}),
        ('{"a": 1, "b"', {"a": 1}),
        ('{"a": 1, "b":', {"a": 1}),
        ('{"a": 1,', {"a": 1}),
        ('{"a": tru', {}),
        ("[", []),
        ("", NOTHING),
        ('{"a" 1}', NOTHING),
        ('{"a" 1, "b', NOTHING),
        ("{}", NOTHING),
    ],
)
def test_json_that_was_cut_off(text: str, expected: Any) -> None:
    assert completed(text) == expected


FEWER = settings(max_examples=settings().max_examples // 2, deadline=None)


@given(st.dictionaries(TEXTS, JSON, max_size=3), st.data())
@FEWER
def test_wherever_json_is_cut_it_is_completed(value: dict[str, Any], data: st.DataObject) -> None:
    """Into a value of the same kind; nothing that is no JSON comes out."""
    whole = json.dumps(value, default=float, ensure_ascii=data.draw(st.booleans()))
    found = completed(whole[: data.draw(st.integers(1, len(whole) - 1))])
    assert isinstance(found, dict)
    assert json_error(json.dumps(found, default=float)) is None


@given(st.text(), st.sampled_from([completed, reread]))
@FEWER
def test_any_text_gives_json_or_nothing(text: str, read: Any) -> None:
    found = read(text)
    assert found is NOTHING or json_error(json.dumps(found, default=float)) is None


FIELDS = st.dictionaries(TEXTS, JSON, min_size=1, max_size=3)


@given(
    st.lists(
        st.builds(Repair, TEXTS, TEXTS, FIELDS, fingerprint=st.none() | TEXTS)
        | st.builds(Repair, TEXTS, TEXTS, leave_out=TEXTS, fingerprint=st.none() | TEXTS),
        max_size=3,
    )
)
@FEWER
def test_a_file_of_repairs_is_read_as_it_was_written(entries: list[Repair]) -> None:
    repairs = Repairs((*entries,))
    assert parse(as_file(repairs)) == repairs
    assert as_file(parse(as_file(repairs))) == as_file(repairs)


def test_numbers_keep_their_digits() -> None:
    written = as_file(Repairs((Repair("t", NIL_UUID, {"a": [Decimal("1.10"), Decimal("1E+400"), 10**30]}),)))
    assert b'"a": [1.10, 1E+400, 1000000000000000000000000000000]' in written


@pytest.mark.parametrize("number", ["1e99999999999999999999", "-1E-99999999999999999999"])
def test_a_number_with_an_absurd_exponent_is_refused(number: str) -> None:
    """Also where it is typed, and where a list that a new id goes into has it."""
    text = as_file(Repairs((Repair("t", "r", {"a": "here"}),))).replace(b'"here"', number.encode())
    with pytest.raises(Exception, match="it is not JSON"):
        parse(text)
    metadata = KNOWLEDGE_NODES.columns[KNOWLEDGE_NODES.position("metadata")]
    with pytest.raises(Unfit, match="number out of range"):
        typed(metadata, f'{{"a": {number}}}')
    assert replaced(f'{{"note-7": {number}}}', {"note-7": NIL_UUID}) is None


def test_deep_json_is_written_as_it_was_read() -> None:
    """As deep as metadata may be, deeper than Python calls."""
    deep: Any = []
    for level in range(5_000):
        deep = [deep, "x"] if level % 2 else {"a": 1, "b": deep}
    written = as_json(deep)
    assert written.count('{"a": 1, "b": [') == 2_500
    assert written.endswith('"x"]')
    read = json.loads('{"a":' * 500 + "1.50" + "}" * 500, parse_float=Decimal)
    assert as_json(read) == '{"a": ' * 500 + "1.50" + "}" * 500


def test_json_of_any_depth_is_written_over_several_lines() -> None:
    metadata = BY_NAME["knowledge_nodes"].columns[BY_NAME["knowledge_nodes"].position("metadata")]
    assert to_type(metadata, {"a": [1, {"é": "x"}], "b": {}, "c": []}) == (
        '{\n  "a": [\n    1,\n    {\n      "é": "x"\n    }\n  ],\n  "b": {},\n  "c": []\n}'
    )
    deep: Any = "end"
    for _ in range(3_000):
        deep = [deep]
    assert to_type(metadata, deep).count("[") == 3_000
