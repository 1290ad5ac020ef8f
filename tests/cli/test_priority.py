"""Whom the embedded server gives way to."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg
import pytest

from tests.support.disturbances import wait_until
from vestige_tui import priority
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.priority import GROUP_PRIORITY, PROCESS_PRIORITY, stepping_back
from vestige_tui.user.embedded_host import EmbeddedHost

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux shares processors by session")

TWO_HUNDRED_MILLION = "SELECT count(*) FROM generate_series(1, 20000) a, generate_series(1, 10000) b"


def process_priority(process: int) -> int:
    return os.getpriority(os.PRIO_PROCESS, process)


def group_priority(process: int) -> int | None:
    """None where there is no group that can be changed.

    The session that the system began with has none, nor has a kernel built without them.
    """
    group = Path(f"/proc/{process}/autogroup")
    words = group.read_text().split() if os.access(group, os.W_OK) else []
    return int(words[-1]) if words else None


def has_stepped_back(process: int) -> bool:
    return process_priority(process) == PROCESS_PRIORITY and group_priority(process) in (GROUP_PRIORITY, None)


def priorities(process: int) -> tuple[int, int | None]:
    return process_priority(process), group_priority(process)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EmbeddedHost]:
    with EmbeddedHost(tmp_path / "postgres") as host:
        yield host


def test_sessions_of_the_wizards_server_give_way(host: EmbeddedHost) -> None:
    """Several that begin together, too; neither the server itself nor who uses it."""
    before = priorities(os.getpid())
    dsn = host.start()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(dsn.conninfo(connect_timeout=10), autocommit=True)) for _ in range(4)
        ]
        pids = [connection.info.backend_pid for connection in connections]
        wait_until(lambda: all(map(has_stepped_back, pids)))
        query = "SELECT pid, backend_type FROM pg_stat_activity WHERE NOT pid = ANY (%s)"
        rows = connections[0].execute(query, (pids,)).fetchall()
        assert not any(process_priority(pid) or group_priority(pid) for pid, _ in rows)
        assert "checkpointer" in {kind for _, kind in rows}
        server = EmbeddedServer(host.folder).process
        assert not process_priority(server)
        assert not group_priority(server)
        assert priorities(os.getpid()) == before


def test_sessions_that_starve_get_their_share_back(host: EmbeddedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine whose processors others keep busy; sessions that begin later are left alone."""
    monkeypatch.setattr(priority, "_WINDOW", 0.7)
    dsn = host.start()
    with ExitStack() as stack:
        connection = stack.enter_context(closing(psycopg.connect(dsn.conninfo(connect_timeout=10), autocommit=True)))
        pid = connection.info.backend_pid
        wait_until(lambda: has_stepped_back(pid))
        if group_priority(pid) is None:
            pytest.skip("no groups here")
        for _ in range(2 * len(os.sched_getaffinity(0))):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        connection.pgconn.send_query(TWO_HUNDRED_MILLION.encode())
        stack.callback(connection.cancel_safe)
        wait_until(lambda: group_priority(pid) == 0)
        later = stack.enter_context(psycopg.connect(dsn.conninfo(connect_timeout=60), autocommit=True))
        time.sleep(4 * priority._PAUSE)
        assert priorities(later.info.backend_pid) == (0, 0)


def test_a_server_that_is_gone() -> None:
    with stepping_back(1 << 22):
        time.sleep(0.3)
