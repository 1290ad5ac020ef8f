"""``vestige-tui migrate reembed``: not available yet."""

from __future__ import annotations

import click

from vestige_tui.core.errors import UsageError
from vestige_tui.core.plan import DEFAULT_MAX_CONNECTIONS

_POSITIVE = click.IntRange(min=1)


@click.command()
@click.option("--model", required=True, help='Embedder name, such as "BAAI/bge-large-en-v1.5".')
@click.option("--postgres-url", required=True, help="The PostgreSQL database to re-embed in.")
@click.option("--batch-size", type=_POSITIVE, default=128, show_default=True, help="Rows per embedder batch.")
@click.option(
    "--drop-hnsw-first/--no-drop-hnsw-first",
    default=True,
    show_default=True,
    help="Drop the vector index first; building it anew is faster than keeping it up to date.",
)
@click.option("--concurrent-index", is_flag=True, help="Build it with CREATE INDEX CONCURRENTLY: slower, no lock.")
@click.option("--max-connections", type=_POSITIVE, default=DEFAULT_MAX_CONNECTIONS, show_default=True)
@click.option("--dry-run", is_flag=True, help="Print estimates, change nothing.")
def reembed(model: str, **_options: object) -> None:
    """Embed all memories at the destination with another model. Not available yet."""
    raise UsageError(
        f"migrate reembed is not available yet: nothing was embedded with {model!r}.",
        remedy="Until it is, let Vestige embed its memories with that model in the SQLite file, and copy it then; "
        "or copy now with the model that the file has.",
    )
