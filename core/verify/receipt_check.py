"""Whether everything of a receipt is still at the destination, unchanged; and if not, in which part of which table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.errors import ProgramLimitExceeded

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import BY_NAME, Table
from vestige_tui.core.verify.digests import PART_DIGITS, Part, TableDigest, part_of, read_parts
from vestige_tui.core.verify.receipt import Receipt

NOTHING = Part(0, "")
"""A part without rows."""

Step = Callable[[], AbstractContextManager[object]]


class Verdict(StrEnum):
    """What became of the rows that a table had when the receipt was made."""

    UNCHANGED = "unchanged"
    """The table has those rows and no others; every value of every described column is equal."""

    GROWN = "grown"
    """The table has those rows, every value equal, and others besides."""

    CHANGED = "changed"
    """A value of such a row was changed, or a row was removed, in the parts that are named."""

    MISSING = "missing"
    """The table, or a column of it, is not there any more."""

    UNREADABLE = "unreadable"
    """The role may not read the table, or the server cannot read its values as the receipt has them."""

    @property
    def intact(self) -> bool:
        """Whether it proves that every row of the receipt is still there, unchanged."""
        return self in (Verdict.UNCHANGED, Verdict.GROWN)


class PartCheck(NamedTuple):
    """A part of a table that is not what it was, with its rows then and now.

    ``name`` is ``00`` to ``ff``: the last two digits of the (first) id in the key, or for a key that is a text the
    first two of its SHA-256. ``selects`` is the condition in SQL that selects the part's rows.
    """

    name: str
    then: int
    now: int
    selects: str


@dataclass(frozen=True, slots=True)
class TableCheck:
    """The verdict on one table: its rows then and now, how many were added, and the parts that were changed.

    ``added`` counts only rows in parts whose old rows are all there. ``missing`` names columns that are gone.
    """

    verdict: Verdict
    then: int
    now: int = 0
    added: int = 0
    parts: tuple[PartCheck, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """The verdicts by table, in the order of the receipt."""

    tables: Mapping[str, TableCheck]

    @property
    def intact(self) -> bool:
        """Whether every row of the receipt is still at the destination, unchanged."""
        return all(check.verdict.intact for check in self.tables.values())


def check_receipt(
    receipt: Receipt,
    connection: Connection,
    destination: Destination,
    *,
    step: Step = nullcontext,
    checked: Callable[[str, TableCheck], None] = lambda table, check: None,
) -> ReceiptCheck:
    """Compare what is at the destination with a receipt. Only reads; the connection is in the caller's transaction.

    ``step`` is entered around each query. ``checked`` is told each verdict as it comes. Raises ``psycopg.Error``.
    """
    checker = _Checker(receipt, connection, destination, step)
    found = {}
    for name, then in receipt.tables.items():
        found[name] = checker.check(name, then)
        checked(name, found[name])
    return ReceiptCheck(found)


@dataclass(frozen=True, slots=True)
class _Checker:
    """Where a receipt is checked."""

    receipt: Receipt
    connection: Connection
    destination: Destination
    step: Step

    def check(self, name: str, then: TableDigest) -> TableCheck:
        """The verdict on one table."""
        table, there = BY_NAME.get(name), self.destination.tables.get(name)
        if table is None or there is None:
            return TableCheck(Verdict.MISSING, then.rows)
        if missing := tuple(column for column in table.column_names if column not in there.columns):
            return TableCheck(Verdict.MISSING, then.rows, missing=missing)
        parts = self._parts(table)
        if parts is None:
            return TableCheck(Verdict.UNREADABLE, then.rows)
        now = TableDigest.of(parts)
        if (now.rows, now.digest) == (then.rows, then.digest):
            return TableCheck(Verdict.UNCHANGED, then.rows, now.rows)
        changed = self._changed(table, then, now)
        added = sum(
            part.rows - then.parts.get(name, NOTHING).rows for name, part in now.parts.items() if name not in changed
        )
        parts_changed = tuple(
            PartCheck(part, then.parts[part].rows, now.parts.get(part, NOTHING).rows, selects(table, part))
            for part in sorted(changed)
        )
        verdict = Verdict.CHANGED if changed or not added else Verdict.GROWN
        return TableCheck(verdict, then.rows, now.rows, added, parts_changed)

    def _changed(self, table: Table, then: TableDigest, now: TableDigest) -> set[str]:
        """The parts that lack a row of the receipt. In one that has grown, the rows of the receipt are looked for."""
        differing = {part for part in then.parts if not _same(then.parts[part], now.parts.get(part, NOTHING))}
        grown = {part for part in differing if now.parts.get(part, NOTHING).rows > then.parts[part].rows}
        for older in _older_rows(self.receipt, table, self.destination):
            if grown:
                numbers = sql.Literal([int(part, 16) for part in sorted(grown)])
                subset = self._parts(
                    table, sql.SQL("{} AND {} OPERATOR(pg_catalog.=) ANY ({})").format(older, part_of(table), numbers)
                )
                proven = {part for part in grown if _same(then.parts[part], (subset or {}).get(part, NOTHING))}
                differing -= proven
                grown -= proven
        return differing

    def _parts(self, table: Table, condition: sql.Composable | None = None) -> dict[str, Part] | None:
        """The parts of a table as they are now, None where the server refuses the query."""
        try:
            with self.step(), self.connection.transaction():  # a savepoint: the snapshot stays
                return read_parts(self.connection, self.destination, table, condition)
        except (psycopg.ProgrammingError, psycopg.DataError, psycopg.NotSupportedError, ProgramLimitExceeded):
            return None


def _same(then: Part, now: Part) -> bool:
    """Whether a part has as many rows, and the digest as far as a receipt keeps it."""
    return (then.rows, then.digest[:PART_DIGITS]) == (now.rows, now.digest[:PART_DIGITS])


def _older_rows(receipt: Receipt, table: Table, destination: Destination) -> tuple[sql.Composed, ...]:
    """Conditions that may select the rows that a table had then. Whether one does, the digest proves.

    First those that no later transaction has written; that fails where the rows were restored from a dump, or written
    anew without a change. Then those with a date from before the receipt; that fails where older rows were added, or
    where a date was wrong. Then both together.
    """
    untouched = sql.SQL(
        "pg_catalog.age(t.xmin) OPERATOR(pg_catalog.>) pg_catalog.age({}::pg_catalog.xid8::pg_catalog.xid)"
    ).format(sql.Literal(str(receipt.xid)))
    dated = _dated(table, sql.SQL("t"), sql.Literal(receipt.taken_at), destination)
    return untouched, dated, sql.SQL("({} OR {})").format(untouched, dated)


def _dated(table: Table, alias: sql.Composable, until: sql.Composable, destination: Destination) -> sql.Composed:
    """That a row has a date until then: its own first required one, else that of the row that it belongs to."""
    for column in table.columns:
        if column.type is PgType.TIMESTAMPTZ and not column.nullable:
            return sql.SQL("{}.{} OPERATOR(pg_catalog.<=) {}").format(alias, sql.Identifier(column.name), until)
    parent = table.foreign_keys[0]
    inner = alias + sql.SQL("p")
    joined = sql.SQL(" AND ").join(
        sql.SQL("{}.{} OPERATOR(pg_catalog.=) {}.{}").format(inner, sql.Identifier(theirs), alias, sql.Identifier(ours))
        for theirs, ours in zip(BY_NAME[parent.table].key, parent.columns, strict=True)
    )
    return sql.SQL("EXISTS (SELECT FROM {} {} WHERE {} AND {})").format(
        sql.Identifier(destination.schema, parent.table),
        inner,
        joined,
        _dated(BY_NAME[parent.table], inner, until, destination),
    )


def selects(table: Table, part: str) -> str:
    """The condition that selects the rows of a part, for an operator who looks for them."""
    name = table.key[0]
    if table.columns[table.position(name)].type is PgType.UUID:
        return f"right({name}::text, 2) = '{part}'"
    return f"get_byte(sha256(convert_to({name}, 'UTF8')), 0) = {int(part, 16)}"
