"""Batches: rows on their way from a source to a destination, and what became of them. All of them are frozen."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.records import Record


@dataclass(frozen=True, slots=True)
class KeyBatch:
    """The keys of ``count`` rows, read without the rest of the rows, to be looked up at the destination.

    ``number`` counts the batches of a table from 0. ``fields`` has for each key column the fields of all rows, joined;
    ``rowids`` lists SQLite's numbers of the rows, with commas.
    """

    number: int
    count: int
    rowids: str
    fields: Sequence[bytes]

    @property
    def size(self) -> int:
        """How many bytes it sends."""
        return sum(map(len, self.fields))


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Up to one transaction's rows: ``records`` that can be sent, and ``rejected`` rows, each with its reason.

    ``number`` counts the batches of a table from 0; ``size`` is about what it sends: bytes of BLOBs, letters of text.
    ``look_up``: the destination may have its records already; ``look_up_rejected`` says the same of rejected rows.
    ``check_foreign_keys``: its foreign keys still need checking; the server does not enforce them.
    """

    number: int = 0
    size: int = 0
    records: Sequence[Record] = ()
    rejected: Sequence[RowError] = ()
    look_up: bool = False
    look_up_rejected: bool = False
    check_foreign_keys: bool = False

    @property
    def read(self) -> int:
        """Rows of the source in this batch."""
        return len(self.records) + len(self.rejected)


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of the rows of a batch, or of some of them: ``repaired`` counts inserted ones with a problem.

    ``absent`` lists the numbers of rows of a ``KeyBatch`` that the destination does not have; they count nowhere else.
    """

    inserted: int = 0
    repaired: int = 0
    failed: int = 0
    already_present: int = 0
    problems: tuple[RowError, ...] = ()
    absent: array[int] | None = None

    @property
    def read(self) -> int:
        """Rows of the source that it counts."""
        return self.inserted + self.failed + self.already_present

    def __add__(self, other: BatchResult) -> BatchResult:
        """The result of both parts of a batch."""
        return BatchResult(
            self.inserted + other.inserted,
            self.repaired + other.repaired,
            self.failed + other.failed,
            self.already_present + other.already_present,
            self.problems + other.problems,
        )


class FinishedBatch(NamedTuple):
    """The result of a table's batch."""

    table: str
    number: int
    result: BatchResult


def rejected(batch: RowBatch) -> BatchResult:
    """What became of the rejected rows of a batch."""
    return BatchResult(failed=len(batch.rejected), problems=tuple(batch.rejected))
