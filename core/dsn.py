"""Connection strings: read and written by libpq's own rules, and never shown with their password.

The source of the parameter names is libpq's documentation ("Parameter Key Words").
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from vestige_tui.core.errors import UsageError
from vestige_tui.core.secret import LatePassword

EMBEDDED = "embedded"
"""What an operator gives instead of a connection string for the PostgreSQL that vestige-tui runs itself."""

MASK = "***"
SECRET_PARAMETERS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")

_DRIVER_SUFFIX = re.compile(r"^(postgres(?:ql)?)\+\w+://", re.IGNORECASE)
_SCHEME = re.compile(r"postgres(?:ql)?://", re.IGNORECASE)
_NAMED_HOST = re.compile(r"[?&]host=")
_ESCAPE_HINT = (
    "In a URL, write special characters of the user name and password with percent signs "
    "(@ is %40, : is %3A, / is %2F, # is %23, ? is %3F, % is %25), "
    "or leave the password out and set PGPASSWORD."
)
_ESCAPED = re.compile(r"[\\']")
_LIKE_A_WORD = re.compile(r"[^\W\d]+|\d+|.{1,3}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Dsn:
    """Where a PostgreSQL database is: libpq parameters by name. Its ``repr`` and ``str`` mask every secret.

    ``late_password`` is for a server that asks for one where neither the parameters nor libpq's own places have any.
    ``isolated``: the parameters say everything, and libpq's environment variables, which may be about another server,
    do not count.
    """

    parameters: Mapping[str, str] = field(repr=False)
    driver_dropped: bool = field(default=False, compare=False)
    late_password: LatePassword | None = field(default=None, compare=False)
    isolated: bool = field(default=False, compare=False)

    @classmethod
    def parse(cls, text: str) -> Dsn:
        """Read a URL or a ``key=value`` string. Raises ``UsageError`` in words that quote nothing of it.

        A SQLAlchemy driver suffix (``postgresql+psycopg://``) is dropped, and ``driver_dropped`` says so.
        """
        plain, dropped = _DRIVER_SUFFIX.subn(r"\1://", text.lstrip())
        if _SCHEME.match(plain):
            plain = plain.rstrip()  # in key=value form, white space at the end may be a part of the password
        try:
            parameters = {key: str(value) for key, value in conninfo_to_dict(plain).items() if value is not None}
        except (psycopg.Error, UnicodeError):  # libpq's message quotes the string, password included
            raise UsageError(
                "The connection string of the destination cannot be read.",
                remedy=f"Write it as postgresql://user@host:5432/database. {_ESCAPE_HINT}",
            ) from None
        named = "://" not in plain or _NAMED_HOST.search(plain)  # an abstract socket's name begins with an @
        if any("@" in parameters.get(name, "")[1 if named else 0 :] for name in ("host", "dbname")):
            raise UsageError(
                "The host or database name in the connection string contains an @ sign: probably the password does.",
                remedy=_ESCAPE_HINT,
            )
        for name in ("port", "connect_timeout"):
            if not re.fullmatch(r"\s*-?\d*\s*(,\s*\d*\s*)*", parameters.get(name, "")):
                raise UsageError(
                    f"The connection string's {name} is not a number.",
                    remedy=f"Correct it. If it is a part of the password: {_ESCAPE_HINT}",
                )
        if not parameters and "PGSERVICE" not in os.environ and "PGHOST" not in os.environ:
            raise UsageError(
                "The connection string of the destination is empty.",
                remedy="Write it as postgresql://user@host:5432/database.",
            )
        return cls(parameters, driver_dropped=bool(dropped))

    def with_parameters(self, **parameters: str) -> Dsn:
        """The same destination with these libpq parameters set."""
        return replace(self, parameters={**self.parameters, **parameters})

    def for_other_process(self) -> Dsn:
        """The same destination, to be pickled: with the late password, if it was found, among the parameters."""
        return replace(self, parameters={**self.all_parameters}, late_password=None)

    @property
    def all_parameters(self) -> Mapping[str, str]:
        """The parameters, with the late password if it was found."""
        late = self.late_password.found if self.late_password is not None else None
        return self.parameters if late is None else {"password": late.reveal(), **self.parameters}

    def conninfo(self, **defaults: str | int) -> str:
        """The connection string itself, secrets included, for libpq alone; ``defaults`` yield to what is set."""
        return make_conninfo("", **{**defaults, **self.all_parameters})

    @property
    def secrets(self) -> tuple[str, ...]:
        """Every secret that a message about this destination might contain."""
        candidates = [self.all_parameters.get(name) for name in SECRET_PARAMETERS]
        candidates.append(os.environ.get("PGPASSWORD"))
        return tuple(sorted({secret for secret in candidates if secret}, key=len, reverse=True))

    def mask(self, text: str) -> str:
        """``text`` of a server or a library with every secret of this destination replaced by ``***``.

        A secret is replaced where nothing touches it that could belong to the same word. One that is itself a word, a
        number or very short also stands in sentences that have nothing to do with it: it goes only where it is quoted.
        """
        for secret in self.secrets:
            for spelling in dict.fromkeys((secret, quote(secret, safe=""), _ESCAPED.sub(r"\\\g<0>", secret))):
                text = _standing_alone(spelling).sub(MASK, text)
        return text

    @property
    def masked(self) -> str:
        """The destination as a URL for people: password masked, other settings left out."""
        values = self.parameters
        if "service" in values and "host" not in values:
            return f"postgresql://?service={values['service']}"
        user = values.get("user", os.environ.get("PGUSER", ""))
        host = values.get("host") or values.get("hostaddr") or os.environ.get("PGHOST", "")
        port = values.get("port", os.environ.get("PGPORT", ""))
        database = values.get("dbname", os.environ.get("PGDATABASE", user))
        login = quote(user, safe="") + (f":{MASK}" if "password" in values else "")
        query = ""
        if host.startswith(("/", "@")) or "," in host:  # a socket folder or several hosts fit no authority
            query, host, port = f"?host={host}" + (f"&port={port}" if port else ""), "", ""
        elif ":" in host:
            host = f"[{host}]"
        authority = (f"{login}@" if login else "") + host + (f":{port}" if port else "")
        return f"postgresql://{authority}/{quote(database, safe='')}{query}"

    def __repr__(self) -> str:
        return f"Dsn({self.masked})"

    def __str__(self) -> str:
        return self.masked


def _standing_alone(secret: str) -> re.Pattern[str]:
    """Where a text has a secret that it quotes, see ``Dsn.mask``."""
    value = re.escape(secret)
    if _LIKE_A_WORD.fullmatch(secret):
        return re.compile(rf"""(?<=["'“‘«]){value}(?=["'”’»])|(?<==){value}(?=[\s&,;)]|$)|(?<=:){value}(?=@)""")
    before = r"(?<!\w)" if re.match(r"\w", secret) else ""
    after = r"(?!\w)" if re.search(r"\w\Z", secret) else ""
    return re.compile(before + value + after)
