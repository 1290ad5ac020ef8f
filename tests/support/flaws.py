"""Putting broken values into sources, and what a report says of them."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from pathlib import Path

from tests.support.sources import edit
from vestige_tui.core.report import MigrationReport

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOBODY = "99999999-9999-4999-8999-999999999999"
NOWHERE = "88888888-8888-4888-8888-888888888888"
WHEN = "2026-02-13T10:11:12Z"


class Raw(bytes):
    """TEXT with these bytes, which need not be UTF-8."""


def floats(*values: float) -> bytes:
    """A vector as Vestige stores it."""
    return struct.pack(f"<{len(values)}f", *values)


def put(source: Path, table: str, column: str, value: object, where: str, key: object) -> None:
    """Set one field, whatever its type."""
    place = "CAST(? AS TEXT)" if isinstance(value, Raw) else "?"
    stored = bytes(value) if isinstance(value, Raw) else value
    assert edit(source, f'UPDATE "{table}" SET "{column}" = {place} WHERE {where} = ?', (stored, key)) == 1


def insert(source: Path, table: str, *rows: tuple[object, ...]) -> None:
    """Add rows to a table of the source."""
    for row in rows:
        places = ", ".join("CAST(? AS TEXT)" if isinstance(value, Raw) else "?" for value in row)
        stored = tuple(bytes(value) if isinstance(value, Raw) else value for value in row)
        edit(source, f'INSERT INTO "{table}" VALUES ({places})', stored)


def reported(report: MigrationReport, table: str) -> set[tuple[str, str | None, str, bool]]:
    """Row, field, kind and whether it arrived, of the errors of a table, each of which came once."""
    found = [
        (error.row, error.field, error.kind.value, error.copied) for error in report.errors if error.table == table
    ]
    assert len(found) == len(set(found))
    return set(found)
