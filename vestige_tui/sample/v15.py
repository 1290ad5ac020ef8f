"""The V15 step of the seed: users, groups, memberships, and the four columns that refer to them.

Source: ``vestige-schemas.md`` section 3.
"""

from __future__ import annotations

import sqlite3

from vestige_tui.sample import clock
from vestige_tui.sample.database import columns, create_table

BOOTSTRAP_USER_ID = "00000000-0000-0000-0000-000000000001"
"""The user every memory belongs to until there are real ones; handle ``local``."""

COLUMNS = {
    "owner_user_id": f"TEXT NOT NULL DEFAULT '{BOOTSTRAP_USER_ID}'",
    "visibility": "TEXT NOT NULL DEFAULT 'private'",
    "shared_with_groups": "TEXT NOT NULL DEFAULT '[]'",
    "codebase": "TEXT",
}
"""Columns of ``knowledge_nodes`` with their declarations."""

_PARTY = """
    id TEXT PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    display_name TEXT,
    created_at TEXT NOT NULL,
    metadata TEXT NOT NULL DEFAULT '{}'
"""

TABLES = {
    "users": _PARTY,
    "groups": _PARTY,
    "group_memberships": """
    user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,
    group_id TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE,
    role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')),
    joined_at TEXT NOT NULL,
    PRIMARY KEY (user_id, group_id)
""",
}


def create_v15_parts(connection: sqlite3.Connection) -> None:
    """Add the V15 columns, tables and bootstrap user to ``knowledge_nodes``' database, without committing.

    What is there already stays as it is. ``user_version`` and ``schema_version`` are left alone.
    """
    present = columns(connection, "knowledge_nodes")
    for name, declaration in COLUMNS.items():
        if name not in present:
            connection.execute(f"ALTER TABLE knowledge_nodes ADD COLUMN {name} {declaration}")
    for name, body in TABLES.items():
        create_table(connection, name, body)
    connection.execute(
        "INSERT OR IGNORE INTO users (id, handle, display_name, created_at) VALUES (?, 'local', 'Local User', ?)",
        (BOOTSTRAP_USER_ID, clock.text(clock.START, clock.Form.SQLITE)),
    )
