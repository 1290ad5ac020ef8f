"""The store that is re-embedded, and the names of what a run adds to it until it is finished.

A run adds a table of one row (what it is about), a table of new vectors by memory, and later the shadow column with its
trigger and indexes. Their names are fixed, so that the next run finds what an interrupted one has left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from vestige_tui.core.destination.indexes import HNSW_NAME

MEMORIES = "knowledge_nodes"
REGISTRY = "embedding_model"
COLUMN = "embedding"

STATE = "vestige_reembed"
VECTORS = "vestige_reembed_vectors"
SHADOW = "embedding_shadow"
GUARD = "vestige_reembed_guard"

TRIGGER = "~vestige_reembed_guard"
"""The server runs triggers in the order of their names: this one comes after the one that touches ``updated_at``."""

SETTING = "vestige.reembed"
"""The setting by which the trigger knows the updates of a run."""

HNSW_SHADOW = f"{HNSW_NAME}_shadow"
"""The index of the vectors that no search uses: the new ones before a swap, the old ones after it."""

UNFILLED = "idx_knowledge_nodes_embedding_shadow_unfilled"

HASH: LiteralString = "sha256(convert_to(k.content, 'UTF8'))"
"""By which a vector belongs to a content."""

HAS_TEXT: LiteralString = r"k.content ~ '\S'"
"""Whether a memory is embedded at all. In SQL of this package ``k`` is the table of memories."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where the tables and pgvector are."""

    schema: str
    vector_schema: str

    def name(self, table: str) -> str:
        """A table's qualified name, as a value that SQL casts to ``regclass``."""
        return sql.Identifier(self.schema, table).as_string(None)

    def sql(self, template: LiteralString, **more: sql.Composable) -> sql.Composed:
        """SQL with the names of this package put in: ``{memories}``, ``{vectors}``, ``{shadow}`` and so on."""
        names: dict[str, sql.Composable] = {
            "schema": sql.Identifier(self.schema),
            "memories": sql.Identifier(self.schema, MEMORIES),
            "registry": sql.Identifier(self.schema, REGISTRY),
            "embedding": sql.Identifier(COLUMN),
            "state": sql.Identifier(self.schema, STATE),
            "vectors": sql.Identifier(self.schema, VECTORS),
            "shadow": sql.Identifier(SHADOW),
            "guard": sql.Identifier(self.schema, GUARD),
            "trigger": sql.Identifier(TRIGGER),
            "unfilled": sql.Identifier(self.schema, UNFILLED),
            "setting": sql.Literal(SETTING),
            "vector": sql.Identifier(self.vector_schema, "vector"),
            "hash": sql.SQL(HASH),
            "has_text": sql.SQL(HAS_TEXT),
        }
        return sql.SQL(template).format(**names, **more)
