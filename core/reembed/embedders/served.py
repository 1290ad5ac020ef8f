"""An embedder that a server of the OpenAI form is: Ollama, LM Studio, llama.cpp, vLLM, or a provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from threading import Event

import orjson

from vestige_tui.core.errors import Cancelled, EmbedderError, UsageError
from vestige_tui.core.facts import EmbedderObstacle, Refusal
from vestige_tui.core.reembed.embedders.address import Address
from vestige_tui.core.reembed.embedders.answers import vectors_in
from vestige_tui.core.reembed.embedders.profiled import ProfiledEmbedder
from vestige_tui.core.reembed.embedders.protocol import PROBE, EmbedderWatcher, Place, Vector, usable
from vestige_tui.core.reembed.embedders.requests import Requests
from vestige_tui.core.reembed.embedders.together import together
from vestige_tui.core.reembed.embedders.treatment import SAME, cosine, treated
from vestige_tui.core.reembed.embedders.waits import EmbedderWaits
from vestige_tui.core.reembed.profiles import BATCH, Profile
from vestige_tui.core.secret import Secret

REQUESTS = 4
"""Requests under way at once."""

_OTHER = "SELECT 1 + 1;"
"""Far from the probe in meaning."""

_SPLIT = frozenset({EmbedderObstacle.REQUEST_REFUSED, EmbedderObstacle.SERVER_FAILED})
"""Failures that may be due to one of several texts, or to their number."""

_PART_ATTEMPTS = 2
"""How often a part of a request is sent: the whole was sent often enough."""


@dataclass(slots=True)
class ServedEmbedder(ProfiledEmbedder):
    """Asks a server. Made by ``open_served``, which has tried it."""

    requests: Requests
    _options: dict[str, object] = field(default_factory=dict)
    """What each request says beside model and texts."""

    _size: int = BATCH

    @property
    def place(self) -> Place:
        """The server."""
        address = self.requests.address
        return Place(address.shown, not address.is_local, address.is_local or address.scheme == "https")

    def close(self) -> None:
        """Close the connections."""
        self.requests.close()

    def _made(self, documents: list[str], cancel: Event) -> list[Vector | Refusal]:
        """Some requests at once. The first failure ends them all, and so does ``cancel``, after a grace."""
        stop, size = Event(), self._size
        parts = [documents[start : start + size] for start in range(0, len(documents), size)]
        tasks = [partial(self._part, part, stop) for part in parts]
        made = together(tasks, REQUESTS, stop=stop, cancel=cancel, waits=self.requests.waits)
        return [vector for part in made for vector in part]

    def _part(self, documents: list[str], stop: Event, attempts: int | None = None) -> list[Vector | Refusal]:
        """Embed some texts. Where the server fails at them together, in halves, down to the text that it fails at."""
        try:
            return treated(self._ask(documents, stop, attempts), self.dimension)
        except EmbedderError as error:
            if error.obstacle not in _SPLIT:
                raise
            if len(documents) == 1 or error.obstacle is EmbedderObstacle.SERVER_FAILED:
                self._ask([PROBE], stop, _PART_ATTEMPTS)  # raises where the server is to blame, not the text
            if len(documents) == 1:
                failed = error.obstacle is EmbedderObstacle.SERVER_FAILED
                return [Refusal.SERVER_FAILED if failed else Refusal.REQUEST_REFUSED]
        middle = len(documents) // 2
        made = [
            vector
            for half in (documents[:middle], documents[middle:])
            for vector in self._part(half, stop, _PART_ATTEMPTS)
        ]
        if all(isinstance(vector, bytes) for vector in made):  # it was their number: ask for fewer from now on
            self._size = max(1, min(self._size, middle))
        return made

    def _ask(
        self, documents: Sequence[str], stop: Event, attempts: int | None = None, *, first: bool = False
    ) -> list[bytes]:
        """The vectors of one request as they come, each with ``native`` elements where that is known."""
        if stop.is_set():
            raise Cancelled
        request = {"model": self.profile.model, "input": documents, **self._options}
        body = orjson.dumps(request)
        content = self.requests.post(body, stop, first=first, attempts=attempts)
        vectors = vectors_in(content, len(documents), self.requests.address.shown)
        native = self.profile.native
        if native is not None and not first and len(vectors[0]) != 4 * native:
            detail = f"{len(vectors[0]) // 4:,} elements, where it gave {native:,} before"
            raise EmbedderError(EmbedderObstacle.WRONG_LENGTH, self.requests.address.shown, detail)
        return vectors

    # Trying it out

    def try_out(self, cancel: Event) -> None:
        """Find out its dimension, and the form of request that it takes. Raises as ``embed``, and ``UsageError``."""
        stop = Event()
        together([partial(self._try_out, stop)], 1, stop=stop, cancel=cancel, waits=self.requests.waits)

    def _try_out(self, cancel: Event) -> None:
        alone = self._first(cancel)
        usable(treated([alone], self.dimension)[0], self.place.shown)
        forms: tuple[dict[str, object], ...] = ({"encoding_format": "base64"}, {})
        for options in forms:  # base64 is a third as long, and exact
            if self._answers_batches(alone, options, cancel):
                return

    def _first(self, cancel: Event) -> bytes:
        """The vector of a text that was sent alone, in the plainest form."""
        vector = self._ask([PROBE], cancel, first=True)[0]
        asked, native = self.profile.dimension, len(vector) // 4
        if asked is not None and native not in (asked, self.profile.native):
            if self.profile.native is not None:  # another model has the name that Vestige knows
                raise self._gives(native, asked)
            vector = self._shorter(asked, native, cancel)
            native = asked
        self.profile = self.profile.giving(native)
        return vector

    def _shorter(self, asked: int, native: int, cancel: Event) -> bytes:
        """A vector of ``asked`` elements, from a server that shortens vectors by itself."""
        self._options = {"dimensions": asked}
        try:
            vector = self._ask([PROBE], cancel, first=True)[0]
        except EmbedderError as error:
            if error.obstacle not in _SPLIT:
                raise
            vector = b""
        if len(vector) != 4 * asked:
            raise self._gives(native, asked)
        return vector

    def _gives(self, native: int, asked: int) -> UsageError:
        return UsageError(
            f"{self.profile.model} gives {native:,} elements at {self.requests.address.shown}, not {asked:,}.",
            remedy="Leave out --dimension to take what it gives, or name another model or profile.",
        )

    def _answers_batches(self, alone: bytes, options: dict[str, object], cancel: Event) -> bool:
        """Whether a request of two texts in this form is answered rightly; the form is kept then.

        Raises ``EmbedderError`` where the plainest form is answered wrongly.
        """
        before = self._options
        self._options = {**before, **options}
        try:
            batched = self._ask([_OTHER, PROBE], cancel)[1]
        except EmbedderError as error:
            if error.obstacle in _SPLIT and not options:  # one text at a time, then
                self._size = 1
                return True
            if not options:
                raise
            self._options = before
            return False
        if cosine(alone, batched) >= SAME:
            return True
        if options:
            self._options = before
            return False
        raise EmbedderError(EmbedderObstacle.DIFFERENT_VECTORS, self.requests.address.shown)


def open_served(
    profile: Profile,
    address: Address,
    *,
    hash: str,
    key: Secret | None,
    cancel: Event,
    watcher: EmbedderWatcher,
    waits: EmbedderWaits,
) -> ServedEmbedder:
    """An embedder at an address, tried out with texts of our own.

    Raises ``EmbedderError``, ``Cancelled``, and ``UsageError`` where the model has another dimension.
    """
    embedder = ServedEmbedder(profile, hash, Requests(address, key, waits, watcher, REQUESTS))
    try:
        embedder.try_out(cancel)
    except BaseException:
        embedder.close()
        raise
    return embedder
