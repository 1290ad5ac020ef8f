"""One pass over the tables of a source, in an order in which every reference finds what it refers to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from vestige_tui.core import notices
from vestige_tui.core.destination.bootstrap import HANDLE
from vestige_tui.core.errors import SourceError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.rows.batches import FinishedBatch, KeyBatch, RowBatch
from vestige_tui.core.rows.records import Form, other_model_error, row_label
from vestige_tui.core.rows.seen_keys import SeenKeys, drop_repeats
from vestige_tui.core.rows.tables import TABLES, USERS, Table
from vestige_tui.core.rows.vectors import Fate, VectorGroup
from vestige_tui.core.run.progress import Progress
from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.source.guarantees import Guarantees
from vestige_tui.core.source.key_reader import KeyReader
from vestige_tui.core.source.opening import Reading
from vestige_tui.core.source.reader import TableReader


class BatchSink(Protocol):
    """Takes the batches of tables: the writers, or the preview that stands in for them."""

    def write(self, table: Table, batches: Iterable[RowBatch]) -> None:
        """Take a table's batches; they may still be under way afterwards."""
        ...

    def finish(self) -> list[FinishedBatch]:
        """Wait until all batches are done; what became of those since the last call."""
        ...

    def add_bootstrap_user(self) -> str | None:
        """Add the bootstrap user where it is missing; its handle then."""
        ...


class KeySink(Protocol):
    """Looks the keys of tables up at the destination."""

    def write(self, table: Table, batches: Iterable[KeyBatch]) -> None:
        """Take the keys of a table; they may still be under way afterwards."""
        ...


def stages() -> Iterator[tuple[Table, ...]]:
    """The tables in groups: those of one group refer to none of the same group."""
    group: list[Table] = []
    for table in TABLES:
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

    ``only`` restricts it to rows with these labels, by table. ``seen_keys`` remembers keys that may repeat.
    ``form`` is that in which the sink wants batches with nothing to find out about.
    """

    progress: Progress
    reading: Reading
    source: SourceDescription
    model: ModelSignature | None
    dimension: int | None
    batch_size: int
    key_of: Callable[[Table], tuple[str, ...]]
    populated: Collection[str]
    seen_keys: SeenKeys
    guarantees: Guarantees
    vectors: Sequence[VectorGroup]
    only: Mapping[str, Collection[str]] | None = None
    pending: Collection[str] = ()
    form: Form = Form.RECORDS

    def announce(self) -> None:
        """Report how much there is to do, and which vectors cannot be copied."""
        self.reading.text_factory = str
        self.progress.plan(self.planned())
        for group in self.vectors if self.only is None else ():
            if group.fate is Fate.OTHER_MODEL:
                kept = self.model.name if self.model else "the registered model"
                self.progress.recorder.problem(other_model_error(group.model or "", group.count, kept))

    def planned(self) -> dict[str, int]:
        """How many rows of each table are to be read."""
        return {table.name: self._expected(table) for table in TABLES}

    def _expected(self, table: Table) -> int:
        """How many rows of a table are to be read."""
        return self.source.rows.get(table.name, 0) if self.only is None else len(self.only.get(table.name, ()))

    def run(self, tables: Iterable[Table], sink: BatchSink, keys: KeySink) -> int:
        """Send these tables to the sink, and wait until they have arrived.

        Rows of tables that have some at the destination are looked up by their keys alone first, which ``keys`` takes;
        those that are present are not read any further. Returns how many they are. A run that is restricted to some
        rows reads them whole.
        """
        present = 0
        for table in tables:
            self.progress.recorder.table_started(table)
            rows = 0
            if table.name in self.source.sources and (self.only is None or self.only.get(table.name)):
                absent, found = self._look_up(table, sink, keys)
                present += found
                rows = found + self._send(table, sink, absent)
            self._check_complete(table, rows)
            self.progress.table_read(table, rows)
            if table is USERS:
                sink.finish()
                handle = sink.add_bootstrap_user()
                if handle is not None and handle != HANDLE:
                    self.progress.recorder.notice(notices.other_handle(handle, HANDLE))
        sink.finish()
        return present

    def _look_up(self, table: Table, sink: BatchSink, keys: KeySink) -> tuple[Sequence[Sequence[int]] | None, int]:
        """Look the keys of a table up: the numbers of the rows that have to be read whole, by batch (None: all rows),
        and how many rows are present.
        """
        reader = KeyReader(self.reading, self.source.sources[table.name], self.key_of(table))
        told_apart = table.name in self.populated and reader.usable and not table.unique
        if self.only is not None or not told_apart or self.guarantees.keys_may_repeat(table, alone=True):
            return None, 0
        keys.write(table, reader.batches())
        results = {batch.number: batch.result for batch in sink.finish() if batch.table == table.name}
        for number, result in results.items():
            reader.unsound[number].extend(result.absent or ())
        return reader.unsound, sum(result.already_present for result in results.values())

    def _send(self, table: Table, sink: BatchSink, absent: Sequence[Sequence[int]] | None) -> int:
        """Send a table's rows to the sink, or only those that are ``absent``; how many the source gave."""
        if absent is not None and not any(absent):
            return 0
        reader = TableReader(
            self.reading,
            self.source.sources[table.name],
            dimension=self.dimension,
            model=self.model.name if self.model else None,
        )
        repeats = self.guarantees.keys_may_repeat(table)
        to_check = self._to_check(table)
        batches: Iterable[RowBatch]
        if absent is not None:
            batches = reader.numbered_batches(self.batch_size, chain.from_iterable(absent))
        else:
            in_doubt = (to_check and self.form is Form.PACKED) or table.name in self.populated
            batches = self._whole(table, reader, repeats=repeats, form=Form.RECORDS if in_doubt else self.form)
        counter = _Counter()
        sink.write(table, counter.count(self._marked(table, batches, to_check=to_check, repeats=repeats)))
        return counter.rows

    def _whole(self, table: Table, reader: TableReader, *, repeats: bool, form: Form) -> Iterable[RowBatch]:
        """The batches of a table that is read whole, or as far as the run is restricted."""
        wanted = None if self.only is None else self.only.get(table.name, ())
        if not repeats:
            return reader.batches(self.batch_size, wanted, form=form if wanted is None else Form.RECORDS)
        # which of two rows came first, only a whole reading can tell
        batches = drop_repeats(reader.batches(self.batch_size), self.seen_keys, table, self.key_of(table))
        return batches if wanted is None else only_labelled(batches, wanted)

    def _marked(
        self, table: Table, batches: Iterable[RowBatch], *, to_check: bool, repeats: bool
    ) -> Iterator[RowBatch]:
        """Batches that tell what has to be found out about their rows. Where keys repeat, a row at the destination may
        be another one than that which cannot be sent.
        """
        to_look_up = table.name in self.populated
        for batch in batches:
            yield replace(
                batch,
                look_up=to_look_up,
                look_up_rejected=to_look_up and not repeats,
                check_foreign_keys=to_check,
            )

    def _to_check(self, table: Table) -> bool:
        """Whether the foreign keys of a table's rows need checking before they are sent."""
        return table.name in self.pending and (self.only is not None or not self._is_resolved(table))

    def _is_resolved(self, table: Table) -> bool:
        """Whether all rows that a table refers to are known to be at the destination: they are in the source, and all
        rows of their tables have arrived.
        """
        arrived = all(self._has_arrived(foreign_key.table) for foreign_key in table.foreign_keys)
        return arrived and self.guarantees.foreign_keys_resolve(table)

    def _has_arrived(self, name: str) -> bool:
        return name in self.source.sources and self.source.rows.get(name, 0) == self.progress.arrived(name)

    def _check_complete(self, table: Table, rows: int) -> None:
        """A source that gives fewer or more rows than it counted is damaged: never a silently shorter copy."""
        expected = self._expected(table)
        if self.only is None and rows != expected:
            raise SourceError(
                f"{self.source.path} is damaged: its table {table.name} holds {expected:,} rows, and {rows:,} "
                "could be read.",
                state=DataState.BATCHES_STAY,
                remedy="Check it with: sqlite3 FILE 'PRAGMA integrity_check', and look for a backup.",
            )


class _Counter:
    """Counts the rows of the batches that pass through."""

    def __init__(self) -> None:
        self.rows = 0

    def count(self, batches: Iterable[RowBatch]) -> Iterator[RowBatch]:
        for batch in batches:
            self.rows += batch.read
            yield batch


def only_labelled(batches: Iterable[RowBatch], labels: Collection[str]) -> Iterator[RowBatch]:
    """The rows of these labels alone."""
    for batch in batches:
        yield RowBatch(
            batch.number,
            records=[record for record in batch.records if row_label(record.key) in labels],
            rejected=[error for error in batch.rejected if error.row in labels],
        )
