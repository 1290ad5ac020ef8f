"""The kinds of problems that a row can have: the name in the report, what it means, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

NIL_UUID = "00000000-0000-0000-0000-000000000000"


class Kind(StrEnum):
    """The ``kind`` of a row error; ``EXPLANATIONS`` has the words."""

    BAD_UUID = "bad_uuid"
    DUPLICATE_ID = "duplicate_id"
    EMPTY_CONTENT = "empty_content"
    MALFORMED_JSON = "malformed_json"
    MISSHAPEN_JSON = "misshapen_json"
    UNSTORABLE_JSON = "unstorable_json"
    UNSTORABLE_TEXT = "unstorable_text"
    DUPLICATE_JSON_KEY = "duplicate_json_key"
    TOO_LARGE = "too_large"
    TOO_LONG_FOR_INDEX = "too_long_for_index"
    BAD_TIMESTAMP = "bad_timestamp"
    BAD_NUMBER = "bad_number"
    MISSING_VALUE = "missing_value"
    BAD_VECTOR = "bad_vector"
    WRONG_DIMENSION = "wrong_dimension"
    OTHER_MODEL = "other_model"
    STALE_VECTOR = "stale_vector"
    MISSING_REFERENCE = "missing_reference"
    DANGLING_REFERENCE = "dangling_reference"
    ALREADY_TAKEN = "already_taken"
    VALUE_NOT_ALLOWED = "value_not_allowed"
    REFUSED_BY_SERVER = "refused_by_server"
    DIFFERS_AT_DESTINATION = "differs_at_destination"
    GONE_AT_DESTINATION = "gone_at_destination"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The words for one kind of problem, all true before and after a copy.

    ``title`` is a short noun phrase, ``meaning`` and ``remedy`` are sentences. ``arrival`` says how the row is copied
    nevertheless, such as ``with {field} empty``; ``explain`` makes a sentence of it. It is empty for a kind that mostly
    keeps a row from being copied.
    """

    title: str
    meaning: str
    remedy: str
    arrival: str = ""


OF_MANY = frozenset({Kind.OTHER_MODEL, Kind.DANGLING_REFERENCE})
"""Kinds of which one error stands for many rows and names none of them."""

FIELD_NOT_IN_MESSAGE = OF_MANY | {Kind.REFUSED_BY_SERVER}
"""Kinds whose messages do not begin with the field; those of all other kinds do, where one field is concerned."""

EMBEDDING_KINDS = frozenset({Kind.BAD_VECTOR, Kind.WRONG_DIMENSION, Kind.OTHER_MODEL, Kind.STALE_VECTOR})
"""Kinds that only an embedder repairs: the memory arrives without a vector, its content complete."""

EXPLANATIONS: dict[Kind, Explanation] = {
    Kind.BAD_UUID: Explanation(
        "not a UUID",
        "An id or a reference is not a UUID, the only form of id that the destination stores.",
        "Give the row a UUID in the source, in every table that mentions it, and run the copy again.",
    ),
    Kind.DUPLICATE_ID: Explanation(
        "the same key twice",
        "Two rows of the source have the same key in its canonical form; the first one counts.",
        "Decide which row is right, give the other one a key of its own or remove it, and run the copy again.",
    ),
    Kind.EMPTY_CONTENT: Explanation(
        "no content",
        "The memory holds no text at all.",
        "Write its content in the source, or leave it out: there is nothing in it to lose.",
    ),
    Kind.MALFORMED_JSON: Explanation(
        "not valid JSON",
        "The field should hold JSON and does not.",
        "Correct the JSON in the source.",
        "with {field} empty",
    ),
    Kind.MISSHAPEN_JSON: Explanation(
        "JSON of another shape",
        "The field holds JSON of another shape than it should, such as an object where a list belongs.",
        "Correct the field in the source.",
        "with {field} empty",
    ),
    Kind.UNSTORABLE_JSON: Explanation(
        "JSON that PostgreSQL cannot store",
        "The JSON holds something that JSONB refuses: NaN, Infinity, \\u0000, half of a surrogate pair, "
        "a number out of range or very deep nesting.",
        "Replace that value in the source.",
        "with {field} empty",
    ),
    Kind.UNSTORABLE_TEXT: Explanation(
        "text that PostgreSQL cannot store",
        "The text holds NUL characters or bytes that are not UTF-8.",
        "Nothing needs to be done unless those bytes matter; then correct the text in the source.",
        "with the replacement character U+FFFD for each of them in {field}",
    ),
    Kind.DUPLICATE_JSON_KEY: Explanation(
        "JSON with a key twice",
        "An object in the JSON has the same key more than once, and JSONB keeps one value for each.",
        "Give the keys different names in the source where the other values matter.",
        "with the last value of each key in {field}",
    ),
    Kind.TOO_LARGE: Explanation(
        "too large for JSONB",
        "The metadata are larger than 200,000,000 bytes, more than JSONB is sure to hold.",
        "Keep those values elsewhere: they are complete in the source.",
        "with the largest values in {field} left out",
    ),
    Kind.TOO_LONG_FOR_INDEX: Explanation(
        "too long for its index",
        "The destination indexes this field, and no index of PostgreSQL holds a text of more than 2,600 bytes.",
        "Where the metadata do not have the whole value, or it is a key, which is never cut, shorten it in the source.",
        "with {field} cut to that, and with the whole value in the metadata where the table has any",
    ),
    Kind.BAD_TIMESTAMP: Explanation(
        "not a known timestamp",
        "The timestamp is in none of the three forms that Vestige writes, and is not guessed.",
        "Write it as 2026-02-13T10:11:12Z in the source.",
        "with no date in {field}, or with 1970-01-01 where one is required",
    ),
    Kind.BAD_NUMBER: Explanation(
        "not a usable number",
        "The field should hold a number in range and does not.",
        "Correct the number in the source.",
        "with the default in {field}, a long whole number rounded, or an infinite one in the metadata as text",
    ),
    Kind.MISSING_VALUE: Explanation(
        "a value is missing",
        "The destination requires a value that the source does not have.",
        "Fill the field in the source.",
        "with the default in {field}, where there is one",
    ),
    Kind.BAD_VECTOR: Explanation(
        "not a usable vector",
        "The vector is empty, not a whole number of floats, or holds NaN or Infinity.",
        "Let Vestige embed the memory anew; its content is complete.",
        "without an embedding",
    ),
    Kind.WRONG_DIMENSION: Explanation(
        "a vector of another dimension",
        "The embedding has another dimension than the registered model makes.",
        "Let Vestige embed the memory anew; its content is complete.",
        "without an embedding",
    ),
    Kind.OTHER_MODEL: Explanation(
        "vectors of another model",
        "These embeddings were made by another model than the registered one and cannot be compared with its vectors.",
        "Let Vestige embed those memories anew; their content is complete.",
        "without an embedding",
    ),
    Kind.STALE_VECTOR: Explanation(
        "a vector of an older content",
        "Vestige marks the memory as one without an embedding: its content was edited after the vector was made, and "
        "Vestige does not use it.",
        "Let Vestige embed the memory anew; its content is complete.",
        "without an embedding",
    ),
    Kind.MISSING_REFERENCE: Explanation(
        "it refers to something that is not there",
        "The row belongs to a memory, user or group that is neither in the source nor at the destination, "
        "or that cannot be copied itself.",
        "Correct the row it belongs to first; this one then arrives with the next run.",
    ),
    Kind.DANGLING_REFERENCE: Explanation(
        "rows there that refer to nothing",
        "Rows at the destination belong to a memory, user or group that was deleted there, so PostgreSQL cannot "
        "enforce that reference.",
        "Bring back what they belong to, or delete those rows at the destination, and run the copy again.",
    ),
    Kind.ALREADY_TAKEN: Explanation(
        "taken by another row",
        "A value that must be unique, such as a user's handle, belongs to another row at the destination.",
        "Rename one of the two, and run the copy again.",
    ),
    Kind.VALUE_NOT_ALLOWED: Explanation(
        "a value that is not allowed",
        "The destination allows only certain values in this field.",
        "Use one of the allowed values in the source (visibility: private, group or public), and run the copy again.",
    ),
    Kind.REFUSED_BY_SERVER: Explanation(
        "refused by the server",
        "PostgreSQL refused the row for a reason of its own, which the message names.",
        "Correct the row in the source, or the rule at the destination, and run the copy again.",
    ),
    Kind.DIFFERS_AT_DESTINATION: Explanation(
        "another value at the destination",
        "Compared after the copy, the field has another value than the source gives it: a trigger, a rule or another "
        "program changes it there.",
        "Find out what changes it there, and correct that.",
        "with another value in {field}",
    ),
    Kind.GONE_AT_DESTINATION: Explanation(
        "gone from the destination",
        "Compared after the copy, the row is not at the destination: a trigger, a rule or another program removes it "
        "there.",
        "Find out what removes it there, correct that, and run the copy again.",
    ),
}


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing that is wrong with one row of the source.

    ``row`` is the source's id as text (``source→target`` where the key has two parts), or the nil UUID where there
    is none; ``field`` is None where the whole row is meant; ``copied`` tells whether the row is at the destination.
    """

    table: str
    row: str
    field: str | None
    kind: Kind
    message: str
    copied: bool
