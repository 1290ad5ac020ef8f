"""The destination's tables, made from the same descriptions that read and write them.

The schema is Vestige's for PostgreSQL: native types, a generated full-text column, an ``updated_at`` trigger, and
secondary indexes that ``indexes`` builds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from psycopg import sql

from vestige_tui.core.rows.pg_types import PgType
from vestige_tui.core.rows.tables import TABLES, Column, Table

SEARCHED_CHARACTERS = 100_000
"""How much of a memory's content the full-text search sees: a tsvector of 1 MB or more is an error."""

SEARCHED_TAG_CHARACTERS = 10_000
"""The same for its tags, and for its node type."""

REGISTRY = sql.SQL(
    """CREATE TABLE IF NOT EXISTS {schema}.embedding_model (
        id smallint PRIMARY KEY DEFAULT 1 CHECK (id = 1),
        name text NOT NULL,
        dimension integer NOT NULL CHECK (dimension > 0),
        hash text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now())"""
)

# array_to_string is only STABLE, since it could be given a type whose output depends on settings; text is not one.
_TAGS_TEXT = """CREATE OR REPLACE FUNCTION {schema}.vestige_tags_text(tags text[]) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT pg_catalog.left(pg_catalog.array_to_string(tags, ' '), {tag_characters}) $$"""
_SEARCH_COLUMN = """ALTER TABLE {schema}.knowledge_nodes ADD COLUMN search_vec tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('pg_catalog.english'::regconfig, left(content, {characters})), 'A')
    || setweight(to_tsvector('pg_catalog.english'::regconfig, left(node_type, {tag_characters})), 'B')
    || setweight(to_tsvector('pg_catalog.english'::regconfig, {schema}.vestige_tags_text(tags)), 'C')) STORED"""
_TOUCH = """CREATE OR REPLACE FUNCTION {schema}.vestige_touch_updated_at() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN NEW.updated_at := now(); RETURN NEW; END $$"""
_TOUCH_TRIGGER = """CREATE TRIGGER knowledge_nodes_updated_at BEFORE UPDATE ON {schema}.knowledge_nodes
    FOR EACH ROW EXECUTE FUNCTION {schema}.vestige_touch_updated_at()"""


def missing_tables(
    schema: str, vector_schema: str, present: Collection[str], *, registry_missing: bool
) -> Iterator[sql.Composed]:
    """The statements that create the tables that are not ``present``, with all that belongs to them.

    ``registry_missing``: the table that names the model is missing too.
    """
    names = {
        "schema": sql.Identifier(schema),
        "characters": sql.Literal(SEARCHED_CHARACTERS),
        "tag_characters": sql.Literal(SEARCHED_TAG_CHARACTERS),
    }
    for table in TABLES:
        if table.name not in present:
            yield table_definition(table, schema, vector_schema)
    if registry_missing:  # else the role needs no right to create tables
        yield REGISTRY.format(**names)
    if "knowledge_nodes" not in present:
        for statement in (_TAGS_TEXT, _SEARCH_COLUMN, _TOUCH, _TOUCH_TRIGGER):
            yield sql.SQL(statement).format(**names)


def table_definition(table: Table, schema: str, vector_schema: str) -> sql.Composed:
    """``CREATE TABLE`` with columns, defaults, key, foreign keys and checks; no secondary index."""
    lines: list[sql.Composable] = [_column_definition(column, vector_schema) for column in table.columns]
    lines.append(sql.SQL("PRIMARY KEY ({})").format(identifiers(table.key)))
    lines.extend(sql.SQL("UNIQUE ({})").format(sql.Identifier(name)) for name in table.unique)
    lines.extend(
        sql.SQL("CHECK ({} IN ({}))").format(
            sql.Identifier(column.name), sql.SQL(", ").join(map(sql.Literal, column.allowed))
        )
        for column in table.columns
        if column.allowed
    )
    for foreign_key in table.foreign_keys:
        line = sql.SQL("CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {}").format(
            sql.Identifier(foreign_key.constraint(table.name)),
            identifiers(foreign_key.columns),
            sql.Identifier(schema, foreign_key.table),
        )
        lines.append(line + sql.SQL(" ON DELETE CASCADE") if foreign_key.cascade else line)
    return sql.SQL("CREATE TABLE {} ({})").format(sql.Identifier(schema, table.name), sql.SQL(", ").join(lines))


def column_type(column: Column, vector_schema: str) -> sql.Composable:
    """A column's type; pgvector's is named with the schema of its extension, which no search path need contain."""
    if column.type is PgType.VECTOR:
        return sql.Identifier(vector_schema, "vector")
    return sql.SQL(column.type.sql)


def _column_definition(column: Column, vector_schema: str) -> sql.Composable:
    parts: list[sql.Composable] = [sql.Identifier(column.name), column_type(column, vector_schema)]
    if not column.nullable:
        parts.append(sql.SQL("NOT NULL"))
    if column.default is not None:
        parts.append(sql.SQL("DEFAULT ") + sql.SQL(column.default))
    return sql.SQL(" ").join(parts)


def identifiers(names: tuple[str, ...]) -> sql.Composed:
    """Names as a list in SQL."""
    return sql.SQL(", ").join(map(sql.Identifier, names))
