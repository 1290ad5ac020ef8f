"""Takes passwords out of what is shown, logged or put into the process title.

A connection string among the arguments is parsed by libpq's grammar and written again without its secrets; from a part
that cannot be parsed, all the rest is masked. Text of libpq and of servers loses a secret where it quotes one
(``Dsn.mask``). Our own sentences are not searched for a password: a word that equals it would be missing, and so give
it away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from vestige_tui.core.dsn import Dsn

MASK = "***"

_SECRET = r"(?:\w*password|\w*secret|scram_\w+_key)"  # noqa: S105  (names of parameters)
_VALUE = r"(?:'(?:\\.|[^'\\])*'?|(?:\\.|[^\s\\])*\\?)"
_SCHEME = r"[a-z][a-z0-9+.-]*://"
_FLAGS = re.IGNORECASE | re.DOTALL | re.ASCII  # white space is ASCII's, as in libpq

_SECRET_NAME = re.compile(rf".*{_SECRET}", _FLAGS)
_SECRET_PAIR = re.compile(rf"\b{_SECRET}\s*=", _FLAGS)
_SENTENCE_PAIR = re.compile(rf"(?P<before>\b{_SECRET}\s*=\s*)(?!\*\*\*(?:\W|\Z)){_VALUE}", _FLAGS)
_PAIR = re.compile(rf"(?P<before>\s*(?P<name>[^\s=]+)\s*=\s*)(?P<value>{_VALUE})", _FLAGS)
_SENTENCE_PASSWORD = re.compile(rf"(?P<before>\b{_SCHEME}[^\s:/?#@]*):(?!\*\*\*@)[^\n]*@", re.IGNORECASE)
_HOST = r"(?:\[[^]@/?]*\]|[^\[:@/?,]*)(?::\d*)?"
_URL = re.compile(
    rf"(?P<scheme>\s*{_SCHEME})(?:(?P<user>[^:@/]*)(?P<password>:[^@/]*)?@)?"
    rf"(?P<place>{_HOST}(?:,{_HOST})*(?:/[^@?]*)?)(?:\?(?P<query>[^@]*))?",
    _FLAGS,
)
"""A URL as libpq reads it. More than one @ sign means a password that is not percent-encoded."""
_LOGIN = re.compile(r"(?P<before>[^\s/:@]+):.*@", _FLAGS)


@dataclass(frozen=True)
class Mask:
    """Masks the secrets of some connection strings in a text, and what looks like a password in one."""

    destinations: tuple[Dsn, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Mask:
        """The mask for some connection strings. One that cannot be parsed has no known secrets."""
        return cls(tuple(filter(None, map(_destination, texts))))

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        for destination in self.destinations:
            text = destination.mask(text)
        return mask_by_form(text)


@dataclass(frozen=True)
class ArgumentMask:
    """Masks secrets in the arguments that an error quotes."""

    replacements: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, arguments: Iterable[str]) -> ArgumentMask:
        """The mask for a command line."""
        pairs = []
        for argument in arguments:
            _, _, value = _option(argument)
            masked = _masked(value)
            if masked != value:
                pairs += [(spelling, masked) for spelling in dict.fromkeys((value, repr(value)[1:-1]))]
        return cls(tuple(sorted(pairs, key=lambda pair: len(pair[0]), reverse=True)))

    def __call__(self, text: str) -> str:
        """``text`` without secrets."""
        for value, masked in self.replacements:
            text = text.replace(value, masked)
        return mask_by_form(text)


def mask_argument(argument: str) -> str:
    """An argument as the list of processes may show it: unchanged, unless it holds a secret."""
    option, equals, value = _option(argument)
    if equals and _SECRET_NAME.fullmatch(option.replace("-", "_")):
        return f"{option}={MASK}"
    return option + equals + _masked(value)


def mask_by_form(text: str) -> str:
    """``text`` without what looks like a password, also in a connection string that cannot be parsed."""
    text = _SENTENCE_PASSWORD.sub(rf"\g<before>:{MASK}@", text)
    return _SENTENCE_PAIR.sub(rf"\g<before>{MASK}", text)


def _option(argument: str) -> tuple[str, str, str]:
    """An argument as ``--option``, ``=`` and value; the first two are empty for a mere value."""
    return argument.partition("=") if argument.startswith("--") and "=" in argument else ("", "", argument)


def _masked(value: str) -> str:
    if re.match(rf"\s*{_SCHEME}", value, _FLAGS):
        return _masked_url(value)
    if _SECRET_PAIR.search(value):
        return _masked_pairs(value)
    return _LOGIN.sub(rf"\g<before>:{MASK}@", value) if _LOGIN.match(value) else value


def _masked_url(text: str) -> str:
    url = _URL.fullmatch(text)
    if url is None:
        return _cut(text)
    login = "" if url["user"] is None else url["user"] + (f":{MASK}" if url["password"] else "") + "@"
    query = "" if url["query"] is None else "?" + "&".join(map(_masked_parameter, url["query"].split("&")))
    return url["scheme"] + login + url["place"] + query


def _cut(text: str) -> str:
    """A URL that cannot be parsed, up to where a password may begin."""
    login = re.match(rf"\s*{_SCHEME}[^:]*:", text, _FLAGS)
    query = re.search(r"[?&]", text)
    ends = [login.end() if login else len(text), query.end() if query else len(text)]
    return text[: min(ends)] + MASK


def _masked_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    return f"{name}={MASK}" if equals and _SECRET_NAME.fullmatch(unquote(name)) else parameter


def _masked_pairs(text: str) -> str:
    """Mask ``key=value`` pairs one by one, and all that follows the last pair that can be parsed."""
    parts, position = [], 0
    while pair := _PAIR.match(text, position):
        hidden = _SECRET_NAME.fullmatch(pair["name"]) or mask_by_form(pair["value"]) != pair["value"]
        parts.append(pair["before"] + (MASK if hidden else pair["value"]))
        position = pair.end()
    unread = text[position:].lstrip()
    return "".join(parts) + text[position : len(text) - len(unread)] + (MASK if unread else "")


def _destination(text: str) -> Dsn | None:
    from vestige_tui.core.dsn import Dsn  # psycopg is slow to load; the process title is set before
    from vestige_tui.core.errors import UsageError

    try:
        return Dsn.parse(text) if text.strip() else None
    except UsageError:
        return None
