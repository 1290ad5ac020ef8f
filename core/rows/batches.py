"""Batches: rows on their way from a source to a destination."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from vestige_tui.core.rows.problems import RowError
from vestige_tui.core.rows.records import Record


@dataclass(slots=True)
class Batch:
    """Up to one transaction's rows: those that can be sent, and those that cannot, each with its reason.

    ``number`` counts the batches of a table from 0; ``size`` is about what travels: bytes of BLOBs, letters of text.
    ``known`` rows are at the destination already: a mere number, and ``remarks`` on what is wrong with them. ``keys``
    are those of rows of which it is to be found out; ``look_up`` says the same of ``records``, and ``look_up_rejected``
    of those that cannot be sent. ``check_foreign_keys``: nobody vouches yet for what its rows refer to, nor will the
    server.
    """

    number: int = 0
    size: int = 0
    records: Sequence[Record] = ()
    rejected: list[RowError] = field(default_factory=list)
    known: int = 0
    remarks: list[RowError] = field(default_factory=list)
    keys: Keys | None = None
    look_up: bool = False
    look_up_rejected: bool = False
    check_foreign_keys: bool = False

    def add_all(self, rows: Iterable[Record | RowError]) -> None:
        """Take in rows."""
        records = [*self.records]
        for made in rows:
            if isinstance(made, Record):
                records.append(made)
            else:
                self.rejected.append(made)
        self.records = records

    @property
    def read(self) -> int:
        """Rows of the source in this batch."""
        return len(self.records) + len(self.rejected) + self.known


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of ``count`` rows that were not read any further: ``fields`` has for each key column those of all rows,
    joined; ``rowids`` lists SQLite's numbers of the rows, with commas. Those of rows that the destination does not
    have go to ``absent``, and are nothing to this batch any more.
    """

    count: int
    rowids: str
    fields: Sequence[bytes]
    absent: array[int]
