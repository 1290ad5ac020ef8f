"""No moment of nonsense: readers beside a run, and runs that are killed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.support.disturbances import wait_until
from tests.support.embedders import HashEmbedder
from tests.support.kills import nursery
from tests.support.reembedding import (
    assert_embedded,
    expected_vectors,
    memories,
    nothing_else_changes,
    reembed,
    state_of,
)
from tests.support.servers import Database
from vestige_tui.core.errors import DestinationBusyError
from vestige_tui.core.reembed.actions import finish, rollback
from vestige_tui.core.reembed.report import ReembedOutcome, ReembedReport
from vestige_tui.core.reembed.state import Stage

QUERIES = 200

_NEAREST = """
    SELECT m.dimension, m.name, vector_dims(n.embedding), n.content, n.embedding::text FROM embedding_model m, LATERAL (
        SELECT k.content, k.embedding FROM knowledge_nodes k
        ORDER BY k.embedding <=> (SELECT embedding FROM knowledge_nodes WHERE embedding IS NOT NULL LIMIT 1) LIMIT 3) n"""


class Reader:
    """A thread that asks again and again, in one way, until it is stopped."""

    def __init__(self, database: Database, ask: Callable[[psycopg.Connection[Any]], list[tuple[Any, ...]]]) -> None:
        self.answers: list[tuple[Any, ...]] = []
        self.queries = 0
        self.failures: list[Exception] = []
        self._database = database
        self._ask = ask
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with psycopg.connect(self._database.url, autocommit=True, prepare_threshold=None) as connection:
            while not self._stop.is_set():
                try:
                    self.answers += self._ask(connection)
                    self.queries += 1
                except psycopg.Error as error:
                    self.failures.append(error)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _at_once(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(_NEAREST).fetchall()


def _registry_first(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    """Read the model, then search, as a client must: what both say belongs together."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        model = connection.execute("SELECT dimension, name FROM embedding_model").fetchall()
        found = connection.execute(
            "SELECT vector_dims(embedding), content, embedding::text FROM knowledge_nodes"
            " WHERE embedding IS NOT NULL ORDER BY id LIMIT 3"
        ).fetchall()
    return [(*signature, *row) for signature in model for row in found]


def _registry_last(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    with connection.transaction():
        found = connection.execute(
            "SELECT vector_dims(embedding), content, embedding::text FROM knowledge_nodes"
            " WHERE embedding IS NOT NULL ORDER BY id LIMIT 3"
        ).fetchall()
        model = connection.execute("SELECT dimension, name FROM embedding_model").fetchall()
    return [(*signature, *row) for signature in model for row in found]


def test_readers_never_see_two_models(copied_database: Database) -> None:
    """They go on during swaps and rollbacks, with the dimension changed and unchanged; each sees one model alone."""
    store = copied_database
    models = [HashEmbedder(16, "one"), HashEmbedder(24, "two"), HashEmbedder(24, "three")]
    reembed(store, models[0])
    finish(store.dsn)
    rows = memories(store).values()
    vectors = {model.name: _as_text(store, model) for model in models}
    with (
        nothing_else_changes(store),
        Reader(store, _at_once) as at_once,
        Reader(store, _registry_first) as first,
        Reader(store, _registry_last) as last,
    ):
        for model in models[1:]:
            reembed(store, model, concurrent_index=True)
            rollback(store.dsn)
            reembed(store, model)
            finish(store.dsn)
        wait_until(lambda: min(reader.queries for reader in (at_once, first, last)) >= QUERIES)
    assert not at_once.failures, at_once.failures[0]
    assert not first.failures, first.failures[0]
    assert not last.failures, last.failures[0]
    seen = {answer[:2] for reader in (at_once, first, last) for answer in reader.answers}
    assert seen == {(16, "one"), (24, "two"), (24, "three")}
    assert len(rows) == 30
    for reader in (at_once, first, last):
        for dimension, name, dims, content, vector in reader.answers:
            assert dims == dimension
            assert vector == vectors[name][content], (name, content)


def _as_text(store: Database, model: HashEmbedder) -> dict[str, str]:
    """Each content's vector as the server prints it."""
    made = expected_vectors(memories(store), model)
    with store.connect() as connection:
        connection.execute("CREATE TEMPORARY TABLE made (id uuid, v vector)")
        from array import array

        for memory, vector in made.items():
            assert vector is not None
            connection.execute("INSERT INTO made VALUES (%s, %s::vector)", (memory, str(array("f", vector).tolist())))
        query = "SELECT content, v::text FROM made JOIN knowledge_nodes USING (id)"
        return dict(connection.execute(query).fetchall())


@pytest.mark.long
def test_killed_at_random_moments(copied_database: Database, seed: int) -> None:
    """SIGKILL at twenty moments: the store is the old one whole or the new one whole, and nothing is embedded twice."""
    store = copied_database
    rolled = random.Random(seed)
    old, new = HashEmbedder(16, "test/old"), 16
    assert reembed(store, old).outcome is ReembedOutcome.CLEAN
    finish(store.dsn)
    target = HashEmbedder(24)
    stages = []
    with nothing_else_changes(store), nursery() as runs:
        for _ in range(20):
            staged = state_of(store).staged
            options = {"batch_size": 3, "concurrent_index": rolled.random() < 0.5}
            runs.reembed_until(store.url, target.dimension, rolled.randrange(1, 50), rolled.random() / 50, **options)
            state = state_of(store)
            stages.append(state.stage)
            whole = target if state.stage is Stage.SWAPPED else old
            _assert_whole(store, whole)
            assert state.staged >= staged
            if state.stage is Stage.SWAPPED:
                _when_free(lambda: finish(store.dsn))
                old, new = target, 40 - target.dimension
                target = HashEmbedder(new)
        print(f"seed {seed}:", *stages)
        staged = state_of(store).staged
        report = _when_free(lambda: reembed(store, target))
        assert (report.embedded, report.already_embedded) == (30 - staged, staged)
        assert_embedded(store, target)


def _assert_whole(store: Database, embedder: HashEmbedder) -> None:
    rows = memories(store)
    assert {memory: row["embedding"] for memory, row in rows.items()} == expected_vectors(rows, embedder)
    signature = embedder.model_signature()
    assert store.rows("SELECT name, dimension FROM embedding_model") == [(signature.name, signature.dimension)]


def _when_free(run: Callable[[], ReembedReport]) -> ReembedReport:
    """The server may take a moment to notice that the run before is gone."""
    reports: list[ReembedReport] = []

    def is_free() -> bool:
        try:
            reports.append(run())
        except DestinationBusyError:
            return False
        return True

    wait_until(is_free)
    return reports[0]
