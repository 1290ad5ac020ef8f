"""Digests of a source's tables as a copy into an empty destination would make them, from the source alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, TABLES, Table
from vestige_tui.core.verify.digests import Part, TableDigest
from vestige_tui.core.verify.expectation import Expectation
from vestige_tui.core.verify.wire import record

_BLOCK = 1_000
_HASH = 32
_REFERRED_TO = frozenset(foreign_key.table for table in TABLES for foreign_key in table.foreign_keys)


Progress = Callable[[Table, int], None]


def source_digests(
    expectation: Expectation, *, progress: Progress = lambda table, rows: None
) -> dict[str, TableDigest]:
    """The digest of every table by name, equal to what ``digests`` gives for a copy of this source.

    The default owner of memories is not in it where the source has none: a copy makes one, with a date of its own.
    ``progress`` is called for each block of rows with the table and how many of its rows have been read. Raises
    ``sqlite3.Error``.
    """
    arriving = _Arriving(expectation, progress)
    return {table.name: _digest(arriving, table) for table in TABLES}


def _digest(arriving: _Arriving, table: Table) -> TableDigest:
    hashes: defaultdict[int, bytearray] = defaultdict(bytearray)
    types = [column.type for column in table.columns]
    for values in arriving.rows(table):
        row = record(types, [values[name] for name in table.column_names])
        hashes[_part(values[table.key[0]])] += hashlib.sha256(row).digest()
    return TableDigest.of({f"{part:02x}": _of_hashes(joined) for part, joined in hashes.items()})


def _part(key: UUID | str) -> int:
    """The number of a row's part, from the first column of its key, as in ``digests.part_of``."""
    return key.bytes[15] if isinstance(key, UUID) else hashlib.sha256(key.encode()).digest()[0]


def _of_hashes(joined: bytearray) -> Part:
    hashes = sorted(joined[start : start + _HASH] for start in range(0, len(joined), _HASH))
    return Part(len(hashes), hashlib.sha256(b"".join(hashes)).hexdigest())


class _Arriving:
    """The rows of a source that arrive at an empty destination; tables have to be read in their order."""

    def __init__(self, expectation: Expectation, progress: Progress) -> None:
        self._expectation = expectation
        self._progress = progress
        self._keys: dict[str, set[bytes]] = {name: set() for name in _REFERRED_TO}
        self._keys["users"].add(UUID(BOOTSTRAP_USER_ID).bytes)

    def rows(self, table: Table) -> Iterator[Mapping[str, Any]]:
        """The values of each row of a table by column."""
        read = 0
        for block in self._expectation.blocks(table.name, _BLOCK):
            read += len(block) + len(block.left_out)
            self._progress(table, read)
            for place, key in enumerate(block.keys):
                values = block.row(place).values
                if values is None or (
                    self._is_suspect(table, values) and self._expectation.may_be_absent(table.name, key) is not None
                ):
                    continue
                if table.name in _REFERRED_TO:
                    self._keys[table.name].add(values[table.key[0]].bytes)
                yield values

    def _is_suspect(self, table: Table, values: Mapping[str, Any]) -> bool:
        """Whether the expectation has to be asked about a row: it reads other rows then, and takes its time."""
        return (
            bool(table.unique)
            or any(column.allowed and values[column.name] not in column.allowed for column in table.columns)
            or not all(
                values[foreign_key.columns[0]].bytes in self._keys[foreign_key.table]
                for foreign_key in table.foreign_keys
            )
        )
