"""Rows of a query in steps. TEXT is ``str``, or ``Text`` where it is not UTF-8."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from vestige_tui.core.verify.expectation.names import decoding
from vestige_tui.core.verify.expectation.values import decoded

Values = tuple[Any, ...]


class NotUtf8(Exception):
    """A TEXT value is not UTF-8. Until there is one, SQLite's own decoding is far quicker."""


class Query:
    """A query of which all TEXT is UTF-8. ``fetch`` raises ``NotUtf8``, and ``sqlite3.Error``."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        query: str,
        parameters: Sequence[Any] = (),
        factory: Callable[[bytes], Any] = str,
    ) -> None:
        self.connection = connection
        self._factory = factory
        with decoding(connection, factory):
            self._cursor = connection.execute(query, parameters)

    def fetch(self, size: int) -> list[Values]:
        """Up to ``size`` rows; none at the end."""
        try:
            with decoding(self.connection, self._factory):
                return self._cursor.fetchmany(size)
        except sqlite3.OperationalError as error:
            if self._factory is str and "decode to UTF-8" in str(error):
                raise NotUtf8 from None
            raise

    def close(self) -> None:
        """End the query."""
        self._cursor.close()


class Cursor(Protocol):
    """Rows of a table. All methods raise ``sqlite3.Error``."""

    def fetch(self, size: int) -> list[Values]:
        """Up to ``size`` rows; none at the end."""

    def close(self) -> None:
        """End the reading."""


class WholeRows:
    """The rows of a query. From a value that is not UTF-8 on, they are read with the slower decoding."""

    def __init__(self, connection: sqlite3.Connection, query: str, parameters: Sequence[Any]) -> None:
        self._connection = connection
        self._query = query
        self._parameters = parameters
        self._taken = 0
        self._rows = Query(connection, query, parameters)

    def fetch(self, size: int) -> list[Values]:
        """Up to ``size`` rows; none at the end."""
        try:
            rows = self._rows.fetch(size)
        except NotUtf8:
            self._rows.close()
            self._rows = Query(self._connection, self._query, self._parameters, decoded)
            for _ in range(self._taken):
                self._rows.fetch(1)
            rows = self._rows.fetch(size)
        self._taken += len(rows)
        return rows

    def close(self) -> None:
        """End the reading."""
        self._rows.close()


class RowsByNumber:
    """Rows whose rowids ``numbers`` gives, fetched by ``query``, which takes them as a JSON array.

    ``listed``: beside the rowid, ``numbers`` gives the row's number, whether its key is unusable, and its key as bytes;
    number and key then precede the columns of ``query``.
    """

    def __init__(self, numbers: Query, query: str, *, listed: bool = False) -> None:
        self._numbers = numbers
        self._query = query
        self._listed = listed

    def fetch(self, size: int) -> list[Values]:
        """Up to ``size`` rows; none at the end."""
        entries = self._numbers.fetch(size)
        if not entries:
            return []
        rowids = str([entry[0] for entry in entries])  # JSON, too
        try:
            rows = self._read(rowids, str, len(entries))
        except NotUtf8:
            rows = self._read(rowids, decoded, len(entries))
        return [*map(_with_key, entries, rows)] if self._listed else rows

    def close(self) -> None:
        """End the reading."""
        self._numbers.close()

    def _read(self, rowids: str, factory: Callable[[bytes], Any], size: int) -> list[Values]:
        rows = Query(self._numbers.connection, self._query, (rowids,), factory)
        try:
            return rows.fetch(size)
        finally:
            rows.close()


def _with_key(entry: Values, values: Values) -> Values:
    """A row with its number and its key."""
    _, number, lost, *keys = entry
    return (number, *(keys if lost else (key.decode() for key in keys)), *values)
