"""One pass over the tables of a source, in an order in which every reference finds what it refers to."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from vestige_tui.core import events, notices
from vestige_tui.core.destination.bootstrap import HANDLE
from vestige_tui.core.errors import SourceError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.batches import Batch
from vestige_tui.core.rows.records import other_model_error, row_label
from vestige_tui.core.rows.seen_keys import SeenKeys, drop_repeats
from vestige_tui.core.rows.tables import TABLES, USERS, Table
from vestige_tui.core.rows.vectors import Fate
from vestige_tui.core.run.recorder import Recorder
from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.source.guarantees import Guarantees
from vestige_tui.core.source.key_reader import KeyReader
from vestige_tui.core.source.reader import TableReader


class BatchSink(Protocol):
    """Takes the batches of tables: the writers, or the preview that stands in for them."""

    def write(self, table: Table, batches: Iterable[Batch]) -> None:
        """Take a table's batches; they may still be under way afterwards."""
        ...

    def finish(self) -> None:
        """Wait until all that was taken is where it goes."""
        ...

    def add_bootstrap_user(self) -> str | None:
        """Add the bootstrap user where it is missing; its handle then."""
        ...


def stages(tables: Sequence[Table] = TABLES) -> Iterator[tuple[Table, ...]]:
    """The tables in groups: those of one group refer to none of the same group."""
    group: list[Table] = []
    for table in tables:
        if {foreign_key.table for foreign_key in table.foreign_keys} & {other.name for other in group}:
            yield tuple(group)
            group = []
        group.append(table)
    yield tuple(group)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One pass over the tables of a source. Vectors must have ``dimension`` elements (None: any). ``key_of`` gives the
    columns by which the destination tells rows apart, ``populated`` names the tables that have rows there, ``pending``
    those with references that it does not enforce.

    ``only`` restricts it to rows with these labels, by table. ``seen_keys`` remembers keys that may repeat. ``packing``
    tells that those who take the batches look at records only where something is wrong. ``keys_first``: what the
    destination has is found out by keys alone, and those rows are not read any further.
    """

    recorder: Recorder
    reading: sqlite3.Connection
    source: SourceDescription
    model: ModelSignature | None
    dimension: int | None
    batch_size: int
    key_of: Callable[[Table], tuple[str, ...]]
    populated: Collection[str]
    seen_keys: SeenKeys
    guarantees: Guarantees
    only: Mapping[str, Collection[str]] | None = None
    pending: Collection[str] = ()
    packing: bool = False
    keys_first: bool = False

    def announce(self) -> None:
        """Tell how much there is to do, and which vectors cannot come along."""
        report = self.recorder.report
        self.reading.text_factory = str
        if self.only is not None:
            for name, counts in report.tables.items():
                counts.source = len(self.only.get(name, ()))
        self.recorder.emit(events.TablesPlanned({name: table.source for name, table in report.tables.items()}))
        for group in report.vectors if self.only is None else ():
            if group.fate is Fate.OTHER_MODEL:
                kept = self.model.name if self.model else "the registered model"
                self.recorder.problem(other_model_error(group.model or "", group.count, kept))

    def run(self, tables: Iterable[Table], sink: BatchSink) -> None:
        """Send these tables to the sink, and wait until they have arrived."""
        for table in tables:
            self.recorder.table_started(table)
            rows = 0
            if table.name in self.source.sources and (self.only is None or self.only.get(table.name)):
                rows = self._bring(table, sink)
            self._check_complete(table, rows)
            self.recorder.table_read(table, rows)
            if table is USERS:
                sink.finish()
                handle = sink.add_bootstrap_user()
                if handle is not None and handle != HANDLE:
                    self.recorder.notice(notices.other_handle(handle, HANDLE))
        sink.finish()

    def _bring(self, table: Table, sink: BatchSink) -> int:
        """Send a table's rows to the sink; how many rows the source gave."""
        reader = TableReader(
            self.reading,
            self.source.sources[table.name],
            dimension=self.dimension,
            model=self.model.name if self.model else None,
        )
        keys = KeyReader(self.reading, self.source.sources[table.name], self.key_of(table))
        repeats = self.guarantees.keys_may_repeat(table)
        by_keys = self.keys_first and table.name in self.populated and keys.usable and not (repeats or table.unique)
        known = 0
        if by_keys:
            sink.write(table, keys.batches())
            sink.finish()
            known = self.recorder.report.tables[table.name].read
            self.recorder.found_by_keys += known
            if not any(keys.absent):
                return known
        to_check = self._to_check(table)
        batches: Iterable[Batch]
        if by_keys:
            batches = reader.numbered_batches(self.batch_size, chain.from_iterable(keys.absent))
        else:
            packed = self.packing and not (to_check or table.name in self.populated)
            batches = self._whole(table, reader, repeats=repeats, packed=packed)
        counter = _Counter()
        sink.write(table, counter.count(self._marked(table, batches, to_check=to_check, repeats=repeats)))
        return known + counter.rows

    def _whole(self, table: Table, reader: TableReader, *, repeats: bool, packed: bool) -> Iterable[Batch]:
        """The batches of a table that is read whole, or as far as the run is restricted."""
        wanted = None if self.only is None else self.only.get(table.name, ())
        if not repeats:
            return reader.batches(self.batch_size, wanted, packed=packed and wanted is None)
        # which of two rows came first, only a whole reading can tell
        batches = drop_repeats(reader.batches(self.batch_size), self.seen_keys, table, self.key_of(table))
        return batches if wanted is None else only_labelled(batches, wanted)

    def _marked(self, table: Table, batches: Iterable[Batch], *, to_check: bool, repeats: bool) -> Iterator[Batch]:
        """Batches that tell what has to be found out about their rows. Where keys repeat, a row at the destination may
        be another one than that which cannot be sent.
        """
        to_look_up = table.name in self.populated
        for batch in batches:
            batch.check_foreign_keys = to_check
            batch.look_up = to_look_up
            batch.look_up_rejected = to_look_up and not repeats
            yield batch

    def _to_check(self, table: Table) -> bool:
        """Whether somebody has to look what the rows of a table refer to."""
        return table.name in self.pending and (self.only is not None or not self._is_resolved(table))

    def _is_resolved(self, table: Table) -> bool:
        """Whether all rows that a table refers to are known to be at the destination: they are in the source, and all
        rows of their tables have arrived.
        """
        arrived = all(self._has_arrived(foreign_key.table) for foreign_key in table.foreign_keys)
        return arrived and self.guarantees.foreign_keys_resolve(table)

    def _has_arrived(self, name: str) -> bool:
        counts = self.recorder.report.tables[name]
        return name in self.source.sources and counts.source == counts.inserted + counts.already_present

    def _check_complete(self, table: Table, rows: int) -> None:
        """A source that gives fewer or more rows than it counted is damaged: never a silently shorter copy."""
        counts = self.recorder.report.tables[table.name]
        if self.only is not None:
            counts.source = rows  # rows that were removed meanwhile need no retry
        elif rows != counts.source:
            raise SourceError(
                f"{self.source.path} is damaged: its table {table.name} holds {counts.source:,} rows, and {rows:,} "
                "could be read.",
                state=DataState.BATCHES_STAY,
                remedy="Check it with: sqlite3 FILE 'PRAGMA integrity_check', and look for a backup.",
            )


class _Counter:
    """Counts the rows of the batches that pass through."""

    def __init__(self) -> None:
        self.rows = 0

    def count(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            self.rows += batch.read
            yield batch


def only_labelled(batches: Iterable[Batch], labels: Collection[str]) -> Iterator[Batch]:
    """The rows of these labels alone."""
    for batch in batches:
        yield Batch(
            batch.number,
            records=[record for record in batch.records if row_label(record.key) in labels],
            rejected=[error for error in batch.rejected if error.row in labels],
        )
