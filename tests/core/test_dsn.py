"""Connection strings: read by libpq's rules, and never shown with their password."""

from __future__ import annotations

import copy as copying
import logging
import pickle
import socket
import traceback
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from tests.support.runs import copy
from tests.support.servers import Database
from vestige_tui.core.destination.connection import conninfo
from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import DestinationError, MigrationError, UsageError
from vestige_tui.core.plan import CopyPlan
from vestige_tui.core.report import MigrationReport

CANARY = "c4n4ry-S3cr3t"

PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
DATABASE = PLAIN.filter(lambda name: "@" not in name)  # where one stands, a password was probably cut in two


# Reading


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("postgresql://localhost/vestige", {"host": "localhost", "dbname": "vestige"}),
        ("postgres://ada:pw@db.example.com:5433/vestige",
         {"user": "ada", "password": "pw", "host": "db.example.com", "port": "5433", "dbname": "vestige"}),
        ("  postgresql://localhost/vestige\n", {"host": "localhost", "dbname": "vestige"}),
        ("postgresql://ada@localhost/v?sslmode=require&connect_timeout=3",
         {"user": "ada", "host": "localhost", "dbname": "v", "sslmode": "require", "connect_timeout": "3"}),
        ("postgresql://ada:p%40ss%2Fw%23rd@localhost/v",
         {"user": "ada", "password": "p@ss/w#rd", "host": "localhost", "dbname": "v"}),
        ("postgresql://ada:p?w#rd@localhost/v",
         {"user": "ada", "password": "p?w#rd", "host": "localhost", "dbname": "v"}),
        ("postgresql://[::1]:5433/v", {"host": "::1", "port": "5433", "dbname": "v"}),
        ("postgresql://ada@[2001:db8::7]/v", {"user": "ada", "host": "2001:db8::7", "dbname": "v"}),
        ("postgresql:///v?host=/var/run/postgresql", {"host": "/var/run/postgresql", "dbname": "v"}),
        ("postgresql://%2Ftmp%2Fsockets/v", {"host": "/tmp/sockets", "dbname": "v"}),
        ("postgresql://one:5432,two:5433/v?target_session_attrs=primary",
         {"host": "one,two", "port": "5432,5433", "dbname": "v", "target_session_attrs": "primary"}),
        ("postgresql://?service=prod", {"service": "prod"}),
        ("host=localhost dbname=v", {"host": "localhost", "dbname": "v"}),
        ("host=localhost password='it''s'", None),
        (r"host = localhost password = 'it\'s a secret' user=ada",
         {"host": "localhost", "password": "it's a secret", "user": "ada"}),
        ("service=prod", {"service": "prod"}),
    ],
)  # fmt: skip
def test_what_libpq_reads(text: str, parameters: dict[str, str] | None) -> None:
    if parameters is None:
        with pytest.raises(UsageError):
            Dsn.parse(text)
        return
    dsn = Dsn.parse(text)
    assert dict(dsn.parameters) == parameters
    assert not dsn.driver_dropped
    assert conninfo_to_dict(dsn.conninfo()) == parameters


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql+psycopg2", "postgres+asyncpg"])
def test_a_driver_name_is_dropped_with_a_notice(scheme: str) -> None:
    dsn = Dsn.parse(f"{scheme}://ada:pw@localhost/v")
    assert dsn.parameters["user"] == "ada"
    assert dsn.parameters["host"] == "localhost"
    assert dsn.driver_dropped
    assert dsn == Dsn.parse("postgresql://ada:pw@localhost/v")


@given(PLAIN, PLAIN, DATABASE)
def test_any_name_and_password_survive_a_url(user: str, password: str, database: str) -> None:
    dsn = Dsn.parse(f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@h/{quote(database, safe='')}")
    assert dict(dsn.parameters) == {"user": user, "password": password, "host": "h", "dbname": database}
    assert conninfo_to_dict(dsn.conninfo()) == dict(dsn.parameters)
    assert dsn.secrets == (password,)


@given(st.text())
def test_any_text_is_a_dsn_or_a_usage_error(text: str) -> None:
    try:
        Dsn.parse(text)
    except UsageError as error:
        assert error.what
        assert error.remedy


@pytest.mark.parametrize("text", ["", "   ", "postgresql://", "postgresql:///"])
def test_nothing_at_all(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is empty"):
        Dsn.parse(text)
    monkeypatch.setenv("PGHOST", "localhost")
    assert dict(Dsn.parse(text).parameters) == {}


def test_settings_of_the_operator_come_before_ours() -> None:
    dsn = Dsn.parse("postgresql://localhost/v?connect_timeout=3&keepalives_idle=77")
    used = conninfo_to_dict(conninfo(dsn))
    assert used["connect_timeout"] == "3"
    assert used["keepalives_idle"] == "77"
    assert used["application_name"] == "vestige-tui"
    assert used["client_encoding"] == "utf8"
    assert conninfo_to_dict(conninfo(Dsn.parse("postgresql://localhost/v")))["connect_timeout"] == "10"


def test_timeout_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "7")
    assert conninfo_to_dict(conninfo(Dsn.parse("postgresql://localhost/v")))["connect_timeout"] == "7"


def test_other_parameters_of_the_same_destination() -> None:
    dsn = Dsn.parse("postgresql+psycopg://ada:pw@localhost/v")
    other = dsn.with_parameters(dbname="w", connect_timeout="2")
    assert dict(other.parameters) == dict(dsn.parameters) | {"dbname": "w", "connect_timeout": "2"}
    assert other.driver_dropped == dsn.driver_dropped
    assert dsn.parameters["dbname"] == "v"


# Masking


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"postgresql://ada:{CANARY}@localhost:5433/v", "postgresql://ada:***@localhost:5433/v"),
        ("postgresql://ada@localhost/v", "postgresql://ada@localhost/v"),
        (f"postgresql://:{CANARY}@localhost/v", "postgresql://:***@localhost/v"),
        (f"host=localhost user=ada password={CANARY} dbname=v", "postgresql://ada:***@localhost/v"),
        (f"postgresql://ada:{CANARY}@[::1]:5432/v", "postgresql://ada:***@[::1]:5432/v"),
        (f"postgresql://ada:{CANARY}@/v?host=/tmp/s", "postgresql://ada:***@/v?host=/tmp/s"),
        (f"postgresql://ada:{CANARY}@one:1,two:2/v", "postgresql://ada:***@/v?host=one,two&port=1,2"),
        (f"postgresql://localhost/v?user=ada&password={CANARY}", "postgresql://ada:***@localhost/v"),
        (f"postgresql://ada@localhost/v?sslkey=k&sslpassword={CANARY}", "postgresql://ada@localhost/v"),
        (f"service=prod password={CANARY}", "postgresql://?service=prod"),
        ("postgresql://a%40b:x@localhost/a%2Fb", "postgresql://a%40b:***@localhost/a%2Fb"),
        ("hostaddr=127.0.0.1 dbname=v", "postgresql://127.0.0.1/v"),
        ("host=localhost user=ada", "postgresql://ada@localhost/ada"),
    ],
)
def test_what_is_shown_of_a_destination(text: str, masked: str) -> None:
    dsn = Dsn.parse(text)
    assert dsn.masked == str(dsn) == f"{dsn}" == masked
    assert repr(dsn) == f"Dsn({masked})"
    assert CANARY not in repr([dsn, {"dsn": dsn}, CopyPlan(Path("x"), dsn)])


def test_what_is_shown_comes_from_the_environment_where_the_string_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGUSER": "ada",
        "PGHOST": "db",
        "PGPORT": "7",
        "PGDATABASE": "v",
        "PGPASSWORD": CANARY,
    }.items():
        monkeypatch.setenv(name, value)
    dsn = Dsn.parse("sslmode=require")
    assert dsn.masked == "postgresql://ada@db:7/v"
    assert dsn.secrets == (CANARY,)
    assert dsn.mask(f"password is {CANARY}.") == "password is ***."


@given(PLAIN, DATABASE)
def test_a_masked_destination_is_still_a_connection_string(user: str, database: str) -> None:
    dsn = Dsn({"user": user, "password": CANARY, "host": "db.example.com", "port": "5433", "dbname": database})
    assert CANARY not in dsn.masked
    assert conninfo_to_dict(dsn.masked) == dict(dsn.parameters) | {"password": "***"}


@pytest.mark.parametrize(
    "name", ["password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"]
)
def test_every_secret_is_masked_in_a_text(name: str) -> None:
    dsn = Dsn({"host": "h", "dbname": "v", name: "p@ss w/rd"})
    assert CANARY not in repr(dsn)
    text = f"{name} p@ss w/rd, as in a URL {quote('p@ss w/rd', safe='')}"
    assert dsn.mask(text) == f"{name} ***, as in a URL ***"


def test_the_longer_secret_is_masked_first() -> None:
    dsn = Dsn({"password": "abc-1", "sslpassword": "abc-1-def"})
    assert dsn.mask("abc-1-def abc-1") == "*** ***"


def test_a_copy_of_a_destination_is_masked_too() -> None:
    dsn = Dsn.parse(f"postgresql://ada:{CANARY}@localhost/v")
    assert CANARY not in repr(copying.deepcopy(dsn))
    assert CANARY not in repr(pickle.loads(pickle.dumps(dsn)))


# No password anywhere

needs_libpq_18 = pytest.mark.skipif(pq.version() < 18_00_00, reason="an older libpq takes a space in a URL")
MALFORMED = [
    f"postgresql://ada:{CANARY}%zz@localhost/v",
    f"postgresql://ada:{CANARY}@[::1/v",
    f"postgresql://ada:{CANARY}@[]:5432/v",
    f"postgresql://ada:{CANARY}@localhost/v?bogus=1",
    f"postgresql://ada:{CANARY}@localhost/v?sslmode",
    f"postgresql://ada:{CANARY}@localhost/v?a=b=c",
    pytest.param(f"postgresql://ada:{CANARY} x@localhost/v", marks=needs_libpq_18),
    f"mysql://ada:{CANARY}@localhost/v",
    f"ada:{CANARY}@localhost/v",
    f"host=localhost password='{CANARY}",
    f"host=localhost password={CANARY} nonsense",
    f"host=localhost password={CANARY} bogus=1",
    f"host=localhost port=abc password={CANARY}",
    f"postgresql+x+y://ada:{CANARY}@localhost/v",
    f"postgresql://ada:p@{CANARY}@localhost/v",
    f"postgresql://ada:{CANARY}@@localhost/v",
    f"postgresql://ada:p@ss@{CANARY}@localhost/v",
    f"postgresql://ada:p@ss:{CANARY}@localhost/v",
    f"postgresql://ada:{CANARY}/x@localhost/v",
    f"postgresql://ada:x/{CANARY}@localhost/v",
    f"postgresql://ada:p@{CANARY}/x@localhost/v",
    f"postgresql://ada:{CANARY}%E9@localhost/v",
    f"host=localhost password={CANARY}\udce9",
]
"""Passwords with characters that a URL takes for its own, and whatever else libpq cannot read."""


def everything_shown(error: BaseException, *, with_locals: bool = False) -> str:
    """All that a person or a log may see of an exception."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=with_locals)
    return "\n".join((str(error), repr(error), repr(error.args), repr(vars(error)), *shown.format()))


@pytest.mark.parametrize("text", MALFORMED, ids=range(len(MALFORMED)))
def test_no_password_in_what_is_said_of_a_string_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Dsn.parse(text)
    assert CANARY not in everything_shown(caught.value)


@pytest.mark.parametrize("password", [f"p@{CANARY}", f"{CANARY}/x", f"p@ss:{CANARY}"])
def test_a_password_that_breaks_the_url_gets_advice(password: str) -> None:
    with pytest.raises(UsageError) as caught:
        Dsn.parse(f"postgresql://ada:{password}@localhost/v")
    assert "%40" in caught.value.remedy
    assert "PGPASSWORD" in caught.value.remedy


@pytest.fixture
def refused_port() -> int:
    """A port of this machine where nothing listens."""
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


def unreachable(database: Database, port: int) -> dict[str, Dsn]:
    """Destinations with a password that cannot be connected to, each for another reason."""
    there = dict(database.dsn.parameters) | {"password": CANARY}
    return {
        "refused": Dsn.parse(f"postgresql://ada:{CANARY}@127.0.0.1:{port}/v"),
        "unknown host": Dsn.parse(f"postgresql://ada:{CANARY}@no-such-host.invalid/v?connect_timeout=2"),
        "unknown database": Dsn(there | {"dbname": "no_such_database"}),
        "unknown user": Dsn(there | {"user": "no_such_user"}),
        "bad sslmode": Dsn.parse(f"host=localhost sslmode=never password={CANARY}"),
        "bad option": Dsn(there | {"options": "-c no_such_setting=1"}),
    }


REASONS = ["refused", "unknown host", "unknown database", "unknown user", "bad sslmode", "bad option"]


@pytest.mark.parametrize("reason", REASONS)
def test_no_password_in_what_is_said_of_a_failed_connection(
    small_source: Path, database: Database, refused_port: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dsn = unreachable(database, refused_port)[reason]
    with pytest.raises((DestinationError, UsageError)) as caught:
        copy(small_source, dsn)
    assert CANARY not in everything_shown(caught.value)
    assert CANARY not in caplog.text
    assert isinstance(caught.value, MigrationError)
    assert isinstance(caught.value.report, MigrationReport)
    assert CANARY not in caught.value.report.to_json()


def test_no_password_in_the_locals_of_a_traceback(small_source: Path, refused_port: int) -> None:
    """Textual and rich print them, so no variable of a frame that an error passes may hold a password in the clear."""
    dsn = Dsn.parse(f"postgresql://ada:{CANARY}@127.0.0.1:{refused_port}/v")
    with pytest.raises(DestinationError) as caught:
        copy(small_source, dsn)
    assert CANARY not in everything_shown(caught.value, with_locals=True)


def test_no_password_in_the_log_of_a_copy(
    small_source: Path, database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PGPASSWORD", CANARY)
    copy(small_source, database.dsn.with_parameters(sslpassword=f"{CANARY}-2"))
    assert "destination: postgresql://" in caplog.text
    assert CANARY not in caplog.text
