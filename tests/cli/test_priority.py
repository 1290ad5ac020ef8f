"""Whom the embedded server gives way to."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.disturbances import wait_until
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.embedded_host import EmbeddedHost
from vestige_tui.priority import stepping_back

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares processors by session")


def nice(process: int) -> tuple[int, int]:
    """Of a process, and of its group: the same where it has none that can be changed.

    The session that the system began with has none, nor has a kernel built without them.
    """
    group = Path(f"/proc/{process}/autogroup")
    own = os.getpriority(os.PRIO_PROCESS, process)
    words = group.read_text().split() if os.access(group, os.W_OK) else []
    return own, int(words[-1]) if words else own


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path / "postgres") as host:
        yield host


def test_sessions_of_the_wizards_server_give_way(host: EmbeddedHost) -> None:
    """Several that begin together, too; neither the server itself nor who uses it."""
    before = nice(os.getpid())
    dsn = host.start()
    connections = [psycopg.connect(dsn.conninfo(connect_timeout=10), autocommit=True) for _ in range(4)]
    pids = [connection.info.backend_pid for connection in connections]
    wait_until(lambda: {nice(pid) for pid in pids} == {(19, 19)})
    rows = (
        connections[0]
        .execute("SELECT pid, backend_type FROM pg_stat_activity WHERE NOT pid = ANY (%s)", (pids,))
        .fetchall()
    )
    assert {nice(pid) for pid, _ in rows} == {(0, 0)}
    assert "checkpointer" in {kind for _, kind in rows}
    assert nice(EmbeddedServer(host.folder).process) == (0, 0)
    assert nice(os.getpid()) == before
    for connection in connections:
        connection.close()


def test_a_server_that_is_gone() -> None:
    with stepping_back(1 << 22):
        time.sleep(0.3)
