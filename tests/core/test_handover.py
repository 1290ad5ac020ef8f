"""The hand-over to Vestige: a destination as one URL, and the change of ``vestige.toml``."""

from __future__ import annotations

import os
import stat
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vestige_tui.core.dsn import Dsn
from vestige_tui.core.errors import UsageError
from vestige_tui.core.handover.address import Unreadable, UnreadableError, left_out, url_of
from vestige_tui.core.handover.file import Change, carry_out, file_of_vestige, propose
from vestige_tui.core.handover.making import Remark, make_handover
from vestige_tui.core.handover.settings import VestigeSettings, edited, known_to_vestige, settings_in

NOW = datetime(2026, 11, 22, 13, 5, tzinfo=UTC)
URL = "postgres://memory@db.example:5432/vestige"
NOMIC = "nomic-ai/nomic-embed-text-v1.5"
SETTINGS = VestigeSettings(URL, NOMIC)

# The URL


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ({"host": "db.example", "port": "5432", "dbname": "vestige", "user": "memory"}, URL),
        ({"host": "::1", "port": "1", "dbname": "x/y", "user": "a@b:c"}, "postgres://a%40b%3Ac@[::1]:1/x%2Fy"),
        (
            {"host": "/tmp/a b+c&d", "port": "5432", "dbname": "d", "user": "u+1"},
            "postgres:///d?host=/tmp/a%20b%2Bc%26d&port=5432&user=u%2B1",
        ),
        ({"host": "fe80::1%eth0", "user": "ü"}, "postgres:///?host=fe80%3A%3A1%25eth0&user=%C3%BC"),
        (
            {"host": "h", "dbname": "v", "sslmode": "require", "options": "-c search_path=a,b"},
            "postgres://h/v?sslmode=require&options=-c%20search_path%3Da%2Cb",
        ),
    ],
)
def test_a_destination_is_one_url_that_libpq_reads_back(given: dict[str, str], url: str) -> None:
    assert url_of(given) == url
    assert Dsn.parse(url).parameters == given


def test_what_vestige_does_not_read_is_left_out() -> None:
    given = {"host": "h", "hostaddr": "10.0.0.1", "dbname": "v", "password": "pw", "connect_timeout": "3"}
    assert url_of(given) == "postgres://10.0.0.1/v"
    assert left_out(given) == ("connect_timeout",)
    assert url_of(given | {"sslmode": "verify-full"}) == "postgres://h/v?sslmode=verify-full"
    assert url_of({"host": "h", "sslrootcert": "system"}) == "postgres://h/?sslmode=verify-full"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"service": "memory"}, Unreadable.SERVICE),
        ({"host": "a,b"}, Unreadable.SEVERAL_HOSTS),
        ({"host": "@abstract"}, Unreadable.ABSTRACT_SOCKET),
        ({"host": "h", "sslpassword": "pw"}, Unreadable.ENCRYPTED_KEY),
        ({"host": "h", "sslmode": "sometimes"}, Unreadable.UNKNOWN_TLS_MODE),
    ],
)
def test_why_there_is_no_url(given: dict[str, str], reason: Unreadable) -> None:
    with pytest.raises(UnreadableError) as caught:
        url_of(given)
    assert caught.value.reason is reason


def test_without_a_server_its_own_parameters_have_to_do(tmp_path: Path) -> None:
    dsn = Dsn({"host": str(tmp_path), "dbname": "v", "user": "u", "password": "pw"})
    made = make_handover(dsn, "a model of my own", tmp_path)
    assert made.settings is not None
    assert made.settings.url == f"postgres:///v?host={tmp_path}&user=u"
    assert [note.remark for note in made.notes] == [Remark.NOT_REACHED, Remark.PASSWORD, Remark.OTHER_MODEL]
    assert make_handover(Dsn({"host": f"{tmp_path},{tmp_path}"}), None, tmp_path).reason is Unreadable.SEVERAL_HOSTS


# The lines


def test_the_lines_are_what_is_read_from_them() -> None:
    assert settings_in(SETTINGS.lines.encode()) == SETTINGS
    assert settings_in(edited(b"", SETTINGS)) == SETTINGS
    assert VestigeSettings(URL).lines == f'[storage]\nbackend = "postgres"\n\n[storage.postgres]\nurl = "{URL}"\n'
    assert (known_to_vestige(NOMIC), known_to_vestige("mine"), known_to_vestige(None)) == (NOMIC, None, None)


FULL = """\
# my Vestige
[server]
port = 7000  # not 8000

[embeddings]
provider = "fastembed"
model = "old"      # must be the registered one

[storage]  # here
backend = 'sqlite'

[storage.sqlite]
path = "~/x.db"

[storage.postgres]
url = "postgres://me:pw@old/x"  # the old one
max_connections = 4

[[hooks]]
words = [ "a",
          "b" ]  # as I like it
"""


def test_everything_else_in_the_file_stays() -> None:
    expected = FULL.replace('"old"', f'"{NOMIC}"').replace("'sqlite'", '"postgres"')
    expected = expected.replace('"postgres://me:pw@old/x"', f'"{URL}"')
    assert edited(FULL.encode(), SETTINGS).decode() == expected
    windows = FULL.replace("\n", "\r\n").encode()
    assert edited(windows, SETTINGS).decode() == expected.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text",
    [
        '[storage]\r\nbackend = "sqlite"\r\n[z]\r\ny = 1\r\n',
        '\ufeff[a]\nb = 1\n',
        'storage = { backend = "sqlite" }\n',
        'storage.backend = "sqlite"\n[z]\ny = 1\n',
        '[storage]\nbackend="sqlite"',
        "[storage.sqlite]\npath='x'\n[z]\ny = 1\n[storage]\nbackend='sqlite'\n",
        "[[x]]\na = 1\n[[x]]\na = 2\n",
        "# only words",
    ],
)  # fmt: skip
def test_other_forms_of_a_file(text: str) -> None:
    after = edited(text.encode(), SETTINGS)
    assert settings_in(after) == SETTINGS
    assert edited(after, SETTINGS) == after, "nothing to do the second time"
    kept, now = (tomllib.loads(each.removeprefix("\ufeff")) for each in (text, after.decode()))
    assert {name: now[name] for name in kept if name != "storage"} == {n: v for n, v in kept.items() if n != "storage"}
    assert ("\r" in text) == (b"\r" in after)
    assert after.count(b"\r") in (0, after.count(b"\n"))


def test_a_password_in_the_same_url_stays() -> None:
    text = f'[storage]\nbackend = "postgres"\n[storage.postgres]\nurl = "{URL.replace("memory@", "memory:pw@")}"\n'
    assert edited(text.encode(), VestigeSettings(URL)) == text.encode()


@pytest.mark.parametrize("text", [b"[storage", b"\xff", b"storage = 1\n", b'[storage]\npostgres = "x"\n'])
def test_a_file_that_cannot_be_edited_is_refused(text: bytes) -> None:
    with pytest.raises(UsageError):
        edited(text, SETTINGS)


# The file


def test_a_new_file_is_private_and_an_old_one_has_a_backup(tmp_path: Path) -> None:
    path = file_of_vestige(tmp_path)
    first = propose(path, SETTINGS, source=None, now=NOW)
    assert first.backup is None
    assert not path.parent.exists(), "nothing has happened yet"
    carry_out(first)
    assert path.read_text() == SETTINGS.lines
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    other = propose(path, VestigeSettings("postgres://h/v", NOMIC), source=None, now=NOW)
    assert [(change, line) for change, line in other.diff if change in (Change.REMOVED, Change.ADDED)] == [
        (Change.REMOVED, f'url = "{URL}"'),
        (Change.ADDED, 'url = "postgres://h/v"'),
    ]
    carry_out(other)
    assert other.backup == path.with_name("vestige.toml.before-20261122T130500Z.bak")
    assert other.backup.read_text() == SETTINGS.lines
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.backup.stat().st_mode) == 0o640
    assert sorted(file.name for file in path.parent.iterdir()) == ["vestige.toml", other.backup.name]
    assert not propose(path, VestigeSettings("postgres://h/v", NOMIC), source=None, now=NOW).needed


def test_the_diff_shows_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "vestige.toml"
    path.write_text(
        'api_key = "k-123"\n[storage.postgres]\nurl = "postgres://me:p@ss@old/x"\nother = "postgres://h/x?password=ab"\n'
    )
    shown = "\n".join(line for _, line in propose(path, SETTINGS, source=None, now=NOW).diff)
    assert [word for word in ("k-123", "p@ss", "ab") if word in shown.split('"')] == []
    assert ("p@ss" in shown, "password=ab" in shown) == (False, False)
    assert "postgres://me:***@old/x" in shown


@pytest.mark.parametrize(
    "text",
    [
        '[llm]\n"api key" = "CANARY"\n',
        '[llm]\nauth = { token = "CANARY" }\n',
        '[llm]\nprivate_key = """\nBEGIN\nCANARY\n"""\n',
        '[storage.postgres]\nurl = "host=h user=me password=CANARY"\n',
        '[storage.postgres]\nurl = "postgres://me:pw@h/x?sslpassword=CANARY"\n',
        "[storage.postgres]\nurl = '''postgres://me:it'sCANARY@h/x'''\n",
    ],
)
def test_the_diff_shows_no_secret_in_any_form(text: str, tmp_path: Path) -> None:
    path = tmp_path / "vestige.toml"
    path.write_text(text)
    shown = [line for _, line in propose(path, SETTINGS, source=None, now=NOW).diff]
    assert "CANARY" not in "\n".join(shown)
    assert any("***" in line for line in shown)


def test_a_change_in_the_meantime_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "vestige.toml"
    path.write_text("a = 1\n")
    proposal = propose(path, SETTINGS, source=None, now=NOW)
    path.write_text("a = 2\n")
    with pytest.raises(UsageError, match="has changed in the meantime"):
        carry_out(proposal)
    assert path.read_text() == "a = 2\n"
    assert [file.name for file in tmp_path.iterdir()] == ["vestige.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_links_are_followed_and_odd_places_refused(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "vestige.toml"
    real.parent.mkdir()
    real.write_text("a = 1\n")
    link = tmp_path / "vestige.toml"
    link.symlink_to(real)
    proposal = propose(link, SETTINGS, source=None, now=NOW)
    assert proposal.real == real
    carry_out(proposal)
    assert link.is_symlink()
    assert settings_in(real.read_bytes()) == SETTINGS

    source = tmp_path / "memories.toml"
    source.write_bytes(b"")
    os.link(real, tmp_path / "second.toml")
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "circle.toml").symlink_to(tmp_path / "circle.toml")
    (tmp_path / "to-source.toml").symlink_to(source)
    (tmp_path / "to-wal.toml").symlink_to(tmp_path / "memories.toml-wal")
    for name in ("second", "pipe", "folder", "circle", "to-source", "to-wal", "memories"):
        with pytest.raises(UsageError):
            propose(tmp_path / f"{name}.toml", SETTINGS, source=source, now=NOW)
    for path in (tmp_path / ".bashrc", tmp_path / "missing" / "folder" / "vestige.toml"):
        with pytest.raises(UsageError):
            propose(path, SETTINGS, source=source, now=NOW)
    assert source.read_bytes() == b""
