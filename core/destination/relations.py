"""Tables as the server's catalogs have them: all of them with a few questions, since each costs a round trip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from vestige_tui.core.destination.connect import Connection
from vestige_tui.core.tables import Table

PENDING = "vestige-tui: enforced when the copy is complete"
"""The comment on a reference that the server does not enforce yet: see ``references``."""


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column as the catalog has it; ``filled`` means that an INSERT may leave it out, ``generated`` that it must."""

    type: str
    not_null: bool
    filled: bool
    generated: bool


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table as the catalog has it; ``constraints`` maps a constraint's name to its columns.

    ``plain`` tells that it is a table without row-level security for this role, so that a ``COPY`` into it does what an
    ``INSERT`` would. ``ON CONFLICT`` does not work with it where it has rules (``has_rules``) or a DEFERRABLE primary
    key (``key_can_wait``). ``may_read`` and ``may_insert`` are what this role may do; a table is ``closed`` to it where
    the policies of row-level security do not let it both read and insert, as ``ON CONFLICT`` needs it. ``pending``
    names the constraints that are references which the server does not enforce yet.
    """

    columns: Mapping[str, FoundColumn]
    key: tuple[str, ...]
    key_can_wait: bool
    constraints: Mapping[str, tuple[str, ...]]
    plain: bool
    has_rules: bool
    may_read: bool
    may_insert: bool
    closed: bool
    pending: frozenset[str]

    def takes_copy(self, table: Table) -> bool:
        """Whether fields in binary form can be copied straight into it: the types have to be the very same."""
        return self.plain and all(self.columns[column.name].type == column.type.sql for column in table.columns)


_RELATIONS: LiteralString = """
    SELECT c.oid, c.relname::text, c.relkind IN ('r', 'p') AND NOT row_security_active(c.oid),
           EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type IN ('2', '3')),
           c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(c.oid, 'SELECT'),
           has_table_privilege(c.oid, 'INSERT'),
           row_security_active(c.oid) AND NOT (
               SELECT coalesce(bool_or(p.polcmd IN ('*', 'r')) AND bool_or(p.polcmd IN ('*', 'a')), false)
               FROM pg_policy p, unnest(p.polroles) role
               WHERE p.polrelid = c.oid AND p.polpermissive AND (role = 0 OR pg_has_role(role, 'USAGE')))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = ANY (%s)"""
_COLUMNS: LiteralString = """
    SELECT a.attrelid, a.attname::text,
           CASE WHEN t.typname = 'vector' THEN 'vector' ELSE replace(format_type(a.atttypid, NULL), '"', '') END,
           a.attnotnull, a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '',
           a.attidentity = 'a' OR a.attgenerated <> ''
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_KEYS: LiteralString = """
    SELECT i.indrelid, a.attname::text, i.indimmediate
    FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    WHERE i.indrelid = ANY (%s) AND i.indisprimary AND k.position <= i.indnkeyatts ORDER BY k.position"""
_CONSTRAINTS: LiteralString = """
    SELECT c.conrelid, c.conname::text, array_agg(a.attname)::text[],
           coalesce(obj_description(c.oid, 'pg_constraint') = %s AND c.contype = 'f', false)
    FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)
    WHERE c.conrelid = ANY (%s) GROUP BY c.oid"""


def read_tables(connection: Connection, schema: str, names: Iterable[str]) -> dict[str, FoundTable]:
    """Those of the named tables that are there, in the order of the names. Raises ``psycopg.Error``."""
    names = list(names)
    relations = connection.execute(_RELATIONS, (schema, names)).fetchall()
    oids = [oid for oid, *_ in relations]
    columns = _by_relation(connection.execute(_COLUMNS, (oids,)))
    keys = _by_relation(connection.execute(_KEYS, (oids,)))
    constraints = _by_relation(connection.execute(_CONSTRAINTS, (PENDING, oids)))
    found = {
        name: FoundTable(
            columns={column: FoundColumn(*rest) for column, *rest in columns[oid]},
            key=tuple(column for column, _ in keys[oid]),
            key_can_wait=not all(immediate for _, immediate in keys[oid]),
            constraints={constraint: tuple(covered) for constraint, covered, _ in constraints[oid]},
            plain=plain,
            has_rules=has_rules,
            may_read=may_read,
            may_insert=may_insert,
            closed=closed,
            pending=frozenset(constraint for constraint, _, is_pending in constraints[oid] if is_pending),
        )
        for oid, name, plain, has_rules, may_read, may_insert, closed in relations
    }
    return {name: found[name] for name in names if name in found}


def _by_relation(rows: Iterable[tuple[Any, ...]]) -> defaultdict[int, list[list[Any]]]:
    """Rows by their first value, the relation's OID, without it."""
    grouped = defaultdict(list)
    for oid, *rest in rows:
        grouped[oid].append(rest)
    return grouped


def with_rows(connection: Connection, schema: str, tables: Mapping[str, FoundTable]) -> frozenset[str]:
    """The names of the tables that have rows; one that may not be read counts as having some."""
    readable = [name for name, found in tables.items() if found.may_read]
    if not readable:
        return frozenset(tables)
    questions = [sql.SQL("EXISTS (SELECT FROM {})").format(sql.Identifier(schema, name)) for name in readable]
    answers = connection.execute(sql.SQL("SELECT {}").format(sql.SQL(", ").join(questions))).fetchone() or ()
    empty = {name for name, has_rows in zip(readable, answers, strict=True) if not has_rows}
    return frozenset(tables.keys() - empty)


def count_rows(connection: Connection, schema: str, table: str) -> int:
    """How many rows a table of the destination has."""
    row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(schema, table))).fetchone()
    return int(row[0]) if row else 0
