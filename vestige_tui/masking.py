"""Passwords taken out of whatever is about to be shown, logged or put into the process title."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vestige_tui.core.destination.dsn import Dsn

MASK = "***"
_URL_PASSWORD = re.compile(r"(?P<before>\b[a-z][a-z0-9+.-]*://[^\s:/?#@]*):[^\n]*@", re.IGNORECASE)
_NAMED_PASSWORD = re.compile(
    r"(?P<before>\b(?:\w*password|oauth_client_secret|scram_\w+_key)\s*=\s*)(?:'(?:\\.|[^'\\])*'?|[^\s&]+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mask:
    """Replaces the secrets of some connection strings, and whatever looks like the password of one, by ``***``."""

    destinations: tuple[Dsn, ...] = ()

    @classmethod
    def of(cls, arguments: Iterable[str]) -> Mask:
        """The mask for a command line: each argument, or value of an ``--option=value``, may be a connection string."""
        values = (argument.partition("=")[2] if argument.startswith("--") else argument for argument in arguments)
        return cls(tuple(filter(None, map(_destination, values))))

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        text = mask_by_form(text)
        for destination in self.destinations:
            text = destination.mask(text)
        password = os.environ.get("PGPASSWORD")
        return text.replace(password, MASK) if password else text


def mask_by_form(text: str) -> str:
    """``text`` without what its form shows to be a password, also in a connection string that cannot be read."""
    text = _URL_PASSWORD.sub(rf"\g<before>:{MASK}@", text)
    return _NAMED_PASSWORD.sub(rf"\g<before>{MASK}", text)


def _destination(text: str) -> Dsn | None:
    from vestige_tui.core.destination.dsn import Dsn  # the process title is set before psycopg is loaded
    from vestige_tui.core.errors import UsageError

    try:
        return Dsn.parse(text) if text.strip() else None
    except UsageError:
        return None
