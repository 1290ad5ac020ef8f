"""Whether all indexes and foreign keys are at a destination, and valid there: the server's catalogs decide."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from vestige_tui.core.destination import foreign_keys
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.foreign_keys import PendingForeignKey
from vestige_tui.core.destination.indexes import missing_indexes
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.missing import Cause, MissingPart, PartKind, Reason
from vestige_tui.core.rows.tables import BY_NAME, ForeignKey

Causes = Mapping[str, Cause]
"""By the name of an index or constraint, why a run could not add it."""


@dataclass(frozen=True, slots=True)
class _ForeignKey:
    """A foreign key as the catalog has it. ``switched_off``: triggers that check it are disabled, on either side."""

    name: str
    columns: tuple[str, ...]
    table: str
    valid: bool
    enforced: bool
    switched_off: bool

    @property
    def fault(self) -> Reason | None:
        """Why the server does not hold rows to it."""
        if self.switched_off:
            return Reason.SWITCHED_OFF
        if self.valid:
            return None
        return Reason.NOT_VALID if self.enforced else Reason.NOT_ENFORCED


def missing_after(connection: Connection, destination: Destination, causes: Causes) -> tuple[MissingPart, ...]:
    """What is missing at the end of a copy; ``causes`` is what the copy found out. Raises ``psycopg.Error``."""
    indexes = [
        MissingPart(PartKind.INDEX, index.name, index.table, Reason.REMOVED)
        for index in missing_indexes(connection, destination)
    ]
    return tuple(_with_cause(part, causes) for part in (*indexes, *_missing_foreign_keys(connection, destination)))


def missing_beforehand(connection: Connection, destination: Destination, causes: Causes) -> tuple[MissingPart, ...]:
    """What a copy into this destination could not add, as far as the catalogs tell. Raises ``psycopg.Error``.

    A copy makes the tables that are absent with all that belongs to them. ``causes`` is what else is known beforehand.
    """
    owned, may_create = _owned_tables(connection, destination)
    indexes = [
        MissingPart(PartKind.INDEX, index.name, index.table, Reason.NOT_OWNER)
        for index in missing_indexes(connection, destination)
        if index.table in destination.tables and not (may_create and index.table in owned)
    ]
    pending = {marked.name: marked.table for marked in foreign_keys.pending(destination)}
    causes = {name: Cause(Reason.NOT_OWNER) for name, table in pending.items() if table not in owned} | {**causes}
    absent = [
        _with_cause(part, causes)
        for part in _missing_foreign_keys(connection, destination)
        if part.name not in pending or part.name in causes
    ]
    return (*indexes, *absent)


def enforceable(connection: Connection, destination: Destination) -> list[PendingForeignKey]:
    """The references that a copy would have enforced: the role may. Raises ``psycopg.Error``."""
    owned, _ = _owned_tables(connection, destination)
    return [marked for marked in foreign_keys.pending(destination) if marked.table in owned]


def _with_cause(part: MissingPart, causes: Causes) -> MissingPart:
    cause = causes.get(part.name, Cause(part.reason))
    return replace(part, reason=cause.reason, sqlstate=cause.sqlstate)


def _missing_foreign_keys(connection: Connection, destination: Destination) -> Iterator[MissingPart]:
    """The foreign keys that are absent or not valid. One is recognised by its columns, not by its name."""
    found = _foreign_keys(connection, destination.schema)
    for table in destination.tables:
        for foreign_key in BY_NAME[table].foreign_keys:
            alike = [one for one in found.get(table, ()) if _is_over(one, foreign_key)]
            if not alike:
                yield MissingPart(PartKind.FOREIGN_KEY, foreign_key.constraint(table), table, Reason.ABSENT)
            elif all(one.fault for one in alike) and (reason := alike[0].fault):
                yield MissingPart(PartKind.FOREIGN_KEY, alike[0].name, table, reason)


def _is_over(found: _ForeignKey, foreign_key: ForeignKey) -> bool:
    return (found.columns, found.table) == (foreign_key.columns, foreign_key.table)


def _foreign_keys(connection: Connection, schema: str) -> dict[str, list[_ForeignKey]]:
    """By table; one that is NOT ENFORCED, as PostgreSQL 18 and newer have them, is not valid either."""
    rows = connection.execute(
        """SELECT t.relname::text, c.conname::text, p.relname::text, c.convalidated,
                  coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true),
                  EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = c.oid AND tgenabled IN ('D', 'R')),
                  ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(attnum, position)
                        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum ORDER BY k.position)
           FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class p ON p.oid = c.confrelid
           JOIN pg_namespace n ON n.oid = t.relnamespace
           WHERE c.contype = 'f' AND n.nspname = %s AND p.relnamespace = n.oid ORDER BY 1, 2""",
        (schema,),
    ).fetchall()
    found: dict[str, list[_ForeignKey]] = {}
    for table, name, parent, *state, columns in rows:
        found.setdefault(table, []).append(_ForeignKey(name, tuple(columns), parent, *state))
    return found


def _owned_tables(connection: Connection, destination: Destination) -> tuple[frozenset[str], bool]:
    """The tables whose owner's rights the role has, and whether it may create an index in their schema."""
    rows = connection.execute(
        """SELECT c.relname::text, has_schema_privilege(n.oid, 'CREATE')
           FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = %s AND c.relname = ANY (%s) AND pg_has_role(c.relowner, 'USAGE')""",
        (destination.schema, list(destination.tables)),
    ).fetchall()
    return frozenset(name for name, _ in rows), all(may for _, may in rows)
