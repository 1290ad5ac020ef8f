"""What a session of tests leaves: nothing, also where a worker was killed in its middle."""

from __future__ import annotations

import json

from tests.support.hostile import run_python

CRASH = """
import os, signal, tempfile
from tests.support.folders import session_folders
from tests.support.servers import embedded_server
with session_folders():
    Path(tempfile.mkdtemp(), "private").touch()
    ready, tell = os.pipe()
    worker = os.fork()
    if not worker:
        with embedded_server(18) as server:
            os.write(tell, server.dsn.conninfo().encode())
            signal.pause()
    connection = psycopg.connect(os.read(ready, 1_000).decode(), autocommit=True)
    os.kill(worker, signal.SIGKILL)
    os.wait()
    folders = [Path(os.environ[name]) for name in ("TMPDIR", "VESTIGE_TEST_DATA")]
    held = [any(folder.iterdir()) for folder in folders] + connection.execute("SELECT true").fetchall()
try:
    connection.execute("SELECT true")
    running = True
except psycopg.OperationalError:
    running = False
print(json.dumps([held, running, [folder.exists() for folder in folders]]))
"""


def test_a_worker_that_was_killed_leaves_no_server_and_no_folder() -> None:
    done = run_python(CRASH)
    assert done.stdout, done.stderr
    held, running, left = json.loads(done.stdout)
    assert held == [True, True, [True]]
    assert not running
    assert left == [False, False]
