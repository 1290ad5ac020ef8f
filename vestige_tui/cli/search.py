"""``vestige-tui search``: asks a store by words, by meaning, and along connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from vestige_tui.cli.destination import opened, postgres_url
from vestige_tui.cli.embedder import FLAGS, embedder_choice, embedder_flags
from vestige_tui.cli.exit_codes import ExitCode
from vestige_tui.core.errors import MigrationError, RefusedError, UsageError
from vestige_tui.core.facts import DataState
from vestige_tui.core.model import ModelSignature
from vestige_tui.core.reembed.embedders.opening import open_embedder
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
from vestige_tui.core.reembed.profiles import EmbedderChoice
from vestige_tui.core.search.answers import Answer, By, Connection, Found, Meaning, Memory, Question, Snippet
from vestige_tui.core.search.searcher import Searcher
from vestige_tui.core.search.wording import (
    NOTICES,
    date_of,
    found_in_words,
    models_differ,
    no_connections,
    nothing_found,
    words_go_to,
)
from vestige_tui.core.text import count
from vestige_tui.terminal.output import labelled, safe, standard_error, standard_output

MOST = 500
_MARKED = "bold yellow"
_EXCERPT = 200


@click.command()
@postgres_url
@click.argument("words", nargs=-1, metavar="[WORDS]...")
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    help="How memories are looked for.  [default: both where an embedder is named, else words]",
)
@click.option("--limit", type=click.IntRange(1, MOST), default=10, show_default=True, help="Most memories shown.")
@click.option("--connections", metavar="ID", help="Instead of words: what the memory with this id is connected to.")
@embedder_flags(model="The embedding model; by default the one that the store has registered.", sent="The words")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead.")
def search(words: tuple[str, ...], **flags: Any) -> ExitCode:
    """Ask a store: by words, by meaning, or along connections. It only reads.

    WORDS are looked for as in a web search: "quoted phrases", OR, and -word to leave out. Without words, the newest
    memories are shown. Write -- before a first word that begins with a minus.
    """
    text = " ".join(words)
    _check_flags(text, flags)
    with _changing_nothing(), opened(flags["postgres_url"]) as dsn, Searcher(dsn) as searcher:
        if flags["connections"] is not None:
            memory = searcher.read(flags["connections"])
            if memory is None:
                raise UsageError(
                    f"There is no memory {flags['connections']} here that this role can read.",
                    remedy="A search shows the id of each memory.",
                )
            _print_json(memory.as_dict()) if flags["as_json"] else _print_connections(standard_output(), memory)
            return ExitCode.CLEAN
        by = By(flags["by"]) if flags["by"] else By.BOTH if _names_embedder(flags) else By.WORDS
        question = Question(text, by, flags["limit"], _EXCERPT)
        meaning = _meaning(searcher, question, flags) if by is not By.WORDS and text.strip() else None
        answer = searcher.ask(question, meaning)
    _print_json(answer.as_dict()) if flags["as_json"] else _print_answer(standard_output(), answer)
    return ExitCode.CLEAN


@contextmanager
def _changing_nothing() -> Iterator[None]:
    """Whatever ends a search has changed nothing."""
    try:
        yield
    except MigrationError as error:
        error.state = DataState.STORE_UNCHANGED
        raise


def _check_flags(text: str, flags: dict[str, Any]) -> None:
    if flags["connections"] is not None and (text.strip() or flags["by"] or _names_embedder(flags)):
        raise UsageError(
            "--connections goes with neither words nor --by nor an embedder.",
            remedy="It shows what one memory is connected to.",
        )
    if flags["by"] == By.WORDS and _names_embedder(flags):
        raise UsageError("--by words needs no embedder.", remedy="Leave one of them out.")


def _names_embedder(flags: dict[str, Any]) -> bool:
    return any(flags[name] is not None for name in FLAGS)


def _meaning(searcher: Searcher, question: Question, flags: dict[str, Any]) -> Meaning:
    """The vector of the words. Raises ``RefusedError`` where the embedder is of another model than the store."""
    registered = searcher.registered()
    if registered is None:
        raise RefusedError(
            "The store names no embedding model that this role can read, so nothing can be looked for by meaning.",
            remedy="Search with --by words, or let the owner grant SELECT on embedding_model.",
        )
    cancel = Event()
    with closing(open_embedder(_choice(flags, registered), cancel=cancel)) as embedder:
        model = embedder.model_signature()
        if not registered.matches(model):
            raise RefusedError(
                models_differ(registered, model), remedy="Name an embedder of the store's model, or use --by words."
            )
        _say_where(embedder)
        return Meaning(embedder.embed_query(question.words.strip(), cancel), model)


def _choice(flags: dict[str, Any], registered: ModelSignature) -> EmbedderChoice:
    """What the flags name; of a model that none of them names, what the store has registered."""
    choice = embedder_choice(flags, keyring=True)
    if choice.model is not None or choice.profile is not None:
        return choice
    return replace(
        choice, model=registered.name, dimension=choice.dimension or registered.dimension, hash=registered.hash
    )


def _say_where(embedder: TextEmbedder) -> None:
    if said := words_go_to(embedder.place):
        standard_error().print(safe(said, "bold yellow"), soft_wrap=True)


def _print_json(document: dict[str, object]) -> None:
    click.echo(json.dumps(document, indent=2))


def _print_answer(console: Console, answer: Answer) -> None:
    for notice in answer.notices:
        console.print(Text(NOTICES[notice], style="bold"), soft_wrap=True)
    for place, found in enumerate(answer.found, start=1):
        console.print()
        console.print(Text.assemble((f"{place}. ", "bold"), _snippet(found.snippet)), soft_wrap=True)
        console.print(safe(f"   {_facts(found)}", "dim"), soft_wrap=True)
    if not answer.found:
        console.print(Text(nothing_found(answer)), soft_wrap=True)
        return
    console.print()
    ended = f"{count(len(answer.found), 'memory', 'memories')} in {answer.seconds * 1000:.0f} ms"
    console.print(Text(ended, style="dim"))


def _facts(found: Found) -> str:
    parts = (found.kind, date_of(found.created), found.id, found_in_words(found), *found.states)
    return " · ".join(part for part in parts if part)


def _snippet(snippet: Snippet) -> Text:
    """A snippet with its words marked: by a style, and without colours by nothing that could be taken for content."""
    pieces = (safe(piece, _MARKED if marked else "") for piece, marked in snippet.pieces)
    return Text.assemble("… " if snippet.before else "", *pieces, " …" if snippet.after else "")


def _print_connections(console: Console, memory: Memory) -> None:
    start = " ".join(memory.content.split())
    labelled(console, "Memory", safe(start if len(start) <= _EXCERPT else f"{start[: _EXCERPT - 1]}…"))
    labelled(console, "Id", safe(memory.id))
    labelled(console, "Lies in", safe(f"{memory.table} of the database {memory.database}"))
    if not memory.connections:
        console.print(Text(no_connections(memory)), soft_wrap=True)
    for connection in memory.connections:
        console.print()
        console.print(Text.assemble((_way(connection), "bold"), " ", _snippet(connection.snippet)), soft_wrap=True)
        facts = f"   {connection.kind} · {date_of(connection.created)} · {connection.other}"
        console.print(safe(facts, "dim"), soft_wrap=True)
    if memory.more_connections:
        console.print(Text(f"Only the {len(memory.connections):,} heaviest are shown.", style="bold"))


def _way(connection: Connection) -> str:
    """``→ causal 0.80``: direction, type and weight."""
    arrow = "→" if connection.outgoing else "←"
    return safe(f"{arrow} {connection.type} {connection.weight:.2f}").plain
