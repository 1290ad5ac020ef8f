"""One request to a server of the OpenAI form: sent, sent again where that may help, and its failures named.

``httpx`` is loaded at the first use: it brings a command line with it where that is installed.
"""

from __future__ import annotations

import logging
import re
import socket
import ssl
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING

from vestige_tui.core.errors import Cancelled, EmbedderError
from vestige_tui.core.facts import EmbedderObstacle
from vestige_tui.core.reembed.embedders.address import Address, origin
from vestige_tui.core.reembed.embedders.answers import error_code, parsed
from vestige_tui.core.reembed.embedders.protocol import EmbedderWatcher, Retry
from vestige_tui.core.reembed.embedders.waits import EmbedderWaits
from vestige_tui.core.secret import Secret
from vestige_tui.core.text import display_safe, size

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

MAX_ANSWER = 1 << 27
"""Bytes of an answer: 32 vectors of 16,000 elements take a tenth of that, as text."""

_KEY = re.compile(r"[\x21-\x7e]+")
_MODELS_SHOWN = 10
_PASSING = (408, 425, 429)
"""Statuses below 500 after which the same request may succeed."""

_BUSY = (429, 503, 529)
_BY_STATUS = {
    401: EmbedderObstacle.KEY_REFUSED,
    402: EmbedderObstacle.NO_QUOTA,
    403: EmbedderObstacle.KEY_REFUSED,
    404: EmbedderObstacle.NOT_FOUND,
    405: EmbedderObstacle.NOT_FOUND,
}
_BY_CODE = {
    "insufficient_quota": EmbedderObstacle.NO_QUOTA,
    "invalid_api_key": EmbedderObstacle.KEY_REFUSED,
    "model_not_found": EmbedderObstacle.NOT_FOUND,
}
_AT_ONCE = frozenset({EmbedderObstacle.NO_SERVER, EmbedderObstacle.UNKNOWN_HOST})
"""Errors that the first request reports at once; waiting would not help."""

_NEVER_AGAIN = frozenset({EmbedderObstacle.TLS_FAILED, EmbedderObstacle.NO_EMBEDDINGS})


@dataclass(slots=True)
class _Failure(Exception):
    """A request that may be sent again; ``asked`` is the pause in seconds that the server wants."""

    obstacle: EmbedderObstacle
    detail: str = ""
    asked: float | None = None


@dataclass(slots=True)
class Requests:
    """Sends requests to one server, from any thread. The key goes to that server alone: redirects are not followed."""

    address: Address
    key: Secret | None
    waits: EmbedderWaits
    watcher: EmbedderWatcher
    connections: int = 1
    _http: httpx.Client = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.key is not None and not _KEY.fullmatch(self.key.reveal()):
            raise EmbedderError(EmbedderObstacle.UNUSABLE_KEY, self.address.shown)
        self._http = _client(self)

    def post(self, body: bytes, cancel: Event, *, first: bool = False, attempts: int | None = None) -> bytes:
        """Send a request and return the answer to it.

        ``first``: say at once that nothing answers. Raises ``EmbedderError``, and ``Cancelled`` in a pause.
        """
        attempts = attempts or self.waits.attempts
        for attempt in range(1, attempts + 1):
            try:
                return self._once(body)
            except _Failure as failure:
                limit = self.waits.timeouts if failure.obstacle is EmbedderObstacle.NO_ANSWER else attempts
                hopeless = failure.obstacle in _NEVER_AGAIN or (first and failure.obstacle in _AT_ONCE)
                if attempt >= limit or hopeless:
                    raise EmbedderError(failure.obstacle, self.address.shown, failure.detail) from None
                self._wait(failure, attempt, cancel)
        raise AssertionError

    def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._http.close()

    def _once(self, body: bytes) -> bytes:
        with _named(), self._http.stream("POST", self.address.url, content=body) as response:
            content = b"".join(self._chunks(response))
        status = response.status_code
        if 200 <= status < 300:
            return content
        if 300 <= status < 400:
            there = origin(response.headers.get("location", "")) or "an address of its own"
            raise EmbedderError(EmbedderObstacle.REDIRECTED, self.address.shown, there)
        obstacle = _BY_CODE.get(error_code(content)) or _BY_STATUS.get(status)
        if obstacle is EmbedderObstacle.NOT_FOUND:
            raise EmbedderError(obstacle, self.address.shown, f"HTTP {status}{self._models()}")
        if obstacle is not None:
            raise EmbedderError(obstacle, self.address.shown, f"HTTP {status}")
        if status < 500 and status not in _PASSING:
            raise EmbedderError(EmbedderObstacle.REQUEST_REFUSED, self.address.shown, f"HTTP {status}")
        busy = EmbedderObstacle.BUSY if status in _BUSY else EmbedderObstacle.SERVER_FAILED
        raise _Failure(busy, f"HTTP {status}", self._asked(response.headers.get("retry-after")))

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        until, total = self.waits.clock() + self.waits.answer, 0
        for chunk in response.iter_bytes():
            total += len(chunk)
            if total > MAX_ANSWER:
                raise EmbedderError(EmbedderObstacle.NO_EMBEDDINGS, self.address.shown, f"more than {size(MAX_ANSWER)}")
            if self.waits.clock() > until:
                raise _Failure(EmbedderObstacle.NO_ANSWER)
            yield chunk

    def _models(self) -> str:
        """The models that a server lists, to show; empty where it does not."""
        try:
            with _named():
                listed = parsed(self._http.get(self.address.models_url).content)
            names = [item["id"] for item in listed["data"] if isinstance(item["id"], str)]
        except (_Failure, TypeError, KeyError):
            return ""
        more = ", …" if len(names) > _MODELS_SHOWN else ""
        return f"; its models are {display_safe(', '.join(names[:_MODELS_SHOWN]))}{more}" if names else ""

    def _asked(self, header: str | None) -> float | None:
        """The pause of a ``Retry-After``, in seconds: a number, or the date after which to come again."""
        if header is None:
            return None
        if re.fullmatch(r"\d+(\.\d+)?", header.strip(), re.ASCII):
            return float(header)
        try:
            moment = parsedate_to_datetime(header)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - self.waits.now()).total_seconds())

    def _wait(self, failure: _Failure, attempt: int, cancel: Event) -> None:
        waits = self.waits
        if failure.asked is not None and failure.asked > waits.longest_asked:
            detail = f"{failure.detail}; it asks to come again in {failure.asked:,.0f} s"
            raise EmbedderError(failure.obstacle, self.address.shown, detail)
        pause = min(waits.longest_pause, waits.first_pause * 2 ** (attempt - 1))
        pause = pause / 2 * (1 + waits.jitter())
        seconds = max(pause, (failure.asked or 0.0) * (1 + waits.jitter() / 10))
        log.warning("embedder: %s %s, again in %.1f s", failure.obstacle.name.lower(), failure.detail, seconds)
        try:
            self.watcher(Retry(failure.obstacle, attempt, seconds))
        except Exception:
            log.exception("the watcher of the embedder failed")
        if waits.pause(cancel, seconds):
            raise Cancelled


def _client(requests: Requests) -> httpx.Client:
    import httpx

    for name in ("httpx", "httpcore"):  # their lines hold the URL, whose query may hold a key
        logging.getLogger(name).setLevel(logging.WARNING)

    class Key(httpx.Auth):
        """Puts the key into the request alone: no header of the client shows it."""

        def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
            if requests.key is not None:
                request.headers["Authorization"] = f"Bearer {requests.key.reveal()}"
            yield request

    waits = requests.waits
    return httpx.Client(
        auth=Key(),
        headers={"Content-Type": "application/json", "Accept": "application/json"},
        timeout=httpx.Timeout(waits.answer, connect=waits.connect),
        verify=requests.address.scheme == "https",  # certificates are loaded where they are needed
        limits=httpx.Limits(max_connections=requests.connections),
        trust_env=not requests.address.is_local,  # no proxy is between this machine and itself
        follow_redirects=False,
    )


class _named:
    """Turns the errors of the network into failures. Their texts and causes are left out: they hold the request."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        import httpx

        if isinstance(error, httpx.TimeoutException):
            raise _Failure(EmbedderObstacle.NO_ANSWER) from None
        if isinstance(error, httpx.ConnectError):
            raise _Failure(_why(error)) from None
        if isinstance(error, httpx.DecodingError):
            raise _Failure(EmbedderObstacle.NO_EMBEDDINGS, "what cannot be unpacked") from None
        if isinstance(error, httpx.TransportError):
            raise _Failure(EmbedderObstacle.LOST) from None


def _why(error: BaseException) -> EmbedderObstacle:
    """Why there is no connection, by the errors below."""
    below: BaseException | None = error
    for _ in range(10):
        if isinstance(below, ssl.SSLError):
            return EmbedderObstacle.TLS_FAILED
        if isinstance(below, socket.gaierror):
            return EmbedderObstacle.UNKNOWN_HOST
        if below is None:
            break
        below = below.__cause__ or below.__context__
    return EmbedderObstacle.NO_SERVER
