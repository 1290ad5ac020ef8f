"""Whatever Vestige's history has left of vectors: those it would use arrive bit for bit, all others are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.support.destination import differences, read_table
from tests.support.hostile import assert_foretold, complaints
from tests.support.odd_vectors import VectorFact, VectorFacts, vector_facts
from tests.support.reading import read_source
from tests.support.runs import assert_nothing_new, copy
from tests.support.servers import Database, Server
from tests.support.sources import SMALL_SPEC, Sources, edit
from vestige_tui.core.errors import RefusedError
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.verify.expectation.vectors import Model

MEMORIES = 8
SPEC = replace(SMALL_SPEC, memories=MEMORIES, edges=4, domains=1, dimension=256)


@pytest.fixture(scope="module")
def prepared(server: Server, source_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A destination whose tables are there, made for vectors of 256 elements."""
    with server.database() as database:
        copy(Sources(source_cache, tmp_path_factory.mktemp("empty")).seed(SPEC), database)
        yield database


def vectors_told(report: MigrationReport) -> Counter[tuple[Any, ...]]:
    """How many vectors of each kind a report names, and what becomes of them."""
    reported: Counter[tuple[Any, ...]] = Counter()
    for group in report.vectors:
        reported[group.table, group.profile, group.model, group.dimension, group.fate.value] += group.count
    return reported


def test_every_state_of_vectors(prepared: Database, sources: Sources) -> None:
    @given(vector_facts(MEMORIES))
    @settings(
        max_examples=settings().max_examples // 10,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    def check(facts: VectorFacts) -> None:
        source = sources.published(facts.version, SPEC)
        facts.apply(source)
        check_vectors(source, prepared)

    check()


def test_a_destination_that_knows_nothing_but_the_dimension(prepared: Database, sources: Sources) -> None:
    """A vector of another length, by a model that no one names: the memory arrives without it."""
    source = sources.published(38, SPEC)
    VectorFacts(38, "", False, (VectorFact(7, "own", 384, "", 0), VectorFact(6, "own", 256, "", 0)), ()).apply(source)
    check_vectors(source, prepared)


def test_two_rows_of_one_id(prepared: Database, sources: Sources) -> None:
    """Each has its own vector: that of the row which arrives is sound, whatever the other one has."""
    source = sources.seed(SPEC)
    columns = "content, node_type, tags, updated_at, metadata, domains, domain_scores"
    edit(source, f"INSERT INTO knowledge_nodes (rowid, id, created_at, embedding, {columns})"
                 f" SELECT -rowid, upper(id), '9999-01-01 00:00:00', 'no vector', {columns} FROM knowledge_nodes"
                 " WHERE embedding IS NOT NULL AND id GLOB '*[a-f]*'")  # fmt: skip
    check_vectors(source, prepared)


def check_vectors(source: Path, prepared: Database) -> None:
    """Dry run, copy and second copy into the emptied destination, which has not seen a model yet."""
    read = read_source(source, 256, SPEC.model_name)
    model = read.model or Model(SPEC.model_name, 256)
    wanted = read_source(source, model.dimension, model.name) if read.model else read
    with prepared.connect() as connection:
        connection.execute("DELETE FROM embedding_model")
        for table in ("knowledge_nodes", "groups", "domains", "users"):
            connection.execute(f"DELETE FROM {table}".encode())
        if model.dimension != 256:
            for dry_run in (True, False):
                with pytest.raises(RefusedError):
                    copy(source, prepared, dry_run=dry_run)
            return
        preview = copy(source, prepared, dry_run=True)
        report = copy(source, prepared)
        again = copy(source, prepared)
        found = read_table(connection, "knowledge_nodes") or {}
    assert differences(found, wanted.rows["knowledge_nodes"]) == {}
    said = complaints(report)
    assert said == wanted.complaints, {"only said": said - wanted.complaints, "not said": wanted.complaints - said}
    reported: Counter[tuple[Any, ...]] = Counter()
    for group, count in wanted.vectors.items():
        reported[group.table, group.profile, group.model, group.dimension, group.fate] += count
    named = vectors_told(report)
    assert named == reported, {"only named": named - reported, "not named": reported - named}
    assert vectors_told(preview) == named
    assert (report.source.model is None) == (read.model is None)
    assert_foretold(preview, report)
    assert_nothing_new(report, again)
