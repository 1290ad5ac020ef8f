"""The examples of a comparison of neighbours in words. They belong on a screen and nowhere else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from vestige_tui.core.destination.connection import connect
from vestige_tui.core.destination.server_errors import explained
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.reembed.neighbours import contents
from vestige_tui.core.reembed.report import NeighbourComparison
from vestige_tui.core.reembed.state import look


@dataclass(frozen=True, slots=True)
class WordedExample:
    """The contents of a memory and of its nearest neighbours before and after, nearest first."""

    memory: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def in_words(dsn: Dsn, comparison: NeighbourComparison) -> tuple[WordedExample, ...]:
    """The examples of a comparison with the contents as they are now. Raises ``MigrationError``.

    A memory that was deleted meanwhile has no text and is left out.
    """
    examples = comparison.examples
    ids = {id_ for example in examples for id_ in (example.memory, *example.old, *example.new)}
    with explained(dsn), closing(connect(dsn, read_only=True)) as connection:
        schema = look(connection).schema
        texts = contents(connection, schema, ids) if schema is not None else {}

    def worded(ids: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(texts[id_] for id_ in ids if id_ in texts)

    return tuple(
        WordedExample(texts[example.memory], worded(example.old), worded(example.new))
        for example in examples
        if example.memory in texts
    )
