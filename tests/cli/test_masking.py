from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.commands import VestigeTui
from tests.support.disturbances import wait_until
from vestige_tui.core.dsn import SECRET_PARAMETERS, Dsn
from vestige_tui.core.errors import UsageError
from vestige_tui.user.masking import ArgumentMask, Mask, mask_argument, mask_by_form

PASSWORD = "s3cr3tPW"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://bob:{PASSWORD}@host/db",
        f"postgresql://bob:{PASSWORD}@x@host/db",
        f"postgresql://bob:a b {PASSWORD}@host/db",
        f"postgresql+psycopg://:{PASSWORD}@[::1]:5432/db",
        f"postgresql://host/db?user=bob&password={PASSWORD}&sslmode=require",
        f"host=h password={PASSWORD} dbname=d",
        f"host=h password = 'it\\'s {PASSWORD}' dbname=d",
        f"--postgres-url=postgresql://bob:{PASSWORD}@host/db",
        f"sslpassword={PASSWORD}",
    ],
)
def test_what_looks_like_a_password_goes(text: str) -> None:
    assert PASSWORD not in mask_by_form(text)
    assert "***" in mask_by_form(text)


@pytest.mark.parametrize("text", ["postgresql://host:5432/db", "no secret: here", "file:///tmp/a@b", "bob@host"])
def test_what_does_not_stays(text: str) -> None:
    assert mask_by_form(text) == text


def test_a_known_password_goes_where_a_text_quotes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "from-env")
    mask = Mask.of([f"postgresql://bob:p%40{PASSWORD}@host/db", "host=h password=other"])
    text = f'FATAL: p@{PASSWORD} and p%40{PASSWORD}, "other", the other, from-env'
    assert mask(text) == 'FATAL: *** and ***, "***", the other, ***'


# An odd password in every form that libpq reads

ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12)
ODDEST = st.one_of(ODD, st.text("a \\'\"=&@:/?#%.+\t\n\u00a0\x1c", min_size=1, max_size=8))
NAMES = st.sampled_from(SECRET_PARAMETERS)
OTHERS = st.sampled_from(["", "user=bob", "user='a password=' dbname=d", r"user=a\ b", "options='-c a=b'", "host = h"])


def escaped(value: str) -> str:
    """A value of a connection string with a backslash before all that could need one."""
    return re.sub(r"([\s\\'])", r"\\\1", value) or "''"


def quoted(value: str) -> str:
    """A value in quotes."""
    return "'" + re.sub(r"([\\'])", r"\\\1", value) + "'"


def forms(name: str, value: str, other: str) -> list[str]:
    """Connection strings that say the same."""
    percent = quote(value, safe="")
    pairs = [
        f"{other} {name}{equals}{spelled}" for equals in ("=", " =\t") for spelled in (escaped(value), quoted(value))
    ]
    urls = [f"postgresql://u@h/d?{spelled}={percent}&sslmode=prefer" for spelled in (name, name.replace("s", "%73"))]
    login = [f"postgresql://u:{percent}@h:1,[::1]:2/d", f"postgres+x://u:{percent}@h"] if name == "password" else []
    return [*pairs, *(f"{pair} dbname=d" for pair in pairs), *urls, *login]


@given(NAMES, ODDEST, OTHERS)
def test_the_title_is_the_same_whatever_the_password(name: str, secret: str, other: str) -> None:
    """So that nothing of it can be in there."""
    for form, plain in zip(forms(name, secret, other), forms(name, "x", other), strict=True):
        for option in ("", "--postgres-url=", "--typo="):
            title = mask_argument(option + form)
            assert title == mask_argument(option + plain)
            assert title.startswith(option)
            assert "***" in title


@given(NAMES, ODDEST, OTHERS)
def test_what_libpq_reads_is_what_was_written(name: str, secret: str, other: str) -> None:
    """The forms above are libpq's: it reads the secret from each of them."""
    for form in forms(name, secret, other):
        try:
            read = Dsn.parse(form).parameters
        except UsageError:
            assert name != "password" or form.startswith("postgres")  # a libpq that does not know the parameter yet
        else:
            assert read[name] == secret


RAW = st.text("ab:/?#@&= %", min_size=1, max_size=8)


@given(RAW, st.sampled_from(["", "?sslmode=prefer", "?password=other@x"]))
def test_a_password_that_was_not_written_as_a_url_wants_it(secret: str, query: str) -> None:
    title = mask_argument(f"postgresql://bob:7{secret}7@host/db{query}")
    assert title.startswith("postgresql://bob:***")
    assert title in (mask_argument(f"postgresql://bob:x@host/db{query}"), "postgresql://bob:***")


@pytest.mark.parametrize(
    ("argument", "title"),
    [
        (rf"host=h password={PASSWORD}\ b user=u", "host=h password=*** user=u"),
        (f"host=h password={PASSWORD}&b user=u", "host=h password=*** user=u"),
        (f"user='password=' password='a {PASSWORD}' dbname=d", "user=*** password=*** dbname=d"),
        (f"service=prod sslpassword = 'a\\'{PASSWORD}'", "service=prod sslpassword = ***"),
        (f"password={PASSWORD} nonsense {PASSWORD}", "password=*** ***"),
        (f"postgresql://u@h:5432/d?pass%77ord={PASSWORD}&x=y", "postgresql://u@h:5432/d?pass%77ord=***&x=y"),
        (f"postgresql://bob:a@{PASSWORD}@host/db", "postgresql://bob:***"),
        (f"postgresql://bob:1/{PASSWORD}@host/db", "postgresql://bob:***"),
        (f"postgresql://u@h/d?password=a@{PASSWORD}:b", "postgresql://u@h/d?***"),
        (f"postgresql://u@corp:{PASSWORD}@h/d", "postgresql://u@corp:***"),
        (f"bob:{PASSWORD}@host/db", "bob:***@host/db"),
        (f"--db-password={PASSWORD}", "--db-password=***"),
        ("postgresql://bob@host:5432/db?sslmode=require", "postgresql://bob@host:5432/db?sslmode=require"),
        ("postgresql://[::1]:5432,h:1/db", "postgresql://[::1]:5432,h:1/db"),
        ("host=h user='a b' dbname=d", "host=h user='a b' dbname=d"),
        ("--sqlite-path=/home/bob/a=b.db", "--sqlite-path=/home/bob/a=b.db"),
        ("file:///tmp/a:b", "file:///tmp/a:b"),
        ("embedded", "embedded"),
    ],
)
def test_what_the_title_shows(argument: str, title: str) -> None:
    assert mask_argument(argument) == title


@pytest.mark.parametrize("secret", ["a", "e", "the", "password", "server", "5432", ".", " ", "postgresql", "127"])
def test_a_password_that_is_a_word_leaves_sentences_alone(
    secret: str, monkeypatch: pytest.MonkeyPatch, vestige_tui: VestigeTui, small_source: Path, home: Path
) -> None:
    """And so does not show which of their words it is."""
    monkeypatch.setenv("PGPASSWORD", secret)
    log = home / "run.log"
    url = f"host=127.0.0.1 port=1 dbname=db user=bob password={quoted(secret)}"
    said = [
        vestige_tui.copy(small_source, text, "--log-file", log) for text in (url, url.replace(quoted(secret), "x-y"))
    ]
    assert [result.code for result in said] == [4, 4]
    first, second = ([line for line in result.err.splitlines() if "Report saved" not in line] for result in said)
    assert first == second
    assert "Check host and port, that PostgreSQL runs there, and that it listens on that address." in first
    lines = [line.partition(" ")[2] for line in log.read_text().splitlines() if "duration" not in line]
    assert lines[: len(lines) // 2] == lines[len(lines) // 2 :]


@given(ODDEST)
def test_text_of_a_server_loses_what_it_quotes_and_nothing_else(secret: str) -> None:
    dsn = Dsn({"host": "h", "dbname": "d", "password": secret})
    assert secret not in dsn.mask(f'role "{secret}" does not exist').removeprefix("role ").removesuffix(
        " does not exist"
    )
    assert dsn.mask(f"invalid: '{quote(secret, safe='')}'") == "invalid: '***'"
    assert dsn.mask("") == ""


@pytest.mark.parametrize("words", ["permission denied for table users", "FATAL: the database system is starting up"])
def test_its_sentences_stay(words: str) -> None:
    for secret in (*words.split(), *words):
        assert Dsn({"password": secret}).mask(words) == (words if secret != "FATAL:" else words.replace(secret, "***"))


@pytest.mark.parametrize("quote_it", [str, repr])
def test_an_error_that_quotes_an_argument(quote_it: Callable[[str], str]) -> None:
    argument = rf"host=h password={PASSWORD}\ b\\"
    mask = ArgumentMask.of(["migrate", f"--postgres-url={argument}"])
    said = f"Got unexpected extra argument ({quote_it(argument)}), see a, b"
    assert mask(said).replace("'", "") == "Got unexpected extra argument (host=h password=***), see a, b"


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_the_process_title_holds_none(home: Path) -> None:
    arguments = ["migrate", "copy", "--from", "sqlite", "--to", "postgres", "--sqlite-path", "x.db"]
    # a pipe without a writer keeps the process alive while the test looks at it
    fifo = home / "log"
    os.mkfifo(fifo)
    url = rf"host=127.0.0.1 port=9 password=a\ {PASSWORD} dbname=db"
    command = [sys.executable, "-m", "vestige_tui", *arguments, "--postgres-url", url, "--log-file", str(fifo)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:

        def title() -> str:
            return Path(f"/proc/{process.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()

        try:
            wait_until(lambda: "vestige-tui migrate copy" in title())
            seen = title()
        finally:
            process.kill()
    assert "'host=127.0.0.1 port=9 password=*** dbname=db'" in seen
    assert PASSWORD not in seen
