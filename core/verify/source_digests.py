"""Digests of a source's tables as a copy into an empty destination would make them, from the source alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.verify.digests import Part, TableDigest
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.wire import record

_BLOCK = 1_000
_HASH = 32


def source_digests(expectation: Expectation, *, stop: Callable[[], None] = lambda: None) -> dict[str, TableDigest]:
    """The digest of every table by name, equal to what ``digests`` gives for a copy of this source.

    The default owner of memories is not in it where the source has none: a copy makes one, with a date of its own.
    ``stop`` is called for each block of rows, and may raise. Raises ``sqlite3.Error``.
    """
    return {table.name: _digest(expectation, table, stop) for table in TABLES}


def _digest(expectation: Expectation, table: Table, stop: Callable[[], None]) -> TableDigest:
    hashes: defaultdict[int, bytearray] = defaultdict(bytearray)
    types = [column.type for column in table.columns]
    for values in _rows(expectation, table, stop):
        row = record(types, [values[name] for name in table.column_names])
        hashes[_part(values[table.key[0]])] += hashlib.sha256(row).digest()
    return TableDigest.of({f"{part:02x}": _of_hashes(joined) for part, joined in hashes.items()})


def _rows(expectation: Expectation, table: Table, stop: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """The rows that arrive at an empty destination."""
    for block in expectation.blocks(table.name, _BLOCK):
        stop()
        for place in range(len(block.keys)):
            values = block.row(place).values
            if values is not None and expectation.may_be_absent(block, place) is None:
                yield values


def _part(key: UUID | str) -> int:
    """The number of a row's part, from the first column of its key, as in ``digests.part_of``."""
    return key.bytes[15] if isinstance(key, UUID) else hashlib.sha256(key.encode()).digest()[0]


def _of_hashes(joined: bytes) -> Part:
    hashes = sorted(joined[start : start + _HASH] for start in range(0, len(joined), _HASH))
    return Part(len(hashes), hashlib.sha256(b"".join(hashes)).hexdigest())
