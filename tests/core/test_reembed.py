"""Embedding a store anew: what arrives, what stays as it was, and what a run refuses beforehand."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from tests.support.destination import fingerprint
from tests.support.disturbances import wait_until
from tests.support.embedders import HashEmbedder
from tests.support.reembedding import (
    assert_embedded,
    expected_vectors,
    memories,
    nothing_else_changes,
    reembed,
    state_of,
    type_of,
    vector_index,
)
from tests.support.roles import role
from tests.support.servers import HALFVEC_SINCE, Database, Server
from tests.support.sources import signature
from vestige_tui.core.destination.connection import connect
from vestige_tui.core.destination.lock_holder import LOCK_CLASS
from vestige_tui.core.destination.waits import Waits
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationBusyError, DestinationError, EmbedderError, RefusedError, UsageError
from vestige_tui.core.events import IndexProgress, Waiting
from vestige_tui.core.facts import DataState, Refusal
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed import events
from vestige_tui.core.reembed.actions import abandon, finish, rollback
from vestige_tui.core.reembed.events import Embedding, Filling, PhaseStarted, ReembedPhase
from vestige_tui.core.reembed.plan import ReembedPlan
from vestige_tui.core.reembed.report import Action, ReembedOutcome, ReembedReport, RefusedMemory
from vestige_tui.core.reembed.run import run_reembed
from vestige_tui.core.reembed.state import Stage


@contextmanager
def owner(store: Database) -> Iterator[Dsn]:
    """A role that owns the store and is no superuser."""
    grants = ("GRANT CREATE, USAGE ON SCHEMA public TO {role}", "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    owned = ("knowledge_nodes", "embedding_model")
    with role(store, *grants, *(f"ALTER TABLE {table} OWNER TO {{role}}" for table in owned)) as dsn:
        try:
            yield dsn
        finally:
            store.execute(*(f"ALTER TABLE {table} OWNER TO CURRENT_USER" for table in owned))


def test_every_dimension(server: Server, copied_database: Database) -> None:
    store = copied_database
    start = ModelSignature(*store.rows("SELECT name, dimension, hash FROM embedding_model")[0])
    models = [
        HashEmbedder(64),
        HashEmbedder(128),
        HashEmbedder(128, "test/other"),
        HashEmbedder(2_560),
        HashEmbedder(4_001),
    ]
    too_large = 2_000 if server.pgvector < HALFVEC_SINCE else 4_000
    with nothing_else_changes(store):
        for number, embedder in enumerate(models):
            indexed = embedder.dimension <= too_large
            said: list[events.Event] = []
            report = reembed(store, embedder, on_event=said.append, concurrent_index=number % 2 == 1)
            assert report.outcome is ReembedOutcome.CLEAN
            assert_embedded(store, embedder)
            assert (report.previous, report.target) == (start, embedder.model_signature())
            assert (report.memories, report.embedded, report.rows_updated) == (30, 30, 30)
            assert report.typmod_changes is (start.dimension != embedder.dimension)
            assert any("same dimension" in notice for notice in report.notices) is not report.typmod_changes
            assert any("too large for an HNSW index" in notice for notice in report.notices) is not indexed
            assert (report.index_rebuild_secs > 0) is indexed
            assert report.neighbours is not None
            assert (report.neighbours.sample, report.neighbours.nearest, len(report.neighbours.examples)) == (
                30 if number else 29,
                10,
                5,
            )
            share = report.neighbours.share or 0  # by chance a third
            assert share > 0.5 if number in {1, 4} else 0.1 < share < 0.6  # the first elements of some are equal
            phases = [event.phase for event in said if isinstance(event, events.PhaseStarted)]
            assert phases == [*ReembedPhase][:6]
            assert [event.done for event in said if isinstance(event, Embedding)][-1] == 30
            assert [event.done for event in said if isinstance(event, Filling)][-1] == 30
            assert report.disk_held
            assert state_of(store).stage is Stage.SWAPPED
            assert finish(store.dsn).outcome is ReembedOutcome.CLEAN
            assert state_of(store).stage is Stage.NONE
            start = embedder.model_signature()
    again = reembed(store, models[-1])
    assert again.outcome is ReembedOutcome.UNCHANGED
    assert again.embedded == 0


def test_an_owner_who_is_no_superuser(copied_database: Database) -> None:
    """NULL vectors, an empty registry, a blank content; grants, comments, triggers and the full-text search stay."""
    store = copied_database
    blank, bare = list(memories(store))[:2]
    store.execute(
        "DELETE FROM embedding_model",
        "CREATE TABLE seen (id uuid)",
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
        " 'BEGIN INSERT INTO public.seen VALUES (NEW.id); RETURN NEW; END'",
        "CREATE TRIGGER zz_see AFTER UPDATE ON knowledge_nodes FOR EACH ROW EXECUTE FUNCTION see()",
        "COMMENT ON COLUMN knowledge_nodes.embedding IS 'what it means'",
        "ALTER TABLE knowledge_nodes ALTER COLUMN embedding SET STORAGE MAIN",
        "GRANT SELECT (embedding), UPDATE (embedding) ON knowledge_nodes TO pg_monitor WITH GRANT OPTION",
        f"UPDATE knowledge_nodes SET embedding = NULL WHERE id = '{bare}'",
        f"UPDATE knowledge_nodes SET content = E' \\n' WHERE id = '{blank}'",
        "TRUNCATE seen",
    )
    embedder = HashEmbedder(16)
    old = {memory: row["embedding"] for memory, row in memories(store).items()}
    with owner(store) as dsn, nothing_else_changes(store):
        report = reembed(dsn, embedder)
        assert report.outcome is ReembedOutcome.CLEAN
        assert (report.previous, report.empty, report.embedded, report.rows_updated) == (None, 1, 29, 29)
        assert any("zz_see" in notice for notice in report.notices)
        assert_embedded(store, embedder)
        facts = """SELECT col_description(attrelid, attnum), attstorage::text, attacl::text FROM pg_attribute
                   WHERE attrelid = 'knowledge_nodes'::regclass AND attname ~ '^embedding' ORDER BY attnum"""
        was, now = store.rows(facts)
        assert now == was
        assert now[:2] == ("what it means", "m")
        assert store.value("SELECT count(*) FROM seen") == 29
        assert store.value("SELECT max(attname) FROM pg_attribute WHERE attrelid = 'knowledge_nodes'::regclass"
                           " AND attnum = (SELECT max(attnum) FROM pg_attribute"
                           " WHERE attrelid = 'knowledge_nodes'::regclass)") == "embedding"  # fmt: skip
        back = rollback(dsn)
        assert (back.action, back.outcome, back.without_vector) == (Action.ROLLBACK, ReembedOutcome.CLEAN, 0)
        assert {memory: row["embedding"] for memory, row in memories(store).items()} == old
        assert store.rows("SELECT * FROM embedding_model") == []
        assert vector_index(store) == "embedding vector_cosine_ops"
        assert abandon(dsn).outcome is ReembedOutcome.CLEAN
        assert state_of(store).stage is Stage.NONE
        assert type_of(store) == "vector(8)"
    assert store.value("SELECT count(*) FROM knowledge_nodes WHERE search_vec @@ to_tsquery('english', 'a | memory')")


def test_a_store_without_memories(copied_database: Database) -> None:
    copied_database.execute("TRUNCATE knowledge_nodes CASCADE")
    report = reembed(copied_database, HashEmbedder(16))
    assert (report.outcome, report.embedded, report.neighbours) == (ReembedOutcome.CLEAN, 0, None)
    assert_embedded(copied_database, HashEmbedder(16))


def test_everything_in_the_way_is_named_before_anything_is_written(copied_database: Database) -> None:
    store = copied_database
    store.execute(
        "CREATE VIEW vectors AS SELECT embedding FROM knowledge_nodes",
        "ALTER TABLE knowledge_nodes ADD CHECK (embedding IS NULL OR vector_dims(embedding) = 8)",
        "CREATE TABLE refers (model smallint REFERENCES embedding_model)",
        "CREATE PUBLICATION everything FOR TABLE knowledge_nodes",
        "CREATE TABLE younger () INHERITS (knowledge_nodes)",
        "ALTER TABLE embedding_model ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY few ON embedding_model USING (true)",
    )
    with role(store, "GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}") as dsn:
        before, owner = fingerprint(store), store.value("SELECT current_user")
        for dry_run in (False, True):
            with pytest.raises(RefusedError) as caught:
                reembed(dsn, HashEmbedder(16), dry_run=dry_run)
            error = caught.value
            assert error.state is DataState.STORE_UNCHANGED
            assert isinstance(error.report, ReembedReport)
            assert (error.report.outcome, error.report.failure) == (ReembedOutcome.FAILED, error.what)
            for part in ("create tables in schema public", f"knowledge_nodes belongs to {owner}", "view vectors",
                         "constraint", "refers has a foreign key", "publication everything", "inherits",
                         "row-level security applies to this role on embedding_model"):  # fmt: skip
                assert part in error.what, part
        assert fingerprint(store) == before


def test_no_store_at_all(database: Database) -> None:
    with pytest.raises(RefusedError, match="no memory store"):
        reembed(database, HashEmbedder(16))
    with pytest.raises(UsageError):
        run_reembed(ReembedPlan(database.dsn))


def test_memories_written_and_edited_meanwhile(copied_database: Database) -> None:
    """In every phase one memory is edited and another one written; all of them are embedded before the swap."""
    store = copied_database
    edited = iter(memories(store))
    written: list[str] = []

    def disturb(event: events.Event) -> None:
        where = event.phase.name if isinstance(event, events.PhaseStarted) else type(event).__name__
        if where in {"EMBED", "FILL", "INDEX", "COMPARE", "SWAP"} or isinstance(event, Filling | IndexProgress):
            memory = next(edited)
            written.append(f"written during {where} {len(written)}")
            store.execute(
                f"UPDATE knowledge_nodes SET content = 'edited during {where}' WHERE id = '{memory}'",
                "INSERT INTO knowledge_nodes (id, content, embedding) "
                f"VALUES (gen_random_uuid(), '{written[-1]}', array_fill(1, ARRAY[8])::vector)",
            )

    embedder = HashEmbedder(16)
    report = reembed(store, embedder, on_event=disturb)
    assert len(written) >= 9
    assert report.outcome is ReembedOutcome.CLEAN
    assert_embedded(store, embedder)
    assert report.rows_updated == 30 + len(written)
    assert {row["content"] for row in memories(store).values()} >= set(written)


def test_a_memory_written_between_the_last_look_and_the_swap(copied_database: Database) -> None:
    """A reader holds up the first attempt; what is written until the next one is found under its lock."""
    store = copied_database
    with connect(store.dsn) as reader, ExitStack() as reading:

        def disturb(event: events.Event) -> None:
            if event == events.PhaseStarted(ReembedPhase.SWAP):
                reading.enter_context(reader.transaction())
                reader.execute("SELECT FROM knowledge_nodes LIMIT 1")
            elif isinstance(event, Waiting):
                store.execute(
                    "INSERT INTO knowledge_nodes (id, content) VALUES (gen_random_uuid(), 'at the last moment')"
                )
                reading.close()

        report = reembed(store, HashEmbedder(16), on_event=disturb)
    assert report.rows_updated == 31
    assert_embedded(store, HashEmbedder(16))


def test_a_rollback_after_edits(copied_database: Database) -> None:
    """A memory that is edited after the swap has no old vector; the next run embeds that one alone."""
    store = copied_database
    old = {memory: row["embedding"] for memory, row in memories(store).items()}
    embedder = HashEmbedder(16)
    reembed(store, embedder)
    one, other, *_ = old
    store.execute(f"UPDATE knowledge_nodes SET content = 'edited after the swap' WHERE id = '{one}'")
    report = rollback(store.dsn)
    assert report.without_vector == 1
    assert report.target == signature(8)
    assert {memory: row["embedding"] for memory, row in memories(store).items()} == old | {one: None}
    store.execute(f"UPDATE knowledge_nodes SET content = 'edited after the rollback' WHERE id = '{other}'")
    again = reembed(store, embedder)
    assert (again.embedded, again.already_embedded) == (2, 30)
    assert_embedded(store, embedder)


def test_stopped_and_continued(copied_database: Database) -> None:
    """Ctrl-C ends a run after the batch in flight, and the next one embeds the rest; --no-swap stops before the end."""
    store = copied_database
    before = memories(store)
    cancel = threading.Event()

    def stop(event: events.Event) -> None:
        if isinstance(event, Embedding) and event.done >= 8:
            cancel.set()

    first, second = HashEmbedder(16), HashEmbedder(16)
    report = reembed(store, first, on_event=stop, cancel=cancel)
    assert report.outcome is ReembedOutcome.CANCELLED
    state = state_of(store)
    assert (state.stage, state.staged, state.target) == (Stage.UNFINISHED, report.embedded, first.model_signature())
    assert 8 <= report.embedded < 30
    assert memories(store) == before
    with pytest.raises(RefusedError, match="is not finished"):
        reembed(store, HashEmbedder(32))
    with pytest.raises(RefusedError, match="nothing to finish"):
        finish(store.dsn)
    with pytest.raises(RefusedError, match="nothing to bring back"):
        rollback(store.dsn)
    report = reembed(store, second, no_swap=True)
    assert (report.outcome, report.rows_updated) == (ReembedOutcome.PREPARED, 0)
    assert len(second.seen) == report.embedded == 30 - state.staged
    assert {memory: row["embedding"] for memory, row in memories(store).items()} == {
        memory: row["embedding"] for memory, row in before.items()
    }
    report = reembed(store, HashEmbedder(16))
    assert (report.outcome, report.embedded, report.already_embedded) == (ReembedOutcome.CLEAN, 0, 30)
    assert_embedded(store, first)
    with pytest.raises(RefusedError, match="are in place"):
        abandon(store.dsn)
    with pytest.raises(RefusedError, match="still kept beside"):
        reembed(store, HashEmbedder(32))


def _other_vectors() -> HashEmbedder:
    """Another vector space under the same name and dimension: a server's other model, or a profile's other words."""
    embedder = HashEmbedder(16)
    embedder.profile = replace(embedder.profile, document="search_document: ")
    return embedder


def test_another_embedder_of_the_same_name_does_not_go_on(copied_database: Database) -> None:
    store = copied_database
    reembed(store, HashEmbedder(16), no_swap=True)
    store.execute("UPDATE knowledge_nodes SET content = content || '!'")
    with pytest.raises(RefusedError, match="gives other vectors than the one that it was begun with"):
        reembed(store, _other_vectors())
    assert state_of(store).staged == 30
    assert reembed(store, HashEmbedder(16)).outcome is ReembedOutcome.CLEAN
    assert_embedded(store, HashEmbedder(16))


@pytest.mark.parametrize("only_missing", [False, True], ids=["all", "missing"])
def test_an_embedder_that_becomes_another_one(copied_database: Database, *, only_missing: bool) -> None:
    """Nothing that it makes from then on is stored, and the right one goes on."""
    store, embedder = copied_database, HashEmbedder(16)
    right = embedder.profile
    if only_missing:
        reembed(store, HashEmbedder(16))
        finish(store.dsn)
        store.execute("UPDATE knowledge_nodes SET embedding = NULL")

    def change(event: events.Event) -> None:
        if isinstance(event, Embedding):
            embedder.profile = _other_vectors().profile

    with pytest.raises(EmbedderError, match="another model answers there now"):
        reembed(store, embedder, on_event=change, only_missing=only_missing)
    embedder.profile = right
    report = reembed(store, embedder, only_missing=only_missing)
    assert 0 < report.embedded < 30
    assert_embedded(store, HashEmbedder(16))


def test_a_dry_run(copied_database: Database) -> None:
    before = fingerprint(copied_database)
    embedder = HashEmbedder(16)
    report = reembed(copied_database, embedder, dry_run=True)
    assert report.outcome is ReembedOutcome.FORETOLD
    assert report.estimate is not None
    assert (report.estimate.rows, report.estimate.batches, report.estimate.measured) == (30, 4, True)
    assert len(embedder.seen) == 16
    unmeasured = reembed(copied_database, None, dry_run=True, model=embedder.model_signature())
    assert unmeasured.estimate is not None
    assert (unmeasured.estimate.rows_per_second, unmeasured.estimate.seconds) == (50.0, 0.6)
    assert unmeasured.typmod_changes
    assert (unmeasured.disk_needed or 0) > 30 * 16 * 4
    document = json.loads(unmeasured.to_json())
    assert (document["format"], document["outcome"], document["dry_run"]) == ("vestige-tui/reembed/1", "foretold", True)
    assert document["target"] == {"name": "test/hash", "dimension": 16, "hash": "unknown"}
    assert fingerprint(copied_database) == before


def test_the_same_model_with_other_vectors(copied_database: Database) -> None:
    """The registry names the embedder's model, and the vectors in place are another space's: they do not mix."""
    store = copied_database
    named = HashEmbedder(8, signature(8).name, signature(8).hash)
    one = next(iter(memories(store)))
    store.execute(f"UPDATE knowledge_nodes SET embedding = NULL WHERE id = '{one}'")
    for dry_run in (True, False):
        with pytest.raises(RefusedError, match="makes other vectors than those in place"):
            reembed(store, named, only_missing=True, dry_run=dry_run)
    assert memories(store)[one]["embedding"] is None
    assert reembed(store, None, model=named.model_signature(), dry_run=True).outcome is ReembedOutcome.UNCHANGED
    foretold = reembed(store, named, dry_run=True)
    assert (foretold.outcome, foretold.estimate and foretold.estimate.rows) == (ReembedOutcome.FORETOLD, 30)
    report = reembed(store, named)
    assert (report.outcome, report.rows_updated) == (ReembedOutcome.CLEAN, 30)
    assert any("cosine similarity of 8 memories is " in notice for notice in report.notices)
    assert_embedded(store, named)
    again = reembed(store, named)
    assert again.outcome is ReembedOutcome.UNCHANGED
    assert "their cosine similarity is 1.00" in again.notices[0]


def test_missing_vectors_in_place(copied_database: Database) -> None:
    store = copied_database
    registered = HashEmbedder(8, signature(8).name, signature(8).hash)
    reembed(store, registered)
    finish(store.dsn)
    rows = memories(store)
    gone = list(rows)[:12]
    refused, blank = gone[:2]
    store.execute(
        f"UPDATE knowledge_nodes SET content = ' ' WHERE id = '{blank}'",
        f"UPDATE knowledge_nodes SET embedding = NULL WHERE id = ANY ('{{{','.join(gone)}}}')",
    )
    registered.refused = frozenset({rows[refused]["content"]})
    with owner(store) as dsn, nothing_else_changes(store):
        with pytest.raises(RefusedError, match="only vectors of the registered model"):
            reembed(dsn, HashEmbedder(8), only_missing=True)
        report = reembed(dsn, registered, only_missing=True)
        assert (report.outcome, report.embedded, report.rows_updated) == (ReembedOutcome.INCOMPLETE, 10, 10)
        assert report.refused == [RefusedMemory(refused, Refusal.REQUEST_REFUSED)]
        assert state_of(store).stage is Stage.NONE
    after = memories(store)
    wanted = expected_vectors(after, registered)
    assert all(after[memory]["embedding"] == wanted[memory] for memory in gone)
    assert all(after[memory]["embedding"] == rows[memory]["embedding"] for memory in rows if memory not in gone)
    registered.refused = frozenset()
    assert reembed(store, registered, only_missing=True).embedded == 1
    assert reembed(store, registered, only_missing=True).outcome is ReembedOutcome.UNCHANGED


def test_no_vector_is_stored_where_another_model_was_registered_meanwhile(copied_database: Database) -> None:
    store = copied_database
    store.execute("UPDATE knowledge_nodes SET embedding = NULL")

    def register(event: object) -> None:
        if event == PhaseStarted(ReembedPhase.EMBED):
            store.execute("UPDATE embedding_model SET hash = 'another'")

    with pytest.raises(RefusedError, match="changed the registered model"):
        reembed(store, HashEmbedder(8, signature(8).name, signature(8).hash), only_missing=True, on_event=register)
    assert all(row["embedding"] is None for row in memories(store).values())
    assert state_of(store).stage is Stage.NONE


def test_a_memory_that_the_embedder_refuses(copied_database: Database) -> None:
    """It has no new vector and is named; the others are swapped in, and the next run asks again."""
    store = copied_database
    refused = next(iter(memories(store)))
    embedder = HashEmbedder(16, refused=frozenset({memories(store)[refused]["content"]}))
    report = reembed(store, embedder)
    assert (report.outcome, report.embedded, report.rows_updated) == (ReembedOutcome.INCOMPLETE, 29, 29)
    assert [one.memory for one in report.refused] == [refused]
    assert_embedded(store, embedder)


def test_the_old_index_first(copied_database: Database) -> None:
    """--drop-hnsw-first leaves the old vectors without an index; a rollback builds it before it swaps."""
    store = copied_database
    indexes: list[str | None] = []

    def look(event: events.Event) -> None:
        if isinstance(event, Filling):
            indexes.append(vector_index(store))

    report = reembed(store, HashEmbedder(16), on_event=look, drop_hnsw_first=True)
    assert set(indexes) == {None}
    assert report.neighbours is not None
    assert report.neighbours.sample == 29
    assert any("looks at every memory" in notice for notice in report.notices)
    assert_embedded(store, HashEmbedder(16))
    assert rollback(store.dsn).index_rebuild_secs > 0
    assert vector_index(store) == "embedding vector_cosine_ops"


def test_the_old_index_first_and_then_abandoned(copied_database: Database) -> None:
    store = copied_database
    reembed(store, HashEmbedder(16), drop_hnsw_first=True, no_swap=True, max_connections=1)
    assert vector_index(store) is None
    assert abandon(store.dsn).index_rebuild_secs > 0
    assert vector_index(store) == "embedding vector_cosine_ops"
    assert state_of(store).stage is Stage.NONE


def test_removal_needs_less_than_a_swap(copied_database: Database) -> None:
    """What depends on the vectors in place since the swap does not keep the old ones from being dropped."""
    store = copied_database
    with owner(store) as dsn:
        reembed(dsn, HashEmbedder(16))
        store.execute(
            "CREATE VIEW vectors AS SELECT embedding FROM knowledge_nodes",
            "CREATE TABLE refers (model smallint REFERENCES embedding_model (id))",
        )
        with pytest.raises(RefusedError, match=r"view vectors(?s:.*)refers has a foreign key"):
            rollback(dsn)
        assert finish(dsn).outcome is ReembedOutcome.CLEAN
    assert state_of(store).stage is Stage.NONE


def test_the_registered_model_is_judged_under_the_lock(copied_database: Database) -> None:
    """A run that waits for another one's lock finds what that one has registered."""
    store = copied_database
    waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'pg_try_advisory'"
    caught: list[Exception] = []

    def run() -> None:
        try:
            reembed(store, HashEmbedder(16), waits=Waits(lock_grace=60.0))
        except RefusedError as error:
            caught.append(error)

    with connect(store.dsn) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('public'))", (LOCK_CLASS,))
        thread = threading.Thread(target=run)
        thread.start()
        wait_until(lambda: bool(store.value(waits + " AND pid <> pg_backend_pid()")))
        store.execute("UPDATE embedding_model SET hash = 'another'")
    thread.join()
    assert len(caught) == 1
    assert "changed the registered model" in str(caught[0])
    assert state_of(store).stage is Stage.NONE


def test_leftovers_are_found_and_removed(copied_database: Database) -> None:
    store = copied_database
    before = fingerprint(store)
    reembed(store, HashEmbedder(16), no_swap=True)
    store.execute("DROP TABLE vestige_reembed")
    assert state_of(store).stage is Stage.LEFTOVERS
    with pytest.raises(RefusedError, match="Parts of a re-embedding"):
        reembed(store, HashEmbedder(16))
    abandon(store.dsn)
    assert state_of(store).stage is Stage.NONE
    after = fingerprint(store)
    assert (after["objects"], after["functions"], after["rows"]) == (
        before["objects"],
        before["functions"],
        before["rows"],
    )


def test_another_session_in_the_way(copied_database: Database) -> None:
    """A second run is refused; a transaction that never ends is waited for, and then named."""
    store = copied_database
    with connect(store.dsn) as other:
        other.execute("SELECT pg_advisory_lock(%s, hashtext('public'))", (LOCK_CLASS,))
        with pytest.raises(DestinationBusyError) as busy:
            reembed(store, HashEmbedder(16), waits=Waits(lock_grace=0.1, abandoned_session=0.1))
    assert busy.value.state is DataState.STORE_UNCHANGED
    waiting: list[events.Event] = []
    with connect(store.dsn) as other, other.transaction():
        other.execute("SELECT count(*) FROM knowledge_nodes")
        with pytest.raises(DestinationError, match="have held locks") as caught:
            reembed(store, HashEmbedder(16), on_event=waiting.append, waits=replace(Waits(), short_lock=1.0))
    assert caught.value.state is DataState.EMBEDDED_KEPT
    assert any(isinstance(event, Waiting) for event in waiting)
    assert reembed(store, HashEmbedder(16)).already_embedded == 30
