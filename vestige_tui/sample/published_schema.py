"""The tables and columns of published Vestige, by the schema version that brought them ("layout B").

Source: ``vestige-schemas.md`` section 4, whose names are exact. Tables that it names without columns, and those it
does not name (V15 to V35), have Vestige's column names but only those that matter to a reader of rows; checks,
triggers of the audit tables and most indexes are left out. V29 and V30 change indexes and the tokenizer only; of V36
to V38 only V37's column is known.
"""

from __future__ import annotations

import sqlite3
from typing import NamedTuple

from vestige_tui.sample import registry
from vestige_tui.sample.database import create_table

VERSIONS = range(1, 39)
"""Schema versions of the published main line."""

_ROWID = "id INTEGER PRIMARY KEY AUTOINCREMENT"
_NODE = "REFERENCES knowledge_nodes(id) ON DELETE CASCADE"


class Table(NamedTuple):
    """A table: the version that creates it, its name, what is between the parentheses, the version that drops it."""

    since: int
    name: str
    body: str
    until: int = VERSIONS.stop


TABLES = (
    Table(1, "knowledge_nodes", """id TEXT PRIMARY KEY, content TEXT NOT NULL, node_type TEXT NOT NULL DEFAULT 'fact',
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL, last_accessed TEXT NOT NULL, stability REAL DEFAULT 1.0,
        difficulty REAL DEFAULT 5.0, reps INTEGER DEFAULT 0, lapses INTEGER DEFAULT 0,
        learning_state TEXT DEFAULT 'new', storage_strength REAL DEFAULT 1.0, retrieval_strength REAL DEFAULT 1.0,
        retention_strength REAL DEFAULT 1.0, sentiment_score REAL DEFAULT 0.0, sentiment_magnitude REAL DEFAULT 0.0,
        next_review TEXT, scheduled_days INTEGER DEFAULT 0, source TEXT, tags TEXT DEFAULT '[]',
        has_embedding INTEGER DEFAULT 0, embedding_model TEXT"""),
    Table(1, "node_embeddings", f"""node_id TEXT PRIMARY KEY {_NODE}, embedding BLOB NOT NULL,
        dimensions INTEGER NOT NULL DEFAULT 768, model TEXT NOT NULL DEFAULT 'BAAI/bge-base-en-v1.5',
        created_at TEXT NOT NULL"""),
    Table(1, "schema_version", "version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL"),
    Table(3, "memory_connections", f"""source_id TEXT NOT NULL {_NODE}, target_id TEXT NOT NULL {_NODE},
        strength REAL NOT NULL, link_type TEXT NOT NULL, created_at TEXT NOT NULL, last_activated TEXT NOT NULL,
        activation_count INTEGER DEFAULT 0, PRIMARY KEY (source_id, target_id)"""),
    Table(3, "intentions", """id TEXT PRIMARY KEY, content TEXT NOT NULL, trigger_type TEXT NOT NULL,
        trigger_data TEXT NOT NULL, priority INTEGER NOT NULL DEFAULT 2, status TEXT NOT NULL DEFAULT 'active',
        created_at TEXT NOT NULL, deadline TEXT, tags TEXT DEFAULT '[]', source_type TEXT NOT NULL DEFAULT 'api'"""),
    Table(3, "insights", """id TEXT PRIMARY KEY, insight TEXT NOT NULL, source_memories TEXT NOT NULL,
        confidence REAL NOT NULL, novelty_score REAL NOT NULL, insight_type TEXT NOT NULL, generated_at TEXT NOT NULL,
        tags TEXT DEFAULT '[]', applied_count INTEGER DEFAULT 0"""),
    Table(3, "memory_states", f"""memory_id TEXT PRIMARY KEY {_NODE}, state TEXT NOT NULL DEFAULT 'active',
        last_access TEXT NOT NULL, access_count INTEGER DEFAULT 1, state_entered_at TEXT NOT NULL"""),
    Table(3, "fsrs_cards", f"""memory_id TEXT PRIMARY KEY {_NODE}, difficulty REAL NOT NULL DEFAULT 5.0,
        stability REAL NOT NULL DEFAULT 1.0, state TEXT NOT NULL DEFAULT 'new', reps INTEGER DEFAULT 0,
        lapses INTEGER DEFAULT 0, last_review TEXT, due_date TEXT"""),
    Table(3, "consolidation_history", f"""{_ROWID}, completed_at TEXT NOT NULL, duration_ms INTEGER NOT NULL,
        memories_replayed INTEGER DEFAULT 0, connections_found INTEGER DEFAULT 0"""),
    Table(3, "state_transitions", f"""{_ROWID}, memory_id TEXT NOT NULL {_NODE}, from_state TEXT NOT NULL,
        to_state TEXT NOT NULL, reason_type TEXT NOT NULL, reason_data TEXT, timestamp TEXT NOT NULL"""),
    Table(4, "sessions", """id TEXT PRIMARY KEY, user_id TEXT NOT NULL DEFAULT 'default', started_at TEXT NOT NULL,
        ended_at TEXT, context TEXT, memory_count INTEGER DEFAULT 0"""),
    Table(4, "knowledge_edges", f"""id TEXT PRIMARY KEY, source_id TEXT NOT NULL {_NODE},
        target_id TEXT NOT NULL {_NODE}, edge_type TEXT NOT NULL, weight REAL NOT NULL DEFAULT 1.0,
        created_at TEXT NOT NULL, confidence REAL NOT NULL DEFAULT 1.0""", until=11),
    Table(4, "compressed_memories", f"""id TEXT PRIMARY KEY, original_id TEXT NOT NULL {_NODE},
        compressed_content TEXT NOT NULL, compression_ratio REAL NOT NULL, compressed_at TEXT NOT NULL""", until=11),
    Table(5, "memory_access_log", f"""{_ROWID}, node_id TEXT NOT NULL {_NODE}, access_type TEXT NOT NULL,
        accessed_at TEXT NOT NULL"""),
    Table(5, "fsrs_config", "key TEXT PRIMARY KEY, value REAL NOT NULL, updated_at TEXT NOT NULL"),
    Table(6, "dream_history", f"""{_ROWID}, dreamed_at TEXT NOT NULL, duration_ms INTEGER NOT NULL DEFAULT 0,
        memories_replayed INTEGER NOT NULL DEFAULT 0, insights_generated INTEGER NOT NULL DEFAULT 0"""),
    Table(8, "retention_snapshots", f"""{_ROWID}, snapshot_at TEXT NOT NULL, avg_retention REAL NOT NULL,
        total_memories INTEGER NOT NULL, memories_below_target INTEGER NOT NULL DEFAULT 0"""),
    Table(12, "sync_tombstones", """table_name TEXT NOT NULL, row_id TEXT NOT NULL, deleted_at TEXT NOT NULL,
        reason TEXT, PRIMARY KEY (table_name, row_id)"""),
    Table(13, "deletion_tombstones", """memory_id TEXT PRIMARY KEY, deleted_at TEXT NOT NULL, reason TEXT,
        node_type TEXT NOT NULL, tags TEXT NOT NULL DEFAULT '[]', edges_pruned INTEGER NOT NULL DEFAULT 0"""),
    Table(14, "merge_plans", """id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'pending',
        created_at TEXT NOT NULL, member_ids TEXT NOT NULL DEFAULT '[]', confidence REAL, payload TEXT NOT NULL"""),
    Table(14, "merge_operations", """id TEXT PRIMARY KEY, plan_id TEXT, op_type TEXT NOT NULL,
        status TEXT NOT NULL DEFAULT 'applied', created_at TEXT NOT NULL, affected_ids TEXT NOT NULL DEFAULT '[]',
        confidence REAL, reason TEXT, undo_payload TEXT NOT NULL"""),
    Table(15, "composition_events", """id TEXT PRIMARY KEY, created_at TEXT NOT NULL, tool TEXT NOT NULL,
        mode TEXT NOT NULL DEFAULT 'deep_reference', query TEXT, confidence REAL, status TEXT,
        metadata TEXT NOT NULL DEFAULT '{}'"""),
    Table(15, "composition_members", """event_id TEXT NOT NULL REFERENCES composition_events(id) ON DELETE CASCADE,
        memory_id TEXT NOT NULL, role TEXT NOT NULL, rank INTEGER NOT NULL DEFAULT 0, score REAL,
        PRIMARY KEY (event_id, memory_id, role)"""),
    Table(15, "composition_outcomes", """id TEXT PRIMARY KEY,
        event_id TEXT NOT NULL REFERENCES composition_events(id) ON DELETE CASCADE, outcome_type TEXT NOT NULL,
        labeled_at TEXT NOT NULL, notes TEXT"""),
    Table(16, "embedding_model", registry.EMBEDDING_MODEL),
    Table(16, "domains", registry.DOMAINS),
    Table(17, "connector_cursors", """source_system TEXT NOT NULL, scope TEXT NOT NULL, cursor_updated_at TEXT,
        last_synced_at TEXT, records_seen INTEGER NOT NULL DEFAULT 0, config TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (source_system, scope)"""),
    Table(18, "agent_traces", """id TEXT PRIMARY KEY, run_id TEXT NOT NULL, seq INTEGER NOT NULL,
        event_type TEXT NOT NULL, tool TEXT, payload TEXT NOT NULL, created_at TEXT NOT NULL"""),
    Table(18, "agent_runs", """run_id TEXT PRIMARY KEY, first_tool TEXT, event_count INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL"""),
    Table(18, "memory_receipts", """receipt_id TEXT PRIMARY KEY, run_id TEXT, tool TEXT, query TEXT,
        retrieved_count INTEGER NOT NULL DEFAULT 0, payload TEXT NOT NULL, created_at TEXT NOT NULL"""),
    Table(18, "memory_prs", """id TEXT PRIMARY KEY, kind TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'pending',
        title TEXT NOT NULL, subject_id TEXT, diff TEXT NOT NULL DEFAULT '{}', created_at TEXT NOT NULL"""),
    Table(21, "synaptic_tags", f"""tag_id TEXT PRIMARY KEY, memory_id TEXT NOT NULL {_NODE},
        initial_strength REAL NOT NULL, state TEXT NOT NULL, recorded_at TEXT NOT NULL"""),
    Table(21, "synaptic_events", """event_id TEXT PRIMARY KEY, trigger_memory_id TEXT NOT NULL,
        event_type TEXT NOT NULL, strength REAL NOT NULL, recorded_at TEXT NOT NULL"""),
    Table(21, "synaptic_capture_items", """event_id TEXT NOT NULL REFERENCES synaptic_events(event_id),
        tag_id TEXT NOT NULL REFERENCES synaptic_tags(tag_id), memory_id TEXT NOT NULL, capture_score REAL NOT NULL,
        recorded_at TEXT NOT NULL, PRIMARY KEY (event_id, tag_id)"""),
    Table(23, "retrieval_replay_capsules", """capsule_id TEXT PRIMARY KEY,
        source_receipt_id TEXT NOT NULL UNIQUE REFERENCES memory_receipts(receipt_id), created_at TEXT NOT NULL"""),
    Table(23, "retrieval_replay_items", """capsule_id TEXT NOT NULL, ordinal INTEGER NOT NULL, memory_id TEXT,
        PRIMARY KEY (capsule_id, ordinal)"""),
    Table(23, "counterfactual_replays", "replay_id TEXT PRIMARY KEY, capsule_id TEXT NOT NULL, result_json TEXT"),
    Table(24, "receipt_signing_keys", "key_id TEXT PRIMARY KEY, public_key BLOB NOT NULL, created_at TEXT NOT NULL"),
    Table(24, "receipt_envelopes", "receipt_id TEXT PRIMARY KEY, envelope_json TEXT NOT NULL, stored_at TEXT NOT NULL"),
    Table(24, "receipt_chain_state", "chain_id TEXT PRIMARY KEY, last_sequence INTEGER NOT NULL"),
    Table(24, "receipt_disclosures", """receipt_id TEXT NOT NULL, evidence_slot TEXT NOT NULL,
        memory_id TEXT NOT NULL, PRIMARY KEY (receipt_id, evidence_slot)"""),
    Table(25, "artifact_lineage", """source_kind TEXT NOT NULL, source_id TEXT NOT NULL, derived_kind TEXT NOT NULL,
        derived_id TEXT NOT NULL, relation TEXT NOT NULL, created_at TEXT NOT NULL,
        PRIMARY KEY (source_kind, source_id, derived_kind, derived_id, relation)"""),
    Table(25, "erasure_jobs", "erasure_id TEXT PRIMARY KEY, status TEXT NOT NULL, started_at TEXT NOT NULL"),
    Table(25, "erasure_steps", """erasure_id TEXT NOT NULL, step_order INTEGER NOT NULL, surface TEXT NOT NULL,
        PRIMARY KEY (erasure_id, step_order)"""),
    Table(25, "erasure_tombstones", """target_commitment TEXT PRIMARY KEY, generation INTEGER NOT NULL UNIQUE,
        erased_at TEXT NOT NULL"""),
    Table(25, "managed_artifacts", "artifact_commitment TEXT PRIMARY KEY, state TEXT NOT NULL"),
    Table(28, "embedding_profiles", """profile_id TEXT PRIMARY KEY, model_id TEXT NOT NULL,
        embedding_dimension INTEGER NOT NULL CHECK (embedding_dimension > 0), status TEXT NOT NULL,
        created_at TEXT NOT NULL, updated_at TEXT NOT NULL"""),
    Table(28, "embedding_profile_state", """singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
        active_profile_id TEXT NOT NULL REFERENCES embedding_profiles(profile_id), previous_profile_id TEXT,
        activated_at TEXT NOT NULL, updated_at TEXT NOT NULL"""),
    Table(28, "embedding_profile_vectors", f"""profile_id TEXT NOT NULL REFERENCES embedding_profiles(profile_id),
        node_id TEXT NOT NULL {_NODE}, embedding BLOB NOT NULL, dimensions INTEGER NOT NULL CHECK (dimensions > 0),
        model TEXT NOT NULL, created_at TEXT NOT NULL, PRIMARY KEY (profile_id, node_id)"""),
    Table(28, "embedding_profile_manifests", """profile_id TEXT PRIMARY KEY REFERENCES embedding_profiles(profile_id),
        manifest_json TEXT NOT NULL, vector_count INTEGER NOT NULL DEFAULT 0, updated_at TEXT NOT NULL"""),
    Table(28, "embedding_profile_migrations", """migration_id TEXT PRIMARY KEY, source_profile_id TEXT NOT NULL,
        destination_profile_id TEXT NOT NULL, state TEXT NOT NULL, started_at TEXT NOT NULL"""),
    Table(31, "code_memory_anchors", f"""id TEXT PRIMARY KEY, node_id TEXT NOT NULL {_NODE}, file_path TEXT NOT NULL,
        symbol TEXT, start_line INTEGER, end_line INTEGER, content_hash TEXT, captured_at TEXT NOT NULL"""),
    Table(32, "vector_journal", """seq INTEGER PRIMARY KEY AUTOINCREMENT, profile_id TEXT NOT NULL,
        node_id TEXT NOT NULL, op TEXT NOT NULL CHECK (op IN ('upsert', 'delete')), at TEXT NOT NULL"""),
    Table(33, "failure_feedback", f"""{_ROWID}, failure_id TEXT NOT NULL {_NODE}, memory_id TEXT NOT NULL {_NODE},
        delta REAL NOT NULL, applied_at TEXT NOT NULL"""),
    Table(34, "suppression_operations", f"""sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        node_id TEXT NOT NULL {_NODE}, created_at TEXT NOT NULL, before_state TEXT NOT NULL,
        after_state TEXT NOT NULL"""),
    Table(35, "suppression_cascade_effects", f"""operation_sequence INTEGER NOT NULL,
        neighbor_id TEXT NOT NULL {_NODE}, before_state TEXT NOT NULL,
        PRIMARY KEY (operation_sequence, neighbor_id)"""),
)  # fmt: skip

_NODE_COLUMNS = {
    2: ("valid_from TEXT", "valid_until TEXT"),
    4: ("scope TEXT DEFAULT 'user'", "memory_system TEXT DEFAULT 'semantic'"),
    5: ("activation REAL",),
    8: ("waking_tag BOOLEAN DEFAULT FALSE", "waking_tag_at TEXT", "utility_score REAL DEFAULT 0.0",
        "times_retrieved INTEGER DEFAULT 0", "times_useful INTEGER DEFAULT 0"),
    9: ("emotional_valence REAL DEFAULT 0.0", "flashbulb BOOLEAN DEFAULT FALSE", "temporal_level TEXT",
        "summary_parent_id TEXT"),
    10: ("suppression_count INTEGER DEFAULT 0", "suppressed_at TEXT"),
    14: ("protected INTEGER NOT NULL DEFAULT 0", "superseded_by TEXT"),
    16: ("domains TEXT NOT NULL DEFAULT '[]'", "domain_scores TEXT NOT NULL DEFAULT '{}'"),
    17: ("source_system TEXT", "source_id TEXT", "source_url TEXT", "source_updated_at TEXT", "content_hash TEXT",
         "synced_at TEXT", "source_project TEXT", "source_type TEXT", "source_author TEXT"),
}  # fmt: skip

ADDED_COLUMNS = (
    *((since, "knowledge_nodes", column) for since, added in _NODE_COLUMNS.items() for column in added),
    (4, "node_embeddings", "version INTEGER DEFAULT 1"),
    (37, "intentions", "scope TEXT"),
)
"""Version, table and declaration of the columns that came after their table."""

_INDEXES = (
    (1, "idx_nodes_retention ON knowledge_nodes(retention_strength)"),
    (1, "idx_nodes_next_review ON knowledge_nodes(next_review)"),
    (1, "idx_nodes_created ON knowledge_nodes(created_at)"),
    (1, "idx_nodes_has_embedding ON knowledge_nodes(has_embedding)"),
    (3, "idx_connections_target ON memory_connections(target_id)"),
    (4, "idx_nodes_scope ON knowledge_nodes(scope)"),
    (17, "idx_nodes_source_system ON knowledge_nodes(source_system) WHERE source_system IS NOT NULL"),
    (28, "idx_embedding_profile_vectors_node ON embedding_profile_vectors(node_id)"),
)


def create_tables(connection: sqlite3.Connection, version: int) -> None:
    """Create what a Vestige of schema ``version`` has: first the tables, then the columns in the order they came."""
    for table in TABLES:
        if table.since <= version < table.until:
            create_table(connection, table.name, table.body)
    for since, name, column in ADDED_COLUMNS:
        if since <= version:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {column}")


def create_indexes(connection: sqlite3.Connection, version: int) -> None:
    """Create the most telling of Vestige's indexes; faster once the rows are there."""
    for since, index in _INDEXES:
        if since <= version:
            connection.execute(f"CREATE INDEX {index}")
