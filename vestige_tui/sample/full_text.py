"""The full-text index of the published layout and the triggers that keep it, and the vectors' journal, up to date."""

from __future__ import annotations

import sqlite3

_TOKENIZERS = {1: "", 7: ", tokenize='porter ascii'", 30: ", tokenize='porter unicode61 remove_diacritics 2'"}
"""FTS5 options by the version that introduced them."""

_INSERT = "INSERT INTO knowledge_fts(rowid, id, content, tags) VALUES (NEW.rowid, NEW.id, NEW.content, NEW.tags);"
_DELETE = (
    "INSERT INTO knowledge_fts(knowledge_fts, rowid, id, content, tags)"
    " VALUES ('delete', OLD.rowid, OLD.id, OLD.content, OLD.tags);"
)
_TRIGGERS = {"ai": ("INSERT", _INSERT), "ad": ("DELETE", _DELETE), "au": ("UPDATE", _DELETE + _INSERT)}


def create_full_text(connection: sqlite3.Connection, version: int) -> bool:
    """Index ``knowledge_nodes`` in ``knowledge_fts`` as schema ``version`` does, and add its three triggers.

    Returns False, and leaves the database as it was, when this SQLite has no FTS5.
    """
    options = _TOKENIZERS[max(since for since in _TOKENIZERS if since <= version)]
    try:
        connection.execute(
            "CREATE VIRTUAL TABLE knowledge_fts USING fts5(id, content, tags,"
            f" content='knowledge_nodes', content_rowid='rowid'{options})"
        )
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        return False
    connection.execute("INSERT INTO knowledge_fts(knowledge_fts) VALUES ('rebuild')")
    for suffix, (event, body) in _TRIGGERS.items():
        connection.execute(f"CREATE TRIGGER knowledge_{suffix} AFTER {event} ON knowledge_nodes BEGIN {body} END")
    return True


def create_vector_journal(connection: sqlite3.Connection) -> None:
    """Add the V32 triggers that note every change of ``embedding_profile_vectors`` in ``vector_journal``."""
    for event, row, op in (("INSERT", "NEW", "upsert"), ("UPDATE", "NEW", "upsert"), ("DELETE", "OLD", "delete")):
        trigger = f"CREATE TRIGGER trg_vector_journal_{event.lower()} AFTER {event} ON embedding_profile_vectors"
        values = f"{row}.profile_id, {row}.node_id, '{op}', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
        body = f"INSERT INTO vector_journal (profile_id, node_id, op, at) VALUES ({values});"  # noqa: S608 - our own names
        connection.execute(f"{trigger} BEGIN {body} END")
