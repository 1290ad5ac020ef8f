"""The client's memory stays flat whatever the size of the source."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.servers import Database
from tests.support.sources import Sources
from vestige_tui.sample import SampleSpec

DIMENSION = 64
FEW, MANY = 2_000, 8_000
BATCH = 100  # with larger ones, the groups of batches under way at once are not full yet
ALLOWANCE_MB = 25

RUN = """
import sys
from pathlib import Path
from vestige_tui.core.run.copier import run_sqlite_to_postgres
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.plan import CopyPlan

plan = CopyPlan(Path(sys.argv[1]), Dsn.parse(sys.argv[2]), dry_run=sys.argv[3] == "dry", batch_size=int(sys.argv[4]))
report = run_sqlite_to_postgres(plan)
assert report.outcome == "clean", report.errors[:3]
if sys.platform == "linux":  # ru_maxrss would count what the parent had at the moment of the fork
    (line,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
    peak = int(line.split()[1]) * 1024
else:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(report.memories_copied, report.edges_copied, peak)
"""


def filled(sources: Sources, count: int) -> Path:
    """A source of ``count`` memories of about 5 kB in all with a vector, a quarter with a schedule and an edge."""
    source = sources.seed(
        SampleSpec(memories=0, edges=0, review_events=0, users=0, groups=0, memberships=0, domains=0,
                   dimension=DIMENSION, register_model=False),  # without a model the server builds no HNSW index
        name=f"{count}.db",
    )  # fmt: skip
    rng = random.Random(count)

    def identity(number: int) -> str:
        return f"00000000-0000-4000-8000-{number:012d}"

    content = "lorem" * 900  # one word, so that the server has little to index
    with closing(sqlite3.connect(source)) as connection, connection:
        connection.executemany(
            "INSERT INTO knowledge_nodes (id, content, tags, embedding, created_at, updated_at, metadata)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                (identity(number), f"{number} {content}", '["a", "b"]', vector(rng), at, at, '{"source": "chat"}')
                for number in range(count)
                for at in [f"2026-01-01T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"]
            ),
        )
        connection.executemany(
            "INSERT INTO scheduling (memory_id) VALUES (?)", ((identity(number),) for number in range(0, count, 4))
        )
        connection.executemany(
            "INSERT INTO edges VALUES (?, ?, 'semantic', 0.5, '2026-01-01T00:00:00Z')",
            ((identity(number), identity(number + 1)) for number in range(count // 4)),
        )
    return source


def vector(rng: random.Random) -> bytes:
    """Floats between 1 and 2 with random bits."""
    blob = bytearray(b"\0\0\x80\x3f" * DIMENSION)
    blob[0::4], blob[1::4] = rng.randbytes(DIMENSION), rng.randbytes(DIMENSION)
    return bytes(blob)


def peak(source: Path, database: Database, mode: str, count: int) -> float:
    """MB of memory that a copy in a process of its own took at most."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(source), database.url, mode, str(BATCH)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    memories, edges, size = map(int, done.stdout.split())
    assert (memories, edges) == (count, count // 4)
    return size / 1e6


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows counts memory in another way")
def test_peak_memory_does_not_grow_with_the_source(
    sources: Sources, database: Database, other_database: Database
) -> None:
    few, many = filled(sources, FEW), filled(sources, MANY)
    assert many.stat().st_size > 25_000_000
    with ThreadPoolExecutor(2) as side_by_side:
        for mode in ("dry", "copy"):
            small = side_by_side.submit(peak, few, database, mode, FEW)
            large = side_by_side.submit(peak, many, other_database, mode, MANY)
            assert large.result() < small.result() + ALLOWANCE_MB, mode
            assert large.result() < 150
