"""A connection string as fields and as a URL: both always say the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vestige_tui.core.dsn import Dsn
from vestige_tui.screens.dsn_fields import (
    TLS_MODES,
    fields_of,
    from_environment,
    url_of,
    with_fields,
    with_password,
    without_secrets,
)

_TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)
_HOSTS = st.sampled_from(["db.example", "::1", "10.0.0.1", "/var/run/my sockets", "a,b"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "host": _HOSTS,
            "port": st.sampled_from(["5432", "6543"]),
            "dbname": _TEXT,
            "user": _TEXT,
            "password": _TEXT,
            "sslmode": st.sampled_from(list(TLS_MODES)),
            "options": _TEXT,
        },
    )
)
def test_a_url_says_all_but_the_secrets(parameters: dict[str, str]) -> None:
    url = url_of(Dsn(parameters))
    read = dict(Dsn.parse(url).parameters) if url else {}
    assert read == {name: value for name, value in parameters.items() if name != "password"}


def test_fields_change_their_own_parameters_alone() -> None:
    dsn = Dsn.parse("postgresql://me@old:1/db?application_name=x&sslmode=require")
    changed = with_fields(dsn, {"host": " new ", "port": "", "sslmode": "disable"})
    assert changed.parameters == {
        "user": "me",
        "host": "new",
        "dbname": "db",
        "application_name": "x",
        "sslmode": "disable",
    }


def test_fields_are_empty_where_nothing_is_said() -> None:
    assert fields_of(Dsn({"host": "h"})) == {"host": "h", "port": "", "dbname": "", "user": "", "sslmode": ""}


def test_secrets_are_left_out_and_put_in() -> None:
    dsn = Dsn({"host": "h", "password": "p", "sslpassword": "q"})
    assert without_secrets(dsn).parameters == {"host": "h"}
    assert with_password(without_secrets(dsn), "n").parameters == {"host": "h", "password": "n"}
    assert with_password(without_secrets(dsn), "").parameters == {"host": "h"}


@pytest.mark.parametrize(
    ("environment", "parameters"),
    [
        ({}, None),
        ({"PGUSER": "me"}, None),
        ({"PGHOST": "h", "PGUSER": "me", "PGPASSWORD": "p"}, {"host": "h", "user": "me"}),
        ({"PGSERVICE": "s"}, {"service": "s"}),
    ],
)
def test_the_environment_names_a_place_or_nothing(
    environment: dict[str, str], parameters: dict[str, str] | None
) -> None:
    found = from_environment(environment)
    assert (found.parameters if found is not None else None) == parameters
