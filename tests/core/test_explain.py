"""The words about problems: of a dry run nothing has happened yet, of a copy all has."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from vestige_tui.core.errors import EmbedderError
from vestige_tui.core.explain import (
    NOT_OVERWRITTEN,
    REFUSALS,
    Tense,
    fate,
    fate_in_full,
    meaning,
    remedy,
    shortfalls,
    tense_of,
    what_is_missing,
)
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.installation import Extra, install_command
from vestige_tui.core.missing import MissingPart, PartKind, Reason
from vestige_tui.core.rows.problems import NIL_UUID, Kind, RowError
from vestige_tui.core.rows.tables import BY_NAME

JSON = RowError("knowledge_nodes", "a", "metadata", Kind.MALFORMED_JSON, "metadata is not valid JSON", copied=True)
BAD_ID = RowError("knowledge_nodes", "note-7", "id", Kind.BAD_UUID, "id is not a UUID: 'note-7'", copied=False)
DANGLING = RowError("scheduling", NIL_UUID, "memory_id", Kind.DANGLING_REFERENCE, "3 rows refer", copied=True)

HAPPENED = re.compile(r"\b(arrived|was|were|stayed|kept|copied without|replaced|written)\b")
"""Words for what a run has done."""


def test_the_tense_of_a_report() -> None:
    assert (tense_of(dry=True), tense_of(dry=False)) == (Tense.FORETOLD, Tense.DONE)


@pytest.mark.parametrize(
    ("tense", "words"),
    [
        (Tense.ANY, "The field should hold JSON and does not. The row arrives with the field empty."),
        (Tense.FORETOLD, "The field should hold JSON and does not. The row will arrive with the field empty."),
        (Tense.DONE, "The field should hold JSON and does not. The row arrived with the field empty."),
    ],
)
def test_a_meaning_in_each_tense(tense: Tense, words: str) -> None:
    assert meaning(Kind.MALFORMED_JSON, tense) == words


def test_a_fate_in_full() -> None:
    assert fate_in_full(JSON, Tense.DONE) == (
        "The row arrived with metadata empty. If it was at the destination before, it was not changed."
    )
    assert fate_in_full(JSON, Tense.FORETOLD) == (
        "The row will arrive with metadata empty. If it is at the destination already, it will not be changed."
    )
    assert fate_in_full(BAD_ID, Tense.DONE) == "The row was not copied: nothing of it was written."
    assert fate_in_full(BAD_ID, Tense.FORETOLD) == "The row will not be copied: nothing of it will be written."
    owner = replace(BAD_ID, field="owner_user_id", copied=True)
    assert "with the user local as its owner." in fate_in_full(owner, Tense.DONE)
    vector = replace(JSON, field="embedding", kind=Kind.BAD_VECTOR)
    assert fate_in_full(vector, Tense.FORETOLD).startswith("The row will arrive without an embedding.")
    assert "without its vector." in fate_in_full(replace(vector, table="domains", field="centroid"), Tense.DONE)
    assert fate_in_full(replace(vector, kind=Kind.OTHER_MODEL), Tense.ANY).startswith("The rows arrive without")


def test_fates_in_two_words_fit_before_and_after() -> None:
    assert [fate(error) for error in (JSON, BAD_ID, DANGLING)] == ["repaired", "not copied", "left as is"]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("copied", [True, False])
def test_nothing_has_happened_in_a_dry_run(kind: Kind, copied: bool) -> None:
    """What others did before it may have: deleted rows at the destination, or edited a memory."""
    error = replace(JSON, kind=kind, copied=copied)
    for text in (meaning(kind, Tense.FORETOLD), fate_in_full(error, Tense.FORETOLD), remedy(error, Tense.FORETOLD)):
        assert text.endswith(".")
        rest = text.replace("will be written", "").replace("were made by another model", "")
        rest = (
            rest.replace("was deleted there", "")
            .replace("was edited after the vector was made", "")
            .replace("a row that has arrived is not overwritten", "")
        )
        assert not HAPPENED.search(rest), text


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("tense", Tense)
def test_every_kind_has_sentences(kind: Kind, tense: Tense) -> None:
    for copied in (True, False):
        error = replace(JSON, kind=kind, copied=copied)
        for text in (meaning(kind, tense), fate_in_full(error, tense), remedy(error, tense)):
            assert text.endswith(".")
            assert "{" not in text
            assert not set(Kind) & set(re.findall(r"[a-z_]+_[a-z_]+", text)), "kinds are not known by name here"


def test_a_row_that_arrives_is_not_overwritten() -> None:
    assert NOT_OVERWRITTEN[Tense.DONE] in remedy(JSON, Tense.DONE)
    assert "before the copy" in remedy(JSON, Tense.FORETOLD)
    for error in (BAD_ID, DANGLING, replace(JSON, kind=Kind.BAD_VECTOR)):
        assert "overwritten" not in remedy(error, Tense.DONE)


# Indexes and foreign keys


def _part(kind: PartKind, reason: Reason, name: str = "edges_target_id_fkey") -> MissingPart:
    return MissingPart(kind, name, "edges", reason)


def test_what_is_missing_is_counted_by_kind() -> None:
    parts = [
        _part(PartKind.INDEX, Reason.NOT_OWNER),
        _part(PartKind.FOREIGN_KEY, Reason.NOT_OWNER),
        _part(PartKind.FOREIGN_KEY, Reason.TABLES_IN_USE),
    ]
    assert what_is_missing(parts, Tense.DONE) == "1 index is missing and 2 foreign keys are not enforced"
    assert what_is_missing(parts, Tense.FORETOLD) == ("1 index will be missing and 2 foreign keys will not be enforced")
    assert what_is_missing([], Tense.DONE) == ""


@pytest.mark.parametrize("tense", Tense)
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("kind", PartKind)
def test_every_reason_has_a_cause_and_a_remedy(kind: PartKind, reason: Reason, tense: Tense) -> None:
    """Together they are as many as the parts are, and each says which ones."""
    parts = [_part(kind, reason), _part(kind, reason, "edges_source_id_fkey"), _part(kind, Reason.NOT_OWNER)]
    said = list(shortfalls(parts, tense))
    assert sum(len(one.names) for one in said) == 3
    for one in said:
        assert one.headline.endswith(".")
        assert one.remedy.endswith(".")
        assert all(statement.endswith(";") for statement in one.sql)


@pytest.mark.parametrize(
    ("reason", "statement"),
    [
        (Reason.ABSENT, "ALTER TABLE edges ADD FOREIGN KEY (target_id) REFERENCES knowledge_nodes ON DELETE CASCADE;"),
        (Reason.NOT_VALID, 'ALTER TABLE edges VALIDATE CONSTRAINT "edges_target_id_fkey";'),
        (Reason.NOT_ENFORCED, 'ALTER TABLE edges ALTER CONSTRAINT "edges_target_id_fkey" ENFORCED;'),
        (
            Reason.SWITCHED_OFF,
            "ALTER TABLE edges ENABLE TRIGGER ALL; ALTER TABLE knowledge_nodes ENABLE TRIGGER ALL;",
        ),
    ],
)
def test_the_statement_that_mends_a_foreign_key(reason: Reason, statement: str) -> None:
    (said,) = shortfalls([_part(PartKind.FOREIGN_KEY, reason)], Tense.DONE)
    assert said.sql == (statement,)


def test_a_statement_for_every_foreign_key() -> None:
    for table in BY_NAME.values():
        for foreign_key in table.foreign_keys:
            part = MissingPart(PartKind.FOREIGN_KEY, foreign_key.constraint(table.name), table.name, Reason.ABSENT)
            (said,) = shortfalls([part], Tense.DONE)
            (statement,) = said.sql
            assert f"REFERENCES {foreign_key.table}" in statement
            assert statement.endswith("ON DELETE CASCADE;") == foreign_key.cascade


@pytest.mark.parametrize("obstacle", EmbedderObstacle)
def test_every_obstacle_of_an_embedder_has_words(obstacle: EmbedderObstacle) -> None:
    error = EmbedderError(obstacle, "the server", "HTTP 418")
    command = install_command(Extra.LOCAL_EMBEDDER)  # a full stop behind it would be copied along
    assert error.what.endswith(".")
    assert error.remedy.endswith((".", command))
    assert "{" not in error.what + error.remedy


def test_every_refusal_of_a_text_has_words() -> None:
    assert REFUSALS.keys() == {*Refusal}
