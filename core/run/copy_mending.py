"""Rows that were at the destination before a copy with repairs: each altered field gets its new value there.

It is the only UPDATE of a copy. A field is set only while it holds what a copy without the repairs writes, which is
computed from the source by the same rules; whatever else it holds stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vestige_tui.core.destination.compare_and_set import Answer, Change, FieldSetter, batches
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.events import Phase
from vestige_tui.core.mending import MendedField, MendRefusal, MendState
from vestige_tui.core.rows.literals import literal
from vestige_tui.core.rows.records import Record, row_label
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.run.context import Run
from vestige_tui.core.run.preview import Preview
from vestige_tui.core.run.table_pass import Transfer
from vestige_tui.core.source.altered_rows import BeforeAndAfter, altered_rows


def mend_present(run: Run, transfer: Transfer, destination: Destination, session: Session) -> None:
    """Set the altered fields of rows that were at the destination before, and record what became of them.

    Raises ``Cancelled``, ``MigrationError``, ``psycopg.Error`` and ``sqlite3.Error``.
    """
    tables = _altered(transfer, transfer.populated)
    if tables:
        run.progress.begin(Phase.MEND)
    for table in tables:
        work = _Work(run, destination, session, table)
        for rows in _groups(run, transfer, table):
            run.progress.stop_if_cancelled()
            for name, labelled in work.changes(rows):
                work.record(name, labelled, work.setter(name).set([change for _, change in labelled]))


def foretell_mending(
    run: Run, transfer: Transfer, destination: Destination, session: Session, preview: Preview
) -> None:
    """Tell what ``mend_present`` would do; nothing is written."""
    for table in _altered(transfer, destination.populated):
        work = _Work(run, destination, session, table)
        for rows in _groups(run, transfer, table):
            run.progress.stop_if_cancelled()
            for name, labelled in work.changes(rows):
                refused = preview.refused(table, name, [record for record, _ in labelled])
                work.record(name, labelled, work.foreseen(name, labelled, refused))


def _altered(transfer: Transfer, populated: Collection[str]) -> list[Table]:
    """The tables with altered rows that may be at the destination."""
    wanted = transfer.source.altered.keys() & populated
    return [
        table for table in TABLES if table.name in wanted and (transfer.only is None or transfer.only.get(table.name))
    ]


def _groups(run: Run, transfer: Transfer, table: Table) -> Iterator[list[BeforeAndAfter]]:
    """The altered rows of a table that belong to this run, a transaction's worth at a time."""
    rows = altered_rows(
        transfer.reading,
        transfer.source.altered[table.name],
        batch_size=run.plan.batch_size,
        dimension=transfer.dimension,
        model=transfer.model.name if transfer.model else None,
    )
    only = None if transfer.only is None else transfer.only.get(table.name, ())
    own = (row for row in rows if only is None or row_label(row.after.key) in only)
    return batches(own, lambda row: sum(map(len, row.after.fields)))


@dataclass(frozen=True, slots=True)
class _Work:
    """The altered rows of one table."""

    run: Run
    destination: Destination
    session: Session
    table: Table

    def setter(self, name: str) -> FieldSetter:
        """What sets one column."""
        return FieldSetter(
            self.run.sessions,
            self.session,
            self.destination,
            self.table,
            name,
            key=self.destination.key_of(self.table),
        )

    def foreseen(
        self, name: str, changes: Sequence[tuple[Record, Change]], refused: Mapping[int, MendRefusal]
    ) -> list[Answer]:
        """What setting the changes of a column would do; ``refused`` are those whose values the server would refuse.

        It looks at privileges first, and at dates last.
        """
        setter = self.setter(name)
        answers, every = setter.look([change for _, change in changes]), setter.refusal()
        if every is not None and every.refusal is MendRefusal.PRIVILEGE:
            refused = {}
        foreseen = [
            Answer(MendState.REFUSED, refused[place]) if place in refused else every or answer
            for place, answer in enumerate(answers)
        ]
        return [
            later if answer.state is MendState.MENDED else answer
            for answer, later in zip(answers, foreseen, strict=True)
        ]

    def changes(self, rows: Sequence[BeforeAndAfter]) -> Iterator[tuple[str, list[tuple[Record, Change]]]]:
        """The changes of each column, with the rows that they are of."""
        key = [self.table.position(name) for name in self.destination.key_of(self.table)]
        for place, column in enumerate(self.table.columns):
            if place in key or column.name in self.table.key:
                continue
            found = []
            for before, after in rows:
                if before.fields[place] != after.fields[place]:
                    parts = tuple(literal(self.table.columns[at].type, after.fields[at]) or "" for at in key)
                    values = (literal(column.type, record.fields[place]) for record in (before, after))
                    found.append((after, Change(parts, *values)))
            if found:
                yield column.name, found

    def record(self, name: str, changes: Sequence[tuple[Record, Change]], answers: Sequence[Answer]) -> None:
        """Record what became of the changes of a column. That there is nothing to do is no event, and of rows that are
        not there the copy has told already.
        """
        self.run.progress.fields_mended(
            [
                MendedField(self.table.name, row_label(record.key), name, *answer)
                for (record, _), answer in zip(changes, answers, strict=True)
                if answer.state not in (MendState.RIGHT, MendState.MISSING)
            ]
        )
