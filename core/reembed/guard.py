"""The trigger that keeps ``updated_at`` when a run stores vectors, and empties a vector when its content changes.

It needs no superuser: the owner of a table may create a trigger, but may not switch others off without a lock that
stops all writers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.reembed.job import Job
from vestige_tui.core.reembed.store import Store

_KEEP: LiteralString = """
    IF current_setting({setting}, true) = 'on' THEN
        NEW.updated_at := OLD.updated_at;"""
_EMPTY: LiteralString = """
    ELSIF NEW.content IS DISTINCT FROM OLD.content THEN
        NEW.{shadow} := NULL;"""


def statements(store: Store, *, shadow: bool) -> Iterator[sql.Composed]:
    """The statements that create the trigger; ``shadow``: memories have the second column."""
    body: LiteralString = (_KEEP + _EMPTY if shadow else _KEEP) + "\n    END IF;"
    yield store.sql(
        "CREATE OR REPLACE FUNCTION {guard}() RETURNS trigger LANGUAGE plpgsql AS $vestige$\nBEGIN"
        + body
        + "\n    RETURN NEW;\nEND $vestige$"
    )
    yield store.sql(
        "CREATE OR REPLACE TRIGGER {trigger} BEFORE UPDATE ON {memories} FOR EACH ROW EXECUTE FUNCTION {guard}()"
    )


def removal(store: Store) -> Iterator[sql.Composed]:
    """The statements that remove it, where it is there."""
    yield store.sql("DROP TRIGGER IF EXISTS {trigger} ON {memories}")
    yield store.sql("DROP FUNCTION IF EXISTS {guard}()")


def ensure(job: Job, *, shadow: bool) -> None:
    """Create the trigger, waiting for a moment without writers."""
    job.alter(statements(job.store, shadow=shadow))


def remove(job: Job) -> None:
    """Remove the trigger in the same way."""
    job.alter(removal(job.store))
