"""Reading what a server of the OpenAI form answers. Nothing of an answer is quoted: it may repeat a memory."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Sequence
from typing import Any

import orjson

from vestige_tui.core.errors import EmbedderError
from vestige_tui.core.facts import EmbedderObstacle
from vestige_tui.core.reembed.embedders.treatment import from_values
from vestige_tui.core.text import count


def vectors_in(content: bytes, texts: int, where: str) -> list[bytes]:
    """One vector for each text, in their order: little-endian float32, all with as many elements, not yet judged.

    Raises ``EmbedderError`` where the answer is something else.
    """
    document = parsed(content)
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list) or not all(isinstance(item, dict) and "embedding" in item for item in data):
        raise EmbedderError(EmbedderObstacle.NO_EMBEDDINGS, where, _kind(content, document))
    if len(data) != texts:
        detail = f"{count(len(data), 'vector')} for {count(texts, 'text')}"
        raise EmbedderError(EmbedderObstacle.WRONG_COUNT, where, detail)
    vectors = [_vector(item["embedding"], where) for item in _in_order(data, where)]
    lengths = {len(vector) for vector in vectors}
    if len(lengths) > 1 or 0 in lengths:
        detail = " and of ".join(f"{length // 4:,}" for length in sorted(lengths)) + " elements"
        raise EmbedderError(EmbedderObstacle.WRONG_LENGTH, where, detail)
    return vectors


def parsed(content: bytes) -> Any:
    """A JSON document, NaN and Infinity included, which some servers send; None for anything else."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def error_code(content: bytes) -> str:
    """The code of an error as the OpenAI form has it (``model_not_found``), or empty."""
    document = parsed(content)
    error = document.get("error") if isinstance(document, dict) else None
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _in_order(data: list[dict[str, Any]], where: str) -> list[dict[str, Any]]:
    """The items by their ``index``; as they stand where none has one."""
    places = [item.get("index") for item in data]
    if all(place is None for place in places):
        return data
    if places == [*range(len(data))]:
        return data
    by_place = {place: item for place, item in zip(places, data, strict=True) if type(place) is int}
    if by_place.keys() != {*range(len(data))}:
        raise EmbedderError(EmbedderObstacle.WRONG_ORDER, where)
    return [by_place[place] for place in range(len(data))]


def _vector(value: object, where: str) -> bytes:
    """From a list of numbers, or base64 of little-endian float32. ``null`` is what JavaScript makes of NaN."""
    if isinstance(value, str):
        try:
            raw = b64decode(value, validate=True)
        except NoBase64:
            raise EmbedderError(EmbedderObstacle.NO_EMBEDDINGS, where, "text in place of vectors") from None
        if len(raw) % 4:
            detail = f"{len(raw):,} bytes, which is no vector of float32"
            raise EmbedderError(EmbedderObstacle.WRONG_LENGTH, where, detail)
        return raw
    try:
        return from_values(_numbers(value))
    except (TypeError, OverflowError):
        raise EmbedderError(EmbedderObstacle.NO_EMBEDDINGS, where, "no numbers in place of vectors") from None


def _numbers(value: object) -> Sequence[float]:
    if not isinstance(value, list):
        raise TypeError
    return [math.nan if number is None else number for number in value] if None in value else value


def _kind(content: bytes, document: object) -> str:
    """What an answer is, without quoting it."""
    if isinstance(document, dict) and "error" in document:
        return "an error"
    if document is not None:
        return "JSON of another form"
    start = content[:200].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<")):
        return "a web page"
    return "not JSON" if content else "nothing"
