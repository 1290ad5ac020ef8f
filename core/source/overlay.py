"""Lays repairs over the tables of a source: SQL around the expressions that yield its columns.

Whatever reads the source by these expressions (rows, keys, labels, guarantees) sees the repaired rows, and the file
stays as it is.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from vestige_tui.core.repairs.document import Repair, Repairs
from vestige_tui.core.repairs.errors import Flaw, RepairProblem, RepairsError
from vestige_tui.core.repairs.references import LISTS, canonical, replaced
from vestige_tui.core.repairs.values import source_value, value_problems
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID, BY_NAME, KNOWLEDGE_NODES, TABLES, USERS, Table
from vestige_tui.core.rows.values import SqliteValue
from vestige_tui.core.source.altered_rows import Altered
from vestige_tui.core.source.layouts import CODEBASE_COLUMNS, ResolvedSource, with_expression
from vestige_tui.core.source.query import row_number
from vestige_tui.core.source.repaired_rows import FoundRow, Number, Rows, decoding, listed

_BOOTSTRAP_USER = canonical(BOOTSTRAP_USER_ID)
_REFERRED_TO = frozenset(foreign_key.table for table in TABLES for foreign_key in table.foreign_keys)
_Place = tuple[str, str]


class Reference(NamedTuple):
    """A repaired row that refers to one which the source does not have; the destination may have it."""

    repair: Repair
    column: str
    table: str
    key: str


@dataclass(frozen=True, slots=True)
class Overlay:
    """Sources with repairs laid over them, and ``altered``: in which rows other values follow from that, by table, but
    for another key. ``repaired`` and ``left_out`` count rows by table; what depends on a row that is left out is left
    out, too. ``elsewhere`` are references that the source does not resolve.
    """

    sources: dict[str, ResolvedSource]
    altered: dict[str, Altered] = field(default_factory=dict)
    repaired: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    elsewhere: tuple[Reference, ...] = ()


def lay_over(
    connection: sqlite3.Connection,
    sources: Mapping[str, ResolvedSource],
    repairs: Repairs,
    *,
    may_lack: Collection[str] = (),
) -> Overlay:
    """Lay repairs over sources, which then work on this connection alone. Repairs may fill only columns that the source
    has, or that it ``may_lack``.

    Raises ``RepairsError`` with everything that does not fit, and ``sqlite3.Error``.
    """
    problems = [*value_problems(repairs)]
    if problems:
        raise RepairsError(problems)
    with decoding(connection):
        numbers = {name: row_number(connection, source) for name, source in sources.items()}
        return _Laying(connection, dict(sources), numbers, repairs, may_lack).overlay()


@dataclass(slots=True)
class _Laying:
    """The steps of laying repairs over sources. ``numbers`` are SQL for the number of a row as the file has it.

    ``rows`` has the repairs by table and number, ``values`` the new values by column and number.
    """

    connection: sqlite3.Connection
    sources: dict[str, ResolvedSource]
    numbers: Mapping[str, str]
    repairs: Repairs
    may_lack: Collection[str]
    problems: list[RepairProblem] = field(default_factory=list)
    rows: dict[str, dict[Number, tuple[Repair, FoundRow]]] = field(default_factory=dict)
    values: dict[_Place, dict[Number, SqliteValue]] = field(default_factory=lambda: defaultdict(dict))
    left_out: dict[str, set[Number]] = field(default_factory=lambda: defaultdict(set))
    altered: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def overlay(self) -> Overlay:
        """Lay everything over, and see that it fits."""
        for table in TABLES:
            if repairs := self.repairs.of(table.name):
                self._find(table, repairs)
        self._stop()
        unrepaired = {**self.sources}
        mapped = self._mapped()
        for table in TABLES:
            for column in table.column_names:
                self._lay((table.name, column), mapped.get((table.name, column), {}))
        self._leave_out()
        for name in self.rows:
            self._check_unique(BY_NAME[name])
        elsewhere = tuple(self._elsewhere())
        self._stop()
        left_out = {name: len(numbers) for name, numbers in self.left_out.items() if numbers}
        repaired = {name: len(rows.keys() - self.left_out[name]) for name, rows in self.rows.items()}
        altered = {
            name: Altered(unrepaired[name], self.sources[name], self.numbers[name], " OR ".join(conditions))
            for name, conditions in self.altered.items()
            if conditions
        }
        repaired = {name: rows for name, rows in repaired.items() if rows}
        return Overlay(self.sources, altered, repaired, left_out, elsewhere)

    def _stop(self) -> None:
        if self.problems:
            raise RepairsError(self.problems)

    def _problem(self, repair: Repair, flaw: Flaw, message: str, column: str | None = None) -> None:
        self.problems.append(RepairProblem(flaw, message, repair.table, repair.row, column))

    def _rows_of(self, name: str) -> Rows:
        return Rows(self.connection, self.sources[name], self.numbers[name])

    def _find(self, table: Table, repairs: Sequence[Repair]) -> None:
        """Find the row of each repair, and take down its values."""
        rows = self.rows[table.name] = {}
        found = (
            self._rows_of(table.name).found({repair.row for repair in repairs}) if table.name in self.sources else {}
        )
        for repair in repairs:
            row = self._row(repair, found.get(repair.row, []))
            if row is None:
                continue
            if row.number in rows:
                self._problem(repair, Flaw.REPEATED, "the row has two repairs")
            rows[row.number] = repair, row
            if repair.leave_out is not None:
                self._begin_leaving_out(repair, row)
            for name, value in repair.values.items():
                position = table.position(name)
                if self.sources[table.name].expressions[position] is None and name not in self.may_lack:
                    self._problem(repair, Flaw.UNKNOWN_FIELD, f"the source has no field {name}", name)
                self.values[(table.name, name)][row.number] = source_value(table.columns[position], value)

    def _row(self, repair: Repair, found: Sequence[FoundRow]) -> FoundRow | None:
        """The row that a repair means; of rows that are the same in everything, the last one."""
        fitting = [row for row in found if repair.fingerprint in (None, row.fingerprint)]
        if not found:
            self._problem(repair, Flaw.UNKNOWN_ROW, "the source has no such row")
        elif not fitting:
            self._problem(repair, Flaw.ROW_CHANGED, "the row has changed in the source since the repair was made")
        elif repair.fingerprint is None and len(fitting) > 1:
            self._problem(repair, Flaw.SEVERAL_ROWS, f"{len(fitting):,} rows of the source have this label")
        else:
            return fitting[-1]
        return None

    def _begin_leaving_out(self, repair: Repair, row: FoundRow) -> None:
        if repair.table == USERS.name and canonical(row.key[0]) == _BOOTSTRAP_USER:
            self._problem(repair, Flaw.NEEDED, "every store of Vestige has this user")
        self.left_out[repair.table].add(row.number)

    def _moved(self, table: Table) -> dict[Number, tuple[str | None, str]]:
        """The old key and the new one of each row that gets another key, by number; ids only."""
        if len(table.key) > 1 or table.name not in self.rows:
            return {}
        new = self.values.get((table.name, table.key[0]), {})
        rows = self.rows[table.name]
        return {number: (canonical(rows[number][1].key[0]), str(key)) for number, key in new.items()}

    def _mapped(self) -> dict[_Place, dict[SqliteValue, str]]:
        """The columns that refer to rows with a new key, each with what its values become.

        Where another row keeps the old key, what refers to that stays with that row. Rows that are read from the same
        row of the file as the one with the new key go with it.
        """
        moved = {table.name: found for table in TABLES if (found := self._moved(table))}
        renamed = {name: self._renamed(BY_NAME[name], found) for name, found in moved.items()}
        mapped: dict[_Place, dict[SqliteValue, str]] = {}
        for table in TABLES:
            for foreign_key in table.foreign_keys:
                (column,), parent = foreign_key.columns, foreign_key.table
                if table.name not in self.sources or parent not in moved:
                    continue
                rows = self._rows_of(table.name)
                if self._same_row(rows, column, self._rows_of(parent)):
                    for number, (_, key) in moved[parent].items():
                        self.values[(table.name, column)].setdefault(number, key)
                else:
                    values = {value for _, (value,) in rows.read([column])}
                    new = {value: renamed[parent].get(canonical(value) or "") for value in values}
                    mapped[(table.name, column)] = {value: key for value, key in new.items() if key is not None}
        for (name, column), parent in LISTS.items():
            if renamed.get(parent) and name in self.sources:
                self._rename_in_lists(self._rows_of(name), column, renamed[parent])
        return mapped

    def _same_row(self, rows: Rows, column: str, parent: Rows) -> bool:
        """Whether rows and what they refer to are read from the same row of the file."""
        same = rows.source.source.table == parent.source.source.table
        return same and rows.expression(column) == parent.expression(parent.table.key[0])

    def _renamed(self, table: Table, moved: Mapping[Number, tuple[str | None, str]]) -> dict[str, str]:
        """Old keys that no other row of a table keeps, each with the new one."""
        stay = self.left_out[table.name] | moved.keys()
        kept = {canonical(key) for number, (key,) in self._rows_of(table.name).read(table.key) if number not in stay}
        return {old: new for old, new in moved.values() if old is not None and old not in kept}

    def _rename_in_lists(self, rows: Rows, column: str, renamed: Mapping[str, str]) -> None:
        own = self.values[(rows.table.name, column)]
        for number, (value,) in rows.read([column]):
            if number not in own and (new := replaced(value, renamed)) is not None:
                own[number] = new

    def _lay(self, place: _Place, mapping: Mapping[SqliteValue, str]) -> None:
        """Put the new values of a column around its expression."""
        (name, column), values = place, self.values.get(place)
        if not mapping and not values:
            return
        source = self.sources[name]
        number = f"+({self.numbers[name]})"  # with the affinity of a rowid, no index of a list would be used
        sql = self._rows_of(name).expression(column)
        conditions: list[str] = []
        if mapping:
            plain, table = f"(+{sql} COLLATE BINARY)", listed(self.connection, mapping.items(), "old", "new")
            conditions.append(f"{plain} IN (SELECT old FROM {table})")
            sql = (
                f"CASE WHEN {plain} IN (SELECT old FROM {table})"
                f" THEN (SELECT new FROM {table} WHERE old = {plain}) ELSE {sql} END"
            )
        if values:
            table = listed(self.connection, values.items(), "r", "v")
            conditions.append(f"{number} IN (SELECT r FROM {table})")
            sql = (
                f"CASE WHEN {number} IN (SELECT r FROM {table})"
                f" THEN (SELECT v FROM {table} WHERE r = {number}) ELSE {sql} END"
            )
        if column not in source.table.key:  # a row with another key is another row
            self.altered[name] += conditions
        source = with_expression(source, column, sql)
        if name == KNOWLEDGE_NODES.name and column in CODEBASE_COLUMNS:
            codebase = source.expressions[source.table.position("codebase")]
            derived = None if codebase is None else codebase.replace(f"n.{column}", f"({sql})")
            source = with_expression(source, "codebase", derived)
        self.sources[name] = source

    def _leave_out(self) -> None:
        """Leave rows out, and with them what refers to them."""
        gone: dict[str, set[str | None]] = {}
        for table in TABLES:
            if table.name not in self.sources:
                continue
            rows, out = self._rows_of(table.name), self.left_out[table.name]
            for foreign_key in table.foreign_keys:
                if lost := gone.get(foreign_key.table):
                    out |= {number for number, (key,) in rows.read(foreign_key.columns) if canonical(key) in lost}
            if out and table.name in _REFERRED_TO:
                keys = [(number in out, canonical(key)) for number, (key,) in rows.read(table.key)]
                stay = {key for is_out, key in keys if not is_out} | {None, _BOOTSTRAP_USER}
                gone[table.name] = {key for is_out, key in keys if is_out} - stay
            if out:
                found = listed(self.connection, [(number,) for number in out], "r")
                without = f"{rows.number} IN (SELECT r FROM {found})"
                self.sources[table.name] = replace(self.sources[table.name], without=without)

    def _check_unique(self, table: Table) -> None:
        """No repair may give a row the key, or another unique value, of another row."""
        for columns in (table.key, *((name,) for name in table.unique)):
            changed = {number for name in columns for number in self.values.get((table.name, name), {})}
            repaired = changed & self.rows[table.name].keys()
            if not repaired:
                continue
            rows = self._rows_of(table.name)
            keys = {number: tuple(map(canonical, key)) for number, key in rows.read(columns, repaired)}
            wanted = {*keys.values()}
            times = Counter(key for _, values in rows.read(columns) if (key := tuple(map(canonical, values))) in wanted)
            for number, key in keys.items():
                if times[key] > 1:
                    repair, _ = self.rows[table.name][number]
                    named = " and ".join(columns)
                    self._problem(repair, Flaw.KEY_TAKEN, f"another row has the same {named}", columns[0])

    def _elsewhere(self) -> Iterator[Reference]:
        """What repairs refer to that is not in the source."""
        for name, rows in self.rows.items():
            for foreign_key in BY_NAME[name].foreign_keys:
                (column,), parent = foreign_key.columns, foreign_key.table
                wanted = [repair for repair, _ in rows.values() if column in repair.values]
                known = {_BOOTSTRAP_USER} if parent == USERS.name else set()
                if wanted and parent in self.sources:
                    known |= {canonical(key) for _, (key,) in self._rows_of(parent).read(BY_NAME[parent].key)}
                for repair in wanted:
                    if canonical(repair.values[column]) not in known:
                        yield Reference(repair, column, parent, repair.values[column])
