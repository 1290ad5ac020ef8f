"""The dry run: it reads, checks and looks up every row as a copy would, and writes nothing.

It reports in advance what the server would refuse: dangling references, values that no CHECK allows, unique values
already taken. Which rows would arrive is kept on disk, so that memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from psycopg import sql

from vestige_tui.core.destination.bootstrap import free_handle, handle_taken
from vestige_tui.core.destination.foreign_keys import PendingForeignKey, dangling_error, dangling_keys
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.destination.keys import KeyLookups, look_up, skip_present
from vestige_tui.core.destination.row_errors import check, row_error
from vestige_tui.core.destination.sessions import Session
from vestige_tui.core.mending import MendRefusal
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.batches import BatchResult, FinishedBatch, KeyBatch, RowBatch, rejected
from vestige_tui.core.rows.converters import uuid
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.records import InColumns, Record, fields_of, keys_of
from vestige_tui.core.rows.seen_keys import SeenKeys
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, BY_NAME, USERS, ForeignKey, Table
from vestige_tui.core.run.progress import Progress
from vestige_tui.core.run.writers import grouped

_ARRIVING = "arriving "
_BOOTSTRAP_USER = uuid(BOOTSTRAP_USER_ID)


class Preview:
    """Stands in for the writers of one run: foretells what writing would do."""

    def __init__(self, session: Session, destination: Destination, seen_keys: SeenKeys, progress: Progress) -> None:
        self._connection, self._watchdog = session
        self._progress = progress
        self.destination = destination
        self._lookups = KeyLookups(destination)
        self._seen_keys = seen_keys
        self._finished: list[FinishedBatch] = []

    def add_bootstrap_user(self) -> str | None:
        """What a copy would do: count with the bootstrap user where it would be missing; its handle then."""
        arriving = self._seen_keys.has(_ARRIVING + USERS.name, _BOOTSTRAP_USER)
        if arriving or not self.missing(USERS, USERS.key, [[_BOOTSTRAP_USER]]):
            return None
        self._seen_keys.add(_ARRIVING + USERS.name, _BOOTSTRAP_USER)
        return free_handle(self._handle_taken)

    def _handle_taken(self, handle: str) -> bool:
        if self._seen_keys.has(f"{_ARRIVING}{USERS.name}.handle", copy_format.text(handle.encode())):
            return True
        return USERS.name in self.destination.tables and handle_taken(self._connection, self.destination, handle)

    def write(self, table: Table, batches: Iterable[KeyBatch | RowBatch]) -> None:
        """Record every batch as if it had been looked up, or written."""
        judge = TablePreview(self, table)
        for group in grouped(batches):
            self._progress.stop_if_cancelled()
            keys = [batch for batch in group if isinstance(batch, KeyBatch)]
            rows = [batch for batch in group if isinstance(batch, RowBatch)]
            for number, result in self._look_up(table, keys) if keys else self._foretell(judge, table, rows):
                self._finished.append(finished := FinishedBatch(table.name, number, result))
                self._progress.batch_done(finished)

    def _look_up(self, table: Table, batches: Sequence[KeyBatch]) -> Iterator[tuple[int, BatchResult]]:
        with self._watchdog.step():
            results = look_up(self._connection, self._lookups.by_key(table), batches)
        return zip((batch.number for batch in batches), results, strict=True)

    def _foretell(
        self, judge: TablePreview, table: Table, batches: Sequence[RowBatch]
    ) -> Iterator[tuple[int, BatchResult]]:
        with self._watchdog.step():
            found = skip_present(self._connection, self._lookups.by_key(table), batches)
        for batch, present in found:
            with self._watchdog.step():
                result = rejected(batch) + present + judge.write(batch)
            yield batch.number, result

    def finish(self) -> list[FinishedBatch]:
        """The batches since the last call; none is ever under way."""
        finished, self._finished = self._finished, []
        return finished

    def missing(self, table: Table, columns: Sequence[str], keys: Sequence[Sequence[bytes]]) -> set[int]:
        """Positions of those keys that the destination does not have yet; ``keys`` has a list for each column."""
        if table.name not in self.destination.populated:
            return {*range(len(keys[0]))}
        return self._lookups.by(table, columns).missing(self._connection, keys)

    def taken(self, table: Table, column: str, records: Sequence[Record]) -> set[int]:
        """Positions of records whose unique value belongs to a row of another key, there or among those arriving."""
        position, key = table.position(column), table.position(table.key[0])
        owners: dict[bytes, bytes] = {}
        if table.name in self.destination.tables:
            query = sql.SQL("SELECT {}::text, {}::text FROM {} WHERE {} = ANY ({})").format(
                sql.Identifier(column),
                sql.Identifier(table.key[0]),
                sql.Identifier(self.destination.schema, table.name),
                sql.Identifier(column),
                sql.Literal([record.fields[position][4:].decode() for record in records]),
            )
            owners = {value.encode(): uuid(owner) for value, owner in self._connection.execute(query)}
        name = f"{_ARRIVING}{table.name}.{column}"
        return {
            ord_
            for ord_, record in enumerate(records)
            if owners.get(record.fields[position][4:], record.fields[key]) != record.fields[key]
            or not self._seen_keys.add(name, record.fields[position])
        }

    def unresolved(self, table: Table, foreign_key: ForeignKey, records: Sequence[Record]) -> set[int]:
        """Positions of records that refer to a row which neither arrives nor is at the destination."""
        positions = [table.position(column) for column in foreign_key.columns]
        parent = BY_NAME[foreign_key.table]
        waiting = self._seen_keys.missing(_ARRIVING + parent.name, keys_of(records, positions))
        columns = [fields_of(records, position) for position in positions] if waiting else []
        keys = [[fields[place] for place in waiting] for fields in columns]
        return {waiting[place] for place in self.missing(parent, parent.key, keys)} if waiting else set()

    def refused(self, table: Table, column: str, records: Sequence[Record]) -> dict[int, MendRefusal]:
        """Positions of records whose value in a column the server would refuse for a row that is there, and why."""
        found: dict[int, MendRefusal] = {}
        for foreign_key in table.foreign_keys:
            if foreign_key.columns == (column,):
                found |= dict.fromkeys(self.unresolved(table, foreign_key, records), MendRefusal.MISSING_REFERENCE)
        if column in table.unique:
            taken = self.taken(table, column, records)
            found |= dict.fromkeys(taken, MendRefusal.ALREADY_TAKEN)
        wrong = (place for place, name in check(table)(records).items() if name == column)
        return found | dict.fromkeys(wrong, MendRefusal.VALUE_NOT_ALLOWED)

    def dangling(self, marked: PendingForeignKey) -> RowError | None:
        """The rows at the destination that refer to what it does not have and what does not arrive."""
        arriving = _ARRIVING + marked.foreign_key.table
        count = sum(
            rows
            for rows, key in dangling_keys(self._connection, self.destination, marked)
            if not self._seen_keys.has(arriving, b"".join(map(uuid, key)))
        )
        return dangling_error(self._connection, self.destination, marked, count) if count else None

    def arrive(self, table: Table, records: Sequence[Record]) -> None:
        """Remember that rows would be at the destination, where others may refer to them."""
        self._seen_keys.add_all(_ARRIVING + table.name, keys_of(records, [table.position(name) for name in table.key]))


class TablePreview:
    """Takes one table's batches as a writer would, and tells what would become of their records."""

    def __init__(self, preview: Preview, table: Table) -> None:
        self._preview = preview
        self._table = table
        self._disallowed = check(table)
        self._referred_to = any(
            foreign_key.table == table.name for other in BY_NAME.values() for foreign_key in other.foreign_keys
        )

    def write(self, batch: RowBatch) -> BatchResult:
        """What writing a batch's records would do; the destination has none of them yet."""
        records = batch.records
        faults = self._faults(batch) if records else {}
        arriving: Sequence[Record] = records
        if faults:
            arriving = [record for place, record in enumerate(records) if place not in faults]
        if self._referred_to:
            self._preview.arrive(self._table, arriving)
        if isinstance(arriving, InColumns):  # none of them has a problem
            return BatchResult(inserted=len(arriving))
        problems = [
            problem
            for place, record in enumerate(records)
            for problem in ([faults[place]] if place in faults else record.problems)
        ]
        repaired = sum(bool(record.problems) for record in arriving)
        return BatchResult(len(arriving), repaired, len(faults), problems=tuple(problems))

    def _faults(self, batch: RowBatch) -> dict[int, RowError]:
        """What the server would refuse, by position; of several faults of a row the one that it names first."""
        records, table = batch.records, self._table
        faults = {
            place: row_error(table, records[place], Kind.VALUE_NOT_ALLOWED, (column,))
            for place, column in self._disallowed(records).items()
        }
        for name in table.unique:
            for place in self._preview.taken(table, name, records):
                faults.setdefault(place, row_error(table, records[place], Kind.ALREADY_TAKEN, (name,)))
        for foreign_key in table.foreign_keys if batch.check_foreign_keys else ():
            for place in self._preview.unresolved(table, foreign_key, records):
                fault = row_error(table, records[place], Kind.MISSING_REFERENCE, foreign_key.columns)
                faults.setdefault(place, fault)
        return faults
