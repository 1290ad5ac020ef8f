"""A model that fastembed and onnxruntime really load: ONNX written by hand, with a tokenizer of a few words.

It looks the vector of each token up in a table, so that a test can tell the vector of every text.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

WORDS = ("[PAD]", "[UNK]", "alpha", "beta", "gamma", "search_document", "search_query", ":")
_FLOAT, _INT64 = 1, 7


class TinyModel:
    """The files of a model with ``dimension`` elements, in a folder. ``pooled``: it makes one vector of a text itself."""

    def __init__(
        self, folder: Path, dimension: int = 6, *, file: str = "onnx/model.onnx", pooled: bool = False, nan: str = ""
    ) -> None:
        self.folder = folder
        self.dimension = dimension
        self.table = {word: [math.sin(1 + 7 * row + 3 * column) for column in range(dimension)]
                      for row, word in enumerate(WORDS)}  # fmt: skip
        if nan:
            self.table[nan] = [math.nan] * dimension
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(_onnx([*self.table.values()], pooled=pooled))
        self.write_json("tokenizer.json", _TOKENIZER)
        self.write_json("tokenizer_config.json", {"model_max_length": 100_000, "pad_token": "[PAD]"})

    def write_json(self, name: str, document: object) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document))

    def mean(self, *words: str) -> list[float]:
        """The mean of the vectors of some words."""
        return [sum(column) / len(words) for column in zip(*(self.table[word] for word in words), strict=True)]


_TOKENIZER: dict[str, object] = {
    "version": "1.0",
    "truncation": None,
    "padding": None,
    "added_tokens": [],
    "normalizer": None,
    "pre_tokenizer": {"type": "Whitespace"},
    "post_processor": None,
    "decoder": None,
    "model": {
        "type": "WordLevel",
        "vocab": {word: place for place, word in enumerate(WORDS)},
        "unk_token": "[UNK]",
    },
}


def _onnx(rows: list[list[float]], *, pooled: bool) -> bytes:
    """``Gather(table, input_ids)``; where it pools, ``ReduceMean`` of that over the tokens."""
    width = len(rows[0])
    numbers = [number for row in rows for number in row]
    table = (
        _field(1, len(rows)) + _field(1, width) + _field(2, _FLOAT) + _field(8, "table")
        + _field(9, struct.pack(f"<{len(numbers)}f", *numbers))
    )  # fmt: skip
    nodes = [_field(1, "table") + _field(1, "input_ids") + _field(2, "tokens") + _field(4, "Gather")]
    output = _tensor("tokens", _FLOAT, "batch", "sequence", width)
    if pooled:
        axes = _field(1, "axes") + _field(8, 1) + _field(20, 7)  # AttributeProto: name, ints, type INTS
        keep = _field(1, "keepdims") + _field(3, 0) + _field(20, 2)  # name, i, type INT
        node = _field(1, "tokens") + _field(2, "text") + _field(4, "ReduceMean") + _field(5, axes) + _field(5, keep)
        nodes.append(node)
        output = _tensor("text", _FLOAT, "batch", width)
    graph = b"".join(_field(1, node) for node in nodes) + _field(2, "tiny") + _field(5, table)
    graph += _field(11, _tensor("input_ids", _INT64, "batch", "sequence")) + _field(12, output)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))  # opset 13 of ONNX itself


def _tensor(name: str, kind: int, *shape: str | int) -> bytes:
    dimensions = b"".join(_field(1, _field(2, size) if isinstance(size, str) else _field(1, size)) for size in shape)
    return _field(1, name) + _field(2, _field(1, _field(1, kind) + _field(2, dimensions)))


def _field(number: int, value: int | str | bytes) -> bytes:
    """A field of Protocol Buffers."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    raw = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(raw)) + raw


def _varint(number: int) -> bytes:
    raw = b""
    while number > 0x7F:
        raw += bytes([number & 0x7F | 0x80])
        number >>= 7
    return raw + bytes([number])
