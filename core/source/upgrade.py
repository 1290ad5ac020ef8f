"""The upgrade to V15 adds four columns, three tables and the bootstrap user; no existing value changes.

Published Vestige reads ``schema_version`` and skips every migration up to it. The upgrade keeps that row, so that the
user's own program skips no migration that it still needs. Only ``PRAGMA user_version`` becomes 15.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from vestige_tui.core.errors import RefusedError, SourceError
from vestige_tui.core.facts import DataState
from vestige_tui.core.files import replacing
from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID
from vestige_tui.core.source import opening
from vestige_tui.core.source.describe import V15_TABLES, missing_v15
from vestige_tui.core.source.file_names import has_several_names, name_to_read, wal_size
from vestige_tui.core.source.layouts import CODEBASE_METADATA, CODEBASE_TAG
from vestige_tui.core.source.shape import Shape, TableKind, quoted, read_shape
from vestige_tui.core.text import size

VERSION = 15
LOCK_WAIT = 5.0
"""Seconds to wait for another program to finish writing before an upgrade in place is refused."""

COLUMNS: dict[str, str] = {
    "owner_user_id": f"TEXT NOT NULL DEFAULT '{BOOTSTRAP_USER_ID}'",
    "visibility": "TEXT NOT NULL DEFAULT 'private'",
    "shared_with_groups": "TEXT NOT NULL DEFAULT '[]'",
    "codebase": "TEXT",
}
"""What V15 adds to each memory."""

_PARTY = (
    "(id TEXT PRIMARY KEY, handle TEXT NOT NULL UNIQUE, display_name TEXT, created_at TEXT NOT NULL,"
    " metadata TEXT NOT NULL DEFAULT '{}')"
)
TABLES: dict[str, str] = {
    "users": _PARTY,
    "groups": _PARTY,
    "group_memberships": (
        "(user_id TEXT NOT NULL REFERENCES users(id) ON DELETE CASCADE,"
        " group_id TEXT NOT NULL REFERENCES groups(id) ON DELETE CASCADE,"
        " role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('member', 'admin')), joined_at TEXT NOT NULL,"
        " PRIMARY KEY (user_id, group_id))"
    ),
}
"""The tables that V15 adds."""

_BOOTSTRAP_USER = {
    "id": f"'{BOOTSTRAP_USER_ID}'",
    "handle": "'local'",
    "display_name": "'Local User'",
    "created_at": "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')",
    "metadata": "'{}'",
}
"""The default owner of memories: SQL by column."""

_DIGITS = "replace(replace(replace(replace(lower(id), 'urn:uuid:', ''), '{', ''), '}', ''), '-', '')"
"""SQL for the digits of an id in any spelling."""


def upgrade_in_place(path: Path) -> Path:
    """Back the file up beside itself, then upgrade it in one transaction; returns the backup's path.

    Raises ``RefusedError`` while another program holds the write lock, and ``SourceError`` where the backup or the
    upgrade fails; the file is unchanged then.
    """
    check_changeable(path)
    with opening.explained(path), closing(opening.connect(path, "rw", timeout=LOCK_WAIT)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                raise RefusedError(
                    f"Another program, probably Vestige, is writing to {path}.",
                    remedy="Stop it and try again, or upgrade a private copy instead.",
                ) from None
            raise
        backup = _back_up(path)
        try:
            _add_v15(connection)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            failure = opening.explain(error, path)
            failure.state, failure.backup = DataState.UPGRADE_FAILED, backup
            raise failure from error
    return backup


def check_changeable(path: Path) -> None:
    """Refuse a file that cannot be upgraded in place. Raises ``SourceError``, or ``RefusedError`` where it has several
    names: a program that has it open under another name does not see the locks beside this one, and both would write.
    """
    opening.check_file(path)
    if not os.access(path, os.W_OK):
        raise SourceError(
            f"{path} may not be changed by this user.",
            remedy="Get write access to the file and its folder, or upgrade a private copy instead.",
        )
    if has_several_names(path):
        raise RefusedError(
            f"{path} has another name, a hard link or a mount. A Vestige that uses that name and this upgrade would "
            "not see each other's changes.",
            remedy="Upgrade a private copy instead, or remove the other name first.",
        )


def upgraded_copy(path: Path, folder: Path) -> Path:
    """A consistent copy of the file in ``folder``, upgraded; the file itself is only read. Raises ``SourceError``."""
    target = folder / "vestige.db"
    with opening.open_source(path) as reading:
        _require_space(name_to_read(path), folder)
        copy_database(reading, target)
    with opening.explained(path), closing(opening.connect(target, "rw")) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")  # no other program reads it
        connection.execute("BEGIN IMMEDIATE")
        _add_v15(connection)
        connection.execute("COMMIT")
    return target


def backup_path(path: Path) -> Path:
    """Where the next backup of a file goes: beside it, dated, and never over another one."""
    stem = f"{backup_prefix(path)}{datetime.now(UTC):%Y-%m-%d}"
    candidate = path.with_name(f"{stem}.bak")
    number = 2
    while candidate.exists():
        candidate = path.with_name(f"{stem}-{number}.bak")
        number += 1
    return candidate


def backup_prefix(path: Path) -> str:
    """The beginning of every name of a file's backups, finished or not."""
    return f"{path.name}.before-v15-"


def copy_database(reading: sqlite3.Connection, target: Path) -> None:
    """Copy what a connection sees with SQLite's backup, as of one moment."""
    with closing(sqlite3.connect(target)) as writing:
        reading.backup(writing)


def _back_up(path: Path) -> Path:
    target = backup_path(path)
    _require_space(path, target.parent)
    try:
        with replacing(target) as partial:
            with closing(opening.connect(path, "ro")) as reading:
                copy_database(reading, partial)
            with closing(sqlite3.connect(partial)) as copy:
                if copy.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                    raise SourceError(
                        f"The backup of {path} is damaged, and so probably is the file.",
                        remedy="Check it with: sqlite3 FILE 'PRAGMA integrity_check'.",
                    )
            shutil.copymode(path, partial)
    except (OSError, sqlite3.Error) as error:
        raise SourceError(
            f"No backup could be made beside {path}: {error}.",
            remedy="Make room or get write access to that folder, or upgrade a private copy instead.",
        ) from None
    return target


def _require_space(path: Path, folder: Path) -> None:
    needed = path.stat().st_size + wal_size(path)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise SourceError(
            f"A copy of {path} needs {size(needed)}, and {folder} has {size(free)} left.",
            remedy="Make room there. For a private copy, TMPDIR can name another folder.",
        )


def _add_v15(connection: sqlite3.Connection) -> None:
    """Add what is missing, and change nothing else, inside the caller's transaction."""
    missing = missing_v15(read_shape(connection, opening=False))
    for name, definition in COLUMNS.items():
        if f"knowledge_nodes.{name}" in missing:
            connection.execute(f"ALTER TABLE knowledge_nodes ADD COLUMN {name} {definition}")
    for name in V15_TABLES:
        if name in missing:
            connection.execute(f"CREATE TABLE {name} {TABLES[name]}")
    shape = read_shape(connection, opening=False)
    _add_bootstrap_user(connection, shape)
    if "knowledge_nodes.codebase" in missing:
        _fill_codebase(connection, shape)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _add_bootstrap_user(connection: sqlite3.Connection, shape: Shape) -> None:
    """Add the default owner of memories where the table of users takes it and no other user has its handle."""
    users = shape.find("users")
    if users is None or users.kind is not TableKind.TABLE or users.failing:
        return
    if not set(_BOOTSTRAP_USER) <= _plain_columns(connection):
        return
    names, values = ", ".join(_BOOTSTRAP_USER), ", ".join(_BOOTSTRAP_USER.values())
    same = f"{_DIGITS} = '{BOOTSTRAP_USER_ID.replace('-', '')}' OR handle = {_BOOTSTRAP_USER['handle']} COLLATE BINARY"
    missing = f"NOT EXISTS (SELECT 1 FROM users NOT INDEXED WHERE {same})"
    _execute_without_triggers(
        connection, "users", f"INSERT OR IGNORE INTO users ({names}) SELECT {values} WHERE {missing}"
    )


def _plain_columns(connection: sqlite3.Connection) -> set[str]:
    """The columns of ``users`` that can be written, in lower case: all but the generated ones."""
    return {name for (name,) in connection.execute("SELECT lower(name) FROM pragma_table_info('users')")}


def _fill_codebase(connection: sqlite3.Connection, shape: Shape) -> None:
    """Fill each memory's codebase from its metadata or its tag."""
    sources = [
        expression.sql
        for expression, column in ((CODEBASE_METADATA, "metadata"), (CODEBASE_TAG, "tags"))
        if shape.has("knowledge_nodes", column)
    ]
    if not sources:
        return
    value = sources[0] if len(sources) == 1 else f"coalesce({', '.join(sources)})"
    _execute_without_triggers(
        connection,
        "knowledge_nodes",
        f"UPDATE knowledge_nodes AS n SET codebase = {value} WHERE {value} IS NOT NULL",
    )


def _execute_without_triggers(connection: sqlite3.Connection, table: str, statement: str) -> None:
    """Change a table without firing its triggers, which could change existing values.

    Vestige keeps its full-text index by triggers; it covers none of the columns that the upgrade fills.
    """
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = ?", (table,)
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {quoted(name)}")
    connection.execute(statement)
    for _, definition in triggers:
        connection.execute(definition)
