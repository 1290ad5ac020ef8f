"""The address of a server of the OpenAI form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from vestige_tui.core.errors import UsageError
from vestige_tui.core.text import display_safe

_EMBEDDINGS = "/embeddings"
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """Where embeddings are asked for. ``query`` may hold a secret: neither it nor ``repr`` is shown."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str = ""

    @classmethod
    def parse(cls, text: str) -> Address:
        """From the URL of a server, its ``/v1`` or its embeddings. Raises ``UsageError``, which does not quote it."""
        try:
            url = urlsplit(text.strip())
            port = url.port
        except ValueError:
            raise _no_address("It cannot be understood.") from None
        if url.scheme not in _PORTS or not url.hostname:
            raise _no_address("It begins with http:// or https://, and a host follows.")
        if url.username is not None or url.password is not None:
            raise _no_address("A user name or a key in it would be seen by others.")
        if re.search(r"[\x00-\x20\x7f]", text.strip()):
            raise _no_address("It holds blanks or control characters.")
        return cls(url.scheme, url.hostname, port, _path(url), url.query)

    @property
    def url(self) -> str:
        """The URL of the embeddings, query included."""
        return self._at(self.path) + (f"?{self.query}" if self.query else "")

    @property
    def models_url(self) -> str:
        """The URL of the list of models."""
        return self._at(self.path.removesuffix(_EMBEDDINGS) + "/models") + (f"?{self.query}" if self.query else "")

    @property
    def shown(self) -> str:
        """The server as a person may see it: without the query."""
        return display_safe(self._at(self.path.removesuffix(_EMBEDDINGS)))

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def _at(self, path: str) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{f':{self.port}' if self.port else ''}{path}"

    def __repr__(self) -> str:
        return f"Address({self.shown})"


def origin(url: str) -> str:
    """Scheme, host and port of a URL that a server sent, to show; empty where there is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    return display_safe(f"{parts.scheme}://{host}" + (f":{port}" if port else "")) if host else ""


def _path(url: SplitResult) -> str:
    path = url.path.rstrip("/")
    if path.endswith(_EMBEDDINGS):
        return path
    return (path or "/v1") + _EMBEDDINGS


def _no_address(why: str) -> UsageError:
    return UsageError(
        f"The URL of the embedder cannot be used. {why}",
        remedy="Write it as in http://localhost:11434/v1; a key comes from VESTIGE_EMBEDDER_API_KEY.",
    )
