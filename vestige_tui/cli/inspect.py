"""``vestige-tui inspect``: what a source file holds, for people and as JSON."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from vestige_tui.cli.outputs import standard_streams
from vestige_tui.cli.sections import print_not_copied, print_vectors
from vestige_tui.core.explain import STALE_MEANS, stale_source, unknown_hash
from vestige_tui.core.model import UNKNOWN_HASH
from vestige_tui.core.notices import shared_name
from vestige_tui.core.outputs import check_outputs
from vestige_tui.core.report import stale_as_dict
from vestige_tui.core.rows.tables import TABLES, Table
from vestige_tui.core.rows.vectors import Fate
from vestige_tui.core.source.describe import SourceDescription, describe_open
from vestige_tui.core.source.opening import open_source
from vestige_tui.core.text import count, size
from vestige_tui.core.verify.digests import TableDigest
from vestige_tui.terminal.output import heading, labelled, safe, standard_error, standard_output

FORMAT = "vestige-tui/source/1"
_WIDTH = max(len(table.title) for table in TABLES) + 1
_JOURNALS = {True: "", False: "; other programs cannot write to the file while a copy reads it"}
_UPGRADING = "copying it needs --upgrade-copy (upgrades a private copy) or --allow-source-upgrade (upgrades this file)"


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
@click.option("--digest", is_flag=True, help="Also compute digests of the tables, as a receipt has them.")
def inspect(path: Path, as_json: bool, digest: bool) -> None:
    """Say what a Vestige database holds.

    And what a copy of the file PATH would need. Changes nothing.
    """
    check_outputs(path, standard_streams())
    with open_source(path) as connection:
        source = describe_open(connection, path)
        digests = _digests(connection, source) if digest else None
    if as_json:
        click.echo(to_json(source, digests))
        return
    console = standard_output()
    print_description(console, source)
    if digests is not None:
        _print_digests(console, digests)


def _digests(connection: sqlite3.Connection, source: SourceDescription) -> dict[str, TableDigest]:
    """The digests that the tables have at an empty destination for the file's own model."""
    from vestige_tui.core.verify.expectation import Expectation
    from vestige_tui.core.verify.source_digests import source_digests

    model = source.model
    expectation = Expectation(
        connection, model=model.name if model else None, dimension=model.dimension if model is not None else None
    )
    console = standard_error()
    with console.status("") if console.is_terminal else nullcontext() as status:

        def show(table: Table, read: int) -> None:
            if status is not None:
                status.update(safe(f"Digests: {table.title} {read:,} of {expectation.count(table.name):,}"))

        return source_digests(expectation, progress=show)


def _print_digests(console: Console, digests: Mapping[str, TableDigest]) -> None:
    heading(console, "Digests after a copy into an empty destination")
    for table in TABLES:
        found = digests[table.name]
        labelled(console, table.title, f"{found.rows:>12,}  {found.digest}", width=_WIDTH)


def print_description(console: Console, source: SourceDescription) -> None:
    """Print what a source file is."""
    heading(console, "Vestige database")
    labelled(console, "File", safe(source.path), width=_WIDTH)
    modified = source.modified.strftime("%Y-%m-%d %H:%M:%S UTC")
    labelled(console, "Size", f"{size(source.size)}, last written {modified}", width=_WIDTH)
    if source.stale is not None:
        labelled(console, "Stale", Text("yes: Vestige 4 has moved on from this file", "bold yellow"), width=_WIDTH)
    labelled(console, "Layout", f"{_layout(source)}, version {source.version or 'unknown'}", width=_WIDTH)
    labelled(console, "Markers", _markers(source), width=_WIDTH)
    labelled(console, "Journal", safe(f"{source.journal_mode}{_JOURNALS[source.lets_others_write]}"), width=_WIDTH)
    labelled(console, "Model", _model(source), width=_WIDTH)
    heading(console, "Rows that a copy would read")
    for table in TABLES:
        labelled(console, table.title, f"{source.rows.get(table.name, 0):>12,}", width=_WIDTH)
    print_vectors(console, source.vectors)
    print_not_copied(console, "Would not be copied", source.left_behind)
    if source.shared_names:
        heading(console, "Names that a column shares with a key of the metadata")
        for shared in source.shared_names:
            console.print(
                Text.assemble("- ", safe(shared_name(shared.table, shared.column, shared.kept_as, shared.rows))),
                soft_wrap=True,
            )
    heading(console, "What needs a decision")
    for decision in decisions(source):
        console.print(Text.assemble("- ", safe(decision)), soft_wrap=True)


def decisions(source: SourceDescription) -> list[str]:
    """What the operator has to decide before a copy, or the one sentence that there is nothing."""
    return list(_decisions(source)) or ["Nothing: this file can be copied as it is."]


def _decisions(source: SourceDescription) -> Iterator[str]:
    if source.stale is not None:
        said = stale_source(source.stale, source.modified)
        yield f"The file is stale. {said} {STALE_MEANS} Copying it needs --allow-stale-source."
    if not source.has_v15:
        missing = ", ".join(source.missing_v15)
        yield f"The file is from before V15 ({missing} missing): {_UPGRADING}."
    if source.dimension and source.model is None:
        yield "The file does not say which model made its vectors: name it with --embedder NAME:DIM[:HASH]."
    model = source.model
    for group in source.vectors:
        if model is not None and group.fate in (Fate.OTHER_MODEL, Fate.WRONG_DIMENSION):
            strangers = f"{count(group.count, 'vector')} of dimension {group.dimension or 'unknown'}"
            made_by = f" made by {group.model}" if group.model else ""
            yield (
                f"{strangers}{made_by} cannot be compared with those of {model.name}, dimension {model.dimension}: "
                "their memories would arrive without them."
            )
    stale = sum(group.count for group in source.vectors if group.fate is Fate.STALE)
    if stale:
        yield f"{count(stale, 'vector')} of memories that were edited since: those memories would arrive without them."
    if model is not None and model.hash == UNKNOWN_HASH:
        yield unknown_hash(model, registered=False)


def to_json(source: SourceDescription, digests: Mapping[str, TableDigest] | None = None) -> str:
    """The description as one JSON document, format ``vestige-tui/source/1``."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "path": str(source.path),
        "size": source.size,
        "modified": source.modified.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "layout": source.layout.value,
        "version": source.version,
        "user_version": source.user_version,
        "schema_version": source.schema_version,
        "has_v15": source.has_v15,
        "missing_v15": list(source.missing_v15),
        "journal_mode": source.journal_mode,
        "stale": stale_as_dict(source.stale) if source.stale is not None else None,
        "rows": {table.name: source.rows.get(table.name, 0) for table in TABLES},
        "registered_model": asdict(source.registered) if source.registered else None,
        "model": asdict(source.model) if source.model else None,
        "active_profile": source.profile,
        "vectors": [asdict(group) for group in source.vectors],
        "left_behind": source.left_behind,
        "shared_names": [asdict(shared) for shared in source.shared_names],
        "decisions": decisions(source),
    }
    if digests is not None:
        document["digests"] = {
            name: {"rows": found.rows, "digest": found.digest, "parts": found.parts_as_text()}
            for name, found in digests.items()
        }
    return json.dumps(document, indent=2)  # ASCII alone: a name from the file may hold what no terminal should get


def _layout(source: SourceDescription) -> str:
    return {"seed": "that of the specification", "published": "that of published Vestige"}[source.layout.value]


def _markers(source: SourceDescription) -> str:
    table = "absent" if source.schema_version is None else str(source.schema_version)
    parts = "there" if source.has_v15 else "absent"
    return f"user_version {source.user_version}, schema_version {table}, V15 parts {parts}"


def _model(source: SourceDescription) -> Text:
    if source.registered is not None:
        origin = f"that of the active profile {source.profile}" if source.profile else "registered"
        return safe(f"{source.registered}, {origin}")
    return safe(f"{source.model}, seen in the vectors" if source.model else "none")
