"""The program in a real terminal, from outside: whole walks, and every way in which they can be cut short."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.disturbances import wait_until
from tests.support.runs import copy
from tests.support.servers import Database
from tests.support.sources import Sources
from tests.support.tmux import Terminal, needs_tmux, terminal
from tests.support.walking import BROKEN_SPEC
from vestige_tui.core.report import Outcome

pytestmark = [needs_tmux, pytest.mark.long]

PROGRAM = (sys.executable, "-m", "vestige_tui")


@pytest.fixture
def term(home: Path) -> Iterator[Terminal]:
    """A terminal of a user without a past."""
    with terminal(_user(home)) as opened:
        yield opened


def _user(home: Path) -> dict[str, str]:
    folders = {"HOME": home, "XDG_STATE_HOME": home / "state", "XDG_DATA_HOME": home / "data"}
    return {name: str(folder) for name, folder in folders.items()} | {"TERM": "xterm-256color"}


def _reports(home: Path) -> list[dict[str, object]]:
    return [json.loads(file.read_text()) for file in sorted((home / "state/vestige-tui/reports").glob("*.json"))]


def _settings(term: Terminal) -> str:
    term.run("true")
    return term.ended()[1]


def _to_the_preview(term: Terminal, tests: str) -> None:
    """From the first step, all fields filled in, to a preview that has finished; ``tests`` is the key's word."""
    term.wait("Source", "In use")
    term.press("C-n")
    term.wait("Destination", tests)
    term.press("C-n")
    term.wait("Connected to PostgreSQL", "^n Use this destination")
    term.press("C-n")
    term.wait("Preview", "to write:")


def test_the_demo_with_the_keyboard_alone(term: Terminal, home: Path) -> None:
    before, title = _settings(term), term.title
    term.run(*PROGRAM, "demo")
    _to_the_preview(term, "Start and test it")
    term.wait("17 rows have problems")
    term.press("F2")
    term.wait("Problems", "note-7")
    term.press("Escape")
    term.wait("^n Start copy")
    term.press("C-n")
    term.wait("1,996 of 2,000 memories", "Retry 9 rows")
    term.press("Down", "Enter")
    term.wait("content is empty", "How to fix it")
    term.press("Escape")
    term.wait("Retry 9 rows")
    term.resize(20, 5)
    term.wait("Too small: 20 × 5", "everything goes on.")
    term.resize(80, 24)
    term.wait("Retry 9 rows")
    for words in ("in source", "Hand over shows the lines"):
        term.press("F2")
        term.wait(words)
    wait_until(lambda: term.title == "vestige-tui · Report")
    term.press("C-n")
    term.wait("[storage.postgres]")
    term.press("PageDown")
    term.wait("So nothing of it is written")
    term.press("C-q")
    code, after = term.ended()
    assert term.title == title
    assert "Done:     1,996 of 2,000 memories are at the destination" in term.text
    assert "That was the demo. Your own memories: vestige-tui." in term.text
    assert code == 0, "broken rows are what the demo is for"
    assert (after, term.modes) == (before, "0 0 1")
    (report,) = _reports(home)
    assert report["outcome"] == "errors"


_WAITING = "SELECT count(*) FROM pg_locks WHERE relation = 'knowledge_nodes'::regclass AND NOT granted"


class Held:
    """A copy in a terminal that waits for a lock at its destination."""

    def __init__(self, term: Terminal, source: Path, destination: Database) -> None:
        self.source = source
        self._name = destination.name
        self._lock = psycopg.connect(destination.dsn.conninfo())
        self._lock.execute("LOCK TABLE knowledge_nodes IN SHARE MODE")
        self.settings = _settings(term)
        term.run(*PROGRAM, "--sqlite-path", source, "--postgres-url", destination.url)
        _to_the_preview(term, "Test connection")
        term.press("C-n")
        term.wait("Copy  elapsed", "0 / 60")
        wait_until(lambda: destination.value(_WAITING) == 1)

    def let_go(self) -> None:
        """Let the copy go on."""
        self._lock.close()

    def processes(self) -> list[int]:
        """The program; its title is another one where the command line holds a password."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if re.search(b"vestige[-_]tui", command) and self._name.encode() in command:
                found.append(int(folder.name))
        return found


@pytest.fixture
def held(term: Terminal, sources: Sources, copied_database: Database) -> Iterator[Held]:
    """A copy of 60 memories that is held; some of their tables exist already."""
    waiting = Held(term, sources.seed(BROKEN_SPEC, name="more.db"), copied_database)
    try:
        yield waiting
    finally:
        waiting.let_go()


def test_control_c_quits_a_copy_at_a_safe_point(term: Terminal, home: Path, held: Held) -> None:
    term.resize(20, 5)
    term.wait("Too small: 20 × 5", "everything goes on.")
    term.resize(80, 24)
    term.wait("Copy  elapsed")
    term.press("C-c")
    term.wait("Stop the copy and quit?")
    term.press("C-c")
    term.wait("Finishing this batch")
    held.let_go()
    _is_cancelled(term, home, held)


def _is_cancelled(term: Terminal, home: Path, held: Held) -> None:
    code, after = term.ended()
    assert code == 130
    assert (after, term.modes) == (held.settings, "0 0 1")
    (report,) = _reports(home)
    assert report["outcome"] == "cancelled"
    assert "Done:     Cancelled: 5" in term.text
    assert f"Report:   {home}/state/vestige-tui/reports/" in term.text.replace("\n", "")
    assert "vestige-tui again: what has arrived is skipped" in term.text


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the program in /proc")
def test_a_terminated_copy_restores_the_terminal(term: Terminal, home: Path, held: Held) -> None:
    (process,) = held.processes()
    os.kill(process, signal.SIGTERM)
    term.wait("Finishing this batch")
    held.let_go()
    _is_cancelled(term, home, held)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the program in /proc")
def test_a_closed_window_loses_nothing_and_the_next_run_completes(
    term: Terminal, home: Path, held: Held, copied_database: Database
) -> None:
    assert len(held.processes()) == 1
    term.close()
    held.let_go()
    wait_until(lambda: not held.processes())
    (cancelled,) = _reports(home)
    assert cancelled["outcome"] == "cancelled"
    completed = copy(held.source, copied_database)
    assert (completed.outcome, completed.memories_copied) == (Outcome.ERRORS, 56), "some rows have errors"


def test_no_colour_leaves_all_that_can_be_read(term: Terminal, home: Path, sources: Sources) -> None:
    source = sources.seed()
    shutil.copy(source, home / "vestige.db")
    term.run("env", "NO_COLOR=1", *PROGRAM, "--sqlite-path", home / "vestige.db")
    term.wait("● Source", "○ Destination", "– Upgrade", "^n Use this database")
    term.press("C-q")
    assert term.ended()[0] == 0
    assert "Done:     Nothing was copied." in term.text
    assert "Memories: " in term.text
    term.run("env", "TERM=dumb", *PROGRAM)
    term.wait("cannot draw on this terminal (TERM=dumb)", "vestige-tui migrate copy --help", "code=2")
