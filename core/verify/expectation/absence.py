"""Why a row of the source cannot be at any destination, although it is sound by itself.

Asked only for rows that a destination lacks: each question reads other rows.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, count
from typing import Any

from vestige_tui.core.verify.expectation.blocks import TableRows
from vestige_tui.core.verify.expectation.judging import Complaint, Judged, refusal
from vestige_tui.core.verify.expectation.keyed import Key
from vestige_tui.core.verify.expectation.names import File, Row, temporary_name
from vestige_tui.core.verify.expectation.upgrade import BOOTSTRAP_USER, HANDLE

_AT_ONCE = 500
_MOST_REMEMBERED = 10_000
_USERS = "users"


class Absence:
    """``rows_of`` finds the rows of a table by the columns of a key; None where the file has no such table."""

    def __init__(self, file: File, rows_of: Callable[[str, tuple[str, ...] | None], TableRows | None]) -> None:
        self._file = file
        self._rows_of = rows_of
        self._known: dict[tuple[str, Key], bool] = {}
        self._values: dict[str, str] = {}

    def reason(self, table: str, key: Key, columns: tuple[str, ...] | None = None) -> Complaint | None:
        """Why the row with a key cannot arrive; None where it can. ``columns`` are those of the key."""
        rows = self._rows_of(table, columns)
        if rows is None:
            raise KeyError(table)
        number, judged = _row(rows, key)
        return (
            judged.complaints[0] if judged.values is None else self._refused(rows, number, judged.label, judged.values)
        )

    def arrives(self, table: str, key: Key) -> bool:
        """Whether a row with this key can be at a destination."""
        if (table, key) not in self._known:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            rows = self._rows_of(table, None)
            found = rows is not None and len(rows.find(key)) > 0 and self.reason(table, key) is None
            self._known[(table, key)] = found
        return self._known[(table, key)]

    def free_handle(self) -> str:
        """The handle of the default owner where the copy makes it: one that no other user has."""
        handles = chain([HANDLE], (f"{HANDLE}-{number}" for number in count(2)))
        users = self._rows_of(_USERS, None)
        return next(handle for handle in handles if users is None or self._holder(users, "handle", handle) is None)

    def _refused(self, rows: TableRows, number: int, label: str, values: Row) -> Complaint | None:
        """What a destination refuses, in its order: checks, unique values, references."""
        table, shape = rows.table, rows.shape
        for name, column in shape.fields.items():
            if column.allowed and values[name] not in column.allowed:
                return refusal(table, label, name, "value_not_allowed")
        for name in shape.unique:
            if self._holder(rows, name, values[name], before=number) is not None:
                return refusal(table, label, name, "already_taken")
        for names, parent in shape.references.items():
            parts = [values[name] for name in names]
            bootstrap = parent == _USERS and parts == [BOOTSTRAP_USER]
            if None not in parts and not bootstrap and not self.arrives(parent, tuple(map(str, parts))):
                return refusal(table, label, names[0], "missing_reference")
        return None

    def _holder(self, rows: TableRows, name: str, value: Any, before: int | None = None) -> int | None:
        """The number of the first row that arrives with a unique value; ``before`` looks at those before it only."""
        keys = ", ".join(f"k{place}" for place in range(len(rows.shape.key)))
        found = self._file.ask(
            f"SELECT seq, {keys} FROM {self._listed(rows)} WHERE name = ? AND value = ? AND seq < ? ORDER BY seq",
            (name, _text(value), before if before is not None else float("inf")),
        )
        for number, *parts in found:
            key = tuple(parts)
            if _row(rows, key)[0] == number and self.arrives(rows.table, key):
                return int(number)
        return None

    def _listed(self, rows: TableRows) -> str:
        """A temporary table of the unique values of a table, with the number and the key of each row."""
        if rows.table not in self._values:
            name = temporary_name("values")
            keys = [f"k{place}" for place in range(len(rows.shape.key))]
            with self._file.writable():
                connection = self._file.connection
                connection.execute(f"CREATE TABLE temp.{name} (name, value BLOB, seq INTEGER, {', '.join(keys)})")
                for block in rows.in_order_of_file(_AT_ONCE):
                    entries = [
                        (unique, _text(judged.values[unique]), block.numbers[place], *block.keys[place])
                        for place in range(len(block))
                        if (judged := block.row(place)).values is not None
                        for unique in rows.shape.unique
                    ]
                    places = ", ".join("?" for _ in range(3 + len(keys)))
                    connection.executemany(f"INSERT INTO temp.{name} VALUES ({places})", entries)
                connection.execute(f"CREATE INDEX temp.{name}_by_value ON {name} (name, value, seq)")
            self._values[rows.table] = f"temp.{name}"
        return self._values[rows.table]


def _row(rows: TableRows, key: Key) -> tuple[int, Judged]:
    """The number of the row that has a key, and what becomes of it."""
    block = rows.find(key)
    return block.numbers[0], block.row(0)


def _text(value: Any) -> bytes:
    """A unique value as it is compared."""
    return str(value).encode()
