"""A TCP proxy on loopback that misbehaves at an exact moment: it cuts, goes silent, or closes one direction.

The moment is the n-th time that the client sends certain bytes, such as ``COMMIT`` with the NUL that ends a statement.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum

from vestige_tui.core.dsn import Dsn

COMMIT = b"COMMIT\0"
"""The end of a transaction as psycopg sends it; ``ON COMMIT DELETE ROWS`` has no NUL there."""


class Disruption(Enum):
    """What happens to the connection whose request has the marker in it."""

    CUT_BEFORE = "cut; the server never sees the request"
    CUT_AFTER = "cut; the server has done what was asked, and its answer is lost"
    STALL_BEFORE = "everything is swallowed from here on, the request included"
    STALL_AFTER = "the server does what was asked; its answer and all that follows are swallowed"
    HALF_CLOSE = "the client sees the end of the stream, yet may still send"


class Proxy:
    """Forwards every connection to a server, until the moment of the disruption that a test asks for.

    ``requests`` counts how often the marker was seen since ``expect``; ``struck`` is set when the disruption begins.
    """

    def __init__(self, dsn: Dsn) -> None:
        self._server = (dsn.parameters["host"], int(dsn.parameters["port"]))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[_Forwarding] = []
        self._lock = threading.Lock()
        self._disruption: Disruption | None = None
        self._marker = b""
        self._at = 0
        self.requests = 0
        self.struck = threading.Event()
        self.dsn = dsn.with_parameters(
            host="127.0.0.1", port=str(self._listener.getsockname()[1]), sslmode="disable", gssencmode="disable"
        )
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def expect(self, disruption: Disruption, marker: bytes = COMMIT, *, at: int = 1) -> None:
        """Disrupt the connection at the ``at``-th request from now on that has the marker in it."""
        with self._lock:
            self._disruption, self._marker, self._at, self.requests = disruption, marker, at, 0
            self.struck.clear()

    def count(self, marker: bytes) -> None:
        """Only count the requests that have the marker in them."""
        with self._lock:
            self._disruption, self._marker, self._at, self.requests = None, marker, 0, 0

    def behave(self) -> None:
        """Disrupt no new connection; those that are disrupted stay so."""
        with self._lock:
            self._disruption = None

    def cut(self) -> None:
        """Reset every connection now."""
        for connection in list(self._connections):
            connection.reset()

    def stall(self) -> None:
        """Swallow from now on whatever either side sends."""
        self.struck.set()
        for connection in list(self._connections):
            connection.stalled.set()

    def close(self) -> None:
        """Stop listening and let go of every connection."""
        self._listener.close()
        self.cut()

    def seen(self, data: bytes, tail: bytes) -> Disruption | None:
        """The disruption that begins with this data, if any; ``tail`` is what came before it."""
        with self._lock:
            if not self._marker:
                return None
            found = (tail + data).count(self._marker)
            before, self.requests = self.requests, self.requests + found
            if self._disruption is not None and before < self._at <= self.requests:
                self.struck.set()
                return self._disruption
        return None

    @property
    def tail(self) -> int:
        """How many bytes of earlier data a marker could have begun in."""
        return max(0, len(self._marker) - 1)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            connection = _Forwarding(self, client, server)
            self._connections.append(connection)
            connection.start()


class _Forwarding:
    """One connection: a thread for each direction."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._answered: Callable[[], None] | None = None
        self.stalled = threading.Event()

    def start(self) -> None:
        """Begin to forward."""
        for pump in (self._upstream, self._downstream):
            threading.Thread(target=pump, name="proxy connection", daemon=True).start()

    def reset(self) -> None:
        """End it with a reset on both sides, as a router does that forgot the connection."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            with suppress(OSError):
                end.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
            with suppress(OSError):
                end.close()

    def _upstream(self) -> None:
        tail = b""
        try:
            while data := self._client.recv(65_536):
                disruption = self._proxy.seen(data, tail)
                tail = data[-self._proxy.tail :] if self._proxy.tail else b""
                if disruption is not None:
                    self._make(disruption)
                if not self.stalled.is_set():
                    self._server.sendall(data)
            if not self.stalled.is_set():
                self._server.shutdown(socket.SHUT_WR)
        except OSError:
            self.reset()

    def _downstream(self) -> None:
        try:
            while data := self._server.recv(65_536):
                answered = self._answered
                if answered is not None:
                    answered()
                elif not self.stalled.is_set():
                    self._client.sendall(data)
            if not self.stalled.is_set():
                self._client.shutdown(socket.SHUT_WR)
        except OSError:
            if not self.stalled.is_set():
                self.reset()

    def _make(self, disruption: Disruption) -> None:
        """Called before the request goes on to the server."""
        if disruption is Disruption.CUT_BEFORE:
            self.reset()
        elif disruption is Disruption.CUT_AFTER:
            self._answered = self.reset
        elif disruption is Disruption.STALL_BEFORE:
            self.stalled.set()
        elif disruption is Disruption.STALL_AFTER:
            self._answered = lambda: None
        else:
            self._client.shutdown(socket.SHUT_WR)


@contextmanager
def proxy_to(dsn: Dsn) -> Iterator[Proxy]:
    """A proxy in front of a server that listens at a TCP port."""
    proxy = Proxy(dsn)
    try:
        yield proxy
    finally:
        proxy.close()
