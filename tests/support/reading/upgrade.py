"""What the upgrade to V15 adds to a file of an older version, before it is copied."""

from __future__ import annotations

from tests.support.expected import BOOTSTRAP_USER
from tests.support.reading.names import File
from tests.support.reading.origins import Raw
from tests.support.reading.values import Text
from tests.support.reading.vectors import canonical

_COLUMNS = ("owner_user_id", "visibility", "shared_with_groups", "codebase")
_TABLES = ("users", "groups", "group_memberships")
_USER = {
    "id": Text(str(BOOTSTRAP_USER).encode()),
    "handle": Text(b"local"),
    "display_name": Text(b"Local User"),
    "created_at": Text(b"2026-01-01 00:00:00"),
    "metadata": Text(b"{}"),
}


def is_old(file: File) -> bool:
    """Whether the file lacks one of the columns or tables of V15."""
    return not file.has("knowledge_nodes", *_COLUMNS) or any(file.called(table) is None for table in _TABLES)


def add_bootstrap_user(file: File, users: list[Raw]) -> bool:
    """Make the default owner of memories where the file has none, nor another user of that handle, and a
    table that takes one.
    """
    there = BOOTSTRAP_USER in {canonical(user.values["id"]) for user in users}
    there |= _USER["handle"] in [user.values["handle"] for user in users]
    if there or not (file.called("users") is None or _takes_rows(file)):
        return False
    users.append(Raw(dict(_USER), {}))
    return True


def _takes_rows(file: File) -> bool:
    """Whether users can be put in: not into a view, a generated column, or where one cannot be computed."""
    plain = file.tables()[file.called("users") or ""] == "table"
    return plain and not file.failing("users") and file.can_insert("users", *_USER)
