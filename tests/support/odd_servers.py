"""Odd but legal ways to a destination, and settings of its roles and databases: strategies for generated tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

from hypothesis import strategies as st
from psycopg import sql

from tests.support.servers import Connection

SETTINGS: dict[str, list[str]] = {
    "client_encoding": ["LATIN1", "SQL_ASCII", "WIN1252", "EUC_JP", "UTF8"],
    "search_path": ["nowhere, public", '"$user", public', "pg_catalog, public", "decoys, public", "public, pg_temp"],
    "timezone": ["Pacific/Chatham", "UTC", "America/St_Johns", "<+0545>-05:45"],
    "datestyle": ["SQL, DMY", "German", "Postgres, MDY"],
    "intervalstyle": ["iso_8601", "sql_standard"],
    "bytea_output": ["escape"],
    "extra_float_digits": ["-15", "0", "3"],
    "array_nulls": ["off"],
    "standard_conforming_strings": ["off"],
    "escape_string_warning": ["off"],
    "backslash_quote": ["off"],
    "quote_all_identifiers": ["on"],
    "transform_null_equals": ["on"],
    "xmloption": ["document"],
    "default_text_search_config": ["pg_catalog.simple", "pg_catalog.german"],
    "default_transaction_isolation": ["serializable", "repeatable read", "read uncommitted"],
    "default_transaction_deferrable": ["on"],
    "default_transaction_read_only": ["off"],
    "statement_timeout": ["250"],
    "lock_timeout": ["250"],
    "transaction_timeout": ["250"],
    "idle_in_transaction_session_timeout": ["250"],
    "idle_session_timeout": ["250"],
    "client_connection_check_interval": ["10"],
    "synchronous_commit": ["off", "local"],
    "work_mem": ["64kB"],
    "maintenance_work_mem": ["1MB"],
    "temp_buffers": ["800kB"],
    "logical_decoding_work_mem": ["64kB"],
    "jit": ["on"],
    "jit_above_cost": ["0"],
    "enable_seqscan": ["off"],
    "enable_indexscan": ["off"],
    "enable_hashjoin": ["off"],
    "enable_nestloop": ["off"],
    "debug_parallel_query": ["on"],
    "plan_cache_mode": ["force_generic_plan"],
    "max_parallel_maintenance_workers": ["0"],
    "constraint_exclusion": ["on"],
    "row_security": ["off"],
    "check_function_bodies": ["off"],
    "default_tablespace": ["pg_default"],
    "default_toast_compression": ["pglz"],
    "client_min_messages": ["error", "debug5"],
    "exit_on_error": ["on"],
    "gin_fuzzy_search_limit": ["1"],
    "gin_pending_list_limit": ["64kB"],
    "restrict_nonsystem_relation_kind": ["view, foreign-table"],
    "application_name": ["o'dd \\ näme"],
}
"""Settings that any role may have, and values that change how a session reads, writes, plans, waits or ends. The limits
are longer than one answer of a busy server takes, and shorter than a run.
"""


@dataclass(frozen=True)
class Role:
    """A role that logs in with a password."""

    name: str
    password: str


@dataclass(frozen=True)
class Place:
    """A server that listens at a port of loopback and in a socket folder, and a database of it.

    ``closed`` is a port at which no server listens; ``files`` a folder for service files and passfiles.
    """

    port: int
    sockets: Path
    closed: int
    database: str
    files: Path
    has_ipv6: bool


@dataclass(frozen=True)
class Way:
    """A connection string, and the environment and the files that belong to it."""

    text: str = field(repr=False)
    shown: str
    environment: Mapping[str, str]
    files: Mapping[Path, str]

    @contextmanager
    def prepared(self) -> Iterator[None]:
        """The files are there, and the environment is set."""
        for path, content in self.files.items():
            path.write_text(content)
            path.chmod(0o600)
        with patch.dict("os.environ", self.environment):
            yield


@dataclass(frozen=True)
class Rules:
    """Settings of a role, of a database, or of a role in a database."""

    scope: str
    settings: Mapping[str, str]

    def apply(self, connection: Connection, role: str, database: str) -> None:
        """Set them for sessions to come, as far as this server has them."""
        known = {name for (name,) in connection.execute("SELECT name FROM pg_settings").fetchall()}
        for name, value in self.settings.items():
            if name not in known:
                continue
            connection.execute(
                sql.SQL("ALTER {} SET {} TO {}").format(
                    self._scope(role, database),
                    sql.Identifier(name),
                    _setting(name, value),
                )
            )

    def reset(self, connection: Connection, role: str, database: str) -> None:
        """Take them back."""
        connection.execute(sql.SQL("ALTER {} RESET ALL").format(self._scope(role, database)))

    def _scope(self, role: str, database: str) -> sql.Composed:
        named = {"role": sql.Identifier(role), "database": sql.Identifier(database)}
        return sql.SQL(_SCOPES[self.scope]).format(**named)


def _setting(name: str, value: str) -> sql.Composable:
    """A value, or a list of them, as SQL."""
    if name not in _LISTS:
        return sql.Literal(value)
    return sql.SQL(", ").join(sql.Literal(part.strip(' "')) for part in value.split(","))


_LISTS = ("search_path", "datestyle", "restrict_nonsystem_relation_kind")
_SCOPES = {"role": "ROLE {role}", "database": "DATABASE {database}", "both": "ROLE {role} IN DATABASE {database}"}


def rules(most: int = 6) -> st.SearchStrategy[Rules]:
    """A few settings in one of the three scopes."""
    names = st.lists(st.sampled_from([*SETTINGS]), max_size=most, unique=True)
    chosen = names.flatmap(
        lambda names: st.fixed_dictionaries({name: st.sampled_from(SETTINGS[name]) for name in names})
    )
    return st.builds(Rules, st.sampled_from([*_SCOPES]), chosen)


def limits() -> st.SearchStrategy[Rules]:
    """Every limit of time at once, each short, and little memory."""
    named = [name for name in SETTINGS if name.endswith(("_timeout", "_mem", "on_error"))]
    values = st.fixed_dictionaries({name: st.sampled_from(SETTINGS[name]) for name in named})
    return st.builds(Rules, st.sampled_from([*_SCOPES]), values)


OPTIONS = [
    "-c client_encoding=latin1",
    "-c statement_timeout=250 -c idle_session_timeout=250",
    "-c datestyle=German -c extra_float_digits=-10 -c bytea_output=escape",
    r"-c application_name=a\ b\\c",
    "--search-path=pg_catalog,public",
    "-c default_transaction_isolation=serializable",
]
EXTRAS: dict[str, list[str]] = {
    "client_encoding": ["LATIN1", "SQL_ASCII", "auto", "UTF8", "WIN1251"],
    "options": OPTIONS,
    "application_name": ["it's \\ me", "ünï"],
    "fallback_application_name": ["other"],
    "sslmode": ["disable", "allow", "prefer"],
    "gssencmode": ["disable"],
    "channel_binding": ["disable", "prefer"],
    "target_session_attrs": ["any", "read-write", "primary", "prefer-standby"],
    "load_balance_hosts": ["random", "disable"],
    "connect_timeout": ["7", "0"],
    "keepalives": ["0"],
    "tcp_user_timeout": ["0"],
    "replication": ["false"],
}


@st.composite
def ways(draw: st.DrawFn, place: Place, role: Role) -> Way:
    """One way to log in as a role."""
    values = draw(hosts(place)) | {"user": role.name, "dbname": place.database}
    for name in draw(st.lists(st.sampled_from([*EXTRAS]), max_size=3, unique=True)):
        values[name] = draw(st.sampled_from(EXTRAS[name]))
    environment: dict[str, str] = {}
    files: dict[Path, str] = {}
    if draw(st.booleans()):
        environment |= draw(st.sampled_from([{"PGCLIENTENCODING": "LATIN1"}, {"PGOPTIONS": OPTIONS[0]}, {"PGTZ": "Asia/Kathmandu"},
                                             {"PGDATESTYLE": "SQL, DMY"}, {"PGAPPNAME": "x"}]))  # fmt: skip
    match draw(st.sampled_from(["string", "string", "passfile", "PGPASSFILE", "PGPASSWORD"])):
        case "string":
            values["password"] = role.password
        case "PGPASSWORD":
            environment["PGPASSWORD"] = role.password
        case kind:
            path = place.files / "pass file"
            files[path] = f"*:*:*:*:{_escaped(role.password, ':')}\n"
            (values if kind == "passfile" else environment)[kind] = str(path)
    form = draw(st.sampled_from(["url", "keywords", "service", "environment"]))
    if form == "service":
        values = _into_service(draw, values, files, environment, place)
    elif form == "environment":
        moved = draw(st.lists(st.sampled_from(["host", "port", "user", "dbname"]), min_size=1, unique=True))
        for name in moved:
            if name in values:
                environment[_VARIABLES[name]] = values.pop(name)
    text = draw(urls(values)) if form in ("url", "environment") and draw(st.booleans()) else draw(keywords(values))
    return Way(text, f"{form}: {sorted(values)}", environment, files)


_VARIABLES = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE"}


def hosts(place: Place) -> st.SearchStrategy[dict[str, str]]:
    """One host or several, by name, by number or by socket."""
    port, closed, folder = str(place.port), str(place.closed), str(place.sockets)
    choices = [
        {"host": "127.0.0.1", "port": port},
        {"host": "localhost", "port": port},
        {"hostaddr": "127.0.0.1", "port": port},
        {"host": "db.invalid", "hostaddr": "127.0.0.1", "port": port},
        {"host": folder, "port": port},
        {"host": "127.0.0.1,127.0.0.1", "port": f"{closed},{port}"},
        {"host": f"/nowhere,{folder}", "port": port},
        {"host": f"{folder},127.0.0.1", "port": f"{port},{closed}"},
    ]
    if place.has_ipv6:
        choices += [{"host": "::1", "port": port}, {"hostaddr": "::1,127.0.0.1", "port": f"{closed},{port}"}]
    return st.sampled_from(choices).map(dict)


def _into_service(
    draw: st.DrawFn, values: dict[str, str], files: dict[Path, str], environment: dict[str, str], place: Place
) -> dict[str, str]:
    """Move what a service file can hold into one, and name the service in the string or in the environment."""
    path = place.files / "pg service.conf"
    plain = {name: value for name, value in values.items() if value == value.strip() and "\n" not in value}
    files[path] = "# services\n[other]\nhost=nowhere\n\n[mine]\n" + "".join(
        f"{name}={value}\n" for name, value in plain.items()
    )
    environment["PGSERVICEFILE"] = str(path)
    rest = {name: value for name, value in values.items() if name not in plain}
    if draw(st.booleans()):
        environment["PGSERVICE"] = "mine"
        return rest
    return {"service": "mine", **rest}


@st.composite
def keywords(draw: st.DrawFn, values: Mapping[str, str]) -> str:
    """``key=value`` pairs, each value escaped or quoted, with and without spaces around the sign."""
    parts = []
    for name, value in values.items():
        quoted = "'" + _escaped(value, "'") + "'"
        escaped = _escaped(value, "' ")
        equals = draw(st.sampled_from(["=", "=", " = "]))
        parts.append(name + equals + (draw(st.sampled_from([quoted, escaped])) if value else quoted))
    return draw(st.sampled_from([" ", "  ", "\t"])).join(parts)


@st.composite
def urls(draw: st.DrawFn, values: Mapping[str, str]) -> str:
    """A URL, in whose parts more or fewer characters are written with percent signs."""
    encode = draw(st.sampled_from([_percent, _percent_all]))
    rest = dict(values)
    user, password = rest.pop("user", ""), rest.pop("password", None)
    login = encode(user) + (f":{encode(password)}" if password is not None else "")
    hosts, ports = rest.get("host", "").split(","), rest.get("port", "").split(",")
    authority = ""
    if rest.get("host") and "/" not in rest["host"] and "hostaddr" not in rest and draw(st.booleans()):
        ports = ports * len(hosts) if len(ports) == 1 else ports
        shown = [f"[{host}]" if ":" in host else host for host in hosts]
        authority = ",".join(f"{host}:{port}" if port else host for host, port in zip(shown, ports, strict=True))
        del rest["host"]
        rest.pop("port", None)
    database = rest.pop("dbname", "")
    query = "&".join(f"{name}={encode(value)}" for name, value in rest.items())
    scheme = draw(st.sampled_from(["postgresql", "postgres", "postgresql+psycopg"]))
    return f"{scheme}://{login}{'@' if login else ''}{authority}/{encode(database)}{'?' if query else ''}{query}"


def _percent(value: str) -> str:
    return quote(value, safe="")


def _percent_all(value: str) -> str:
    return "".join(f"%{byte:02X}" for byte in value.encode())


def _escaped(value: str, special: str) -> str:
    return "".join(f"\\{letter}" if letter in special + "\\" else letter for letter in value)
