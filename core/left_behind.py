"""What the tables of a source hold that have no place at the destination, in a few plain words each."""

from __future__ import annotations

MEANINGS = {
    "agent_runs": "log of runs of agents",
    "agent_traces": "log of steps of agents",
    "artifact_lineage": "what was derived from what",
    "code_memory_anchors": "places in code",
    "composition_events": "memories used together",
    "composition_members": "which memories those were",
    "compressed_memories": "memories, compressed",
    "connector_cursors": "how far connectors have read",
    "consolidation_history": "log of consolidations",
    "deletion_tombstones": "marks of deleted memories",
    "dream_history": "log of dreams",
    "fsrs_cards": "review cards, not in use",
    "fsrs_config": "settings of the schedule",
    "insights": "conclusions from memories",
    "intentions": "reminders of things to do",
    "knowledge_edges": "older connections",
    "memory_access_log": "log of memories read",
    "memory_states": "how present each memory is",
    "merge_operations": "log of merged memories",
    "merge_plans": "plans to merge memories",
    "retention_snapshots": "log of how much is retained",
    "sessions": "log of sessions",
    "state_transitions": "log of state changes",
    "sync_tombstones": "marks of deleted rows",
    "vector_journal": "log of changes of vectors",
}
"""By the table's name in published Vestige; a table that is not here is one of other programs, or newer."""


def meaning_of(name: str) -> str:
    """What a table holds, or "" where that is not known; of a column (``table.column``) its name has to say it."""
    return MEANINGS.get(name.lower(), "")
