"""What a destination stands for: services, several hosts, the environment and libpq's defaults, resolved.

libpq alone knows all of that, and only once it is connected.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from vestige_tui.core.destination.connection import connect
from vestige_tui.core.destination.server_errors import explain_connecting
from vestige_tui.core.dsn import SECRET_PARAMETERS, Dsn

_IN_HOME = {"sslrootcert": "root.crt", "sslcert": "postgresql.crt", "sslkey": "postgresql.key"}
"""The files that libpq uses by itself, in ``~/.postgresql``, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where a connection led: libpq's ``parameters`` without secrets, one host among them.

    ``password``: the server asked for one. ``hosts`` is how many the connection string names.
    """

    parameters: Mapping[str, str] = field(repr=False)
    password: bool = False
    hosts: int = 1
    service: str = ""


def resolve(dsn: Dsn, home: Path) -> Resolved:
    """Connect, and see where that leads. Raises ``DestinationError``."""
    try:
        with closing(connect(dsn, read_only=True)) as connection:
            said = {option.keyword.decode(): option for option in connection.pgconn.info}
            given = {
                name: option.val.decode(errors="surrogateescape")
                for name, option in said.items()
                if option.val is not None and option.val != option.compiled and name not in SECRET_PARAMETERS
            }
            info = connection.info
            place = {"host": info.host, "port": str(info.port), "user": info.user, "dbname": info.dbname}
            if "hostaddr" in given:
                place["hostaddr"] = info.hostaddr
            encrypted = connection.pgconn.ssl_in_use
            password = connection.pgconn.used_password
    except psycopg.Error as error:
        raise explain_connecting(error, dsn) from None
    hosts = given.get("host") or given.get("hostaddr") or ""
    parameters = given | place | (_files(given, home) if encrypted else {})
    return Resolved(parameters, password, 1 + hosts.count(","), given.get("service", ""))


def _files(given: Mapping[str, str], home: Path) -> dict[str, str]:
    """The certificates that libpq found by itself, and Vestige's driver would not."""
    wanted = {"sslrootcert"} if given.get("sslmode", "").startswith("verify-") else set()
    wanted |= {"sslcert", "sslkey"} if (home / ".postgresql" / _IN_HOME["sslcert"]).exists() else set()
    found = {name: home / ".postgresql" / _IN_HOME[name] for name in wanted if name not in given}
    return {name: str(path) for name, path in found.items() if path.exists()}
