"""Tables as the server's catalogs have them: all of them with a few questions, since each costs a round trip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.rows.tables import ForeignKey, Table

PENDING = "vestige-tui: enforced when the copy is complete"
"""The comment on a reference that the server does not enforce yet: see ``references``."""


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column as the catalog has it; ``filled`` means that an INSERT may leave it out, ``generated`` that it must.

    ``type`` is the bare type, without a length or precision, and that of the base where the column's is a domain;
    ``shown`` is that type with its length, ``domain`` the domain's name. ``modifier`` is the length or precision as the
    catalog has it, -1 where there is none. ``checked``: the domain has checks. ``exact``: it takes no two values for
    equal that differ in their bytes.
    """

    type: str
    shown: str
    modifier: int
    domain: str | None
    checked: bool
    not_null: bool
    filled: bool
    generated: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class FoundForeignKey:
    """A foreign key as the catalog has it; ``table`` has its schema in front where that is another one."""

    columns: tuple[str, ...]
    table: str
    enforced: bool


@dataclass(frozen=True, slots=True)
class FoundCheck:
    """A CHECK as the catalog has it; ``words`` are the texts in it."""

    columns: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table as the catalog has it; ``constraints`` maps a constraint's name to its columns, ``unique`` the name of a
    unique index that holds for every row at once. ``references`` and ``checks`` are by name too. ``others`` names what
    else may refuse or change a row: triggers, exclusion constraints, unique indexes of expressions or of some rows.

    ``plain`` tells that it is a table without row-level security for this role, so that a ``COPY`` into it does what an
    ``INSERT`` would. ``ON CONFLICT`` does not work with it where it has rules (``has_rules``) or a DEFERRABLE primary
    key (``key_can_wait``). ``may_read`` and ``may_insert`` are what this role may do; a table is ``closed`` to it where
    the policies of row-level security do not let it both read and insert, as ``ON CONFLICT`` needs it, and ``secured``
    where there are any for it. ``may_refer``: this role may make tables that refer to it. ``pending`` names the
    constraints that are references which the server does not enforce yet. ``fills_rows``: a trigger sees each row
    before it is inserted, and may fill columns of it.
    """

    columns: Mapping[str, FoundColumn]
    key: tuple[str, ...]
    key_can_wait: bool
    constraints: Mapping[str, tuple[str, ...]]
    unique: Mapping[str, tuple[str, ...]]
    foreign_keys: Mapping[str, FoundForeignKey]
    checks: Mapping[str, FoundCheck]
    others: tuple[str, ...]
    plain: bool
    has_rules: bool
    may_read: bool
    may_insert: bool
    may_refer: bool
    closed: bool
    secured: bool
    fills_rows: bool
    pending: frozenset[str]

    def enforces(self, foreign_key: ForeignKey) -> bool:
        """Whether the server looks up what the rows refer to."""
        return any(
            found.enforced and (found.columns, found.table) == (foreign_key.columns, foreign_key.table)
            for found in self.foreign_keys.values()
        )

    def takes_copy(self, table: Table) -> bool:
        """Whether fields in binary form can be copied straight into it: the types have to be the very same."""
        return self.plain and all(self.columns[column.name].type == column.type.sql for column in table.columns)


_RELATIONS: LiteralString = """
    SELECT c.oid, c.relname::text, c.relkind IN ('r', 'p') AND NOT row_security_active(c.oid),
           EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type IN ('2', '3')),
           c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(c.oid, 'SELECT'),
           has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'REFERENCES'),
           row_security_active(c.oid) AND NOT (
               SELECT coalesce(bool_or(p.polcmd IN ('*', 'r')) AND bool_or(p.polcmd IN ('*', 'a')), false)
               FROM pg_policy p, unnest(p.polroles) role
               WHERE p.polrelid = c.oid AND p.polpermissive AND (role = 0 OR pg_has_role(role, 'USAGE'))),
           row_security_active(c.oid),
           ARRAY(SELECT 'trigger ' || tgname FROM pg_trigger
                 WHERE tgrelid = c.oid AND NOT tgisinternal AND tgtype & 4 = 4 AND tgenabled IN ('O', 'A')
                 ORDER BY tgname),
           EXISTS (SELECT FROM pg_trigger -- BEFORE INSERT FOR EACH ROW
                   WHERE tgrelid = c.oid AND NOT tgisinternal AND tgtype & 7 = 7 AND tgenabled IN ('O', 'A'))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = %s AND c.relname = ANY (%s)"""
_COLUMNS: LiteralString = """
    SELECT a.attrelid, a.attname::text,
           CASE WHEN base.type = vector.oid THEN 'vector' ELSE replace(format_type(base.type, NULL), '"', '') END,
           replace(format_type(base.type, base.modifier), '"', ''), base.modifier,
           CASE WHEN t.typtype = 'd' THEN t.typname::text END, base.checked, a.attnotnull OR base.not_null,
           a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '' OR t.typdefault IS NOT NULL,
           a.attidentity = 'a' OR a.attgenerated <> '',
           coalesce((SELECT collisdeterministic FROM pg_collation WHERE oid = a.attcollation), true)
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN (SELECT t.oid FROM pg_type t JOIN pg_extension e ON e.extnamespace = t.typnamespace
               WHERE e.extname = 'vector' AND t.typname = 'vector') vector ON true
    CROSS JOIN LATERAL (
        WITH RECURSIVE chain(depth, type, modifier, checked, not_null) AS (
            SELECT 0, a.atttypid, a.atttypmod, false, false
            UNION ALL
            SELECT depth + 1, d.typbasetype, d.typtypmod,
                   checked OR EXISTS (SELECT FROM pg_constraint WHERE contypid = d.oid AND contype = 'c'),
                   not_null OR d.typnotnull
            FROM chain JOIN pg_type d ON d.oid = chain.type WHERE d.typtype = 'd')
        SELECT * FROM chain ORDER BY depth DESC LIMIT 1) base
    WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_UNIQUE: LiteralString = """
    SELECT i.indrelid, c.relname::text, i.indisprimary, i.indimmediate,
           i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL,
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, position)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                 WHERE k.position <= i.indnkeyatts ORDER BY k.position)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = ANY (%s) AND (i.indisunique OR i.indisexclusion) ORDER BY c.relname"""
_CONSTRAINTS: LiteralString = """
    SELECT c.conrelid, c.conname::text, c.contype::text,
           ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) ORDER BY a.attnum),
           coalesce(obj_description(c.oid, 'pg_constraint') = %s AND c.contype = 'f', false),
           CASE WHEN p.relnamespace = c.connamespace THEN p.relname::text ELSE p.oid::regclass::text END,
           coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true) -- PostgreSQL 18 and newer have that column
               AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = c.oid AND tgenabled IN ('D', 'R')),
           CASE WHEN c.contype = 'c' THEN
               ARRAY(SELECT word[1] FROM regexp_matches(pg_get_constraintdef(c.oid), '''([^'']*)''', 'g') word) END
    FROM pg_constraint c LEFT JOIN pg_class p ON p.oid = c.confrelid
    WHERE c.conrelid = ANY (%s) ORDER BY c.conname"""


def read_tables(connection: Connection, schema: str, names: Iterable[str]) -> dict[str, FoundTable]:
    """Those of the named tables that are there, in the order of the names. Raises ``psycopg.Error``."""
    names = list(names)
    relations = connection.execute(_RELATIONS, (schema, names)).fetchall()
    oids = [oid for oid, *_ in relations]
    columns = _by_relation(connection.execute(_COLUMNS, (oids,)))
    unique = _by_relation(connection.execute(_UNIQUE, (oids,)))
    constraints = _by_relation(connection.execute(_CONSTRAINTS, (PENDING, oids)))
    found = {
        name: FoundTable(
            columns={column: FoundColumn(*rest) for column, *rest in columns[oid]},
            **_uniqueness(unique[oid], triggers),
            **_constraints(constraints[oid], unique[oid]),
            plain=plain,
            has_rules=has_rules,
            may_read=may_read,
            may_insert=may_insert,
            may_refer=may_refer,
            closed=closed,
            secured=secured,
            fills_rows=fills,
        )
        for oid, name, plain, has_rules, may_read, may_insert, may_refer, closed, secured, triggers, fills in relations
    }
    return {name: found[name] for name in names if name in found}


def _uniqueness(indexes: Iterable[list[Any]], triggers: Iterable[str]) -> dict[str, Any]:
    """What a table's indexes make unique, and the names of what may refuse its rows otherwise."""
    key: tuple[str, ...] = ()
    can_wait = False
    unique: dict[str, tuple[str, ...]] = {}
    others: list[str] = []
    for name, is_primary, is_immediate, is_plain, columns in indexes:
        if is_primary:
            key, can_wait = tuple(columns), not is_immediate
        if is_plain and is_immediate:
            unique[name] = tuple(columns)
        elif not is_primary:
            others.append(f"unique index {name}")
    return {"key": key, "key_can_wait": can_wait, "unique": unique, "others": (*others, *triggers)}


def _constraints(rows: Iterable[list[Any]], indexes: Iterable[list[Any]]) -> dict[str, Any]:
    """A table's constraints by name; the server names an index where one that is no constraint refuses a row."""
    columns = {name: tuple(covered) for name, *_, covered in indexes}
    foreign_keys: dict[str, FoundForeignKey] = {}
    checks: dict[str, FoundCheck] = {}
    pending = set()
    for name, kind, covered, is_pending, parent, enforced, words in rows:
        columns[name] = tuple(covered)
        if kind == "f":
            foreign_keys[name] = FoundForeignKey(columns[name], parent, enforced)
        elif kind == "c":
            checks[name] = FoundCheck(columns[name], frozenset(words))
        if is_pending:
            pending.add(name)
    return {"constraints": columns, "foreign_keys": foreign_keys, "checks": checks, "pending": frozenset(pending)}


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
