"""What the upgrade to V15 adds to a file of an older version, before it is copied."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from vestige_tui.core.rows.tables import BOOTSTRAP_USER_ID
from vestige_tui.core.verify.expectation.names import File, decoding, quoted
from vestige_tui.core.verify.expectation.origins import Place
from vestige_tui.core.verify.expectation.values import Broken, Text, decoded, uuid

BOOTSTRAP_USER = UUID(BOOTSTRAP_USER_ID)
"""The default owner of memories."""

HANDLE = "local"

_COLUMNS = ("owner_user_id", "visibility", "shared_with_groups", "codebase")
_TABLES = ("users", "groups", "group_memberships")
_USER = ("id", "handle", "display_name", "created_at", "metadata")
_AT_ONCE = 1_000


def adds_bootstrap_user(file: File, users: Place | None) -> bool:
    """Whether the upgrade adds the default owner: to an old file without it and without another user of its handle,
    whose table of users takes one.
    """
    return _is_old(file) and (file.called("users") is None or _takes_rows(file)) and not _has_user(file, users)


def _is_old(file: File) -> bool:
    """Whether the file lacks one of the columns or tables of V15."""
    return not file.has("knowledge_nodes", *_COLUMNS) or any(file.called(table) is None for table in _TABLES)


def _has_user(file: File, users: Place | None) -> bool:
    """Whether there is a user with the id or the handle of the default owner."""
    if users is None:
        return False
    with decoding(file.connection, decoded):
        cursor = file.connection.execute(
            f"SELECT n.{quoted(users.spelled['id'])}, n.{quoted(users.spelled['handle'])}"
            f" FROM main.{quoted(users.origin.table)} n NOT INDEXED"
        )
        while rows := cursor.fetchmany(_AT_ONCE):
            if any(handle in (HANDLE, HANDLE.encode()) or _is_bootstrap(user) for user, handle in rows):
                return True
    return False


def _is_bootstrap(value: Any) -> bool:
    try:
        return isinstance(value, str | Text) and uuid(value) == BOOTSTRAP_USER
    except Broken:
        return False


def _takes_rows(file: File) -> bool:
    """Whether users can be put in: not into a view, a generated column, or where one cannot be computed."""
    return file.kind("users") == "table" and not file.failing("users") and file.can_insert("users", *_USER)
