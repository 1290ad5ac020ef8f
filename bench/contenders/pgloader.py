"""pgloader on the same file, tuned as far as it goes; what it loads is not what the tool loads.

It makes a table of its own for each of SQLite's: ids, times and JSON stay text, vectors stay bytes. There is no vector,
no full-text column, no key, no reference between tables, no index, and no look at any value.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote

from bench.stopwatch import COPY, Stopwatch
from bench.tasks import Measured, Task
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.source.describe import describe

_OPTIONS = ("--dynamic-space-size", "4096", "--on-error-stop")  # MB: at its default it runs out of heap
_COMMAND = """
LOAD DATABASE
    FROM '{source}'
    INTO {target}
    WITH include drop, create tables, no foreign keys, create no indexes, reset no sequences,
         workers = 4, concurrency = 2, prefetch rows = 1000, batch rows = 5000, batch size = 20MB
    INCLUDING ONLY TABLE NAMES LIKE {tables};
"""


def run(task: Task) -> Measured:
    """Load the tables of ``task.source`` that the tool reads."""
    sources = describe(task.source).sources.values()
    tables = {source.source.table for source in sources}
    command = _COMMAND.format(
        source=task.source, target=_url(task.dsn), tables=", ".join(f"'{name}'" for name in sorted(tables))
    )
    with tempfile.TemporaryDirectory(prefix="vestige-bench-pgloader-") as folder:
        file = Path(folder) / "copy.load"
        file.write_text(command, encoding="utf-8")
        watch = Stopwatch()
        with watch:
            watch.phase(COPY)
            done = subprocess.run(
                ["pgloader", *_OPTIONS, "--root-dir", folder, str(file)], capture_output=True, text=True, check=False
            )
    output = done.stdout + done.stderr
    if done.returncode != 0 or " ERROR " in output or " FATAL " in output:  # some errors leave its exit code at 0
        raise SystemExit(f"pgloader ended with code {done.returncode}:\n{output[-1_000:]}")
    return watch.measured()


def _url(dsn: Dsn) -> str:
    """The destination as pgloader writes it: a socket's folder takes the place of the host, after ``unix:``."""
    values = dsn.parameters
    login = quote(values.get("user", "postgres"), safe="")
    if "password" in values:
        login += f":{quote(values['password'], safe='')}"
    host = values.get("host", "localhost")
    place = f"unix:{host}" if host.startswith("/") else host
    return f"postgresql://{login}@{place}:{values.get('port', '5432')}/{values.get('dbname', '')}"
