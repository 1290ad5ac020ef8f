"""``inspect``, a dry run and a copy say the same of a file's vectors, line for line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.commands import VestigeTui
from tests.support.servers import Database
from tests.support.sources import Sources, edit, query


def lines(out: str) -> list[str]:
    """The lines below the heading of the vectors."""
    _, _, rest = out.partition("=== Vectors ===\n")
    return rest.partition("\n\n")[0].splitlines()


def test_the_same_lines_everywhere(
    vestige_tui: VestigeTui, sources: Sources, database: Database, tmp_path: Path
) -> None:
    source = sources.published(13)
    ((total,),) = query(source, "SELECT count(*) FROM node_embeddings")
    edit(source, "UPDATE node_embeddings SET node_id = 'of \x1b[2Jnothing' WHERE rowid = 1")
    edit(source, "UPDATE node_embeddings SET model = 'other\x1b' WHERE rowid = 2")
    edit(source, "UPDATE knowledge_nodes SET has_embedding = 0 WHERE id = (SELECT node_id FROM node_embeddings"
                 " WHERE rowid = 3)")  # fmt: skip
    shown = lines(vestige_tui("inspect", source).out)
    model = "nomic-ai/nomic-embed-text-v1.5"
    assert [line.strip() for line in shown] == [
        f"{total - 3} of dimension 8 by {model} in node_embeddings: copied as they are",
        f"1 of dimension 8 by {model} in node_embeddings: not copied, since they belong to no memory (of ␛[2Jnothing)",
        f"1 of dimension 8 by {model} in node_embeddings: not copied, stale: the content was edited after they were made",
        "1 of dimension 8 by other␛ in node_embeddings: not copied, made by another model",
    ]
    report = tmp_path / "report.json"
    for more in (["--dry-run"], []):
        result = vestige_tui.copy(source, database, *more, "--report", report)
        assert result.code == 1
        assert lines(result.out) == shown
        inspected = json.loads(vestige_tui("inspect", source, "--json").out)
        assert json.loads(report.read_text())["vectors"] == inspected["vectors"]
    decisions = inspected["decisions"]
    assert any("--embedder NAME:DIM:HASH" in decision for decision in decisions)
    assert any("1 vector of memories that were edited since" in decision for decision in decisions)
