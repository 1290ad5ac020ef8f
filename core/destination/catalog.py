"""Tables as the server's catalogs describe them: a few queries for all tables, since each query costs a round trip."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, LiteralString, NamedTuple

from psycopg import sql

from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.rows.tables import ForeignKey, Table

PENDING = "vestige-tui: enforced when the copy is complete"
"""The comment on a foreign key that the server does not enforce yet: see ``foreign_keys``."""


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column in the catalog. An INSERT may leave it out if ``filled``, and must if ``generated``.

    ``type`` is the bare type, the base type of a domain; ``shown`` is the same with its length. ``domain`` is the name
    of the domain, and ``checked`` means that it has checks. ``modifier`` is the length or precision as the catalog has
    it, -1 for none. ``exact``: no two values compare equal that differ in their bytes.
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
    """A foreign key in the catalog. ``table`` is qualified where its schema is another one.

    ``valid``: all rows were checked; a key that is NOT ENFORCED (PostgreSQL 18) is not valid either. ``switched_off``:
    triggers that check it are disabled, on either side. ``pending``: a copy has marked it, to enforce it later.
    """

    name: str
    columns: tuple[str, ...]
    table: str
    valid: bool
    enforced: bool
    switched_off: bool
    pending: bool

    @property
    def checks_rows(self) -> bool:
        """Whether the server checks new rows."""
        return self.enforced and not self.switched_off

    def is_over(self, described: ForeignKey) -> bool:
        """Whether it has the columns and the table of a description; its name may be another."""
        return (self.columns, self.table) == (described.columns, described.table)


@dataclass(frozen=True, slots=True)
class FoundCheck:
    """A CHECK constraint in the catalog; ``words`` are its string literals."""

    columns: tuple[str, ...]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table in the catalog. ``constraints`` maps the name of each constraint and unique index to its columns,
    ``unique`` of those that hold for every row at once. ``foreign_keys`` and ``checks`` are by name too. ``others``
    names what else may refuse or change a row: triggers, exclusion constraints, unique indexes of expressions or of
    some rows. ``fills_rows``: a BEFORE INSERT trigger sees each row, and may fill columns.

    ``plain``: a table without row-level security for this role, into which ``COPY`` does what ``INSERT`` would.
    ``ON CONFLICT`` does not work with rules (``has_rules``) or a DEFERRABLE primary key (``key_deferrable``).
    ``may_read``, ``may_insert`` and ``may_refer`` are the privileges of this role; ``owned``: it may alter the table as
    its owner may. ``secured``: row-level security applies to it; ``closed``: its policies do not let the role both read
    and insert, as ``ON CONFLICT`` needs.
    """

    columns: Mapping[str, FoundColumn]
    key: tuple[str, ...]
    key_deferrable: bool
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
    owned: bool
    closed: bool
    secured: bool
    fills_rows: bool

    @property
    def pending(self) -> frozenset[str]:
        """The names of the foreign keys that the server does not enforce yet."""
        return frozenset(name for name, found in self.foreign_keys.items() if found.pending)

    def enforces(self, foreign_key: ForeignKey) -> bool:
        """Whether the server checks the rows for this foreign key."""
        return any(found.checks_rows and found.is_over(foreign_key) for found in self.foreign_keys.values())

    def takes_copy(self, table: Table) -> bool:
        """Whether binary fields can be copied straight into it: the types must be identical."""
        return self.plain and all(self.columns[column.name].type == column.type.sql for column in table.columns)


_RELATIONS: LiteralString = """
    SELECT c.oid, c.relname::text, c.relkind IN ('r', 'p') AND NOT row_security_active(c.oid),
           EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid AND ev_type IN ('2', '3')),
           c.relkind IN ('r', 'p', 'v', 'm', 'f') AND has_table_privilege(c.oid, 'SELECT'),
           has_table_privilege(c.oid, 'INSERT'), has_table_privilege(c.oid, 'REFERENCES'),
           pg_has_role(c.relowner, 'USAGE'),
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
    SELECT t.relname::text, c.conname::text, c.contype::text,
           ARRAY(SELECT a.attname::text FROM pg_attribute a
                 WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey) ORDER BY a.attnum),
           CASE WHEN c.contype = 'c' THEN
               ARRAY(SELECT word[1] FROM regexp_matches(pg_get_constraintdef(c.oid), '''([^'']*)''', 'g') word) END,
           CASE WHEN p.relnamespace = c.connamespace THEN p.relname::text ELSE p.oid::regclass::text END,
           c.convalidated, coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true), -- new in PostgreSQL 18
           EXISTS (SELECT FROM pg_trigger WHERE tgconstraint = c.oid AND tgenabled IN ('D', 'R')),
           coalesce(obj_description(c.oid, 'pg_constraint') = %s, false)
    FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_class p ON p.oid = c.confrelid
    WHERE n.nspname = %s AND t.relname = ANY (%s) ORDER BY c.conname"""


@dataclass(slots=True)
class FoundConstraints:
    """The constraints of one table by name: the columns of each, the foreign keys, and the checks."""

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    foreign_keys: dict[str, FoundForeignKey] = field(default_factory=dict)
    checks: dict[str, FoundCheck] = field(default_factory=dict)


def read_constraints(connection: Connection, schema: str, names: Iterable[str]) -> Mapping[str, FoundConstraints]:
    """The constraints of the named tables. Raises ``psycopg.Error``."""
    found: defaultdict[str, FoundConstraints] = defaultdict(FoundConstraints)
    for table, name, kind, columns, words, *rest in connection.execute(_CONSTRAINTS, (PENDING, schema, list(names))):
        constraints = found[table]
        constraints.columns[name] = tuple(columns)
        if kind == "f":
            constraints.foreign_keys[name] = FoundForeignKey(name, tuple(columns), *rest)
        elif kind == "c":
            constraints.checks[name] = FoundCheck(tuple(columns), frozenset(words))
    return found


def read_tables(connection: Connection, schema: str, names: Iterable[str]) -> dict[str, FoundTable]:
    """Those of the named tables that exist, in the order of the names. Raises ``psycopg.Error``."""
    names = list(names)
    relations = connection.execute(_RELATIONS, (schema, names)).fetchall()
    oids = [oid for oid, *_ in relations]
    columns = _by_relation(connection.execute(_COLUMNS, (oids,)))
    unique = _by_relation(connection.execute(_UNIQUE, (oids,)))
    constraints = read_constraints(connection, schema, names)
    found = {}
    for oid, name, plain, has_rules, read, insert, refer, owned, closed, secured, triggers, fills in relations:
        indexes = _indexes(unique[oid])
        found[name] = FoundTable(
            columns={column: FoundColumn(*rest) for column, *rest in columns[oid]},
            key=indexes.key,
            key_deferrable=indexes.key_deferrable,
            constraints={**indexes.columns, **constraints[name].columns},
            unique=indexes.unique,
            foreign_keys=constraints[name].foreign_keys,
            checks=constraints[name].checks,
            others=(*indexes.others, *triggers),
            plain=plain,
            has_rules=has_rules,
            may_read=read,
            may_insert=insert,
            may_refer=refer,
            owned=owned,
            closed=closed,
            secured=secured,
            fills_rows=fills,
        )
    return {name: found[name] for name in names if name in found}


class _Indexes(NamedTuple):
    """The unique indexes of one table. The server names one in the error where it refuses a row; so all have their
    ``columns`` here. ``unique`` are those that hold for every row at once, ``others`` the rest.
    """

    key: tuple[str, ...]
    key_deferrable: bool
    columns: dict[str, tuple[str, ...]]
    unique: dict[str, tuple[str, ...]]
    others: list[str]


def _indexes(rows: Iterable[list[Any]]) -> _Indexes:
    key: tuple[str, ...] = ()
    deferrable = False
    found = _Indexes(key, deferrable, {}, {}, [])
    for name, is_primary, is_immediate, is_plain, columns in rows:
        found.columns[name] = tuple(columns)
        if is_primary:
            key, deferrable = tuple(columns), not is_immediate
        if is_plain and is_immediate:
            found.unique[name] = tuple(columns)
        elif not is_primary:
            found.others.append(f"unique index {name}")
    return found._replace(key=key, key_deferrable=deferrable)


def _by_relation(rows: Iterable[tuple[Any, ...]]) -> defaultdict[int, list[list[Any]]]:
    """Rows grouped by their first value, the OID of the relation."""
    grouped = defaultdict(list)
    for oid, *rest in rows:
        grouped[oid].append(rest)
    return grouped


def with_rows(connection: Connection, schema: str, tables: Mapping[str, FoundTable]) -> frozenset[str]:
    """The names of the tables with rows; a table that the role may not read counts as one."""
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
