"""Tells the rows of a run from older ones."""

from __future__ import annotations

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.errors import DestinationError


def next_transaction(connection: Connection) -> str:
    """The number of the first transaction that has not begun yet, as ``pg_snapshot_xmax`` writes it."""
    row = connection.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text").fetchone()
    if row is None:
        raise DestinationError("The server gave no snapshot.", remedy="Run again.")
    return str(row[0])
