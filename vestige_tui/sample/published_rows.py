"""Rows of the published layout's ``knowledge_nodes``, ``node_embeddings`` and ``memory_connections``."""

from __future__ import annotations

import json
from collections.abc import Iterator

from vestige_tui.sample import clock
from vestige_tui.sample.chance import deck, pick
from vestige_tui.sample.database import Row
from vestige_tui.sample.memories import Memory, Schedule, json_list, memories, schedule
from vestige_tui.sample.phrases import PEOPLE
from vestige_tui.sample.relations import edges
from vestige_tui.sample.world import World

EMBEDDING_COLUMNS = ("node_id", "embedding", "dimensions", "model", "created_at")
CONNECTION_COLUMNS = (
    "source_id", "target_id", "strength", "link_type", "created_at", "last_activated", "activation_count",
)  # fmt: skip

_SCOPES = deck({"user": 80, "session": 6, "agent": 6, None: 8})
"""None is the scope of the memory's code base."""


def node_rows(world: World, names: list[str]) -> Iterator[Row]:
    """Yield the memories as rows with the columns ``names``, whichever version's those are."""
    for memory in memories(world):
        state = schedule(world, memory.number)
        values = (
            _note(world, memory)
            | _strengths(memory, state)
            | _lineage(world, memory)
            | _feelings(memory)
            | _envelope(memory)
        )
        yield [values[name] for name in names]


def embedding_rows(world: World) -> Iterator[Row]:
    """Yield a row for every memory that has a vector."""
    for number in range(world.spec.memories):
        embedding = world.embedding(number)
        if embedding:
            model, dimension, vector = embedding
            yield world.memory_id(number), vector, dimension, model, clock.text(*world.written(number))


def connection_rows(world: World) -> Iterator[Row]:
    """Yield the sample's edges as ``memory_connections``."""
    for number, edge in enumerate(edges(world)):
        yield edge.source, edge.target, edge.weight, edge.kind, edge.created, edge.created, number % 7


def _note(world: World, memory: Memory) -> dict[str, object]:
    """Return what the note says and which vector it has."""
    embedding = world.embedding(memory.number)
    tags = (*memory.tags, f"codebase:{memory.codebase}") if memory.codebase else memory.tags
    return {
        "id": memory.id,
        "content": memory.content,
        "node_type": memory.node_type,
        "tags": json_list(tags),
        **memory.stamps,
        "has_embedding": int(embedding is not None),
        "embedding_model": embedding.model if embedding else None,
        "domains": json_list(tuple(memory.scores)),
        "domain_scores": json.dumps(memory.scores),
    }


def _strengths(memory: Memory, state: Schedule) -> dict[str, object]:
    """Return the FSRS columns and those of retrieval; ``last_accessed`` is sometimes an empty string."""
    rng = memory.rng
    accessed = clock.text(state.last_review or memory.updated, memory.form)
    retrieved = state.reps * int(4 * rng.random())
    useful = int((retrieved + 1) * rng.random())
    return {
        "last_accessed": "" if rng.random() < 0.02 else accessed,
        "stability": state.stability,
        "difficulty": state.difficulty,
        "reps": state.reps,
        "lapses": state.lapses,
        "learning_state": "new" if not state.reps else "relearning" if state.lapses else "review",
        "storage_strength": round(1 + state.reps * 0.35, 4),
        "retrieval_strength": round(rng.betavariate(6, 2), 6),
        "retention_strength": state.retrievability,
        "next_review": clock.text(state.next_review) if state.next_review else None,
        "scheduled_days": int(state.stability) if state.reps else 0,
        "activation": round(rng.gauss(0.0, 1.2), 6) if rng.random() < 0.6 else None,
        "utility_score": round(useful / retrieved, 4) if retrieved else 0.0,
        "times_retrieved": retrieved,
        "times_useful": useful,
    }


def _lineage(world: World, memory: Memory) -> dict[str, object]:
    """Return validity, scope, supersession and suppression: few memories have any of it."""
    rng = memory.rng
    successor = min(memory.number + int(1 + 9 * rng.random()), world.spec.memories - 1)
    superseded = rng.random() < 0.03 and successor != memory.number
    summarised = rng.random() < 0.05
    suppressed = int(rng.expovariate(1.0)) if rng.random() < 0.03 else 0
    valid = rng.random() < 0.25
    return {
        "valid_from": clock.text(memory.written) if valid or superseded else None,
        "valid_until": clock.text(world.written(successor)[0]) if superseded else None,
        "superseded_by": world.memory_id(successor) if superseded else None,
        "protected": int(rng.random() < 0.02),
        "scope": pick(rng, _SCOPES) or memory.codebase or "user",
        "memory_system": {"event": "episodic", "pattern": "procedural"}.get(memory.node_type, "semantic"),
        "temporal_level": pick(rng, ("daily", "weekly", "monthly")) if rng.random() < 0.02 else None,
        "summary_parent_id": world.memory_id(int(rng.random() * world.spec.memories)) if summarised else None,
        "suppression_count": suppressed,
        "suppressed_at": clock.text(memory.updated) if suppressed else None,
    }


def _feelings(memory: Memory) -> dict[str, object]:
    """Return sentiment and the tags of the sleep phases."""
    rng = memory.rng
    felt = rng.random() < 0.4
    score = round(2 * rng.random() - 1, 4) if felt else 0.0
    waking = rng.random() < 0.08
    return {
        "sentiment_score": score,
        "sentiment_magnitude": abs(score),
        "emotional_valence": round(score * 0.8, 4),
        "flashbulb": int(abs(score) > 0.95),
        "waking_tag": int(waking),
        "waking_tag_at": clock.text(memory.updated) if waking else None,
    }


def _envelope(memory: Memory) -> dict[str, object]:
    """Return where the memory came from; an eighth was fetched by a connector and carries a full envelope."""
    rng = memory.rng
    source = pick(rng, ("mcp", "cli", "hook:session-end", f"conversation/{int(999 * rng.random()):03d}", None))
    system = pick(rng, ("github", "linear", "redmine"))
    project = memory.codebase or "orchard"
    synced = clock.text(memory.updated)
    values: dict[str, object] = {
        "source_system": system,
        "source_id": str(memory.number + 1),
        "source_url": f"https://{system}.example.com/{project}/issues/{memory.number + 1}",
        "source_updated_at": clock.text(memory.updated, clock.Form.ZULU),
        "content_hash": f"{rng.getrandbits(256):064x}",
        "synced_at": synced,
        "source_project": project,
        "source_type": pick(rng, ("issue", "pull_request", "comment")),
        "source_author": pick(rng, PEOPLE).lower(),
    }
    fetched = rng.random() < 0.125
    return (values if fetched else dict.fromkeys(values)) | {"source": system if fetched else source}
