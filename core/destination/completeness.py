"""Whether all indexes and foreign keys exist at a destination and are valid, by the server's catalogs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from vestige_tui.core.destination import foreign_keys
from vestige_tui.core.destination.catalog import FoundConstraints, FoundForeignKey, FoundTable, read_constraints
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.destination.foreign_keys import PendingForeignKey
from vestige_tui.core.destination.indexes import missing_indexes
from vestige_tui.core.destination.inspection import Destination
from vestige_tui.core.missing import Cause, MissingPart, PartKind, Reason
from vestige_tui.core.rows.tables import BY_NAME

Causes = Mapping[str, Cause]
"""By the name of an index or constraint, why a run could not add it."""


def missing_after(connection: Connection, destination: Destination, causes: Causes) -> tuple[MissingPart, ...]:
    """What is missing after a copy; ``causes`` is what the copy found out. Raises ``psycopg.Error``."""
    indexes = [
        MissingPart(PartKind.INDEX, index.name, index.table, Reason.REMOVED)
        for index in missing_indexes(connection, destination)
    ]
    constraints = read_constraints(connection, destination.schema, destination.tables)
    found = {name: constraints[name] for name in destination.tables}
    return tuple(_with_cause(part, causes) for part in (*indexes, *_missing_foreign_keys(found)))


def missing_beforehand(connection: Connection, destination: Destination, causes: Causes) -> tuple[MissingPart, ...]:
    """What a copy could not add to this destination, by the catalogs. Raises ``psycopg.Error``.

    A copy creates absent tables with all that belongs to them. ``causes`` is what else is known beforehand.
    """
    owned = {name for name, found in destination.tables.items() if found.owned}
    indexes = [
        MissingPart(PartKind.INDEX, index.name, index.table, Reason.NOT_OWNER)
        for index in missing_indexes(connection, destination)
        if index.table in destination.tables and not (destination.privileges.create and index.table in owned)
    ]
    pending = {marked.name: marked.table for marked in foreign_keys.pending(destination)}
    causes = {name: Cause(Reason.NOT_OWNER) for name, table in pending.items() if table not in owned} | {**causes}
    absent = [
        _with_cause(part, causes)
        for part in _missing_foreign_keys(destination.tables)
        if part.name not in pending or part.name in causes
    ]
    return (*indexes, *absent)


def enforceable(destination: Destination) -> list[PendingForeignKey]:
    """The pending foreign keys that the role may have enforced."""
    return [marked for marked in foreign_keys.pending(destination) if destination.tables[marked.table].owned]


def _with_cause(part: MissingPart, causes: Causes) -> MissingPart:
    cause = causes.get(part.name, Cause(part.reason))
    return replace(part, reason=cause.reason, sqlstate=cause.sqlstate)


def _missing_foreign_keys(tables: Mapping[str, FoundTable | FoundConstraints]) -> Iterator[MissingPart]:
    """The foreign keys that are absent or not valid. A foreign key is found by its columns, not by its name."""
    for table, found in tables.items():
        for foreign_key in BY_NAME[table].foreign_keys:
            alike = [one for one in found.foreign_keys.values() if one.is_over(foreign_key)]
            if not alike:
                yield MissingPart(PartKind.FOREIGN_KEY, foreign_key.constraint(table), table, Reason.ABSENT)
            elif all(map(_reason, alike)) and (reason := _reason(alike[0])):
                yield MissingPart(PartKind.FOREIGN_KEY, alike[0].name, table, reason)


def _reason(found: FoundForeignKey) -> Reason | None:
    """Why the server does not check all rows, None where it does."""
    if found.switched_off:
        return Reason.SWITCHED_OFF
    if found.valid:
        return None
    return Reason.NOT_VALID if found.enforced else Reason.NOT_ENFORCED
