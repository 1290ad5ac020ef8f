"""Ready-made files in PostgreSQL's binary COPY format, from the tool's own reader and converters."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.records import Record
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.source.describe import SourceDescription, describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.source.reader import TableReader

_BATCH = 500


def copy_file(folder: Path, table: Table) -> Path:
    """Where the rows of a table are."""
    return folder / f"{table.name}.copy"


def write_copy_files(source: Path, folder: Path) -> None:
    """Write one file for each table of a source."""
    folder.mkdir()
    with open_source(source) as reading:
        description = describe_open(reading, source)
        for table in TABLES:
            with copy_file(folder, table).open("wb") as file:
                file.write(copy_format.HEADER)
                for records in sound_batches(reading, description, table, _BATCH):
                    file.write(copy_format.rows([record.fields for record in records], len(table.columns)))
                file.write(copy_format.TRAILER)


def sound_batches(
    reading: sqlite3.Connection, source: SourceDescription, table: Table, batch_size: int
) -> Iterator[Sequence[Record]]:
    """The rows of one table as the tool reads and converts them. Raises ``ValueError`` at a row that has a problem."""
    if table.name not in source.sources:
        return
    reader = TableReader(
        reading,
        source.sources[table.name],
        dimension=source.model.dimension if source.model else None,
        model=source.model.name if source.model else None,
    )
    for batch in reader.batches(batch_size):
        if batch.rejected or any(record.problems for record in batch.records):
            raise ValueError(f"{source.path} has rows with problems in {table.name}")
        yield batch.records
