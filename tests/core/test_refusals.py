"""What must not start does not start, says why and what to do, and has changed nothing."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.refusing import assert_is_explained, nothing_changes
from tests.support.runs import copy
from tests.support.servers import Database, Server, installed_server
from tests.support.sources import SMALL_SPEC, Sources, edit, signature
from vestige_tui.core import events
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.embedder import PresentedEmbedder, embedder_from_environment, parse_embedder
from vestige_tui.core.errors import (
    DestinationBusyError,
    DestinationError,
    MigrationError,
    ModelMismatchError,
    RefusedError,
    UpgradeNeededError,
    UsageError,
)
from vestige_tui.core.model import ModelSignature, signature_hash
from vestige_tui.core.report import MigrationReport, Outcome
from vestige_tui.sample import SampleSpec

OLD_PROGRAMS = Path("/usr/lib/postgresql/15/bin")
OTHER = ModelSignature("BAAI/bge-large-en-v1.5", 1024, signature_hash("BAAI/bge-large-en-v1.5", 1024, "2.1.23"))
NOWHERE = Dsn.parse("postgresql://nobody@127.0.0.1:1/none")
"""Where a run that never gets as far as the destination may be sent."""


# Sources from before V15


@pytest.mark.parametrize("version", [11, 12, 13, 14])
def test_seed_layout_before_v15(sources: Sources, version: int) -> None:
    source = sources.seed(version=version)
    content = source.read_bytes()
    with pytest.raises(UpgradeNeededError) as caught:
        copy(source, NOWHERE)
    assert_is_explained(caught.value)
    assert "--allow-source-upgrade" in caught.value.remedy
    assert "--upgrade-copy" in caught.value.remedy
    for part in ("knowledge_nodes.owner_user_id", "knowledge_nodes.visibility", "knowledge_nodes.shared_with_groups",
                 "knowledge_nodes.codebase", "users", "groups", "group_memberships"):  # fmt: skip
        assert part in caught.value.what
    assert source.read_bytes() == content


@pytest.mark.parametrize("dry_run", [False, True])
def test_published_vestige_has_no_v15_parts_whatever_its_number(
    sources: Sources, database: Database, dry_run: bool
) -> None:
    source = sources.published(38, v15=False)
    with nothing_changes(database), pytest.raises(UpgradeNeededError) as caught:
        copy(source, database, dry_run=dry_run)
    assert_is_explained(caught.value)


def test_only_what_is_missing_is_named(sources: Sources) -> None:
    source = sources.seed()
    edit(source, "DROP TABLE group_memberships")
    edit(source, "ALTER TABLE knowledge_nodes DROP COLUMN codebase")
    with pytest.raises(UpgradeNeededError, match="it lacks knowledge_nodes.codebase, group_memberships"):
        copy(source, NOWHERE)


# The model


@pytest.mark.parametrize(
    "presented",
    [
        OTHER,
        ModelSignature("another/model", 8, signature(8).hash),
        ModelSignature(signature(8).name, 384, signature(8).hash),
        ModelSignature(signature(8).name, 8, signature(16).hash),
        ModelSignature(signature(8).name, 384),
    ],
    ids=["all", "name", "dimension", "hash", "dimension-and-no-hash"],
)
def test_source_and_presented_embedder_disagree(
    small_source: Path, database: Database, presented: ModelSignature
) -> None:
    """Found out before the destination is even contacted."""
    for destination in (NOWHERE, database.dsn):
        with nothing_changes(database), pytest.raises(ModelMismatchError) as caught:
            copy(small_source, destination, presented)
        error = caught.value
        assert_is_explained(error)
        assert (error.registered, error.actual) == (signature(8), presented)
        assert error.holder == "embedder presented"
        for said in (error.registered, error.actual):
            assert f"{said.name} (dim {said.dimension}, hash {said.hash})" in error.what
        assert f"vestige-tui migrate reembed --model={presented.name}" in error.remedy


@pytest.mark.parametrize(
    "registered",
    [OTHER, ModelSignature(signature(8).name, 8, signature(16).hash), ModelSignature("another/model", 8)],
    ids=["all", "hash", "name"],
)
def test_source_and_destination_disagree(sources: Sources, database: Database, registered: ModelSignature) -> None:
    spec = SampleSpec(memories=3, edges=0, review_events=0, dimension=registered.dimension,
                      model_name=registered.name, model_hash=registered.hash)  # fmt: skip
    assert copy(sources.seed(spec, name="first.db"), database).destination.model == registered
    for dry_run in (False, True):
        with nothing_changes(database), pytest.raises(ModelMismatchError) as caught:
            copy(sources.seed(), database, dry_run=dry_run)
        error = caught.value
        assert_is_explained(error)
        assert (error.registered, error.actual, error.holder) == (signature(8), registered, "destination registered")
        assert signature(8).hash in error.what
        assert registered.hash in error.what


@pytest.mark.parametrize(
    "presented",
    [
        signature(8),
        ModelSignature(signature(8).name, 8),
        ModelSignature(signature(8).name, 8, signature(8).hash.upper()),
    ],
    ids=["equal", "hash-unknown", "upper-case"],
)
def test_an_embedder_that_agrees(small_source: Path, database: Database, presented: ModelSignature) -> None:
    assert copy(small_source, database, presented).outcome is Outcome.CLEAN
    assert registry(database) == [(signature(8).name, 8, signature(8).hash)]
    assert copy(small_source, database, presented).tables["knowledge_nodes"].already_present == 30


def registry(database: Database) -> list[tuple[Any, ...]]:
    return database.rows("SELECT name, dimension, hash FROM embedding_model")


def stamped(database: Database) -> str:
    return str(
        database.value(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = 'knowledge_nodes'::regclass AND attname = 'embedding'"
        )
    )


def test_an_observed_model_is_registered_with_its_hash_unknown(sources: Sources, database: Database) -> None:
    """Then it agrees with every hash, and with another name or dimension with none."""
    source = sources.published(13)
    report = copy(source, database)
    assert report.source.model == ModelSignature(SMALL_SPEC.model_name, 8, "unknown")
    assert registry(database) == [(SMALL_SPEC.model_name, 8, "unknown")]
    assert stamped(database) == "vector(8)"

    assert copy(source, database, signature(8)).outcome is Outcome.CLEAN
    assert copy(sources.seed(name="registered.db"), database).outcome is not Outcome.FAILED
    for name, dimension in ((SMALL_SPEC.model_name, 16), ("another/model", 8)):
        with nothing_changes(database), pytest.raises(ModelMismatchError) as caught:
            copy(source, database, signature(dimension, name))
        assert caught.value.registered == ModelSignature(SMALL_SPEC.model_name, 8, "unknown")
        assert caught.value.actual == signature(dimension, name)


def test_an_observed_model_takes_the_hash_of_the_presented_one(sources: Sources, database: Database) -> None:
    copy(sources.published(13), database, signature(8))
    assert registry(database) == [(SMALL_SPEC.model_name, 8, signature(8).hash)]


def test_a_source_that_names_no_model(sources: Sources, database: Database, other_database: Database) -> None:
    """The presented embedder is registered; without one none is, and the report says so."""
    source = sources.seed()
    edit(source, "DELETE FROM embedding_model")

    silent = copy(source, database)
    assert silent.outcome is Outcome.CLEAN
    assert len(silent.notices) == 1
    assert "--embedder" in silent.notices[0]
    assert registry(database) == []
    assert stamped(database) == "vector"

    assert copy(source, other_database, OTHER_8).notices == []
    assert registry(other_database) == [(OTHER_8.name, 8, OTHER_8.hash)]
    assert stamped(other_database) == "vector(8)"
    with nothing_changes(other_database), pytest.raises(ModelMismatchError) as caught:
        copy(source, other_database, OTHER)
    assert caught.value.registered.dimension == 8


OTHER_8 = ModelSignature("tiny/model", 8, "abcd" * 16)


def test_without_an_embedder_the_destination_is_asked_before_the_source(sources: Sources, database: Database) -> None:
    """A source without any model joins a destination that has one."""
    copy(sources.seed(name="first.db"), database)
    empty = sources.seed(SampleSpec(memories=0, edges=0, review_events=0, register_model=False), name="empty.db")
    report = copy(empty, database)
    assert report.outcome is Outcome.DIFFERENT, "the domains of both have the same ids and other values"
    assert report.destination.model == signature(8)
    assert registry(database) == [(SMALL_SPEC.model_name, 8, signature(8).hash)]

    unnamed = sources.seed(name="unnamed.db")
    edit(unnamed, "DELETE FROM embedding_model")
    assert copy(unnamed, database).destination.model == signature(8)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nomic-ai/nomic-embed-text-v1.5:256", ("nomic-ai/nomic-embed-text-v1.5", 256, "unknown")),
        ("a:8:ABCDEF12", ("a", 8, "abcdef12")),
        ("a:8:unknown", ("a", 8, "unknown")),
        ("host:port:name:16000", ("host:port:name", 16_000, "unknown")),
        ("two words:1", ("two words", 1, "unknown")),
    ],
)
def test_embedders_in_words(text: str, expected: tuple[str, int, str]) -> None:
    assert parse_embedder(text) == PresentedEmbedder(ModelSignature(*expected))


@pytest.mark.parametrize(
    "text", ["", "a", "a:", ":8", "a:0", "a:16001", "a:-1", "a:8:xyz", "a:8:", " :8", "a:8.5", "a:٨", "a:99999999"]
)
def test_embedders_that_make_no_sense(text: str) -> None:
    with pytest.raises(UsageError, match="does not name an embedder") as caught:
        parse_embedder(text)
    assert "NAME:DIM" in caught.value.remedy


def test_embedder_of_the_environment() -> None:
    assert embedder_from_environment({}) is None
    assert embedder_from_environment({"VESTIGE_EMBEDDING_MODEL": " "}) is None
    for choice, name in (
        ("nomic-v1.5", "nomic-ai/nomic-embed-text-v1.5"),
        ("qwen3-0.6b", "Qwen/Qwen3-Embedding-0.6B"),
    ):
        presented = embedder_from_environment({"VESTIGE_EMBEDDING_MODEL": choice})
        assert presented == PresentedEmbedder(ModelSignature(name, 256))
    with pytest.raises(UsageError, match="bge"):
        embedder_from_environment({"VESTIGE_EMBEDDING_MODEL": "bge"})


def test_hash_of_a_signature() -> None:
    """Name bytes, dimension as eight bytes, release, in that order: here the eight bytes 0 to 7 of BLAKE3's own test."""
    official = "2351207d04fc16ade43ccab08600939c7c1fa70a5c0aaca76063d04c3228eaeb"
    assert signature_hash("", int.from_bytes(bytes(range(8)), "little"), "") == official
    assert signature_hash("\0\1", int.from_bytes(bytes(range(2, 8)), "little"), "") != official
    assert signature_hash("\0", 0, "") == signature_hash("", 0, "\0")
    assert signature_hash("a", 1, "2.1.23") != signature_hash("a", 1, "2.1.24")
    assert signature_hash("a", 1, "") != signature_hash("a", 256, "")


# One copy at a time


def test_a_second_copy_waits_for_the_first(sources: Sources, database: Database) -> None:
    source, other = sources.seed(), sources.seed(name="other.db")
    reached, go_on = threading.Event(), threading.Event()
    reports: list[MigrationReport] = []

    def pause(event: events.Event) -> None:
        if isinstance(event, events.TableProgress) and event.table == "knowledge_nodes":
            reached.set()
            assert go_on.wait(30)

    first = threading.Thread(target=lambda: reports.append(copy(source, database, on_event=pause)))
    first.start()
    try:
        assert reached.wait(30)
        with pytest.raises(DestinationBusyError) as caught:
            copy(other, database)
        assert_is_explained(caught.value)
        assert "Another copy" in caught.value.what
        assert copy(other, database, dry_run=True).outcome is Outcome.CLEAN  # looking is allowed
    finally:
        go_on.set()
        first.join()
    assert reports[0].outcome is Outcome.CLEAN
    assert copy(other, database).tables["knowledge_nodes"].already_present == 30


def test_copies_into_two_schemas_do_not_disturb_each_other(sources: Sources, database: Database) -> None:
    database.execute("CREATE SCHEMA one", "CREATE SCHEMA two")
    source, inner = sources.seed(), []

    def start_another(event: events.Event) -> None:
        if isinstance(event, events.TableFinished) and event.table == "edges":
            dsn = database.dsn.with_parameters(options="-c search_path=two,public")
            inner.append(copy(sources.seed(name="other.db"), dsn).outcome)

    outer = copy(source, database.dsn.with_parameters(options="-c search_path=one,public"), on_event=start_another)
    assert [outer.outcome, *inner] == [Outcome.CLEAN, Outcome.CLEAN]


# Servers that will not do


@pytest.mark.skipif(not (OLD_PROGRAMS / "initdb").exists(), reason=f"no PostgreSQL 15 in {OLD_PROGRAMS}")
def test_a_server_that_is_too_old(small_source: Path) -> None:
    with installed_server(OLD_PROGRAMS) as old, old.database("template0") as database:
        with nothing_changes(database), pytest.raises(RefusedError) as caught:
            copy(small_source, database)
        assert_is_explained(caught.value)
        assert "PostgreSQL 15." in caught.value.what
        assert "version 16 or newer" in caught.value.what


@pytest.fixture
def hide_pgvector(server: Server, bare_database: Database) -> Database:
    """A database for which the server finds no extension: PostgreSQL 18 has a setting for where to look."""
    if server.version < 18 or not server.is_superuser:
        pytest.skip("only a superuser of PostgreSQL 18 can hide an extension")
    bare_database.execute(f"ALTER DATABASE {bare_database.name} SET extension_control_path = '/nowhere'")
    return bare_database


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_server_without_pgvector(small_source: Path, hide_pgvector: Database, dry_run: bool) -> None:
    with nothing_changes(hide_pgvector), pytest.raises(RefusedError) as caught:
        copy(small_source, hide_pgvector, dry_run=dry_run)
    assert_is_explained(caught.value)
    assert "pgvector" in caught.value.what
    assert "apt install postgresql-18-pgvector" in caught.value.remedy
    assert "pgvector/pgvector" in caught.value.remedy


def test_a_pgvector_that_is_too_old(small_source: Path, server: Server, database: Database) -> None:
    if not server.is_superuser:
        pytest.skip("only a superuser can change the catalog")
    database.execute("UPDATE pg_extension SET extversion = '0.4.4' WHERE extname = 'vector'")
    with nothing_changes(database), pytest.raises(RefusedError, match=r"pgvector 0\.4\.4; version 0\.5") as caught:
        copy(small_source, database)
    assert_is_explained(caught.value)


def test_a_role_that_may_not_create_tables(small_source: Path, server: Server, database: Database) -> None:
    if not server.is_superuser:
        pytest.skip("only a superuser can make a role")
    role = f"{database.name}_reader"
    database.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader'")
    try:
        with nothing_changes(database), pytest.raises(RefusedError) as caught:
            copy(small_source, database.dsn.with_parameters(user=role, password="reader"))
        assert_is_explained(caught.value)
        assert "may not" in caught.value.what
        assert "create" in caught.value.what
        assert "public" in caught.value.what
    finally:
        database.execute(f"DROP ROLE {role}")


def test_a_server_that_accepts_no_writes(small_source: Path, database: Database) -> None:
    """As a standby does."""
    database.execute(f"ALTER DATABASE {database.name} SET default_transaction_read_only = on")
    with nothing_changes(database), pytest.raises(RefusedError, match="write") as caught:
        copy(small_source, database)
    assert_is_explained(caught.value)


# Servers that cannot be reached


def failure(source: Path, dsn: Dsn) -> DestinationError:
    """The error with which a copy ends."""
    with pytest.raises(DestinationError) as caught:
        copy(source, dsn)
    assert_is_explained(caught.value)
    return caught.value


def test_nothing_listens_at_that_port(small_source: Path) -> None:
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        error = failure(small_source, Dsn.parse(f"postgresql://ada@127.0.0.1:{port}/x"))
    assert "Nothing answers at that address" in error.what
    assert f"postgresql://ada@127.0.0.1:{port}/x" in error.what


def test_no_socket_in_that_folder(small_source: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # a socket's path must be short
        error = failure(small_source, Dsn.parse(f"host={folder} dbname=x user=ada"))
    assert "Nothing answers at that address" in error.what


def test_no_such_database(small_source: Path, database: Database) -> None:
    error = failure(small_source, database.dsn.with_parameters(dbname="no_such_database"))
    assert "That database does not exist" in error.what
    assert "createdb" in error.remedy


def test_no_such_host(small_source: Path) -> None:
    error = failure(small_source, Dsn.parse("postgresql://ada@no-such-host.invalid/x?connect_timeout=3"))
    assert "no-such-host.invalid" in error.what


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("where", ["connection string", "environment"])
def test_a_server_that_never_answers(
    small_source: Path, silent_port: int, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://ada@127.0.0.1:{silent_port}/x"
    if where == "environment":
        monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    else:
        monkeypatch.setenv("PGCONNECT_TIMEOUT", "60")
        url += "?connect_timeout=2"
    error = failure(small_source, Dsn.parse(url))
    assert "accepts connections at that address, and says nothing" in error.what


def test_the_source_is_looked_at_first(tmp_path: Path) -> None:
    """A mistake that is found without waiting for a network is reported without waiting for one."""
    with pytest.raises(MigrationError, match="does not exist"):
        copy(tmp_path / "nothing.db", NOWHERE)
