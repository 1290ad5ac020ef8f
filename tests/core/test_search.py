"""Asking a store: what is found and marked, what a role may not read, and what ends a question."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.support.disturbances import wait_until
from tests.support.embedders import hash_vector
from tests.support.roles import role
from tests.support.servers import HALFVEC_SINCE, Database, Server
from tests.support.sources import signature
from vestige_tui.core.destination.connection import Connection
from vestige_tui.core.errors import Cancelled, RefusedError, UsageError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.treatment import treated
from vestige_tui.core.search import answering, by_meaning, by_words
from vestige_tui.core.search.answers import Answer, By, Meaning, Notice, Question, State
from vestige_tui.core.search.searcher import Searcher
from vestige_tui.core.search.shape import Shape, VectorIndex, look

MODEL = signature(8)
HOSTILE = "pre\x02fix \x1b[31m[bold]lag[/] <b>Replication</b> \x03 lags\n\u202eend"
READ = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"


def vector(text: str, dimension: int = 8) -> bytes:
    (made,) = treated([hash_vector(text, dimension)], dimension)
    assert isinstance(made, bytes)
    return made


def meaning(text: str, model: ModelSignature = MODEL) -> Meaning:
    return Meaning(vector(text, model.dimension), model)


def ids(answer: Answer) -> list[str]:
    return [found.id for found in answer.found]


def put(database: Database, number: int, content: str, **more: str) -> str:
    """A memory by its number; the higher, the newer."""
    id_ = str(UUID(int=number))
    columns = {"id": id_, "content": content, "created_at": f"2099-01-01 00:00:{number:02}+00", **more}
    marks = ", ".join(["%s"] * len(columns))
    database.rows(
        f"INSERT INTO knowledge_nodes ({', '.join(columns)}) VALUES ({marks}) RETURNING id", (*columns.values(),)
    )
    return id_


@pytest.fixture
def store(copied_database: Database) -> Database:
    """The small source's copy, and a few memories more: 1 to 4, of which the last one is the newest."""
    literal = by_meaning._literal
    put(copied_database, 1, HOSTILE, tags="{wal}", embedding=literal(vector("one")))
    put(
        copied_database,
        2,
        "A replica lags behind.",
        embedding=literal(vector("two")),
        metadata='{"suppressed_at": "x"}',
    )
    put(copied_database, 3, "The wombat sleeps.", node_type="person", embedding=literal(vector("three")))
    put(copied_database, 4, "Nothing about animals.")
    copied_database.execute(
        f"INSERT INTO edges (source_id, target_id, edge_type, weight) VALUES ('{UUID(int=1)}', '{UUID(int=2)}', 'causal', 0.5),"
        f" ('{UUID(int=3)}', '{UUID(int=1)}', 'part_of', 0.75), ('{UUID(int=1)}', '{UUID(int=1)}', 'semantic', 0.1)"
    )
    return copied_database


@pytest.fixture
def searcher(store: Database) -> Iterator[Searcher]:
    with closing(Searcher(store.dsn)) as opened:
        yield opened


def test_by_words(searcher: Searcher) -> None:
    one, two, three, four = (str(UUID(int=number)) for number in (1, 2, 3, 4))
    newest = searcher.ask(Question("  ", limit=2))
    assert (ids(newest), newest.found[0].found_by, newest.registered) == ([four, three], (), MODEL)

    answer = searcher.ask(Question("lagging -wombat", limit=200))
    assert {one, two} <= {*ids(answer)}
    found = next(found for found in answer.found if found.id == one)
    assert [*found.snippet.pieces] == [
        ("pre\x02fix \x1b[31m[bold]", False), ("lag", True), ("[/] <b>Replication</b> \x03 ", False), ("lags", True),
        (" \u202eend", False),
    ]  # fmt: skip
    assert (found.tags, found.kind, found.created) == (("wal",), "fact", "2099-01-01T00:00:01+00:00")
    assert (found.found_by, found.distance) == ((By.WORDS,), None)
    assert next(found for found in answer.found if found.id == two).states == (State.SUPPRESSED,)

    assert ids(searcher.ask(Question('"wombat sleeps"'))) == [three]
    assert ids(searcher.ask(Question("wombat'); \0\udc80 sleeping"))) == [three]
    alike = searcher.ask(Question("wombatte"))
    assert (ids(alike), alike.notices) == ([three], (Notice.BEGINS_ALIKE,))
    assert [piece for piece, marked in alike.found[0].snippet.pieces if marked] == ["wombat"]
    assert ids(searcher.ask(Question("the womb"))) == [three], "a common word is left out"
    for words in ("the of", "-wombat"):
        empty = searcher.ask(Question(words))
        assert (empty.found, empty.notices) == ((), (Notice.NOTHING_TO_LOOK_FOR,))
    assert searcher.ask(Question("wombat giraffe")).found == ()


def test_so_many_that_only_the_newest_are_ranked(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_words, "RANKED", 1)
    answer = searcher.ask(Question("lag"))
    assert (ids(answer), answer.notices) == ([str(UUID(int=2)), str(UUID(int=1))], (Notice.NEWEST_RANKED,))


def test_by_meaning(searcher: Searcher) -> None:
    one, two = str(UUID(int=1)), str(UUID(int=2))
    nearest = searcher.ask(Question("?", By.MEANING, limit=3), meaning("two"))
    assert (ids(nearest)[0], len(nearest.found), nearest.notices) == (two, 3, ())
    assert nearest.found[0].distance == pytest.approx(0, abs=1e-6)
    assert nearest.found[0].found_by == (By.MEANING,)
    assert [found.distance for found in nearest.found] == sorted(found.distance or 0 for found in nearest.found)

    both = searcher.ask(Question("replication lag", By.BOTH), meaning("two"))
    found = {found.id: found for found in both.found}
    assert found[one].found_by == (By.WORDS, By.MEANING)
    assert found[two].score == pytest.approx(1 / 61), "nearest, and without one of the words"
    for other in (signature(8, "another"), signature(4), ModelSignature(MODEL.name, 8, "0" * 64)):
        refused = searcher.ask(Question("lag", By.BOTH), meaning("two", other))
        assert refused.notices == (Notice.OTHER_MODEL,)
        assert refused.found
        assert {found.distance for found in refused.found} == {None}


def test_what_the_store_has_is_found_out(server: Server, store: Database, searcher: Searcher) -> None:
    """Another model, above the dimensions that an index of ``vector`` takes, comes between two questions."""
    searcher.ask(Question("lag", By.BOTH), meaning("two"))
    dimension = 2_500
    store.execute(
        "DROP INDEX idx_knowledge_nodes_embedding_hnsw",
        "UPDATE knowledge_nodes SET embedding = NULL",
        f"ALTER TABLE knowledge_nodes ALTER embedding TYPE vector({dimension})",
        f"UPDATE embedding_model SET name = 'large', dimension = {dimension}",
        f"UPDATE knowledge_nodes SET embedding = '{by_meaning._literal(vector('two', dimension))}' "
        "WHERE content LIKE '%wombat%'",
    )
    large = ModelSignature("large", dimension)
    unindexed = searcher.ask(Question("?", By.MEANING), meaning("two", large))
    assert (ids(unindexed), unindexed.notices) == ([str(UUID(int=3))], (Notice.NO_VECTOR_INDEX,))
    assert searcher.ask(Question("?", By.MEANING), meaning("two")).notices == (Notice.OTHER_MODEL,)
    if server.pgvector < HALFVEC_SINCE:
        return
    store.execute(f"CREATE INDEX ON knowledge_nodes USING hnsw ((embedding::halfvec({dimension})) halfvec_cosine_ops)")
    with closing(Searcher(store.dsn)) as fresh:
        indexed = fresh.ask(Question("?", By.MEANING), meaning("two", large))
    assert (ids(indexed), indexed.notices) == ([str(UUID(int=3))], ())


def test_indexes_serve(store: Database) -> None:
    """The expressions are those of the indexes, whatever the planner prefers for so few rows."""
    plans: list[str] = []

    class Explaining:
        def __init__(self, connection: Connection) -> None:
            self._connection = connection

        def execute(self, query: sql.Composed, parameters: dict[str, object]) -> psycopg.Cursor[tuple[Any, ...]]:
            explain = sql.SQL("EXPLAIN ") + query
            plans.extend(line for (line,) in self._connection.execute(explain, parameters))
            return self._connection.execute(query, parameters)

    with store.connect() as connection:
        shape = look(connection)
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_indexscan = off")  # that by date, with so few rows
        by_words._ranked(Explaining(connection), shape, shape.sql(by_words._AS_TYPED), "lag", 5)  # type: ignore[arg-type]
        connection.execute("SET enable_indexscan = on")
        by_meaning._nearest(Explaining(connection), shape, meaning("two"), 5)  # type: ignore[arg-type]
    assert any("idx_knowledge_nodes_search_vec" in line for line in plans)
    assert any("Index Scan using idx_knowledge_nodes_embedding_hnsw" in line for line in plans)
    assert (shape.index, shape.configuration) == (VectorIndex.VECTOR, "english")


def test_a_memory_and_its_connections(searcher: Searcher) -> None:
    one, two, three = (str(UUID(int=number)) for number in (1, 2, 3))
    memory = searcher.read(one.upper())
    assert memory is not None
    assert (memory.content, memory.length, memory.table) == (HOSTILE, len(HOSTILE), "public.knowledge_nodes")
    assert (memory.owner_handle, memory.visibility, memory.elements) == ("local", "private", 8)
    assert [(each.other, each.outgoing, each.type, each.weight) for each in memory.connections] == [
        (three, False, "part_of", 0.75), (two, True, "causal", 0.5), (one, True, "semantic", 0.1),
    ]  # fmt: skip
    assert (memory.more_connections, memory.connections_readable) == (False, True)
    assert searcher.read(str(UUID(int=99))) is None
    with pytest.raises(UsageError):
        searcher.read("note-7")


def test_nothing_is_shown_that_a_role_may_not_read(store: Database) -> None:
    """Row-level security hides all but memory 3 and 4, of which one has words and a vector."""
    one, three, four = (str(UUID(int=number)) for number in (1, 3, 4))
    store.execute(
        "ALTER TABLE knowledge_nodes ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY few ON knowledge_nodes USING (id IN ('{three}', '{four}'))",
    )
    with role(store, READ) as dsn, closing(Searcher(dsn)) as searcher:
        assert ids(searcher.ask(Question(""))) == [four, three]
        assert ids(searcher.ask(Question("lag OR wombat"))) == [three]
        assert ids(searcher.ask(Question("lag", By.MEANING), meaning("two"))) == [three]
        assert searcher.read(one) is None
        memory = searcher.read(three)
        assert memory is not None
        assert memory.connections == ()


def test_privileges_that_are_missing(store: Database) -> None:
    columns = "GRANT SELECT (id, content, node_type, created_at, search_vec) ON knowledge_nodes TO {role}"
    with role(store) as dsn, closing(Searcher(dsn)) as searcher:
        with pytest.raises(RefusedError, match="may not read public.knowledge_nodes") as caught:
            searcher.ask(Question("lag"))
        assert (caught.value.state, "GRANT SELECT" in caught.value.remedy) == (DataState.STORE_UNCHANGED, True)
    with role(store, columns) as dsn, closing(Searcher(dsn)) as searcher:
        answer = searcher.ask(Question("wombat", By.BOTH), meaning("two"))
        assert (ids(answer), answer.registered, answer.notices) == ([str(UUID(int=3))], None, (Notice.NO_VECTORS,))
        memory = searcher.read(str(UUID(int=1)))
        assert memory is not None
        assert (memory.owner, memory.elements, memory.connections_readable) == (None, None, False)
    with role(store, READ, "REVOKE SELECT ON embedding_model FROM {role}") as dsn, closing(Searcher(dsn)) as searcher:
        assert searcher.ask(Question("lag", By.MEANING), meaning("two")).notices == (Notice.NO_MODEL,)


def test_a_database_without_a_store(database: Database) -> None:
    with closing(Searcher(database.dsn)) as searcher, pytest.raises(RefusedError, match="no memory store"):
        searcher.ask(Question("lag"))


def test_it_only_reads(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server itself refuses a write."""
    refused: list[psycopg.Error] = []

    def write(connection: Connection, *_: object) -> Answer:
        try:
            connection.execute("DELETE FROM knowledge_nodes")
        except psycopg.Error as error:
            refused.append(error)
        raise Cancelled

    monkeypatch.setattr("vestige_tui.core.search.searcher.answer", write)
    with pytest.raises(Cancelled):
        searcher.ask(Question("lag"))
    assert [type(error) for error in refused] == [psycopg.errors.ReadOnlySqlTransaction]


def test_the_newest_question_counts(store: Database, searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one is cancelled at the server. Then the session is lost, and the next question opens another."""
    real = answering._by_words
    newest, ended = threading.Event(), threading.Event()

    def slow(connection: Connection, shape: Shape, words: str, *more: object) -> None:
        if words == "slow":
            connection.execute("SELECT pg_sleep(60)")
        real(connection, shape, words, *more)  # type: ignore[arg-type]

    def ask() -> None:
        with pytest.raises(Cancelled):
            searcher.ask(Question("slow"), wanted=lambda: not newest.is_set())
        ended.set()

    monkeypatch.setattr(answering, "_by_words", slow)
    threading.Thread(target=ask, daemon=True).start()
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = 'active'"
    wait_until(lambda: store.value(sleeping) == 1)
    newest.set()
    searcher.interrupt()
    assert ids(searcher.ask(Question("wombat"))) == [str(UUID(int=3))]
    assert ended.wait(10)
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vestige-tui' AND datname = '{}'"
    store.execute(ends.format(store.name))
    assert ids(searcher.ask(Question("wombat"))) == [str(UUID(int=3))]
