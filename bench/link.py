"""A slow link: a TCP proxy that holds back everything for a while, in both directions, and counts round trips."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from vestige_tui.core.dsn import Dsn

_CHUNK = 1 << 18  # bytes
_IN_FLIGHT = 256  # chunks under way in one direction
_END = b""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class SlowLink:
    """While the block runs, ``dsn`` leads to the same database through the proxy.

    ``delay`` is in seconds, each way; the bandwidth is not limited. ``turnarounds`` has the moment
    (``time.monotonic()``) of each time that the server spoke after the client had: that is how often one side waited
    for a round trip, whatever the number of statements in it.
    """

    def __init__(self, dsn: Dsn, delay: float) -> None:
        self.turnarounds: list[float] = []
        self._target = dsn
        self._delay = delay
        self._port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="slow link", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the proxy did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def dsn(self) -> Dsn:
        """The same database, through the proxy."""
        kept = {key: value for key, value in self._target.parameters.items() if key != "hostaddr"}
        return Dsn(kept | {"host": "127.0.0.1", "port": str(self._port)})

    def trips_between(self, start: float, end: float) -> int:
        """Turnarounds in a span of time."""
        return sum(start <= moment < end for moment in self.turnarounds)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=_CHUNK)
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()  # what is still connected ends with the loop

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._open_target()
        except OSError:
            writer.close()
            return
        waiting = False

        def from_client() -> None:
            nonlocal waiting
            waiting = True

        def from_server() -> None:
            nonlocal waiting
            if waiting:
                self.turnarounds.append(time.monotonic())
            waiting = False

        with suppress(asyncio.CancelledError):  # the block has ended
            await asyncio.gather(
                self._carry(reader, far_writer, from_client),
                self._carry(far_reader, writer, from_server),
            )

    async def _open_target(self) -> Streams:
        host = self._target.parameters.get("hostaddr") or self._target.parameters.get("host", "localhost")
        port = self._target.parameters.get("port", "5432")
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}", limit=_CHUNK)
        return await asyncio.open_connection(host, int(port), limit=_CHUNK)

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, heard: Callable[[], None]
    ) -> None:
        """One direction: read at once, hand on when it is due."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_IN_FLIGHT)
        arriving = asyncio.create_task(_deliver(under_way, writer))
        data = None
        while data != _END:
            try:
                data = await reader.read(_CHUNK)
            except OSError:
                data = _END
            if data:
                heard()
            await under_way.put((time.monotonic() + self._delay, data))
        await arriving


async def _deliver(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    """Write what is under way, each piece when it is due; after an error only take it, so that the sender goes on."""
    while True:
        due, data = await under_way.get()
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        if data == _END:
            break
        with suppress(OSError):
            writer.write(data)
            await writer.drain()
    writer.close()
