"""The types of the destination's columns."""

from __future__ import annotations

from enum import Enum

from vestige_tui.core.rows import copy_format


class PgType(Enum):
    """A type of PostgreSQL: its OID where a key can be of it, its name in SQL, and other types that hold its values."""

    UUID = (copy_format.UUID_OID, "uuid")
    TEXT = (copy_format.TEXT_OID, "text", "character varying")
    TIMESTAMPTZ = (copy_format.TIMESTAMPTZ_OID, "timestamp with time zone")
    JSONB = (None, "jsonb")
    TEXT_ARRAY = (None, "text[]")
    UUID_ARRAY = (None, "uuid[]")
    VECTOR = (None, "vector")
    FLOAT8 = (copy_format.FLOAT8_OID, "double precision")
    INT4 = (copy_format.INT4_OID, "integer", "bigint")
    INT2 = (copy_format.INT2_OID, "smallint", "integer", "bigint")

    def __init__(self, oid: int | None, *names: str) -> None:
        self.oid = oid
        self.fits = names
        """Every type, as ``format_type`` names it, that takes the value unchanged; the first is the column's own."""

    @property
    def sql(self) -> str:
        """The type's name in SQL. ``vector`` still needs the schema of its extension."""
        return self.fits[0]
