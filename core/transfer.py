"""Bringing every table of a source to where it goes, batch by batch, and keeping account of it."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from vestige_tui.core import events
from vestige_tui.core.destination.watchdog import Watchdog
from vestige_tui.core.destination.writer import Written
from vestige_tui.core.errors import BATCHES_STAY, Cancelled, SourceError
from vestige_tui.core.events import Watcher
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.report import MigrationReport, RowError
from vestige_tui.core.source.describe import SourceDescription
from vestige_tui.core.source.ledger import Ledger, drop_repeats, may_repeat
from vestige_tui.core.source.reader import Batch, Record, other_model_error, read_batches, row_label
from vestige_tui.core.tables import TABLES, Table

log = logging.getLogger(__name__)

LOG_EVERY = 1_000
"""Memories between two lines of the log."""


class Sink(Protocol):
    """Takes the records of one table: a writer, or the preview that stands in for it."""

    def write(self, records: Sequence[Record]) -> Written:
        """One batch; returns what became of its rows."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """Where everything that happens is kept, logged and announced; and whether the operator wants it to end."""

    report: MigrationReport
    tell: Watcher
    cancel: threading.Event

    def trouble(self, error: RowError) -> None:
        """What is wrong with a row."""
        self.report.errors.append(error)
        log.warning("migrate: %s %s: %s (%s)", error.table, error.row, error.message, error.kind)
        self.tell(events.RowTrouble(error))

    def notice(self, text: str) -> None:
        """A sentence that the operator should read."""
        self.report.notices.append(text)
        log.info("migrate: %s", text)
        self.tell(events.Notice(text))

    def stop_if_cancelled(self) -> None:
        """End the run here when the operator asked for it."""
        if self.cancel.is_set():
            raise Cancelled


@dataclass(frozen=True, slots=True)
class Transfer:
    """One pass over the tables of a source. ``key_of`` gives the columns by which the destination tells rows apart.

    ``only`` restricts it to rows with these labels, by table.
    """

    account: Account
    reading: sqlite3.Connection
    source: SourceDescription
    model: ModelSignature | None
    batch_size: int
    key_of: Callable[[Table], tuple[str, ...]]
    only: Mapping[str, Collection[str]] | None = None

    def run(self, sink_for: Callable[[Table], Sink], ledger: Ledger, watchdog: Watchdog) -> None:
        """Every table to its sink, in the order of the descriptions; ``ledger`` remembers keys that may repeat."""
        report = self.account.report
        if self.only is not None:
            for name, counts in report.tables.items():
                counts.source = len(self.only.get(name, ()))
        self.account.tell(events.TablesPlanned({name: table.source for name, table in report.tables.items()}))
        for group in self.source.other_models if self.only is None else ():
            kept = self.model.name if self.model else "the registered model"
            self.account.trouble(other_model_error(group.name or "", group.count, kept))
        for table in TABLES:
            started = time.monotonic()
            try:
                if table.name in self.source.sources and (self.only is None or self.only.get(table.name)):
                    self._one_table(table, self._batches(table, ledger), sink_for(table), watchdog)
            finally:
                report.tables[table.name].seconds = time.monotonic() - started
            self.account.tell(events.TableFinished(table.name, report.tables[table.name].seconds))

    def _batches(self, table: Table, ledger: Ledger) -> Iterable[Batch]:
        source = self.source.sources[table.name]
        repeats = may_repeat(self.reading, source)
        wanted = None if self.only is None else self.only.get(table.name, ())
        batches: Iterable[Batch]
        batches = read_batches(
            self.reading,
            source,
            dimension=self.model.dimension if self.model else None,
            model=self.model.name if self.model else None,
            batch_size=self.batch_size,
            only=None if repeats else wanted,  # which of two rows came first, only a whole reading can tell
        )
        if repeats:
            batches = drop_repeats(batches, ledger, table, self.key_of(table))
        return batches if wanted is None or not repeats else only_labelled(batches, wanted)

    def _one_table(self, table: Table, batches: Iterable[Batch], sink: Sink, watchdog: Watchdog) -> None:
        """Write one batch after the other; between two of them a cancelled run ends."""
        counts = self.account.report.tables[table.name]
        for batch in batches:
            self.account.stop_if_cancelled()
            with watchdog.step():
                written = sink.write(batch.records)
            logged = counts.copied // LOG_EVERY
            counts.read += batch.read
            counts.inserted += written.inserted
            counts.repaired += written.repaired
            counts.failed += written.failed + len(batch.rejected)
            counts.already_present += len(batch.records) - written.inserted - written.failed
            for error in (*batch.rejected, *written.errors):
                self.account.trouble(error)
            if table.name == "knowledge_nodes" and counts.copied // LOG_EVERY > logged:
                log.info("migrate: knowledge_nodes batch committed memories_copied=%d", counts.copied)
            self.account.tell(
                events.TableProgress(table.name, counts.read, counts.inserted, counts.already_present, counts.failed)
            )
        if self.only is not None:
            counts.source = counts.read  # rows that were removed meanwhile need no retry
        elif counts.read != counts.source:
            raise lost_rows(self.source, table, counts.read, counts.source)


def only_labelled(batches: Iterable[Batch], labels: Collection[str]) -> Iterable[Batch]:
    """The rows of these labels alone."""
    for batch in batches:
        yield Batch(
            [record for record in batch.records if row_label(record.key) in labels],
            [error for error in batch.rejected if error.row in labels],
        )


def lost_rows(source: SourceDescription, table: Table, read: int, counted: int) -> SourceError:
    """The source gave fewer or more rows than it counted: something in it is damaged."""
    return SourceError(
        f"{source.path} is damaged: its table {table.name} holds {counted:,} rows, and {read:,} could be read.",
        means=BATCHES_STAY,
        remedy="Check it with: sqlite3 FILE 'PRAGMA integrity_check', and look for a backup.",
    )
