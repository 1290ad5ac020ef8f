"""Errors of single rows, in our own words: the server's messages quote values."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import psycopg

from vestige_tui.core.destination.catalog import FoundTable
from vestige_tui.core.destination.server_errors import kind_of
from vestige_tui.core.rows import copy_format
from vestige_tui.core.rows.problems import Kind, RowError
from vestige_tui.core.rows.records import Record, fields_of, row_label
from vestige_tui.core.rows.tables import BY_NAME, Table


def row_error(table: Table, record: Record, kind: Kind, columns: Sequence[str]) -> RowError:
    """The error of a row that the destination refuses because of these columns."""
    named = " and ".join(columns) or "the row"
    if kind is Kind.MISSING_REFERENCE:
        parents = {foreign_key.columns: foreign_key.table for foreign_key in table.foreign_keys}
        parent = BY_NAME[parents[tuple(columns)]].noun if tuple(columns) in parents else "row"
        message = f"{named} refers to a {parent} that is neither copied nor at the destination"
    elif kind is Kind.ALREADY_TAKEN:
        message = f"{named} is already taken by another row"
    elif kind is Kind.VALUE_NOT_ALLOWED:
        message = f"{named} has a value that the destination does not allow"
    elif kind is Kind.MISSING_VALUE:
        message = f"{named} is missing, and the destination requires it"
    else:
        raise ValueError(f"there are no words for a refused row of the kind {kind}")
    field = columns[0] if len(columns) == 1 else None
    return RowError(table.name, row_label(record.key), field, kind, message, copied=False)


def check(table: Table) -> Callable[[Sequence[Record]], dict[int, str]]:
    """A function that returns, by position, the first column of each record whose value the table's CHECKs refuse."""
    checked = [
        (position, column.name, {copy_format.text(value.encode()) for value in column.allowed})
        for position, column in enumerate(table.columns)
        if column.allowed
    ]

    def disallowed(records: Sequence[Record]) -> dict[int, str]:
        found: dict[int, str] = {}
        for position, name, allowed in checked:
            fields = fields_of(records, position)
            if not allowed.issuperset(fields):
                for place, field in enumerate(fields):
                    if field not in allowed:
                        found.setdefault(place, name)
        return found

    return disallowed


def refused_row(table: Table, found: FoundTable, record: Record, error: psycopg.Error) -> RowError:
    """The error of a row that the server refused with ``error``."""
    kind = kind_of(error)
    if kind is Kind.REFUSED_BY_SERVER:
        message = f"PostgreSQL refused the row: {type(error).__name__} (SQLSTATE {error.sqlstate or 'none'})"
        return RowError(table.name, row_label(record.key), error.diag.column_name, kind, message, copied=False)
    columns = found.constraints.get(error.diag.constraint_name or "", ())
    if not columns and error.diag.column_name:
        columns = (error.diag.column_name,)
    return row_error(table, record, kind, columns)


def dropped_row(table: Table, record: Record) -> RowError:
    """The error of a row that the destination accepted and did not keep."""
    message = "the destination dropped the row without an error, as a trigger or a rule there can"
    return RowError(table.name, row_label(record.key), None, Kind.REFUSED_BY_SERVER, message, copied=False)
