"""Sources that have been through something, and what a run must leave of them."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.runs import copy, counts
from tests.support.servers import Database
from tests.support.sources import signature
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.rows.problems import RowError
from vestige_tui.sample import SampleSpec, create_seed_sample

ROOT = Path(__file__).parents[2]

Complaint = tuple[str, str, str | None, str, bool]
"""Table, row, field, kind and whether the row arrived: what two runs must agree on."""


def complaint(error: RowError) -> Complaint:
    """A row error without its words."""
    return error.table, error.row, error.field, error.kind.value, error.copied


def complaints(report: MigrationReport) -> Counter[Complaint]:
    """All row errors of a run."""
    return Counter(map(complaint, report.errors))


def foretold_and_copied(source: Path, database: Database, **options: Any) -> MigrationReport:
    """A dry run and then the copy, which must do exactly what the dry run predicted; returns the copy's report."""
    preview = copy(source, database, dry_run=True, **options)
    real = copy(source, database, **options)
    assert_foretold(preview, real)
    return real


def assert_foretold(preview: MigrationReport, real: MigrationReport) -> None:
    """The same errors, and for every table the same counts."""
    foretold, done = complaints(preview), complaints(real)
    assert foretold == done, f"foretold in vain: {[*(foretold - done)]}; not foretold: {[*(done - foretold)]}"
    for field in ("source", "read", "inserted", "already_present", "failed", "repaired"):
        foretold_, real_ = counts(preview, field), counts(real, field)
        assert foretold_ == real_, f"{field}: foretold {foretold_}, done {real_}"
    assert preview.outcome is real.outcome


def folder_state(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file below a folder: a hash of its bytes, its time of change in nanoseconds, its mode."""
    return {
        str(file.relative_to(folder)): (
            hashlib.sha256(file.read_bytes()).hexdigest(),
            file.stat().st_mtime_ns,
            file.stat().st_mode,
        )
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


@contextmanager
def untouched(folder: Path) -> Iterator[None]:
    """Whatever happens in the block, the folder is afterwards what it was before, to the nanosecond."""
    before = folder_state(folder)
    yield
    assert folder_state(folder) == before


def in_wal_mode(path: Path, mode: str = "wal") -> None:
    """Set a file's journal mode; nothing is left beside it."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"PRAGMA journal_mode = {mode}").fetchone() == (mode,)


def loosen(path: Path, *tables: str) -> None:
    """Take keys, checks and NOT NULL off tables, as in a file made by hand; columns and rows stay."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for table in tables:
            described = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            columns = ", ".join(f'"{name}" {kind}' for _, name, kind, *_ in described)
            connection.execute(f"CREATE TABLE loose ({columns})")
            connection.execute(f'INSERT INTO loose SELECT * FROM "{table}"')
            connection.execute(f'DROP TABLE "{table}"')
            connection.execute(f'ALTER TABLE loose RENAME TO "{table}"')


def page_size(path: Path) -> int:
    """Bytes of a page, from the file's header."""
    return int.from_bytes(path.read_bytes()[16:18], "big")


def pages_with(path: Path, text: str) -> list[int]:
    """The numbers (from 0) of the pages that hold a text in one piece."""
    content, size, needle = path.read_bytes(), page_size(path), text.encode()
    return [start // size for start in range(0, len(content), size) if needle in content[start : start + size]]


def overwrite_page(path: Path, number: int, filling: bytes) -> None:
    """Fill a page (from 0) with repetitions of some bytes; the first page keeps its header."""
    size = page_size(path)
    start, kept = number * size, 100 if number == 0 else 0
    with path.open("r+b") as file:
        file.seek(start + kept)
        file.write((filling * size)[: size - kept])


def run_python(
    code: str, *arguments: str, as_nobody: bool = False, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own, which can import the tests and the package.

    ``as_nobody``: all modules are found, and then every privilege is given up, as root may read and write everything.
    """
    drop = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n" if as_nobody else ""
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{_IMPORTS}\n{drop}{code}", *arguments],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def folder_for_all() -> Iterator[Path]:
    """A folder that every user may enter; pytest keeps its own for the user who runs it."""
    folder = Path(tempfile.mkdtemp(prefix="vestige-hostile-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_IMPORTS = """
import encodings.idna, json, sqlite3, threading
from pathlib import Path
import psycopg, pgvector.psycopg
import tests.support.runs
from vestige_tui.core.run import copier
from vestige_tui.core import errors
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.source import describe, opening, scratch, upgrade
"""

_WRITER = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA wal_autocheckpoint = 0")
connection.execute("PRAGMA cache_size = 1")
connection.execute("PRAGMA cache_spill = 1")
for statement in sys.argv[2:]:
    connection.execute(statement)
os._exit(1)
"""


def crashed_writer(path: Path, *statements: str) -> None:
    """Run statements in a process that dies without closing the file: WAL or journal stay beside it."""
    done = subprocess.run([sys.executable, "-c", _WRITER, str(path), *statements], check=False, timeout=60)
    assert done.returncode == 1


def bulk_source(path: Path, memories: int, dimension: int, *, edges: int = 0, reviews: int = 0) -> Path:
    """A source in the seed's layout with many short memories, made in a moment: for runs that are interrupted.

    Every memory has its own content, metadata, times and schedule; ten share a vector, which makes the index cheap.
    """
    create_seed_sample(
        path,
        SampleSpec(memories=0, edges=0, review_events=0, users=2, groups=1, memberships=2, domains=2,
                   dimension=dimension, model_hash=signature(dimension).hash),
    )  # fmt: skip
    rng = random.Random(20_000)
    pack = struct.Struct(f"<{dimension}f").pack
    numbers = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        vectors = [pack(*(rng.gauss(0, 1) for _ in range(dimension))) for _ in range(memories // 10 + 1)]
        connection.create_function("vector", 1, lambda i: vectors[i % len(vectors)])
        connection.create_function("memory", 1, lambda i: memory_id(i, memories))
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            f"""{numbers} INSERT INTO knowledge_nodes
                (id, content, node_type, tags, embedding, created_at, updated_at, metadata, domains, domain_scores)
            SELECT memory(i), 'note ' || i || ' of the word' || (i % 997), 'fact', '["t' || (i % 13) || '"]',
                   CASE WHEN i % 50 THEN vector(i) END, strftime('%Y-%m-%dT%H:%M:%SZ', 1750000000 + i, 'unixepoch'),
                   strftime('%Y-%m-%d %H:%M:%S', 1750000000 + 2 * i, 'unixepoch'), '{{"n": ' || i || '}}', '[]', '{{}}'
            FROM n""",
            (memories,),
        )
        connection.execute(
            f"""{numbers} INSERT INTO scheduling
            SELECT memory(i), 1.0 + i / 7.0, 5.0, 0.5, NULL, '2026-01-01 00:00:00', i % 9, i % 3 FROM n""",
            (memories,),
        )
        if edges:
            connection.execute(
                f"""{numbers} INSERT INTO edges
                SELECT memory(i * 3), memory(i * 3 + 1), 'semantic', i / 1000.0, '2026-01-01T00:00:00Z' FROM n""",
                (edges,),
            )
        if reviews:
            connection.execute(
                f"""{numbers} INSERT INTO review_events
                SELECT printf('aaaaaaaa-0000-4000-8000-%012d', i), memory(i * 2), '2026-01-01T00:00:00Z', 0.5, 0.9, 3,
                       'review', '{{}}' FROM n""",
                (reviews,),
            )
        connection.execute("COMMIT")
    return path


def memory_id(number: int, memories: int) -> str:
    """The id of a memory of ``bulk_source``: the numbers wrap around, and look random as real ids do."""
    digits = hashlib.blake2b(str(number % memories).encode(), digest_size=16).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def dump(database: Database, tables: Sequence[str], schema: str = "public") -> dict[str, str]:
    """By table, a hash of every value of every row, in the order of the whole row; vectors to the last bit."""
    found = {}
    with database.connect() as connection:
        connection.execute("SET extra_float_digits = 3")
        for table in tables:
            digest = hashlib.sha256()
            query = f'COPY (SELECT t::text FROM "{schema}"."{table}" t ORDER BY 1) TO STDOUT'
            with connection.cursor() as cursor, cursor.copy(query) as rows:
                for data in rows:
                    digest.update(data)
            found[table] = digest.hexdigest()
    return found
