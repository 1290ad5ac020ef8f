"""A destination as the one URL that Vestige's driver reads.

The source of what that driver takes is the code of sqlx (``sqlx-postgres``, ``PgConnectOptions``): a URL and nothing
else, one host, no service file, and of libpq's parameters only those in ``_CARRIED``. The password is never part of it:
the driver finds it in ``PGPASSWORD`` or a passfile, as libpq does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from ipaddress import IPv6Address
from urllib.parse import quote, urlencode

from vestige_tui.core.dsn import SECRET_PARAMETERS

_CARRIED = ("sslmode", "sslrootcert", "sslcert", "sslkey", "options")
_PLACE = ("host", "hostaddr", "port", "user", "dbname", "service", "servicefile")
_TLS_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
_PLAIN_HOST = re.compile(r"[A-Za-z0-9._-]+")


class Unreadable(Enum):
    """Why a destination has no such URL."""

    SERVICE = auto()
    """It is a service, and what that stands for is not known."""

    SEVERAL_HOSTS = auto()
    """It names several hosts, and which of them answers is not known."""

    ABSTRACT_SOCKET = auto()
    ENCRYPTED_KEY = auto()
    """The client's key has a password of its own."""

    UNKNOWN_TLS_MODE = auto()


class UnreadableError(Exception):
    """A destination that Vestige cannot be given."""

    def __init__(self, reason: Unreadable) -> None:
        super().__init__(reason.name)
        self.reason = reason


def url_of(parameters: Mapping[str, str]) -> str:
    """The URL for libpq's ``parameters``; what has no place in it is left out. Raises ``UnreadableError``."""
    host, port = _host(parameters), parameters.get("port", "")
    if parameters.get("sslpassword"):
        raise UnreadableError(Unreadable.ENCRYPTED_KEY)
    user, database = parameters.get("user", ""), parameters.get("dbname", "")
    path = f"/{quote(database, safe='')}"
    authority = _authority(host)
    query = _settings(parameters)
    if authority is None:  # a URL with a user needs a host: then all of it goes into the query
        place = {"host": host, "port": port, "user": user}
        return f"postgres://{path}{_query({name: value for name, value in place.items() if value} | query)}"
    login = f"{quote(user, safe='')}@" if user else ""
    return f"postgres://{login}{authority}{f':{port}' if port else ''}{path}{_query(query)}"


def left_out(parameters: Mapping[str, str]) -> tuple[str, ...]:
    """The names of the parameters that have no place in the URL, secrets and where they are aside."""
    return tuple(sorted(parameters.keys() - {*_CARRIED, *_PLACE, *SECRET_PARAMETERS, "passfile"}))


def _host(parameters: Mapping[str, str]) -> str:
    """The one host; its address where that is given, unless a certificate is compared with its name."""
    host, address = parameters.get("host", ""), parameters.get("hostaddr", "")
    if address and not (host and parameters.get("sslmode") == "verify-full"):
        host = address
    if not host and parameters.get("service"):
        raise UnreadableError(Unreadable.SERVICE)
    if "," in host or "," in parameters.get("port", ""):
        raise UnreadableError(Unreadable.SEVERAL_HOSTS)
    if host.startswith("@"):
        raise UnreadableError(Unreadable.ABSTRACT_SOCKET)
    return host


def _authority(host: str) -> str | None:
    """A host as it stands in a URL; None for a socket's folder and whatever else does not fit there."""
    if _PLAIN_HOST.fullmatch(host):
        return host
    try:
        return f"[{IPv6Address(host)}]" if "%" not in host else None
    except ValueError:
        return None


def _settings(parameters: Mapping[str, str]) -> dict[str, str]:
    settings = {name: value for name in _CARRIED if (value := parameters.get(name))}
    if settings.get("sslrootcert") == "system":  # libpq's word for the issuers that this machine trusts
        settings |= {"sslmode": "verify-full"}
        del settings["sslrootcert"]
    if settings.get("sslmode", "prefer") not in _TLS_MODES:
        raise UnreadableError(Unreadable.UNKNOWN_TLS_MODE)
    return settings


def _query(values: Mapping[str, str]) -> str:
    return f"?{urlencode(values, quote_via=quote, safe='/')}" if values else ""
