"""Reading a destination: every row and every column as Python values, vectors as their very bits."""

from __future__ import annotations

import struct
from typing import Any

from psycopg import sql

from tests.support.servers import Connection, Database

Row = dict[str, Any]
Key = tuple[Any, ...]

KEYS: dict[str, tuple[str, ...]] = {
    "users": ("id",),
    "groups": ("id",),
    "group_memberships": ("user_id", "group_id"),
    "knowledge_nodes": ("id",),
    "scheduling": ("memory_id",),
    "edges": ("source_id", "target_id"),
    "review_events": ("id",),
    "domains": ("id",),
}
"""The eight tables, each with its primary key."""

GENERATED = {"search_vec"}


def read_tables(database: Database, schema: str = "public") -> dict[str, dict[Key, Row]]:
    """All rows of the eight tables: by table, then by key. A table that does not exist is left out."""
    with database.connect() as connection:
        return {table: rows for table in KEYS if (rows := read_table(connection, table, schema=schema)) is not None}


def read_table(connection: Connection, table: str, *, schema: str = "public") -> dict[Key, Row] | None:
    """All rows of a table by key, None where it does not exist.

    Values are as psycopg gives them (UUID, datetime, list, JSON as Python values), and a vector is the bytes of its
    float32 values in little-endian order.
    """
    columns = connection.execute(
        "SELECT column_name, udt_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s"
        " ORDER BY ordinal_position",
        (schema, table),
    ).fetchall()
    if not columns:
        return None
    shown = [(name, kind) for name, kind in columns if name not in GENERATED]
    found = connection.execute("SELECT nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
                               " WHERE extname = 'vector'").fetchone()  # fmt: skip
    send = sql.Identifier(found[0] if found else "public", "vector_send")
    expressions = [
        sql.SQL("{}({})").format(send, sql.Identifier(name)) if kind == "vector" else sql.Identifier(name)
        for name, kind in shown
    ]
    query = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(expressions), sql.Identifier(schema, table))
    rows: dict[Key, Row] = {}
    for values in connection.execute(query, binary=False):
        row = {
            name: _little_endian(value) if kind == "vector" else value
            for (name, kind), value in zip(shown, values, strict=True)
        }
        rows[tuple(row[name] for name in KEYS.get(table, ("id",)))] = row
    return rows


def _little_endian(sent: bytes | None) -> bytes | None:
    """What ``vector_send`` returns, as Vestige stores a vector."""
    if sent is None:
        return None
    dimension, unused = struct.unpack_from(">HH", sent)
    assert unused == 0
    assert len(sent) == 4 + 4 * dimension
    return struct.pack(f"<{dimension}I", *struct.unpack_from(f">{dimension}I", sent, 4))


def differences(found: dict[Key, Row], wanted: dict[Key, Row]) -> dict[Key, object]:
    """By key, each column whose value is not the one that was wanted; or which row is missing or too many."""
    differing: dict[Key, object] = dict.fromkeys(found.keys() - wanted.keys(), "too many")
    differing |= dict.fromkeys(wanted.keys() - found.keys(), "missing")
    for key in found.keys() & wanted.keys():
        columns = {
            name: (value, wanted[key][name]) for name, value in found[key].items() if not same(value, wanted[key][name])
        }
        differing |= {key: columns} if columns else {}
    return differing


def without_made_user(users: dict[Key, Row], made: Row | None) -> dict[Key, Row]:
    """Users, the bootstrap user that a copy has made left out: it has to be there, at whatever date."""
    if made is None:
        return users
    assert users[(made["id"],)] == made | {"created_at": users[(made["id"],)]["created_at"]}
    return {key: row for key, row in users.items() if key != (made["id"],)}


def same(found: Any, wanted: Any) -> bool:
    """Equality that distinguishes True from 1, and the two zeros of a float."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[name], wanted[name]) for name in found)
    if isinstance(found, list) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(found, float) and isinstance(wanted, float):
        return struct.pack("d", found) == struct.pack("d", wanted)
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


def fingerprint(database: Database) -> dict[str, Any]:
    """Everything that a run could have changed in a database: objects with their definition, and all rows.

    Equal fingerprints before and after mean that nothing was written.
    """
    with database.connect() as connection:
        objects = connection.execute(
            """SELECT n.nspname || '.' || c.relname, c.relkind::text,
                      (SELECT array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || a.attnotnull
                                        ORDER BY a.attnum)
                       FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
               FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND n.nspname NOT LIKE 'pg_temp%'
                 AND n.nspname NOT LIKE 'pg_toast%' ORDER BY 1"""
        ).fetchall()
        extensions = connection.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1").fetchall()
        functions = connection.execute(
            "SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
            " WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1"
        ).fetchall()
        rows = {
            name: connection.execute(
                sql.SQL("SELECT md5(string_agg(t::text, '|' ORDER BY t::text)), count(*) FROM {} t").format(
                    sql.Identifier(*name.split(".", 1))
                )
            ).fetchone()
            for name, kind, _ in objects
            if kind == "r"
        }
    return {"objects": objects, "extensions": extensions, "functions": functions, "rows": rows}
