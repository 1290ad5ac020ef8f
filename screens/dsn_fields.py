"""A connection string as form fields, and back.

Reading is ``Dsn``'s, and so libpq's. Writing makes a URL that holds every parameter but the secret ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

from vestige_tui.core.dsn import EMBEDDED, SECRET_PARAMETERS, Dsn
from vestige_tui.screens.machine import Machine
from vestige_tui.screens.state import WizardState

FIELDS = ("host", "port", "dbname", "user", "sslmode")
"""The parameters that have a field of their own; the password has one too, and is never part of the URL."""

TLS_MODES = {
    "prefer": "when offered",
    "require": "always",
    "verify-full": "always, host checked",
    "verify-ca": "always, issuer checked",
    "allow": "only if demanded",
    "disable": "never",
}
"""What ``sslmode`` may be, in words; the first is libpq's default."""

_ENVIRONMENT = {
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGPORT": "port",
    "PGDATABASE": "dbname",
    "PGUSER": "user",
    "PGSSLMODE": "sslmode",
    "PGSERVICE": "service",
}
_PLACES = ("PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE")
"""The environment names a destination if one of these variables is set."""

_SECRET_OF_URL = re.compile(r"://[^/?#@:\[]*:(?P<secret>.*(?=@)|(?!\d*(?:[/?].*)?$).*$)", re.DOTALL)
"""What stands where a URL has its password. While it is being typed, anything but digits there is no port."""

_SECRET_OF_PARAMETER = re.compile(
    rf"(?:^|[\s?&])(?:{'|'.join(SECRET_PARAMETERS)})\s*=\s*(?P<secret>'(?:[^'\\]|\\.)*'?|[^\s&]+)"
)
_CONNECTION_STRING = re.compile(rf"://|[^@]@|(?:^|\s)(?:{'|'.join(SECRET_PARAMETERS)})\s*=")


def secret_parts(text: str) -> Iterator[tuple[int, int]]:
    """Where a connection string has its secrets, in order, also while it is being typed: begin and end of each."""
    for pattern in (_SECRET_OF_URL, _SECRET_OF_PARAMETER):
        for match in pattern.finditer(text):
            yield match.span("secret")


def looks_like_connection_string(text: str) -> bool:
    """Whether this is no value of a field, but a whole connection string, or the better part of one."""
    return _CONNECTION_STRING.search(text) is not None


def fields_of(dsn: Dsn) -> dict[str, str]:
    """The value of each field; empty if the connection string does not have it."""
    return {name: dsn.parameters.get(name, "") for name in FIELDS}


def with_fields(dsn: Dsn, fields: Mapping[str, str]) -> Dsn:
    """The same destination with these fields; an empty one takes its parameter away, all others stay."""
    kept = {name: value for name, value in dsn.parameters.items() if name not in fields}
    return Dsn(kept | {name: value.strip() for name, value in fields.items() if value.strip()})


def with_password(dsn: Dsn, password: str) -> Dsn:
    """The same destination with this password, or as it is where there is none."""
    return dsn.with_parameters(password=password) if password else dsn


def without_secrets(dsn: Dsn) -> Dsn:
    """The same destination without any password or key."""
    return Dsn({name: value for name, value in dsn.parameters.items() if name not in SECRET_PARAMETERS})


def url_of(dsn: Dsn) -> str:
    """The destination as a URL without secrets; ``Dsn.parse`` reads the same parameters from it."""
    values = dict(without_secrets(dsn).parameters)
    if not values:
        return ""
    user, host, port = values.pop("user", ""), values.pop("host", ""), values.pop("port", "")
    database = values.pop("dbname", "")
    if _fits_no_authority(host) or "," in port:
        values = {"host": host, "port": port} | values
        host = port = ""
    elif ":" in host:
        host = f"[{host}]"
    authority = (f"{quote(user, safe='')}@" if user else "") + host + (f":{port}" if port else "")
    query = urlencode({name: value for name, value in values.items() if value}, quote_via=quote, safe="/,")
    return f"postgresql://{authority}/{quote(database, safe='')}" + (f"?{query}" if query else "")


def prefilled(state: WizardState, machine: Machine) -> str:
    """What the command line, the environment or the last run names, in this order; ``embedded``, or empty."""
    if named := state.prefill.postgres_url.strip():
        return named
    found = from_environment(machine.environment)
    if found is not None:
        return found.conninfo()
    last = machine.recent.destination
    return "" if state.prefill.server and last == EMBEDDED else last


def from_environment(environment: Mapping[str, str]) -> Dsn | None:
    """The destination that libpq's variables name, None where they name no place; the password is libpq's to find."""
    if not any(environment.get(name) for name in _PLACES):
        return None
    return Dsn({parameter: environment[name] for name, parameter in _ENVIRONMENT.items() if environment.get(name)})


def _fits_no_authority(host: str) -> bool:
    """Whether a host has to go into the query: a socket's folder, or several hosts."""
    return host.startswith(("/", "@")) or "," in host or "%" in host
