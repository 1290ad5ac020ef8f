"""The questions of a screen, asked in threads: the newest counts, by words at once, by meaning when it is ready."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from textual.message import Message
from textual.message_pump import MessagePump

from vestige_tui.core.errors import Cancelled, MigrationError, unexpected
from vestige_tui.core.search.answers import Answer, By, Meaning, Memory, Question

if TYPE_CHECKING:
    from vestige_tui.core.model import ModelSignature
    from vestige_tui.core.reembed.embedders.protocol import TextEmbedder
    from vestige_tui.screens.embedding import Embedding

LIMIT = 30
_PAUSE = 0.3
"""Seconds without a newer question, before the words of one are embedded."""


class Searching(Protocol):
    """What a screen needs of a ``Searcher``."""

    def ask(self, question: Question, meaning: Meaning | None = None, *, wanted: Callable[[], bool] = ...) -> Answer:
        """Answer a question."""
        ...

    def read(self, id_: str) -> Memory | None:
        """Read a memory."""
        ...

    def registered(self) -> ModelSignature | None:
        """The model of the store."""
        ...

    def interrupt(self) -> None:
        """Cancel what is asked now."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


class Inquiry:
    """Asks for one screen, which gets the answers as messages."""

    class Answered(Message):
        """An answer, and which question it is of; ``last``: no better one follows."""

        def __init__(self, number: int, answer: Answer | MigrationError, *, last: bool) -> None:
            super().__init__()
            self.number = number
            self.answer = answer
            self.last = last

    class Equipped(Message):
        """The embedder that is at hand; None: there is none."""

        def __init__(self, embedder: TextEmbedder | None) -> None:
            super().__init__()
            self.embedder = embedder

    def __init__(self, searcher: Searching, receiver: MessagePump) -> None:
        self.searcher = searcher
        self.number = 0
        self._receiver = receiver
        self._embedder: TextEmbedder | None = None
        self._embedding = threading.Lock()
        self._newer = threading.Event()

    def ask(self, words: str, excerpt: int) -> int:
        """Ask in a thread; returns the number of the question. An older one is dropped."""
        self.supersede()
        number, newer = self.number, self._newer
        _start(lambda: self._ask(number, Question(words, limit=LIMIT, excerpt=excerpt), newer))
        return number

    def supersede(self) -> None:
        """A newer question is about to come."""
        self._newer.set()
        self.number, self._newer = self.number + 1, threading.Event()

    def equip(self, embedding: Embedding | None, *, only_local: bool) -> None:
        """Look in a thread for the embedder of the store's model: the one of ``embedding``, or a model on this machine.

        With ``only_local`` none is fetched.
        """
        _start(lambda: self._equip(embedding, only_local=only_local))

    def take(self, embedder: TextEmbedder | None) -> None:
        """Ask by meaning as well from now on."""
        self._embedder = embedder

    def close(self) -> None:
        """Let go of the session and the embedder, in a thread: a server may take its time."""
        self.supersede()
        _start(self._close)

    def _ask(self, number: int, question: Question, newer: threading.Event) -> None:
        def wanted() -> bool:
            return not newer.is_set()

        try:
            if wanted():
                self.searcher.interrupt()
            embedder = self._embedder if question.words.strip() else None
            answer = self.searcher.ask(question, wanted=wanted)
            self._post(self.Answered(number, answer, last=embedder is None))
            if embedder is not None and not newer.wait(_PAUSE):
                meaning = self._meaning(embedder, question.words.strip(), newer)
                both = Question(question.words, By.BOTH, question.limit, question.excerpt)
                self._post(self.Answered(number, self.searcher.ask(both, meaning, wanted=wanted), last=True))
        except Cancelled:
            pass
        except MigrationError as error:
            self._post(self.Answered(number, error, last=True))
        except Exception as error:
            self._post(self.Answered(number, unexpected(error, "ask"), last=True))

    def _meaning(self, embedder: TextEmbedder, words: str, newer: threading.Event) -> Meaning:
        with self._embedding:  # an embedder is not for two threads at once
            if newer.is_set():
                raise Cancelled
            return Meaning(embedder.embed_query(words, newer), embedder.model_signature())

    def _equip(self, embedding: Embedding | None, *, only_local: bool) -> None:
        found = None
        with suppress(MigrationError, Cancelled):
            found = _at_hand(self.searcher.registered(), embedding, only_local=only_local)
        self._post(self.Equipped(found))

    def _close(self) -> None:
        self.searcher.close()
        with self._embedding:
            if self._embedder is not None:
                self._embedder.close()

    def _post(self, message: Message) -> None:
        self._receiver.post_message(message)


def _at_hand(
    registered: ModelSignature | None, embedding: Embedding | None, *, only_local: bool
) -> TextEmbedder | None:
    """The embedder whose vectors are those of the store. Raises ``MigrationError`` and ``Cancelled``."""
    from vestige_tui.core.reembed.embedders.opening import open_embedder
    from vestige_tui.core.reembed.profiles import EmbedderChoice

    if registered is None:
        return None
    cancel = threading.Event()
    if embedding is not None and registered.matches(embedding.signature):
        choice = embedding.choice
    else:
        choice = EmbedderChoice(registered.name, dimension=registered.dimension, hash=registered.hash)
        if only_local:
            cancel.set()  # a download that is cancelled from its start sends nothing
    embedder = open_embedder(choice, cancel=cancel)
    if registered.matches(embedder.model_signature()):
        return embedder
    embedder.close()
    return None


def _start(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="ask", daemon=True).start()
