"""A ninth table: a description, and nothing else."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from vestige_tui.core.rows import copy_format, tables
from vestige_tui.core.rows.converters import Float8, Text, Timestamp, Uuid
from vestige_tui.core.rows.documents import EMPTY_OBJECT, EMPTY_TEXT_ARRAY, JsonDocument, TextList
from vestige_tui.core.rows.tables import Column, ForeignKey, Index, Table

NOTES = Table(
    "notes",
    "Notes",
    "note",
    columns=(
        Column("id", Uuid(), fallback=None),
        Column("memory_id", Uuid(), fallback=None),
        Column("words", Text(nullable=False), fallback=None),
        Column("weight", Float8(nullable=False), copy_format.float8(1.0), "1.0"),
        Column("labels", TextList(), EMPTY_TEXT_ARRAY, "'{}'"),
        Column("noted_at", Timestamp()),
        Column("metadata", JsonDocument(), EMPTY_OBJECT, "'{}'"),
    ),
    key=("id",),
    foreign_keys=(ForeignKey(("memory_id",), "knowledge_nodes"),),
    indexes=(Index("idx_notes_words", "notes", ("words",)),),
)


def add_ninth_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """Describe ``notes`` for the length of a test: every module knows nine tables then."""
    eight, nine = tables.TABLES, (*tables.TABLES, NOTES)
    for name, module in [*sys.modules.items()]:
        if name.startswith("vestige_tui.") and getattr(module, "TABLES", None) is eight:
            monkeypatch.setattr(module, "TABLES", nine)
    monkeypatch.setitem(tables.BY_NAME, NOTES.name, NOTES)


def write_notes(source: Path, memories: list[str]) -> None:
    """Give a source a table ``notes`` with a row a memory; the second is without what may be left out."""
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.execute(
            "CREATE TABLE notes (id TEXT PRIMARY KEY, memory_id TEXT, words TEXT, weight REAL, labels TEXT,"
            " noted_at TEXT, mood TEXT)"
        )
        connection.executemany(
            "INSERT INTO notes VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (note_id(number), memory, f"note {number}", number / 4, f'["label {number}"]', WHEN, "calm")
                if number != 1
                else (note_id(number), memory, "bare", None, None, None, None)
                for number, memory in enumerate(memories)
            ],
        )


WHEN = "2026-02-13T10:11:12Z"


def note_id(number: int) -> str:
    """The id of a note."""
    return f"00000000-0000-4000-8000-{number:012d}"
